"""The share of refusals is judged against the task's own target, once for the set."""

from __future__ import annotations

from curation.task import CheckSettings, Task
from tests.curation.conftest import chat

REFUSING = "I'm sorry, but I can't help with that."


def rows(refusing, answering):
    answers = ["Gladly."] * answering + [REFUSING] * refusing
    return [{"messages": chat(f"question {i}", answer)} for i, answer in enumerate(answers)]


def allowing(share):
    return Task(kind="free_form", checks={"refusal_share": CheckSettings(options={"target": share})})


def test_a_share_over_the_target_is_said_once(flags):
    ((row, severity, turn, marked, message),) = flags("refusal_share", rows(9, 51), allowing(0.02))
    assert (row, severity, turn, marked) == (51, "look", 1, "I can't help")
    assert "15.0% of this set refuses (9 of 60); your task allows 2.0%" in message


def test_a_share_within_the_target_and_small_sets_are_left_alone(flags):
    assert flags("refusal_share", rows(9, 51), allowing(0.2)) == []
    assert flags("refusal_share", rows(6, 54)) == []
    assert flags("refusal_share", rows(9, 9)) == []


def test_an_apology_counts_for_nothing(flags):
    sorry = [{"messages": chat(f"q {i}", "I'm sorry to hear that. It is on its way.")} for i in range(60)]
    assert flags("refusal_share", sorry) == []
