"""An answer that gives the question back is found; an edit that was asked for is none."""

from __future__ import annotations

import pytest

from tests.curation.conftest import chat

QUESTION = "Why does my order 4711 still say that it waits for the courier since Monday?"


@pytest.mark.parametrize(
    "answer",
    [
        QUESTION,
        QUESTION.upper(),
        f"{QUESTION} Yes.",
        QUESTION.replace("Monday?", "Friday."),
    ],
)
def test_a_question_given_back_is_marked_whole(flags, answer):
    ((_, severity, turn, marked, message),) = flags(
        "answer_copies_prompt", [{"messages": chat(QUESTION, answer)}]
    )
    assert (severity, turn, marked) == ("fix", 1, answer)
    assert "% of the answer in turn 2 is the question repeated." in message


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (QUESTION, "Your order 4711 waits for the courier, who comes tomorrow between nine and noon."),
        (f"Correct the spelling: {QUESTION}", QUESTION),
        (f"Translate into formal English. {QUESTION}", QUESTION),
        ("ok?", "ok?"),
        (
            "What is 4 raised to the power of 3, exactly?",
            "4 raised to the power of 3 is exactly 64, what is more.",
        ),
        (QUESTION * 20, QUESTION),
    ],
)
def test_answers_and_wanted_edits_are_left_alone(flags, question, answer):
    assert flags("answer_copies_prompt", [{"messages": chat(question, answer)}]) == []
