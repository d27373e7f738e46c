"""Jobs are real processes here: a small package called `evals` shadows nothing, it is told what to do by files."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from curation import events, jobs
from curation.errors import BadUsage, JobFailed
from curation.files import write_json

pytestmark = pytest.mark.slow

# The inside of a job: so many steps, each a tenth of a second, as its folder says.
BODY = """
import json, sys, time
from pathlib import Path
from curation.work import at_work
folder = Path(sys.argv[1])
plan = json.loads((folder / "plan.json").read_text())
with at_work(folder) as work:
    if plan.get("fail"):
        raise ValueError("it broke")
    work.stage("Counting", plan["steps"])
    for step in range(plan["steps"]):
        work.event("step", number=step)
        work.advance()
        time.sleep(0.1)
    work.finish({"steps": plan["steps"]})
"""


@pytest.fixture(autouse=True)
def own_device(tmp_path, monkeypatch):
    monkeypatch.setenv("TOUCHSTONE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """Make a job folder; its process runs BODY in place of a module."""
    script = tmp_path / "body.py"
    script.write_text(BODY)
    started: list[int] = []
    real = subprocess.Popen

    def popen(command, **options):
        assert command[1:3] == ["-P", "-m"]
        process = real(
            [sys.executable, str(script), command[4]],
            cwd=os.getcwd(),
            **{**options, "env": {**options["env"], "PYTHONPATH": os.getcwd()}},
        )
        started.append(process.pid)
        return process

    monkeypatch.setattr(subprocess, "Popen", popen)

    def make(steps=3, after=(), **plan):
        folder = jobs.new_folder(tmp_path / "runs", "r")
        write_json(folder / "plan.json", {"steps": steps, **plan})
        jobs.create(folder, "evals", after=tuple(after))
        return folder

    yield make
    for pid in started:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def until(folder, wanted, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status = jobs.state(folder)
        if status.state == wanted:
            return status
        time.sleep(0.05)
    raise AssertionError(f"{folder.name} is {jobs.state(folder)}, not {wanted}")


def test_a_job_goes_from_queued_to_done_and_leaves_its_result(launch):
    folder = launch()
    assert jobs.state(folder).state == "queued"
    jobs.start(folder)
    assert jobs.wait(folder).state == "done"
    assert jobs.result(folder) == {"steps": 3}
    assert [event.fields["number"] for event in events.read(folder, kinds=("step",))] == [0, 1, 2]


def test_a_failure_is_told_in_its_own_words(launch):
    folder = launch(fail=True)
    jobs.start(folder)
    status = jobs.wait(folder)
    assert status.state == "failed" and "it broke" in status.message
    with pytest.raises(JobFailed, match="it broke"):
        jobs.result(folder)
    assert "Traceback" in (folder / "log.txt").read_text()


def test_a_stopped_job_can_be_resumed(launch):
    folder = launch(steps=60)
    jobs.start(folder)
    until(folder, "running")
    jobs.stop(folder)
    assert jobs.wait(folder).state == "stopped"
    write_json(folder / "plan.json", {"steps": 1})
    jobs.resume(folder)
    assert jobs.wait(folder).state == "done"
    with pytest.raises(BadUsage):
        jobs.resume(folder)


def test_sigterm_stops_like_the_stop_file(launch):
    folder = launch(steps=60)
    jobs.start(folder)
    status = until(folder, "running")
    os.kill(status.pid, signal.SIGTERM)
    assert jobs.wait(folder).state == "stopped"


def test_a_killed_job_is_lost_and_says_how_to_go_on(launch):
    folder = launch(steps=60)
    jobs.start(folder)
    status = until(folder, "running")
    os.kill(status.pid, signal.SIGKILL)
    status = until(folder, "lost")
    assert "Resume" in status.hint


def test_a_job_waits_for_the_one_before_and_for_the_device(launch):
    first = launch(steps=20)
    second = launch(steps=1, after=[first])
    jobs.start(first)
    until(first, "running")
    jobs.start(second)
    assert first.name in until(second, "waiting").message
    third = launch(steps=1)
    jobs.start(third)
    assert "device" in until(third, "waiting").message
    assert [jobs.wait(one).state for one in (first, second, third)] == ["done", "done", "done"]


def test_a_job_behind_a_failed_one_fails_and_names_it(launch):
    first = launch(fail=True)
    second = launch(after=[first])
    jobs.start(first)
    jobs.start(second)
    status = jobs.wait(second)
    assert status.state == "failed" and first.name in status.message and first.name in status.hint


def test_progress_is_seen_from_outside(launch):
    folder = launch(steps=40)
    jobs.start(folder)
    until(folder, "running")
    end = time.monotonic() + 10
    while time.monotonic() < end and not jobs.state(folder).eta_seconds:
        time.sleep(0.1)
    status = jobs.state(folder)
    assert status.stage == "Counting" and status.total == 40 and 0 < status.done <= 40 and status.eta_seconds
    jobs.stop(folder)


def test_a_torn_last_line_of_the_diary_is_ignored(tmp_path):
    events.append(tmp_path, "loss", step=1)
    with (tmp_path / events.FILE).open("ab") as file:
        file.write(b'{"kind": "lo')
    assert [event.kind for event in events.read(tmp_path)] == ["loss"]


def test_folders_are_numbered_and_near_names_are_suggested(launch, tmp_path):
    one, two = launch(), launch()
    assert (one.name, two.name) == ("r001", "r002")
    assert jobs.all_jobs(tmp_path / "runs") == [one, two]
    with pytest.raises(BadUsage, match="r003") as error:
        jobs.find(tmp_path / "runs", "r003")
    assert "r002" in error.value.hint
