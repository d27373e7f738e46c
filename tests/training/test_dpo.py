"""Learning from pairs: the tokens shown are trained on, what is no pair is listed, the choice is learned."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from curation.files import canonical_json, read_json
from curation.project import Project
from curation.task import ModelSpec, Task
from evals import examples
from tests.evals import frozen
from tests.evals.frozen import freeze, rows
from tests.training.conftest import measured
from tests.training.test_sft import StopsAfter, losses, train, weights
from training import preflight, runs, tokens
from training import recipe as recipes

cache_of_tests, own_cache = frozen.cache_of_tests, frozen.own_cache
own_cache_with_model = frozen.own_cache_with_model
pytestmark = [pytest.mark.model, pytest.mark.usefixtures("own_cache")]

SIX = {
    "method": "dpo", "max_steps": 6, "per_device_train_batch_size": 2, "gradient_accumulation_steps": 2,
    "learning_rate": 1e-2, "warmup_steps": 0, "save_steps": 2, "eval_steps": 3, "max_rows": 10, "beta": 1.0,
}  # fmt: skip


def pairs(split: str, n: int, start: int = 0) -> list[dict[str, Any]]:
    """Rows whose chosen answer is the label in capitals and whose rejected one is a sentence."""
    made = []
    for row in rows(split, n, start):
        user, answer = json.loads(row["messages"])
        label = answer["content"]
        made.append(
            row
            | {
                "messages": canonical_json([user]),
                "chosen": canonical_json([{"role": "assistant", "content": label}]),
                "rejected": canonical_json(
                    [{"role": "assistant", "content": f"I think it is {label}, yes."}]
                ),
                "label": None,
            }
        )
    return made


@pytest.fixture
def task(tiny_model: Path) -> Task:
    """Pairs, answered by the tiny model."""
    return Task(
        kind="preference", system_prompt="Sort customer messages.", model=ModelSpec(name=str(tiny_model))
    )


@pytest.fixture
def version(project: Project) -> Path:
    """24 training pairs, and two rows of other kinds."""
    train_rows = [*pairs("train", 24), *rows("train", 1, 60)]
    same = pairs("train", 1, 70)[0]
    train_rows.append(same | {"rejected": same["chosen"]})
    return freeze(
        project,
        {
            "train": train_rows,
            "validation": pairs("validation", 6, 100),
            "test": pairs("test", 9, 200),
        },
    )


def make(project: Project, task: Task, **changes: Any) -> Path:
    return runs.create(project, "v001", task, recipes.parse(SIX | changes), name="dpo", threads=1)


def test_a_pair_is_the_template_s_own_tokens_on_both_sides_with_loss_on_the_answers(
    version: Path, task: Task, families: dict[str, Any]
):
    found = preflight.prepare(version, task, recipes.parse({"method": "dpo"}))
    chosen, rejected = found.train.pairs[0]
    row = next(one for one in pairs("train", 24) if one["id"] == chosen.id)
    system = {"role": "system", "content": task.system_prompt}
    for side, name in ((chosen, "chosen"), (rejected, "rejected")):
        turns = [system, *json.loads(row["messages"]), *json.loads(row[name])]
        assert list(side.input_ids) == list(families["chatml"].apply_chat_template(turns, return_dict=False))
        trained = families["chatml"].decode([t for t in side.labels if t >= 0])
        assert trained == json.loads(row[name])[0]["content"] + "<|im_end|>"
    shown = {one.why for one in found.previews}
    assert {"median, chosen", "median, rejected"} <= shown


def test_what_is_no_pair_is_listed_by_id_and_nothing_is_dropped_without_a_word(version: Path, task: Task):
    found = preflight.prepare(version, task, recipes.parse({"method": "dpo"}))
    assert found.read == 26
    assert len(found.train.ids) == 24 and len(found.train.rows) == 48
    assert sorted(one.reason for one in found.left_out) == [
        "no pair: both answers are the same tokens",
        "no pair: it has no chosen and rejected answer",
    ]
    (finding,) = [one for one in found.findings if one.code == "no-pair"]
    assert len(finding.ids) == 2
    assert found.steps == math.ceil(math.ceil(24 / 4) / 4) * 3
    plain = preflight.prepare(version, task, recipes.parse({}))
    assert "pairs" in {one.code for one in plain.findings}
    assert len(plain.train.ids) == 26


def test_a_row_too_long_on_either_side_is_left_out_whole(version: Path, task: Task):
    whole = preflight.prepare(version, task, recipes.parse({"method": "dpo"}))
    limit = sorted(max(len(a.input_ids), len(b.input_ids)) for a, b in whole.train.pairs)[10]
    found = preflight.prepare(version, task, recipes.parse({"method": "dpo", "max_tokens": limit}))
    assert all(len(row.input_ids) <= limit for row in found.train.rows)
    assert len(found.train.ids) + len(found.left_out) == found.read
    assert len(found.train.rows) == 2 * len(found.train.ids)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tuning": "full", "learning_rate": 1e-3},
        {"loss_type": "ipo"},
        {"quantization": "nf4"},
        {"gradient_checkpointing": True},
    ],
)
def test_the_trainer_learns_the_choice_from_the_very_tokens_and_says_by_how_much(
    project: Project, version: Path, task: Task, changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    from training import pair_trainer

    measured(project, version, task)
    seen: set[tuple[int, ...]] = set()
    pad = pair_trainer.pad_pairs

    def watched(batch: Any, pad_id: int) -> Any:
        seen.update(tuple(row[f"{side}_ids"]) for row in batch for side in ("chosen", "rejected"))
        return pad(batch, pad_id)

    monkeypatch.setattr(pair_trainer, "pad_pairs", watched)
    run = make(project, task, **changes)
    train(run)
    held = runs.open_run(run)
    assert seen == {row.input_ids for split in ("train", "validation") for row in held.tokens(split).rows}
    curve = runs.loss_curve(run)
    start = 0.6931 if changes.get("loss_type") != "ipo" else 0.25
    assert curve.train[0].loss == pytest.approx(start, abs=1e-3)  # the reference is the model it begins as
    assert curve.train[-1].margin is not None and curve.train[-1].margin > 0.2
    assert curve.train[-1].accuracy == 1.0
    assert curve.validation[-1].margin is not None


def test_a_run_on_pairs_stopped_and_resumed_ends_like_one_that_went_through(
    project: Project, version: Path, task: Task
):
    measured(project, version, task)
    calm, stopped = make(project, task), make(project, task)
    train(calm)
    from curation.errors import Stopped

    with pytest.raises(Stopped):
        train(stopped, StopsAfter(stopped, 2))
    (stopped / "stop").unlink()
    train(stopped)
    assert losses(stopped) == losses(calm)
    assert weights(stopped) == weights(calm)
    assert not (calm / "adapter" / "ref").exists()


def test_pairs_are_evaluated_on_their_prompt_with_the_chosen_answer_as_expected(version: Path):
    found, _ = examples.of_split(version, "test")
    assert len(found) == 9
    assert all(one.expected in frozen.WORDS and one.messages[-1]["role"] == "user" for one in found)


def test_prepared_pairs_read_back_as_they_were(version: Path, task: Task, tmp_path: Path):
    import pyarrow.parquet as pq

    found = preflight.prepare(version, task, recipes.parse({"method": "dpo"})).train
    pq.write_table(tokens.table(found), tmp_path / "rows.parquet")
    assert tokens.read_table(tmp_path / "rows.parquet").rows == found.rows


@pytest.mark.slow
def test_the_real_model_learns_to_prefer_the_chosen_answer(
    own_cache_with_model: None, project: Project, version: Path, task: Task
):
    real = task.model_copy(update={"model": ModelSpec()})
    measured(project, version, task)
    run = make(project, real, learning_rate=1e-4, max_steps=4, max_rows=8, beta=0.1, eval_steps=4,
               max_eval_rows=4, target_modules="all-linear")  # fmt: skip
    result = train(run)
    curve = runs.loss_curve(run)
    assert curve.train[0].loss == pytest.approx(math.log(2), abs=1e-3)
    assert curve.train[-1].loss < curve.train[0].loss - 0.02
    assert curve.validation[-1].accuracy == 1.0
    assert result["steps"] == 4 and len(result["smoke"]) == 3
    assert read_json(run / "manifest.json")["rows"] == 16
