"""The numbers of the loop are those of now, however they are remembered."""

from __future__ import annotations

import pytest

from curation import checks, decisions, importing, project, store, task
from tests.curation.conftest import chat, write_jsonl
from workbench import standing


@pytest.fixture
def opened(tmp_path):
    rows = [{"messages": chat(f"question number {i}", f"answer {i}"), "key": str(i)} for i in range(5)]
    with store.create(project.reserve(tmp_path / "p")) as made:
        importing.import_file(made, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
        yield made


def unchecked(opened, known):
    return standing.measure(opened, known).counts.unchecked


def test_an_edited_example_is_unchecked_until_the_checks_have_looked_again(opened):
    known = task.load(opened.project.task_path)
    assert unchecked(opened, known) == 5
    checks.run(opened, known)
    assert unchecked(opened, known) == 0
    decisions.decide(opened, [3], "messages", chat("another question", "another answer"), who="ann")
    assert unchecked(opened, known) == 1
    checks.run(opened, known)  # replaces what it had seen of the row: no more and no fewer than before
    assert unchecked(opened, known) == 0
    decisions.undo(opened, who="ann")
    assert unchecked(opened, known) == 1


def test_a_row_revised_by_a_later_file_is_unchecked(opened, tmp_path):
    known = task.load(opened.project.task_path)
    checks.run(opened, known)
    rows = [{"messages": chat(f"question number {i}", "another answer"), "key": str(i)} for i in (1, 2)]
    later = write_jsonl(tmp_path / "rows-v2.jsonl", rows)
    importing.import_file(opened, later, mapping={"id": "key"}, who="ann")
    assert unchecked(opened, known) == 2
