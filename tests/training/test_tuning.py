"""What is trained: an adapter, one on 4-bit weights, or every weight; each can be stopped, resumed and asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from curation import jobs
from curation.errors import BadRecipe, JobFailed, Stopped
from curation.files import read_json, sha256_file
from curation.project import Project
from curation.task import ModelSpec, Task
from curation.work import Work
from evals import answers, evaluation, spec
from evals.answering import answer_all
from evals.answers import AnswerFiles
from tests.evals import frozen
from tests.training.test_sft import StopsAfter, losses, make, train, weights
from training import checkpoints, runs
from training import recipe as recipes
from training.fields import ADDED

cache_of_tests, own_cache = frozen.cache_of_tests, frozen.own_cache
own_cache_with_model = frozen.own_cache_with_model
pytestmark = [pytest.mark.model, pytest.mark.usefixtures("own_cache")]

REAL = {
    "max_steps": 3, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "warmup_steps": 0,
    "save_steps": 3, "eval_steps": 3, "max_rows": 8, "max_eval_rows": 2,
}  # fmt: skip


def asked(project: Project, task: Task, run: Path) -> dict[str, dict[str, str]]:
    """Two test rows, answered by the base model and the run in one evaluation."""
    folder = evaluation.create(
        project, project.versions / "v001", task, candidates=["prompt", f"run:{run.name}"], limit=2
    )
    work = Work(folder)
    files = AnswerFiles(folder)
    answer_all(folder, spec.load(folder), files, work)
    work.finish({})
    found: dict[str, dict[str, str]] = {}
    for one in answers.read(folder):
        found.setdefault(one.candidate, {})[one.id] = one.raw
    return found


def test_a_full_run_stopped_and_resumed_is_the_run_that_went_through(
    project: Project, baseline: Path, task: Task
):
    calm, stopped = (make(project, task, tuning="full", learning_rate=1e-3) for _ in range(2))
    train(calm)
    with pytest.raises(Stopped):
        train(stopped, StopsAfter(stopped, 2))
    newest = checkpoints.newest(stopped / "checkpoints")
    assert newest is not None and newest.step == 3
    (stopped / "stop").unlink()
    train(stopped)
    assert losses(stopped) == losses(calm)
    files = [sha256_file(run / "model" / "model.safetensors") for run in (calm, stopped)]
    assert files[0] == files[1]
    assert not (calm / "adapter").exists()
    assert read_json(calm / "manifest.json")["served_as"] == "its own weights, all of them"


def test_a_full_run_that_was_stopped_while_its_weights_were_saved_is_finished_from_its_last_step(
    project: Project, baseline: Path, task: Task
):
    run = make(project, task, tuning="full", learning_rate=1e-3)
    train(run)
    made = sha256_file(run / "model" / "model.safetensors")
    shutil.rmtree(run / "model")
    train(run)
    assert sha256_file(run / "model" / "model.safetensors") == made


def test_weights_that_do_not_move_fail_a_full_run(
    project: Project, baseline: Path, task: Task, monkeypatch: pytest.MonkeyPatch
):
    from training.callback import Reporter

    monkeypatch.setattr(Reporter, "_moved", lambda self, model: False)
    with pytest.raises(JobFailed, match="does not move the model"):
        train(make(project, task, tuning="full", learning_rate=1e-3))


@pytest.mark.parametrize("switch", ["use_dora", "use_rslora"])
def test_a_switch_of_the_adapter_reaches_it_and_leaves_the_base_as_it_is(
    project: Project, baseline: Path, task: Task, switch: str
):
    run = make(project, task, **{switch: True})
    train(run)
    assert read_json(run / "adapter" / "adapter_config.json")[switch] is True
    assert (
        "lora_magnitude" in str(checkpoints.tensor_shapes(run / "adapter" / "adapter_model.safetensors"))
        or switch == "use_rslora"
    )
    plain = make(project, task)
    train(plain)
    assert weights(run) != weights(plain)


def test_a_run_on_4_bit_weights_repeats_and_keeps_its_adapter_in_32_bits(
    project: Project, baseline: Path, task: Task
):
    first, second = make(project, task, quantization="nf4"), make(project, task, quantization="nf4")
    train(first)
    with pytest.raises(Stopped):
        train(second, StopsAfter(second, 2))
    (second / "stop").unlink()
    train(second)
    assert weights(first) == weights(second)
    header = (first / "adapter" / "adapter_model.safetensors").read_bytes()[:400]
    assert b'"F32"' in header and b"BF16" not in header


def test_4_bit_weights_cannot_be_trained_themselves():
    with pytest.raises(BadRecipe, match="4-bit weights cannot be trained"):
        recipes.parse({"tuning": "full", "quantization": "nf4"})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "rate"), [({"tuning": "full"}, 1e-4), ({"quantization": "nf4"}, 1e-3)], ids=["full", "nf4"]
)
def test_the_real_model_learns_and_its_run_answers_with_the_weights_it_was_trained_with(
    own_cache_with_model: None, project: Project, version: Path, task: Task, baseline: Path,
    changes: dict[str, Any], rate: float,
):  # fmt: skip
    real = task.model_copy(update={"model": ModelSpec()})
    run = runs.create(
        project, "v001", real, recipes.parse(REAL | changes | {"learning_rate": rate}), name="real"
    )
    result = train(run)
    train_losses, _ = losses(run)
    assert train_losses[-1][1] < train_losses[0][1] - 0.5
    found = asked(project, real, run)
    assert len(found["prompt"]) == len(found[f"run:{run.name}"]) == 2
    assert found["prompt"] != found[f"run:{run.name}"]
    assert all(one["finish"] == "stop" for one in result["smoke"])
    assert jobs.state(run).state == "done"
    shutil.rmtree(run / "checkpoints")


def test_an_earlier_run_s_recipe_has_the_hash_it_had_before_these_fields_came():
    earlier = {name: value for name, value in recipes.Recipe().model_dump(mode="json").items()
               if name not in ADDED}  # fmt: skip
    from curation.files import canonical_json, sha256

    assert recipes.parse(earlier).hash == sha256(canonical_json(json.loads(json.dumps(earlier))))
    assert recipes.parse(earlier | {"tuning": "full"}).hash != recipes.parse(earlier).hash
