from __future__ import annotations

from curation.task import Task
from tests.curation.conftest import chat

TASK = Task(kind="classification", labels=["refund", "Änderung", "cancel order"])


def look(flags, *answers):
    return flags("label_set", [{"messages": chat(f"text {i}", one)} for i, one in enumerate(answers)], TASK)


def test_labels_are_left_alone_and_blanks_at_their_ends_too(flags):
    assert look(flags, "refund", "Änderung", " cancel order\n") == []


def test_another_spelling_of_a_label_is_a_fix_that_names_it(flags):
    found = look(flags, "Refund!", "änderung", "CANCEL-ORDER")
    assert [(row, severity) for row, severity, *_ in found] == [(0, "fix"), (1, "fix"), (2, "fix")]
    assert found[0][-1] == '"Refund!" is not a label; "refund" is.'


def test_an_answer_that_is_no_label_blocks(flags):
    ((row, severity, turn, marked, message),) = look(flags, "refund", "complaint\nnow")
    assert (row, severity, turn, marked) == (1, "block", 1, "complaint\nnow")
    assert '"complaint now" is not a label of this task (3 labels).' == message
