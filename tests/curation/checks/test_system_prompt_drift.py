"""A prompt that is not the one of inference is named; sets of many roles are left alone."""

from __future__ import annotations

from tests.curation.conftest import chat

MAIN = "You are a helpful assistant of the mill. Answer briefly; say so where you do not know. Guess no date."


def rows(n, system, start=0):
    return [{"messages": chat(f"question {start + i}", "answer", system)} for i in range(n)]


def test_a_prompt_that_differs_in_a_word_is_named_with_the_word(flags):
    other = MAIN.replace("a helpful", "the helpful")
    ((row, severity, turn, marked, message),) = flags(
        "system_prompt_drift", rows(50, MAIN) + rows(1, other, 50)
    )
    assert (row, severity, turn, marked) == (50, "look", 0, other)
    assert '50 other rows in "the" for "a"' in message


def test_a_blank_at_the_end_is_a_difference(flags):
    ((*_, message),) = flags("system_prompt_drift", rows(50, MAIN) + rows(1, MAIN + " ", 50))
    assert "in blanks only" in message


def test_a_chat_without_a_prompt_is_named_where_nearly_all_have_one(flags):
    ((row, _, turn, _, message),) = flags("system_prompt_drift", rows(50, MAIN) + rows(1, None, 50))
    assert (row, turn) == (50, None) and "50 of 51 rows have one" in message


def test_a_rare_prompt_is_named_beside_one_that_most_have(flags):
    ((row, *_, message),) = flags("system_prompt_drift", rows(120, MAIN) + rows(1, "Speak as a pirate.", 120))
    assert row == 120 and "1 of 121 rows" in message


def test_sets_of_many_roles_small_sets_and_sets_without_prompts_are_left_alone(flags):
    roles = [row for i in range(30) for row in rows(1, f"You are number {i} of many: {'abc' * (i + 1)}", i)]
    assert flags("system_prompt_drift", roles + rows(60, MAIN, 30)) == []
    assert flags("system_prompt_drift", rows(10, MAIN) + rows(1, MAIN + "!", 10)) == []
    assert flags("system_prompt_drift", rows(50, None) + rows(3, MAIN, 50)) == []
    assert flags("system_prompt_drift", rows(40, MAIN) + rows(10, MAIN + "!", 40)) == []
    assert flags("system_prompt_drift", rows(25, MAIN) + rows(25, "Speak as a pirate.", 25)) == []
