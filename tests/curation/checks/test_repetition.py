"""Answers that go round in circles are found; code, tables and short texts are left alone."""

from __future__ import annotations

import pytest

from tests.curation.conftest import chat

STORY = " ".join(f"word{i}" for i in range(60))
SENTENCE = "We are sorry to hear that your parcel has not arrived at your door yet."


def test_a_sentence_said_over_and_over_is_marked_from_its_second_time(flags):
    text = f"{STORY} " + " ".join([SENTENCE] * 6)
    ((_, severity, turn, marked, message),) = flags("repetition", [{"messages": chat("go", text)}])
    assert (severity, turn) == ("look", 1)
    assert marked.startswith("We are sorry") and "of its words" in message


def test_the_same_lines_are_found_as_lines(flags):
    text = "\n".join([*STORY.split(" ")[:50], *["It is fine."] * 40])
    ((_, _, _, marked, message),) = flags("repetition", [{"messages": chat("go", text)}])
    assert marked == "It is fine." and "43% of its lines" in message


@pytest.mark.parametrize(
    "text",
    [
        STORY,
        "ha " * 40,
        f"{STORY} {SENTENCE} {STORY.replace('word', 'term')} {SENTENCE}",
        f"{STORY}\n```\n" + "push(stack, value)\n" * 60 + "```",
        f"{STORY}\n" + "| a | b | 0 |\n" * 60,
        '[{"id": 1, "note": "none given by the customer at all, so we wait"}' * 20,
    ],
)
def test_code_tables_and_what_is_said_twice_are_left_alone(flags, text):
    assert flags("repetition", [{"messages": chat("go", text)}]) == []


def test_what_the_user_repeats_is_not_looked_at(flags):
    assert flags("repetition", [{"messages": chat(f"{SENTENCE} " * 20, "ok")}]) == []
