"""Answers that break off are found; lists, code, titles and languages without full stops are left alone."""

from __future__ import annotations

import pytest

from tests.curation.conftest import chat

WORDS = " ".join(f"word{chr(97 + i % 26)}" for i in range(40))
WHOLE = [{"messages": chat(f"go {i}", f"{WORDS} and {i} more words.")} for i in range(10)]


def test_an_answer_that_stops_inside_a_sentence_is_marked_at_its_end(flags):
    text = f"{WORDS} and then the courier will"
    ((row, severity, turn, marked, message),) = flags("truncated", [*WHOLE, {"messages": chat("go", text)}])
    assert (row, severity, turn) == (10, "look", 1)
    assert marked == text[-40:] and "Ends inside a sentence" in message


def test_many_answers_of_one_length_are_said_to_be_cut(flags):
    cut = [{"messages": chat(f"q {i}", f"{WORDS} and then {'abcdefgh'[i]}")} for i in range(8)]
    found = flags("truncated", [*WHOLE, *WHOLE, *cut])
    assert len(found) == 8 and all("as 7 other answers do: probably cut" in one[-1] for one in found)


def test_a_fence_that_stays_open_is_found_in_any_set(flags):
    ((*_, message),) = flags("truncated", [{"messages": chat("go", f"So:\n```python\nprint(1)\n{WORDS}")}])
    assert "does not close it" in message


@pytest.mark.parametrize(
    "text",
    [
        "A short title",
        f"{WORDS}\n- one more thing to take along",
        f"{WORDS}\n```\nprint(1)\n```",
        f"{WORDS} at https://mill.io/long/path",
        f"{WORDS} x = compute(a, b",
        f"{WORDS} 🎉",
        f"{WORDS} #Courier",
        f"{WORDS} 我们明天再来",
        f"{WORDS} he said “yes”",
    ],
)
def test_other_ends_are_left_alone(flags, text):
    assert flags("truncated", [*WHOLE, {"messages": chat("go", text)}]) == []


def test_where_most_answers_have_no_full_stop_none_is_missed(flags):
    assert flags("truncated", [{"messages": chat(f"go {i}", f"{WORDS} end")} for i in range(10)]) == []
