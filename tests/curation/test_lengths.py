from __future__ import annotations

import json

import pytest

from curation import chat, decisions, filters, lengths, models
from curation.task import ModelSpec, Task
from tests.curation.conftest import chat as turns


@pytest.mark.model
def test_tokens_are_those_the_model_s_template_writes(filled):
    task = Task(system_prompt="Sort it.")
    models.load_tokenizer(task.model)  # a packaged model is ready once it has been used
    assert lengths.count(filled, task) == 40
    messages, counted = filled.row(
        "select c.messages, e.tokens from example e join content c using (seq) limit 1"
    )
    tokenizer = models.load_tokenizer(task.model)
    rendered = chat.render(tokenizer, chat.with_system(json.loads(messages), "Sort it."))
    assert abs(counted - len(rendered[0].input_ids)) <= 1
    assert len(filters.view(filled, filters.parse("tokens>10"))) == 40
    decisions.decide(filled, [1], "messages", turns("a much longer question " * 20, "label0"), who="ann")
    assert lengths.count(filled, task) == 1
    assert filters.view(filled, filters.parse("tokens>60")).tolist() == [1]


def test_a_model_that_is_not_here_is_not_fetched_for_a_count(filled):
    assert lengths.count(filled, Task(model=ModelSpec(name="nobody/nothing"))) is None
