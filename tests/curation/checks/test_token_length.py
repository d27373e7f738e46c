"""Rows that do not fit the model are found by its own tokens, once they are counted, and by nothing else."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import checks, decisions, importing, lengths, models
from curation.chat import NO_LOSS, render
from curation.dialect import TemplateProblem
from curation.task import CheckSettings, ModelSpec, Task
from tests.curation.conftest import chat, write_jsonl

LONG = chat("Where is order 17? " * 40, "On its way.")


@pytest.fixture(scope="module")
def model(tmp_path_factory, families):
    """A folder with a tokenizer, a context of 300 tokens, and weights that nobody reads."""
    folder = tmp_path_factory.mktemp("model")
    families["chatml"].save_pretrained(str(folder))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 300}), "utf-8")
    (folder / "model.safetensors").write_bytes(b"")
    return str(folder)


@pytest.fixture
def tickets(opened, tmp_path):
    rows = [
        {"messages": LONG},
        *({"messages": chat(f"Where is order {i}?", "On its way.")} for i in range(60)),
    ]
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
    return opened


def flagged(store):
    return store.rows(
        "select seq, severity, message from open_flag where check_name = 'token_length' order by seq"
    )


def look(store, task):
    return checks.run(store, task, only=["token_length"])["token_length"]


def test_a_row_over_the_models_context_is_found_once_its_tokens_are_counted(tickets, model):
    task = Task(model=ModelSpec(name=model))
    assert look(tickets, task) == 0
    assert lengths.count(tickets, task) == 61
    assert checks.outdated(tickets, task).count("token_length") == 1
    assert look(tickets, task) == 1
    ((seq, severity, message),) = flagged(tickets)
    tokens = tickets.value("select tokens from example where seq = ?", [seq])
    assert severity == "fix"
    assert message.startswith(f"{tokens:,} tokens; the model reads 300.")
    decisions.decide(tickets, [seq], "messages", chat("Where is order 17?", "On its way."), who="ann")
    lengths.count(tickets, task)
    assert look(tickets, task) == 0


def test_the_limit_can_be_set_and_a_row_far_above_the_others_is_worth_a_look(tickets, model):
    def told(**options):
        return Task(model=ModelSpec(name=model), checks={"token_length": CheckSettings(options=options)})

    lengths.count(tickets, told())
    assert look(tickets, told(most=5)) == 61
    assert look(tickets, told(most=100_000)) == 1
    assert flagged(tickets)[0][1] == "look" and "half of the rows have at most" in flagged(tickets)[0][2]
    assert look(tickets, told(most=100_000, spread=0)) == 0


def test_counts_of_another_model_or_prompt_are_not_believed(tickets, model):
    lengths.count(tickets, Task(model=ModelSpec(name=model)))
    other = Task(model=ModelSpec(name=model), system_prompt="Say where it is.")
    assert look(tickets, other) == 0
    before = tickets.value("select min(tokens) from example")
    assert lengths.count(tickets, other) == 61
    assert tickets.value("select min(tokens) from example") > before
    assert look(tickets, other) == 1


def test_without_the_model_nothing_is_counted_and_nothing_is_found(tickets):
    task = Task(model=ModelSpec(name="nobody/nothing"))
    assert models.context(task.model) is None
    assert lengths.count(tickets, task) is None
    assert look(tickets, task) == 0


@settings(max_examples=40)
@given(
    turns=st.lists(
        st.fixed_dictionaries(
            {
                "role": st.sampled_from(["system", "user", "assistant"]),
                "content": st.sampled_from(["", " ", "\u200b", "yes", "<think>\n\n</think>"]),
            }
        ),
        min_size=1,
        max_size=5,
    )
)
@pytest.mark.parametrize("family", ["chatml", "llama3", "qwen3", "gemma", "mistral"])
def test_a_row_whose_tokens_carry_no_loss_does_not_come_out_of_any_template(families, family, turns):
    try:
        rendered = render(families[family], turns)
    except TemplateProblem:
        return
    assert all(any(label != NO_LOSS for label in row.labels) for row in rendered)
