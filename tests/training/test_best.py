"""The best weights and an early end, by validation loss: decided from the curve, the same after a resume."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from curation import events
from curation.errors import Stopped
from curation.files import sha256_file
from curation.project import Project
from curation.task import Task
from curation.work import Work
from tests.evals import frozen
from tests.training.test_sft import StopsAfter
from training import best, methods, runs
from training import recipe as recipes

cache_of_tests, own_cache = frozen.cache_of_tests, frozen.own_cache
pytestmark = pytest.mark.usefixtures("own_cache")
# A learning rate that is far too high: the loss falls at first and rises later.
WILD = {
    "max_steps": 8, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "learning_rate": 0.09,
    "lr_scheduler_type": "constant", "warmup_steps": 0, "eval_steps": 1, "save_steps": 2, "sample_rows": 0,
}  # fmt: skip


def make(project: Project, task: Task, **changes: Any) -> Path:
    return runs.create(project, "v001", task, recipes.parse(WILD | changes), name="wild", threads=1)


def train(run: Path, work: Work | None = None) -> dict[str, Any]:
    work = work or Work(run)
    result = methods.carry_out(run, work)
    work.finish(result)
    return result


def weights(run: Path) -> str:
    return sha256_file(run / "adapter" / "adapter_model.safetensors")


@pytest.mark.model
def test_the_weights_kept_are_those_of_the_lowest_validation_loss(project, baseline, task):
    run = make(project, task, keep="best")
    result = train(run)
    losses = {point.step: point.loss for point in runs.loss_curve(run).validation}
    lowest = min(losses, key=lambda step: (losses[step], step))
    assert result["kept_step"] == lowest
    short = make(project, task, max_steps=lowest)
    train(short)
    assert weights(run) == weights(short)
    assert f"step {lowest}" in runs.describe(run).note
    assert not (run / best.WEIGHTS).exists()


@pytest.mark.model
def test_a_stopped_run_goes_on_to_keep_the_same_weights(project, baseline, task):
    calm, stopped = make(project, task, keep="best"), make(project, task, keep="best")
    train(calm)
    with pytest.raises(Stopped):
        train(stopped, StopsAfter(stopped, 5))
    (stopped / "stop").unlink()
    train(stopped)
    assert weights(stopped) == weights(calm)


@pytest.mark.model
def test_training_ends_when_no_better_loss_has_come_for_a_while(project, baseline, task):
    run = make(project, task, patience=1, max_steps=40)
    train(run)
    losses = [point.loss for point in runs.loss_curve(run).validation]
    assert len(losses) < 40 and losses[-1] >= min(losses[:-1])
    assert "without a better one" in runs.describe(run).note


@pytest.mark.parametrize(
    ("losses", "step", "patience", "ends"),
    [([3.0, 2.0, 2.5], 2, 1, True), ([3.0, 2.0, 2.5], 2, 2, False), ([1.0], 1, 1, False), ([1.0, 1.0], 1, 1, True),
     ([], None, 1, False), ([3.0, 9.0], 1, None, False)],
)  # fmt: skip
def test_the_curve_decides(tmp_path, losses, step, patience, ends):
    for at, loss in enumerate(losses, 1):
        events.append(tmp_path, "eval_loss", step=at, loss=loss)
    assert best.best_step(tmp_path) == step
    assert best.tired(tmp_path, patience) is ends
