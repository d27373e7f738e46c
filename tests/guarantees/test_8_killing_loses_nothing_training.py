"""Guarantee 8 for training: killing the process at any instant loses no checkpoint and changes no outcome."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from curation import events, jobs
from curation.files import read_json, sha256_file
from curation.project import Project
from curation.task import Task
from curation.work import Work
from tests.evals import frozen
from tests.training import conftest as tiny
from training import checkpoints, methods, runs
from training import recipe as recipes

cache_of_tests, own_cache = frozen.cache_of_tests, frozen.own_cache
tiny_model, task, project, version, baseline = (
    tiny.tiny_model, tiny.task, tiny.project, tiny.version, tiny.baseline
)  # fmt: skip
pytestmark = [pytest.mark.model, pytest.mark.usefixtures("own_cache")]
RECIPE = {
    "max_steps": 8, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "learning_rate": 1e-2,
    "warmup_steps": 2, "save_steps": 2, "eval_steps": 4, "max_rows": 10,
}  # fmt: skip

# Works on the run once for each moment given, and dies by SIGKILL when the moment comes; the last time it may live.
# The imports are paid for once: each life is a fork.
LIVES = """
import os, signal, sys
import datasets, peft, safetensors.torch, transformers, transformers.models.llama.modeling_llama
from pathlib import Path
from curation import events
from training import callback, methods, trainer
from training.__main__ import main

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def live(moment):
    what, _, when = moment.partition("@")
    if what == "file":
        replace = os.replace
        def dying(source, target):
            if Path(target).name == when:
                die()
            return replace(source, target)
        os.replace = dying
    elif what == "event":
        kind, step = when.split(":")
        append = events.append
        def telling(folder, told, **fields):
            append(folder, told, **fields)
            if told == kind and str(fields.get("step")) == step:
                die()
        events.append = telling
    elif what == "state":
        save = transformers.TrainerState.save_to_json
        def saving(self, path):
            if str(self.global_step) == when:
                die()
            return save(self, path)
        transformers.TrainerState.save_to_json = saving
    raise SystemExit(main([sys.argv[1]]))

for moment in [*sys.argv[2:], ""]:
    child = os.fork()
    if not child:
        live(moment)
    print(moment, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
DEATHS = [
    "event@loss:1",  # before there is a checkpoint
    "state@2",  # within the first checkpoint
    "event@checkpoint:2",
    "event@loss:3",
    "state@6",  # within a checkpoint, with another one behind
    "event@eval_loss:8",  # after the last step, before it is saved
    "event@checkpoint:8",
    "file@adapter",
    "file@result.json",
]


def make(project: Project, task: Task) -> Path:
    return runs.create(project, "v001", task, recipes.parse(RECIPE), name="eight", threads=1)


def lived(run: Path, *moments: str) -> list[str]:
    command = [sys.executable, "-P", "-c", LIVES, str(run), *moments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    said = [line for line in done.stdout.splitlines() if line.split(" ")[0] in (*moments, "")]
    assert len(said) == len(moments) + 1, done.stdout + done.stderr
    return said


def outcome(run: Path) -> tuple[object, ...]:
    curve = runs.loss_curve(run)
    points = [(one.step, one.loss, one.learning_rate) for one in (*curve.train, *curve.validation)]
    return points, sha256_file(run / "adapter" / "adapter_model.safetensors")


def test_a_run_killed_at_every_stage_ends_with_the_weights_and_the_curve_of_one_that_was_not(
    project: Project, baseline: Path, task: Task
):
    calm, killed = make(project, task), make(project, task)
    assert lived(calm) == [" 0"]
    said = lived(killed, *DEATHS)
    assert said == [f"{moment} {-signal.SIGKILL}" for moment in DEATHS] + [" 0"]
    assert jobs.state(killed).state == "done"
    assert outcome(killed) == outcome(calm)
    begun = [event.fields["step"] for event in events.read(killed, kinds=("begin",))]
    assert begun == [0, 0, 0, 2, 2, 4, 6, 8, 8, 8]  # where each life began: nothing saved was lost
    kept = sorted(path.name for path in (killed / "checkpoints").glob("checkpoint-*"))
    assert kept == ["checkpoint-6", "checkpoint-8"]


def test_a_run_killed_from_outside_is_lost_and_resumed_to_the_same_end(
    project: Project, baseline: Path, task: Task
):
    calm, run = make(project, task), make(project, task)
    methods.carry_out(calm, Work(calm))
    jobs.start(run)
    while not events.read(run, kinds=("checkpoint",)):
        assert not jobs.state(run).ended, (run / "log.txt").read_text("utf-8")
        time.sleep(0.005)
    os.kill(read_json(run / "process.json")["pid"], signal.SIGKILL)
    while not jobs.state(run).ended:
        time.sleep(0.02)
    assert jobs.state(run).state == "lost"
    assert runs.describe(run).resumable
    before = checkpoints.newest(run / "checkpoints")
    assert before is not None and before.step >= 2
    runs.resume(project, run.name)
    assert jobs.wait(run).state == "done", (run / "log.txt").read_text("utf-8")
    assert outcome(run) == outcome(calm)
