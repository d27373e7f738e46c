"""Guarantee 8, the data's half: a process killed at any instant loses no decision and no finished import."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from curation import store
from tests.curation.conftest import chat, write_jsonl

pytestmark = pytest.mark.slow

DECIDE = """
import sys
from pathlib import Path
from curation import decisions, project, store
opened = store.open_store(project.locate(sys.argv[1]))
for number in range(100000):
    done = decisions.decide(opened, [number % 40 + 1], "decision", ["keep", "drop"][number // 40 % 2],
                            who="ann", op_id=f"op:{number}")
    if done:
        sys.stdout.write(f"{number}\\n")
        sys.stdout.flush()
"""
IMPORT = """
import sys
from pathlib import Path
from curation import importing, project, store
opened = store.open_store(project.locate(sys.argv[1]))
sys.stdout.write("open\\n"); sys.stdout.flush()
importing.import_file(opened, Path(sys.argv[2]), who="ann")
sys.stdout.write("done\\n"); sys.stdout.flush()
"""


def killed(code, *arguments, after):
    """Run code and SIGKILL it when `after(lines so far)` is true; return the lines it had printed."""
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if after(lines):
                break
        process.send_signal(signal.SIGKILL)
        return lines + [line.strip() for line in process.stdout.read().splitlines()]


def test_every_decision_that_was_acknowledged_is_there_after_a_kill(filled):
    place = filled.project
    filled.close()
    told = killed(DECIDE, place.folder, after=lambda lines: len(lines) >= 25)
    with store.open_store(place) as again:
        kept = {op for (op,) in again.rows("select op_id from batch")}
        state = dict(again.rows("select seq, decision from example"))
        log = dict(
            again.rows(
                "select seq, arg_max(after ->> '$', n) from decision where kind = 'decision' group by seq"
            )
        )
    assert {f"op:{number}" for number in told} <= kept
    assert {seq: value for seq, value in state.items() if value != "undecided"} == log


def test_a_killed_import_leaves_the_project_as_it_was(opened, tmp_path):
    rows = [{"messages": chat(f"question {i} " * 20, f"answer {i}")} for i in range(60_000)]
    path = write_jsonl(tmp_path / "large.jsonl", rows)
    place = opened.project
    opened.close()

    def a_moment_later(lines):
        time.sleep(0.25)
        return True

    told = killed(IMPORT, place.folder, path, after=a_moment_later)
    with store.open_store(place) as again:
        counts = [
            again.value(f"select count(*) from {name}")
            for name in ("example", "content", "occurrence", "source", "batch")
        ]
    assert counts == ([0] * 5 if "done" not in told else [60_000, 60_000, 60_000, 1, 1])


def test_a_half_written_file_is_never_seen_under_its_name(tmp_path):
    from curation.files import write_json

    target = tmp_path / "state.json"
    write_json(target, {"n": 0})
    code = (
        "import sys; from pathlib import Path; from curation.files import write_json\n"
        "n = 0\nwhile True:\n    n += 1\n    write_json(Path(sys.argv[1]), {'n': n, 'pad': 'x' * 200000})\n"
        "    sys.stdout.write('.\\n'); sys.stdout.flush()"
    )
    killed(code, target, after=lambda lines: len(lines) >= 5)
    assert json.loads(target.read_text())["n"] >= 5


def test_the_store_names_the_process_that_holds_it(opened):
    from curation.errors import ProjectBusy

    code = (
        "import sys; from curation import project, store\n"
        "try:\n    store.open_store(project.locate(sys.argv[1]))\nexcept Exception as error:\n"
        "    print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(opened.project.folder)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert ProjectBusy.__name__ in done.stdout and str(os.getpid()) in done.stdout
