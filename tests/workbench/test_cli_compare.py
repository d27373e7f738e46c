"""`workbench compare`: two files, an exit code, one page; no project and no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EVIL = "<script>alert(1)</script><img src=x> {{ 7 * 7 }}"


def lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def answered(folder, counts, **more):
    """base.jsonl and tuned.jsonl with these counts of both right, only tuned, only base, both wrong."""
    pairs = [pair for pair, n in zip(((1, 1), (0, 1), (1, 0), (0, 0)), counts, strict=True) for _ in range(n)]
    for name, side in (("base", 0), ("tuned", 1)):
        lines(
            folder / f"{name}.jsonl",
            [
                {"id": f"r{i}", "answer": "yes" if pair[side] else "no", "expected": "yes", **more}
                for i, pair in enumerate(pairs)
            ],
        )


@pytest.mark.parametrize(
    ("counts", "verdict", "code"),
    [
        ((118, 34, 12, 36), "ship", 0),
        ((140, 4, 20, 36), "do_not_ship", 10),
        ((150, 20, 12, 18), "not_enough_evidence", 11),
    ],
)
def test_the_exit_code_is_the_verdict(workbench, counts, verdict, code):
    answered(workbench.folder, counts)
    told = workbench("compare", "base.jsonl", "tuned.jsonl", "--json", code=code)
    assert (told["verdict"], told["n"], told["candidate"], told["base"]) == (verdict, 200, "tuned", "base")
    assert (told["only_candidate"], told["only_baseline"]) == counts[1:3] and told["only_in_base"] == []
    said = workbench("compare", "base.jsonl", "tuned.jsonl", code=code)
    assert said.stdout.splitlines()[0] == told["headline"] and said.stderr == ""
    assert not (workbench.folder / "project.duckdb").exists()


def test_rows_on_one_side_are_named_and_withhold_until_left_out(workbench):
    answered(workbench.folder, (118, 34, 12, 36))
    kept = (workbench.folder / "tuned.jsonl").read_text().splitlines()[:185]
    (workbench.folder / "tuned.jsonl").write_text("\n".join(kept))
    told = workbench("compare", "base.jsonl", "tuned.jsonl", code=1)
    assert "Only in base: r185, r186" in told.stdout and "and 5 more" in told.stdout
    common = workbench("compare", "base.jsonl", "tuned.jsonl", "--common", "--json")
    assert common["n"] == 185 and common["only_in_base"] == [f"r{i}" for i in range(185, 200)]


def test_the_page_shows_what_changed_hands_and_no_markup_of_a_row(workbench):
    answered(workbench.folder, (118, 34, 12, 36), prompt=EVIL, group=None)
    told = workbench("compare", "base.jsonl", "tuned.jsonl", "-o", "pages/it.html", "--json")
    html = Path(told["page"]).read_text("utf-8")
    assert told["headline"] in html and "tuned against base" in html
    assert "10 of 12 rows" in html and "10 of 34 rows" in html and "<ins>no</ins>" in html
    assert "<script" not in html and "<img" not in html and "&lt;script&gt;" in html and "{{ 7 * 7 }}" in html
    assert "workbench compare base.jsonl tuned.jsonl\n" in html.replace("</pre>", "\n")


def test_files_of_scores_alone_list_the_ids_that_changed_hands(workbench):
    rows = [{"id": f"r{i}", "score": int(i < 150)} for i in range(200)]
    lines(workbench.folder / "base.jsonl", rows)
    lines(
        workbench.folder / "tuned.jsonl",
        [{**row, "score": 1} if row["id"] == "r199" else row for row in rows],
    )
    workbench("compare", "base.jsonl", "tuned.jsonl", "-o", "p.html", code=10)
    html = (workbench.folder / "p.html").read_text("utf-8")
    assert "tuned is right, base is not; 1 row<" in html and '<p class="ids">r199</p>' in html
    assert "<article>" not in html


def test_a_third_file_holds_what_is_expected(workbench):
    answered(workbench.folder, (30, 10, 0, 0))
    for name in ("base", "tuned"):
        path = workbench.folder / f"{name}.jsonl"
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        lines(path, [{"id": row["id"], "answer": row["answer"]} for row in rows])
    lines(workbench.folder / "e.jsonl", [{"id": f"r{i}", "expected": "yes"} for i in range(40)])
    told = workbench("compare", "base.jsonl", "tuned.jsonl", "--expected", "e.jsonl", "--json")
    assert (told["verdict"], told["only_candidate"]) == ("ship", 10)
    assert "nothing to score" in workbench("compare", "base.jsonl", "tuned.jsonl", code=2).stderr


def test_two_providers_of_one_export_need_one_name(workbench):
    results = [
        {"testIdx": i, "provider": {"id": f"p:{side}"}, "vars": {"n": i}, "success": i % 4 > 0 or side == "b",
         "response": {"output": "x"}}
        for i in range(80) for side in "ab"
    ]  # fmt: skip
    (workbench.folder / "r.json").write_text(json.dumps({"results": {"results": results}}))
    for names in (("--base", "p:a"), ("--candidate", "p:b"), ("--base", "p:a", "--candidate", "p:b")):
        assert workbench("compare", "r.json", *names, "--json")["candidate"] == "p:b"
    refused = workbench("compare", "r.json", code=2).stderr
    assert "'p:a', 'p:b'" in refused and "--base" in refused
    assert "p:a" in workbench("compare", "r.json", "--base", "p:aa", code=2).stderr
    assert (
        "with itself"
        in workbench("compare", "r.json", "r.json", "--base", "p:a", "--candidate", "p:a", code=2).stderr
    )


def test_a_base_may_be_matched_for_a_saving(workbench):
    answered(workbench.folder, (395, 1, 3, 1))
    open_ = workbench("compare", "base.jsonl", "tuned.jsonl", "--match", code=11)
    assert "name the saving" in open_.stdout
    told = workbench("compare", "base.jsonl", "tuned.jsonl", "--match", "--saving", "half the price")
    assert "It matches base and saves half the price." in told.stdout


def test_usage_that_makes_no_sense_is_refused(workbench):
    answered(workbench.folder, (5, 1, 1, 1))
    assert "Name a second file" in workbench("compare", "base.jsonl", code=2).stderr
    assert "with itself" in workbench("compare", "base.jsonl", "base.jsonl", code=2).stderr
    assert "cannot be read" in workbench("compare", "base.jsonl", "none.jsonl", code=1).stderr
    assert (
        "--margin"
        in workbench("compare", "base.jsonl", "tuned.jsonl", "--match", "--worthwhile", "0", code=2).stderr
    )


def test_comparing_loads_neither_torch_nor_streamlit(workbench):
    answered(workbench.folder, (118, 34, 12, 36))
    code = (
        "import sys; from workbench import cli\n"
        "words = ['compare', 'base.jsonl', 'tuned.jsonl', '-o', 'p.html']\n"
        "done = cli.execute(words, None, cwd=sys.argv[1], who='ann')\n"
        "heavy = {'torch', 'transformers', 'streamlit', 'pandas', 'sklearn'}\n"
        "print(done.exit_code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(workbench.folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split(" ", 1) == ["0", "[]\n"]
