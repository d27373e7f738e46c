"""Giving a label: the label and the answer that says the same change together, whichever of them the row has."""

from __future__ import annotations

import json

import pytest

from curation import decisions, importing, project, store, task
from tests.curation.conftest import chat, write_jsonl

LABELS = ["cancel", "refund"]


@pytest.fixture
def opened(tmp_path):
    rows = [
        {"messages": chat("money back", "cancel")},
        {"messages": chat("stop it", "cancel"), "label": "cancel"},
        {"messages": chat("tell me more", "Gladly, what would you like to know?")},
    ]
    with store.create(project.reserve(tmp_path / "p")) as made:
        importing.import_file(made, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
        task.save(task.Task(kind="classification", labels=LABELS), made.project.task_path)
        yield made


def state(opened):
    rows = opened.rows("select label, messages, text_hash from example join content using (seq) order by seq")
    return [(label, json.loads(messages)[-1]["content"], text_hash) for label, messages, text_hash in rows]


def test_the_answer_follows_the_label_also_where_the_answer_alone_is_the_label(opened):
    before = state(opened)
    batch = decisions.decide(opened, [1, 2, 3], "label", "refund", who="ann")
    assert batch is not None and batch.changed == 3 and batch.summary == "Label 3 examples: refund"
    assert [row[:2] for row in state(opened)] == [
        (None, "refund"),
        ("refund", "refund"),
        ("refund", "Gladly, what would you like to know?"),
    ]
    decisions.undo(opened, who="ann")
    assert state(opened) == before


def test_a_label_that_the_answer_says_already_changes_nothing(opened):
    assert decisions.decide(opened, [1, 2], "label", "cancel", who="ann") is None
