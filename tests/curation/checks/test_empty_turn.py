from __future__ import annotations

import pytest

from tests.curation.conftest import chat


@pytest.mark.parametrize("answer", ["", " ", "\n\t ", "\u00a0", "\u200b\ufeff", "\u3000"])
def test_an_answer_nobody_can_see_blocks(flags, answer):
    ((_, severity, turn, marked, message),) = flags("empty_turn", [{"messages": chat("hello", answer)}])
    assert (severity, turn, marked) == ("block", 1, answer)
    assert "turn 2 is empty" in message


def test_an_empty_user_or_system_turn_is_only_worth_a_look(flags):
    found = flags("empty_turn", [{"messages": chat("", "answer", system=" ")}])
    assert [(severity, turn) for _, severity, turn, *_ in found] == [("look", 0), ("look", 1)]


def test_tool_calls_and_attachments_are_not_nothing(flags):
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    rows = [
        {
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a"}}]},
                {"role": "assistant", "content": "a cat"},
            ]
        },
        {
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": [{"type": "text", "text": "."}]},
            ]
        },
    ]
    assert flags("empty_turn", rows) == []


def test_a_call_without_content_but_an_empty_list_of_calls_is_nothing(flags):
    rows = [
        {
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": "", "tool_calls": []},
            ]
        }
    ]
    assert len(flags("empty_turn", rows)) == 1
