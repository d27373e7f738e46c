"""Training for real: the tokens shown are trained on, a stop and a resume change nothing, failures are told."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from curation import jobs
from curation.errors import JobFailed, Stopped
from curation.files import read_json, sha256_file
from curation.project import Project
from curation.task import ModelSpec, Task
from curation.work import Work
from tests.evals import frozen
from tests.evals.frozen import rows
from training import checkpoints, curve, methods, runs
from training import recipe as recipes

cache_of_tests, own_cache = frozen.cache_of_tests, frozen.own_cache
own_cache_with_model = frozen.own_cache_with_model
pytestmark = [pytest.mark.model, pytest.mark.usefixtures("own_cache")]

SIX = {
    "max_steps": 6, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "learning_rate": 1e-2,
    "warmup_steps": 2, "save_steps": 2, "eval_steps": 3, "max_rows": 10,
}  # fmt: skip


class StopsAfter(Work):
    """A job that somebody asks to stop when the loss of a step has been written."""

    def __init__(self, folder: Path, step: int) -> None:
        super().__init__(folder)
        self.step = step

    def event(self, kind: str, **fields: Any) -> None:
        super().event(kind, **fields)
        if kind == "loss" and fields["step"] == self.step:
            jobs.stop(self.folder)


def make(project: Project, task: Task, **changes: Any) -> Path:
    return runs.create(project, "v001", task, recipes.parse(SIX | changes), name="six", threads=1)


def train(run: Path, work: Work | None = None) -> dict[str, Any]:
    work = work or Work(run)
    result = methods.carry_out(run, work)
    work.finish(result)
    return result


def weights(run: Path) -> str:
    return sha256_file(run / "adapter" / "adapter_model.safetensors")


def losses(run: Path) -> tuple[list[tuple[int, float]], list[tuple[int, float]]]:
    curve = runs.loss_curve(run)
    return [(p.step, p.loss) for p in curve.train], [(p.step, p.loss) for p in curve.validation]


def test_the_trainer_gets_every_row_s_own_tokens_as_the_template_writes_them(
    project: Project, baseline: Path, task: Task, families: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    """Seen in the collator, compared with the tokenizer's rendering without any code of ours."""
    from training import trainer

    seen: list[list[int]] = []
    pad = trainer.pad

    def watched(batch: Any, pad_id: int) -> Any:
        seen.extend(list(row["input_ids"]) for row in batch)
        return pad(batch, pad_id)

    monkeypatch.setattr(trainer, "pad", watched)
    train(make(project, task, max_steps=None, num_train_epochs=1, max_rows=None, max_eval_rows=0))
    system = {"role": "system", "content": task.system_prompt}
    wanted = [
        list(
            families["chatml"].apply_chat_template([system, *json.loads(row["messages"])], return_dict=False)
        )
        for row in rows("train", 30)
    ]
    assert sorted(seen) == sorted(wanted)


def test_a_run_stopped_and_resumed_ends_with_the_weights_and_curve_of_one_that_ran_through(
    project: Project, baseline: Path, task: Task
):
    calm, stopped = make(project, task), make(project, task)
    train(calm)
    with pytest.raises(Stopped):
        train(stopped, StopsAfter(stopped, 2))
    newest = checkpoints.newest(stopped / "checkpoints")
    assert newest is not None and newest.step == 3  # between two regular checkpoints, within an epoch
    assert not (stopped / "adapter").exists()
    (stopped / "stop").unlink()
    train(stopped)
    assert losses(stopped) == losses(calm)
    assert [step for step, _ in losses(calm)[0]] == [1, 2, 3, 4, 5, 6]
    assert [step for step, _ in losses(calm)[1]] == [3, 6]
    assert weights(stopped) == weights(calm)
    answered = curve.samples(calm)
    assert [(one.step, one.id) for one in answered] == [(one.step, one.id) for one in curve.samples(stopped)]
    assert {one.step for one in answered} == {3, 6} and len({one.id for one in answered}) == 2
    assert curve.samples(stopped) == answered
    unasked = make(project, task, sample_rows=0)
    train(unasked)
    assert weights(unasked) == weights(calm) and curve.samples(unasked) == []
    described = runs.describe(stopped)
    assert (described.status.state, described.step, described.loss) == ("done", 6, losses(calm)[0][-1][1])


def test_a_stop_before_the_first_step_is_kept(project: Project, baseline: Path, task: Task):
    run = make(project, task)
    jobs.stop(run)
    with pytest.raises(Stopped):
        train(run)
    assert losses(run) == ([], [])


def test_the_loss_of_labelled_positions_alone_is_trl_s_loss(
    project: Project, baseline: Path, task: Task, monkeypatch: pytest.MonkeyPatch
):
    from training import trainer

    ours, theirs = make(project, task), make(project, task)
    train(ours)
    monkeypatch.setattr(trainer, "can_skip_unlabelled", lambda model, device: False)
    train(theirs)
    for mine, other in zip(losses(ours), losses(theirs), strict=True):
        assert [step for step, _ in mine] == [step for step, _ in other]
        assert [loss for _, loss in mine] == pytest.approx([loss for _, loss in other], rel=2e-5)


def test_any_split_of_the_same_rows_a_step_gives_the_same_first_loss(
    project: Project, baseline: Path, task: Task
):
    """With all rows in one step; later steps differ in their dropout."""
    found = set()
    for size, accumulation in ((10, 1), (5, 2), (2, 5)):
        run = make(project, task, per_device_train_batch_size=size, gradient_accumulation_steps=accumulation,
                   max_steps=1, lora_dropout=0)  # fmt: skip
        train(run)
        found.add(round(losses(run)[0][0][1], 4))
    assert len(found) == 1


def test_a_loss_that_is_no_number_fails_the_run_and_leaves_the_checkpoints_sound(
    project: Project, baseline: Path, task: Task, monkeypatch: pytest.MonkeyPatch
):
    from training.trainer import Sft

    compute = Sft.compute_loss

    def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
        loss = compute(self, *args, **kwargs)
        return loss * math.nan if self.state.global_step == 3 and self.model.training else loss

    run = make(project, task)
    monkeypatch.setattr(Sft, "compute_loss", broken)
    with pytest.raises(JobFailed, match="nan in step 4"):
        train(run)
    newest = checkpoints.newest(run / "checkpoints")
    assert newest is not None and newest.step == 2


def test_a_gradient_that_is_no_number_under_a_sound_loss_fails_the_run_before_the_weights_are_touched(
    project: Project, baseline: Path, task: Task, monkeypatch: pytest.MonkeyPatch
):
    from training.trainer import Sft

    compute = Sft.compute_loss

    def broken(self: Any, *args: Any, **kwargs: Any) -> Any:
        loss = compute(self, *args, **kwargs)
        spoiled = self.state.global_step == 3 and self.model.training
        return loss + (loss - loss).sqrt() if spoiled else loss  # zero, with an infinite slope

    run = make(project, task)
    monkeypatch.setattr(Sft, "compute_loss", broken)
    with pytest.raises(JobFailed, match="gradient of step 4"):
        train(run)


def test_an_adapter_without_a_gradient_fails_the_run(
    project: Project, baseline: Path, task: Task, monkeypatch: pytest.MonkeyPatch
):
    from training.trainer import Sft

    compute = Sft.compute_loss

    def detached(self: Any, *args: Any, **kwargs: Any) -> Any:
        loss = compute(self, *args, **kwargs)
        return loss.detach() + sum(0 * p.sum() for p in self.model.parameters() if p.requires_grad)

    run = make(project, task)
    monkeypatch.setattr(Sft, "compute_loss", detached)
    with pytest.raises(JobFailed, match="no gradient"):
        train(run)


def test_other_tokens_in_the_trainer_than_in_the_preflight_fail_the_run(
    project: Project, baseline: Path, task: Task, monkeypatch: pytest.MonkeyPatch
):
    from training.methods import sft

    whole = sft._dataset
    run = make(project, task)
    monkeypatch.setattr(sft, "_dataset", lambda some: whole(some).select(range(1, len(some.rows))))
    with pytest.raises(JobFailed, match="other tokens"):
        train(run)


def test_gradient_checkpointing_changes_the_memory_not_the_loss(project: Project, baseline: Path, task: Task):
    plain, spare = (make(project, task, lora_dropout=0, gradient_checkpointing=on) for on in (False, True))
    for run in (plain, spare):
        train(run)
    assert [loss for _, loss in losses(spare)[0]] == pytest.approx(
        [loss for _, loss in losses(plain)[0]], rel=1e-5
    )


def test_when_memory_runs_out_half_as_many_rows_are_computed_at_once_and_every_step_sees_the_same_rows(
    project: Project, baseline: Path, task: Task, monkeypatch: pytest.MonkeyPatch
):
    from training.trainer import Sft

    compute = Sft.compute_loss
    spoiled = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 1, "lora_dropout": 0}
    calm, tight = make(project, task, **spoiled), make(project, task, **spoiled)
    train(calm)

    def short(self: Any, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        if len(inputs["input_ids"]) > 2 and self.state.global_step >= 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 GiB.")
        return compute(self, model, inputs, *args, **kwargs)

    monkeypatch.setattr(Sft, "compute_loss", short)
    result = train(tight)
    assert result["micro_batch"] == 2
    assert [step for step, _ in losses(tight)[0]] == [1, 2, 3, 4, 5, 6]
    assert [loss for _, loss in losses(tight)[0]] == pytest.approx(
        [loss for _, loss in losses(calm)[0]], rel=1e-4
    )
    assert "Memory ran out with 4 rows at once; 2 at once" in runs.describe(tight).note


def test_memory_that_does_not_suffice_for_one_row_fails_the_run_in_words(
    project: Project, baseline: Path, task: Task, monkeypatch: pytest.MonkeyPatch
):
    from training.trainer import Sft

    def never(*args: Any, **kwargs: Any) -> Any:
        raise MemoryError

    monkeypatch.setattr(Sft, "compute_loss", never)
    with pytest.raises(JobFailed, match="single row") as failed:
        train(make(project, task))
    assert "gradient_checkpointing" in failed.value.hint


def test_the_real_model_learns_and_its_adapter_names_a_base_that_can_be_found(
    own_cache_with_model: None, project: Project, version: Path, task: Task, baseline: Path
):
    from peft import PeftModel

    from curation import models

    real = task.model_copy(update={"model": ModelSpec()})
    run = runs.create(
        project, "v001", real,
        recipes.parse(
            SIX | {"learning_rate": 1e-3, "max_steps": 4, "max_rows": 8, "warmup_steps": 0, "eval_steps": 4}
        ),
        name="real", threads=1,
    )  # fmt: skip
    result = train(run)
    train_losses, held = losses(run)
    assert train_losses[-1][1] < train_losses[0][1] - 1
    assert [step for step, _ in held] == [4]
    assert result["tokens_per_second"] > 0 and result["peak_memory_bytes"] > 5e8
    assert [one["finish"] for one in result["smoke"]] == ["stop"] * 3
    named = read_json(run / "adapter" / "adapter_config.json")
    place = models.resolve(named["base_model_name_or_path"], named["revision"])
    base = models.load_model(place, models.Device("cpu", "float32", "for a test"))
    tuned = PeftModel.from_pretrained(base, str(run / "adapter"))
    assert any(bool(p.any()) for name, p in tuned.named_parameters() if "lora_B" in name)
