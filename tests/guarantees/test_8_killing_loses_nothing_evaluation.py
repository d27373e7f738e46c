"""Guarantee 8 for evaluations: killing the process at any instant loses no finished unit of work."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation import jobs
from curation.files import read_json
from curation.project import Project
from curation.task import Task
from curation.work import at_work
from evals import answers, evaluation, examples
from tests.evals import frozen

pytestmark = [pytest.mark.usefixtures("own_cache"), pytest.mark.slow]
answers_file, cache_of_tests, own_cache = frozen.answers_file, frozen.cache_of_tests, frozen.own_cache
project, task, version = frozen.project, frozen.task, frozen.version

# Dies by SIGKILL when it gives a file this name, right before or right after doing so.
DIES = """
import os, signal, sys
from pathlib import Path
folder, name, moment = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
replace = os.replace
def dying(source, target):
    if Path(target).name != name:
        return replace(source, target)
    if moment == "after":
        replace(source, target)
    os.kill(os.getpid(), signal.SIGKILL)
os.replace = dying
from evals.__main__ import main
raise SystemExit(main([str(folder)]))
"""
DEATHS = [
    ("0001.parquet", "before"),
    ("0002.parquet", "before"),
    ("answers.parquet", "before"),
    ("answers.parquet", "after"),  # the parts are still there
    ("scores.parquet", "before"),
    ("summary.json", "before"),
    ("result.json", "before"),
]


def parquet(folder: Path, name: str) -> list[dict[str, Any]]:
    """The rows of a table of the folder, without the time they took."""
    rows = pq.read_table(folder / f"{name}.parquet").to_pylist()
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def made(project: Project, version: Path, task: Task, write: Callable[..., Path]) -> Path:
    split, _ = examples.of_split(version, "validation")
    given = write([{"id": one.id, "answer": one.expected} for one in split])
    return evaluation.create(project, version, task, candidates=["majority", f"answers:{given}"])


def test_an_evaluation_killed_at_every_file_it_writes_ends_as_if_it_had_not_been(
    project: Project, version: Path, task: Task, answers_file: Callable[..., Path]
) -> None:
    calm, killed = (made(project, version, task, answers_file) for _ in range(2))
    with at_work(calm) as work:
        evaluation.run(calm, work)
    finished: set[str] = set()
    for name, moment in DEATHS:
        command = [sys.executable, "-P", "-c", DIES, str(killed), name, moment]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL, (name, moment)
        assert jobs.state(killed).ended
        before, finished = finished, {one.candidate for one in answers.read(killed)}
        assert before <= finished
    with at_work(killed) as work:
        evaluation.run(killed, work)
    assert jobs.state(killed).state == "done"
    for table in ("answers", "scores", "examples"):
        assert parquet(killed, table) == parquet(calm, table)
    assert not (killed / "answers").exists()
    assert (killed / "summary.json").exists()
    rows = parquet(killed, "answers")
    assert len({(row["candidate"], row["id"]) for row in rows}) == len(rows) == 24


def test_a_job_killed_from_outside_is_lost_and_can_be_resumed_to_its_end(
    project: Project, version: Path, task: Task, answers_file: Callable[..., Path]
) -> None:
    folder = made(project, version, task, answers_file)
    jobs.start(folder)
    os.kill(read_json(folder / "process.json")["pid"], signal.SIGKILL)
    while not jobs.state(folder).ended:
        time.sleep(0.02)
    assert jobs.state(folder).state == "lost"
    jobs.resume(folder)
    assert jobs.wait(folder).state == "done", (folder / "log.txt").read_text("utf-8")
    mine = read_json(folder / "summary.json")["candidates"]["answers:mine"]
    assert mine["scorers"]["label"]["mean"] == 1
