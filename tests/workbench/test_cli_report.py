"""`workbench report` on a real project: which evaluation it takes, where it writes, what it refuses."""

from __future__ import annotations

import json
import random

import pytest

from workbench import cli

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A frozen project with answers made elsewhere to validation and to test, and a folder for pages."""
    folder = tmp_path_factory.mktemp("measured")
    dice = random.Random(0)
    words = [
        f"{dice.randrange(16**8):08x} {dice.randrange(16**8):08x} {dice.randrange(16**8):08x}"
        for _ in range(300)
    ]
    rows = "".join(f"{text},{('red', 'green', 'blue')[i % 3]}\n" for i, text in enumerate(words))
    (folder / "intents.csv").write_text("text,category\n" + rows)

    def run(*args, code=0):
        done = cli.execute([str(one) for one in args], None, cwd=str(folder), who="ann")
        assert done.exit_code == code, done
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOUCHSTONE_CACHE", str(folder / "cache"))
        for command in (
            "new p",
            "import p intents.csv",
            "check p",
            "split p --test 100 --validation 60",
            "freeze p",
        ):
            run(*command.split())
        run("export", "p", "v001", "--to", "out")
        for name, share in (("tuned", 0.9), ("base", 0.5)):
            lines = []
            for split in ("validation", "test"):
                for line in (folder / "out" / f"{split}.jsonl").read_text().splitlines():
                    row = json.loads(line)
                    answer = row["messages"][-1]["content"] if dice.random() < share else "no idea"
                    lines.append(json.dumps({"id": row["id"], "answer": answer}) + "\n")
            (folder / f"{name}.jsonl").write_text("".join(lines))
        both = ("--candidate", "answers:base.jsonl", "--candidate", "answers:tuned.jsonl")
        run("eval", "p", *both)
        run("eval", "p", "--split", "test", *both)
        run.folder = folder
        yield run


def test_progress_first_then_the_verdict_once_it_was_given(measured):
    told = json.loads(measured("report", "p", "-o", "progress.html", "--json").stdout)
    assert told["evaluation"] == "e001" and "validation rows" in told["headline"]
    assert "progress on validation" in (measured.folder / "progress.html").read_text()
    sealed = measured("report", "p", "--evaluation", "e002", "--against", "answers:base", code=1)
    assert "not been opened by a verdict" in sealed.stderr and "workbench verdict" in sealed.stderr

    given = measured("verdict", "p", "--candidate", "answers:tuned.jsonl", "--against", "answers:base.jsonl")
    done = measured("report", "p", "-o", "pages/verdict.html", "--against", "answers:base.jsonl")
    assert done.stdout.splitlines()[0] == given.stdout.splitlines()[0]
    html = (measured.folder / "pages" / "verdict.html").read_text()
    assert given.stdout.splitlines()[0] in html and "answers:tuned against answers:base" in html
    looks = (measured.folder / "p" / "evals" / "looks.jsonl").read_text()
    assert len(looks.splitlines()) == 1


def test_what_cannot_be_written_or_found_is_said(measured):
    measured("new", "empty")
    assert "Nothing has been evaluated yet" in measured("report", "empty", code=1).stderr
    assert "folder, not a file" in measured("report", "p", "-o", ".", "--evaluation", "e001", code=2).stderr
    measured("report", "p", "--evaluation", "e009", code=2)
    assert (
        "answers:nobody"
        in measured("report", "p", "--evaluation", "e001", "--candidate", "answers:nobody", code=2).stderr
    )
