"""The preflight: every row is accounted for, every mistake is found, the tokens are the template's own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import BadRecipe, NotReady
from curation.models import Device
from curation.project import Project
from curation.task import Task
from tests.conftest import FAMILIES
from tests.evals.frozen import WORDS, freeze, rows
from training import preflight, tokens
from training import recipe as recipes
from training.estimate import Linear, ModelFacts
from training.preflight import Preflight

CPU = Device("cpu", "float32", "for a test")
FACTS = ModelFacts(
    parameters=100_000, hidden=32, layers=2, vocabulary=420, context=512, eos_ids=frozenset(),
    linears=tuple(Linear(f"model.layers.{i}.self_attn.{n}", 32, 32) for i in range(2)
                  for n in ("q_proj", "k_proj", "v_proj", "o_proj")),
)  # fmt: skip
Check = Callable[..., Preflight]


@pytest.fixture
def task() -> Task:
    """Three labels; no model is loaded here."""
    return Task(kind="classification", labels=list(WORDS), system_prompt="Sort customer messages.")


@pytest.fixture
def looked(project: Project, task: Task, families: dict[str, Any]) -> Check:
    """Freezes rows and looks at them; what is not given is 60 clean training rows."""

    def look(task: Task = task, family: str = "chatml", facts: ModelFacts = FACTS, **given: Any) -> Preflight:
        splits = {
            "train": rows("train", 60), "validation": rows("validation", 6, 100), "test": rows("test", 9, 200)
        } | {name: given.pop(name) for name in ("train", "validation", "test") if name in given}  # fmt: skip
        empty = {name: some or rows(name, 1, 900)[:0] for name, some in splits.items()}
        version = freeze_all(project, empty)
        return preflight.check(version, task, recipes.parse(given), families[family], facts, CPU)

    return look


def freeze_all(project: Project, splits: dict[str, list[dict[str, Any]]]) -> Path:
    name = f"v{len(list(project.versions.glob('*'))) + 1:03d}" if project.versions.exists() else "v001"
    return freeze(project, splits, name)


def codes(found: Preflight) -> set[str]:
    return {finding.code for finding in found.findings}


def told(*turns: tuple[str, str]) -> str:
    return json.dumps([{"role": role, "content": content} for role, content in turns])


def test_clean_rows_give_no_finding_and_every_row_is_trained_on(looked: Check):
    found = looked(num_train_epochs=12)
    assert found.findings == ()
    assert (found.read, len(found.train.ids), found.left_out) == (60, 60, ())
    assert found.shares == (("address", 20), ("cancel", 20), ("refund", 20))
    assert len(found.validation.ids) == 6


def test_rows_in_are_rows_trained_on_plus_rows_listed(looked: Check):
    for settings in ({"max_rows": 17}, {"max_tokens": 63}, {"max_rows": 30, "max_tokens": 63}, {}):
        found = looked(**settings)
        listed = [one.id for one in found.left_out]
        assert found.read == len(found.train.ids) + len(listed) + len(found.train.problems)
        assert set(found.train.ids).isdisjoint(listed)
        assert len(set(listed)) == len(listed)


def test_a_row_over_the_limit_is_left_out_whole_and_listed_never_cut(looked: Check):
    whole = {row.id: row.input_ids for row in looked().train.rows}
    limit = sorted(map(len, whole.values()))[40]
    found = looked(max_tokens=limit)
    assert {row.id: row.input_ids for row in found.train.rows} == {
        i: ids for i, ids in whole.items() if len(ids) <= limit
    }
    assert all(one.tokens == len(whole[one.id]) > limit for one in found.left_out)
    assert all("its answer would not fit" in one.reason or "prompt" in one.reason for one in found.left_out)
    (finding,) = [one for one in found.findings if one.code == "left-out"]
    assert set(finding.ids) == {one.id for one in found.left_out}


def test_fewer_rows_are_chosen_evenly_over_the_labels_and_always_the_same(looked: Check):
    found = looked(max_rows=12, seed=3)
    assert dict(found.shares) == {"address": 4, "cancel": 4, "refund": 4}
    assert found.train.digest == looked(max_rows=12, seed=3).train.digest
    assert found.train.digest != looked(max_rows=12, seed=4).train.digest


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 40), min_size=1), st.integers(0, 9))
def test_every_beginning_of_the_order_holds_each_class_in_its_share(sizes: dict[str, int], seed: int):
    made = [
        tokens.Row(f"{name}{i}", [], None, name, None, None, name)
        for name, n in sizes.items()
        for i in range(n)
    ]
    order = tokens.spread(made, seed)
    assert sorted(row.id for row in order) == sorted(row.id for row in made)
    for cut in range(1, len(order) + 1):
        taken = [row.stratum for row in order[:cut]]
        shares = {name: taken.count(name) / n for name, n in sizes.items()}
        for name, share in shares.items():  # one row more or less than anybody else
            assert all(share <= shares[other] + 1 / sizes[name] + 1 / sizes[other] for other in shares)
    assert {row.stratum for row in order[: len(sizes)]} == set(sizes)


def test_a_version_without_test_rows_cannot_be_trained_on(looked: Check):
    found = looked(test=[])
    assert "no-test-set" in codes(found)
    with pytest.raises(NotReady, match="no test rows"):
        found.raise_if_blocked()


@pytest.mark.parametrize("shared", ["id", "cluster", "group"])
@pytest.mark.parametrize("split", ["validation", "test"])
def test_a_held_out_row_in_the_training_rows_is_found_whatever_the_audit_said(
    looked: Check, shared: str, split: str
):
    train, held = rows("train", 60), rows(split, 9, 200)
    held[3][shared] = train[5][shared] = "the same" if shared == "group" else train[5][shared]
    found = looked(train=train, **{split: held})
    (leak,) = [one for one in found.errors if one.code == "leak"]
    assert leak.ids == (train[5]["id"],)
    assert split in leak.message


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ([("user", "Hi")], "ends with a turn of role user"),
        ([("user", "Hi"), ("assistant", " ")], "empty"),
        ([("user", "Hi"), ("assistant", "a"), ("assistant", "b")], "Two assistant turns"),
    ],
)
def test_a_row_that_cannot_be_trained_on_is_an_error_that_names_it(looked: Check, turns: Any, reason: str):
    train = rows("train", 60)
    train[7]["messages"] = told(*turns)
    found = looked(train=train)
    (problem,) = [one for one in found.errors if one.code == "template"]
    assert reason in problem.message and problem.ids == (train[7]["id"],)


def test_a_row_longer_than_the_context_is_an_error_unless_a_limit_leaves_it_out(looked: Check):
    train = rows("train", 60)
    train[7]["messages"] = told(("user", "word " * 600), ("assistant", "cancel"))
    assert "too-long" in codes(looked(train=train))
    found = looked(train=train, max_tokens=512)
    assert not found.errors
    assert [one.id for one in found.left_out] == [train[7]["id"]]
    assert "its prompt alone is too long" in found.left_out[0].reason


def test_a_system_prompt_other_than_the_task_s_is_told(looked: Check):
    train = rows("train", 60)
    train[7]["messages"] = told(("system", "Be rude."), ("user", "Hi"), ("assistant", "cancel"))
    (finding,) = [one for one in looked(train=train).findings if one.code == "system-prompt"]
    assert finding.severity == "warning" and finding.ids == (train[7]["id"],)


def test_the_same_prompt_with_two_answers_is_told(looked: Check):
    train = rows("train", 60)
    for row, answer in ((train[7], "cancel"), (train[8], "refund")):
        row["messages"] = told(("user", "Hi"), ("assistant", answer))
    (finding,) = [one for one in looked(train=train).findings if one.code == "conflicting-answers"]
    assert set(finding.ids) == {train[7]["id"], train[8]["id"]}


def test_labels_that_are_rare_or_common_are_told(looked: Check):
    train = rows("train", 120)
    for row in train[1:]:
        row["label"] = "refund"
    train[0]["label"] = "cancel"
    assert {"rare-labels", "one-label"} <= codes(looked(train=train))


def test_the_answer_s_first_slice_is_the_class_where_there_is_no_label(looked: Check):
    schema = {"type": "object", "properties": {"intent": {"type": "string"}}}
    task = Task(kind="structured", output_schema=schema, slices=["intent"])
    train = rows("train", 60)
    for i, row in enumerate(train):
        row["label"] = None
        answer = "no JSON" if i == 0 else json.dumps({"intent": ["a", "b"][i % 2]})
        row["messages"] = told(("user", f"question {i}"), ("assistant", answer))
    assert dict(looked(task=task, train=train).shares) == {"a": 29, "b": 30}


def test_few_rows_few_steps_and_a_strange_rate_are_told(looked: Check):
    found = looked(
        train=rows("train", 20), learning_rate=0.05, num_train_epochs=25, gradient_accumulation_steps=64
    )
    assert {"few-rows", "few-steps", "many-epochs", "learning-rate"} <= codes(found)
    assert not found.errors


def test_no_row_left_is_an_error(looked: Check):
    assert "no-rows" in {one.code for one in looked(max_tokens=8).errors}


def test_a_layer_the_model_does_not_have_is_a_bad_recipe(looked: Check):
    with pytest.raises(BadRecipe, match="query_proj") as caught:
        looked(target_modules="query_proj")
    assert "q_proj" in caught.value.hint


@pytest.mark.parametrize("family", ["chatml", "llama3", "qwen3", "gemma", "mistral"])
def test_the_tokens_are_those_the_template_writes_and_the_answer_alone_carries_loss(
    looked: Check, families: dict[str, Any], family: str
):
    """Compared with the tokenizer's own rendering, without any code of the preflight."""
    tokenizer = families[family]
    train = rows("train", 60)
    messages = {row["id"]: json.loads(row["messages"]) for row in train}
    for row in looked(family=family, train=train, task=Task(kind="free_form")).train.rows:
        turns = messages[row.id]
        own = tokenizer.apply_chat_template(turns, tokenize=True, return_dict=False)
        asked = tokenizer.apply_chat_template(
            turns[:1], tokenize=True, return_dict=False, add_generation_prompt=True
        )
        assert list(row.input_ids) == list(own)
        assert set(row.labels[: len(asked)]) == {-100}
        trained = tokenizer.decode([label for label in row.labels if label != -100]).strip()
        assert trained.removeprefix("<think>\n\n</think>").strip() in (
            turns[1]["content"] + FAMILIES[family].turn_end, turns[1]["content"] + " " + FAMILIES[family].turn_end
        )  # fmt: skip


def test_the_coloured_view_shows_every_token_that_is_trained_on(looked: Check, families: dict[str, Any]):
    found = looked()
    assert {one.why for one in found.previews} == {"median", "longest", "shortest"}
    stored = {row.id: row for row in found.train.rows}
    for one in found.previews:
        row = stored[one.id]
        assert "".join(piece.text for piece in one.pieces) == families["chatml"].decode(row.input_ids)
        coloured = "".join(piece.text for piece in one.pieces if piece.trained)
        assert coloured == families["chatml"].decode([label for label in row.labels if label != -100])
        assert one.trained == row.trained


def test_the_histogram_counts_every_row_once(looked: Check):
    found = looked()
    assert found.lengths is not None
    assert sum(found.lengths.counts) == 60
    assert found.lengths.shortest <= found.lengths.median <= found.lengths.p95 <= found.lengths.longest


def test_the_digest_changes_with_any_token_label_or_order():
    rows_ = [((1, 2, 3), (-100, 2, 3)), ((4,), (4,))]
    others = [
        [((1, 2, 9), (-100, 2, 3)), ((4,), (4,))], [((1, 2, 3), (-100, -100, 3)), ((4,), (4,))],
        rows_[::-1], rows_[:1], [((1, 2), (-100, 2)), ((3, 4), (3, 4))],
    ]  # fmt: skip
    assert len({tokens.digest(some) for some in [rows_, *others]}) == 6


def test_prepared_rows_survive_the_file(looked: Check, tmp_path: Path):
    import pyarrow.parquet as pq

    found = looked()
    pq.write_table(tokens.table(found.train), tmp_path / "train.parquet")
    again = tokens.read_table(tmp_path / "train.parquet")
    assert again.rows == found.train.rows
    assert again.digest == found.train.digest


def test_the_estimate_counts_the_adapter_and_grows_with_what_costs_memory(looked: Check):
    found = looked().estimate
    assert found is not None
    assert found.trainable == 2 * 4 * 16 * (32 + 32)
    assert found.steps == 12 and not found.speed.measured
    assert found.validation_tokens == 12 * sum(looked().validation.lengths)
    half = looked(per_device_train_batch_size=2).estimate
    dry = looked(lora_dropout=0.0).estimate
    spare = looked(gradient_checkpointing=True).estimate
    assert half and dry and spare
    assert half.activations < found.activations
    assert 0.6 < dry.activations / found.activations < 0.7
    assert spare.memory < found.memory


def test_the_memory_of_a_run_follows_what_is_trained(looked: Check):
    found = {name: looked(**changes).estimate for name, changes in {
        "lora": {}, "nf4": {"quantization": "nf4"}, "full": {"tuning": "full"}, "dora": {"use_dora": True}
    }.items()}  # fmt: skip
    lora, nf4, full, dora = (one for one in found.values() if one is not None)
    inside = sum(one.inputs * one.outputs for one in FACTS.linears)
    assert lora.weights == 4 * FACTS.parameters
    assert nf4.weights == pytest.approx(4 * (FACTS.parameters - inside) + 0.516 * inside, abs=1)
    assert full.trainable == FACTS.parameters
    assert full.weights + full.learning == 16 * FACTS.parameters
    assert dora.trainable - lora.trainable == sum(one.outputs for one in FACTS.linears)
    assert full.checkpoint > 12 * FACTS.parameters
    assert full.seconds > lora.seconds and nf4.seconds > lora.seconds


def test_a_learning_rate_far_from_the_method_s_own_is_told_with_the_usual_one(looked: Check):
    (finding,) = [one for one in looked(tuning="full", learning_rate=1e-3).findings
                  if one.code == "learning-rate"]  # fmt: skip
    assert "every weight trained" in finding.message and "learning_rate=2e-05" in finding.hint
    assert "learning-rate" not in codes(looked(tuning="full"))
