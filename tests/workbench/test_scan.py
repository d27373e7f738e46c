"""`workbench scan`: one page, one exit code, and no text of a row that a browser would carry out."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from workbench import cli

pytestmark = pytest.mark.slow

HOSTILE = '</style></div><script>alert(1)</script><img src="http://evil.test/x" onerror=alert(2)>{{ 7 * 7 }}'


def run(*args, cwd):
    out, err = io.StringIO(), io.StringIO()
    code = cli.run([*args], cli.Session(out, err, str(cwd), "Ada"))
    return code, out.getvalue(), err.getvalue()


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def chat(prompt, answer):
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}


class Page(HTMLParser):
    """Tags, the addresses they name, and the text."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.addresses, self.events, self.text = set(), [], [], ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href")]
        self.events += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


@pytest.fixture(scope="module")
def scanned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    rows = [chat(f"Question {n * 37} about item {n}?", f"Answer number {n} in full.") for n in range(10)]
    write(folder / "train.jsonl", [*rows, chat(HOSTILE, HOSTILE), {"messages": HOSTILE}])
    write(
        folder / "test.jsonl",
        [chat("Something else entirely", "Yes, it is."), chat(HOSTILE, HOSTILE + " too")],
    )
    code, out, err = run("scan", "train.jsonl", "test.jsonl", cwd=folder)
    return folder, code, out, err


def test_leaks_end_with_ten_and_one_page_beside(scanned):
    folder, code, out, err = scanned
    assert code == 10, err
    assert "1 of 2 test rows" in out
    assert sorted(one.name for one in folder.iterdir()) == ["scan.html", "test.jsonl", "train.jsonl"]


def test_text_of_rows_is_shown_and_never_markup(scanned):
    page = Page((scanned[0] / "scan.html").read_text("utf-8"))
    assert not page.tags & {"script", "img", "link", "iframe"}
    assert page.addresses == [] and page.events == []
    assert HOSTILE.split(">")[0] in page.text
    assert "{{ 7 * 7 }}" in page.text and "alert(1)" in page.text


def test_names_of_files_are_text_too(tmp_path):
    write(tmp_path / "<b>bold.jsonl", [chat("Is it open?", "Yes."), chat("Where?", "Here.")])
    code, _, err = run("scan", "<b>bold.jsonl", cwd=tmp_path)
    assert code == 0, err
    html = (tmp_path / "scan.html").read_text("utf-8")
    assert "&lt;b&gt;bold.jsonl" in html and "<b>bold" not in html


def test_a_clean_file_ends_with_zero_and_json_is_one_object(tmp_path):
    write(tmp_path / "one.jsonl", [chat(f"Is door {n} open?", f"No, number {n} is shut.") for n in range(6)])
    code, out, err = run("scan", "one.jsonl", "--json", "-o", "card.html", cwd=tmp_path)
    told = json.loads(out)
    assert code == 0, err
    assert told["clean"] and told["problems"] == [] and told["train"]["rows"] == 6
    assert told["page"] == str(tmp_path / "card.html")


def test_what_cannot_be_scanned_says_why_and_leaves_no_page(tmp_path):
    (tmp_path / "empty.jsonl").write_text("")
    code, _, err = run("scan", "empty.jsonl", cwd=tmp_path)
    assert code == 1 and "empty" in err
    code, _, err = run("scan", "missing.jsonl", cwd=tmp_path)
    assert code == 2 and "missing.jsonl" in err
    assert not (tmp_path / "scan.html").exists()


def test_a_page_never_overwrites_a_file_that_is_looked_at(tmp_path):
    write(tmp_path / "one.jsonl", [chat("Is it open?", "Yes.")])
    before = (tmp_path / "one.jsonl").read_bytes()
    code, _, err = run("scan", "one.jsonl", "-o", "one.jsonl", cwd=tmp_path)
    assert code == 2 and "overwrite" in err
    assert (tmp_path / "one.jsonl").read_bytes() == before


def test_help_says_what_the_exit_codes_mean(tmp_path, capsys):
    run("scan", "--help", cwd=tmp_path)
    assert "10 leaks, conflicting answers or broken rows" in " ".join(capsys.readouterr().out.split())


def test_scanning_loads_neither_torch_nor_streamlit(tmp_path):
    write(tmp_path / "one.jsonl", [chat("Is it open?", "Yes.")])
    code = (
        "import io, sys\nfrom workbench import cli\n"
        f"session = cli.Session(io.StringIO(), sys.stderr, {str(tmp_path)!r}, 'Ada')\n"
        "assert cli.run(['scan', 'one.jsonl'], session) in (0, 10)\n"
        "print(sorted({'torch', 'transformers', 'streamlit', 'sklearn'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip().endswith("[]"), done.stdout + done.stderr
