"""Every form of a JSON row becomes the same kind of example; what does not fit says why and is kept."""

from __future__ import annotations

import json

import pytest

from curation import importing, project, store
from curation.formats.messages import read_row
from tests.curation.conftest import chat

USER, ASSISTANT = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}
SYSTEM = {"role": "system", "content": "Be kind."}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}
FIRST = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": {"a": 1}}}


def only(row, mapping=None):
    (found,) = read_row(json.dumps(row), mapping or {})
    assert found.reason is None, found.reason
    return found


def turns(row, mapping=None):
    return json.loads(only(row, mapping).messages)


def why(row, mapping=None):
    (found,) = read_row(json.dumps(row), mapping or {})
    assert found.messages is None
    return found.reason


SAME = {
    "openai": {"messages": [SYSTEM, USER, ASSISTANT]},
    "text parts": {
        "messages": [
            SYSTEM,
            {"role": "user", "content": [{"type": "text", "text": "H"}, {"type": "text", "text": "i"}]},
            ASSISTANT,
        ]
    },
    "values in parts": {
        "messages": [SYSTEM, {"role": "user", "content": [{"type": "text", "value": "Hi"}]}, ASSISTANT]
    },
    "system beside the turns": {"system": "Be kind.", "messages": [USER, ASSISTANT]},
    "system as blocks": {"system": [{"type": "text", "text": "Be kind."}], "messages": [USER, ASSISTANT]},
    "sharegpt": {
        "conversations": [
            {"from": "system", "value": "Be kind."},
            {"from": "human", "value": "Hi"},
            {"from": "gpt", "value": "Hello"},
        ]
    },
    "sharegpt by another name": {
        "dialog": [{"from": "prompter", "value": "Hi"}, {"from": "bard", "value": "Hello"}],
        "system": "Be kind.",
    },
    "swift": {"conversation": [{"human": "Hi", "assistant": "Hello"}], "system": "Be kind."},
    "alpaca": {"instruction": "Hi", "input": "<noinput>", "output": "Hello", "system": "Be kind."},
    "query": {"query": "Hi", "response": "Hello", "system": "Be kind."},
    "several answers": {"question": "Hi", "answers": {"text": ["Hello", "Hey"]}, "system": "Be kind."},
    "completion of messages": {"prompt": [SYSTEM, USER], "completion": [ASSISTANT]},
    "gemini": {
        "systemInstruction": {"parts": [{"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "H"}, {"text": "i"}]},
            {"role": "model", "parts": [{"text": "Hello"}]},
        ],
    },
}


@pytest.mark.parametrize("row", SAME.values(), ids=SAME)
def test_the_same_chat_in_any_form_is_the_same_example(row):
    assert turns(row) == [SYSTEM, USER, ASSISTANT]


def test_an_earlier_exchange_comes_before_the_question():
    assert turns({"instruction": "b", "output": "B", "history": [["a", "A"]]}) == chat("a", "A") + chat(
        "b", "B"
    )


def test_an_alpaca_input_follows_its_instruction_on_a_line_of_its_own():
    assert turns({"instruction": "Translate", "input": "Brot", "output": "bread"}) == chat(
        "Translate\nBrot", "bread"
    )


def test_the_space_before_a_completion_is_not_part_of_the_answer_but_indents_are():
    assert turns({"prompt": "2+2=", "completion": " 4"})[-1]["content"] == "4"
    assert turns({"prompt": "def f():", "completion": "    return 1"})[-1]["content"] == "    return 1"


def test_context_goes_before_the_question():
    assert turns({"context": "C", "question": "Q?", "answer": "A"}) == chat("C\n\nQ?", "A")


def test_tool_calls_of_every_publisher_are_one_kind_with_arguments_as_an_object():
    legacy = {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": '{"a": 1}'}},
            {"role": "function", "name": "f", "content": "2"},
        ],
        "functions": [{"name": "f", "parameters": {}}],
    }
    found = only(legacy)
    assert json.loads(found.tools) == [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    assert json.loads(found.messages)[1]["tool_calls"] == [FIRST]
    assert json.loads(found.messages)[2] == {
        "role": "tool",
        "name": "f",
        "content": "2",
        "tool_call_id": "call_1",
    }
    anthropic = {
        "messages": [
            USER,
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c1", "name": "f", "input": {"a": 1}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c1", "content": "2"}]},
        ]
    }
    assert turns(anthropic)[1]["tool_calls"] == [CALL]
    assert turns(anthropic)[2] == {"role": "tool", "tool_call_id": "c1", "content": "2"}
    sharegpt = {
        "conversations": [
            {"from": "human", "value": "Hi"},
            {"from": "function_call", "value": '{"name": "f", "arguments": {"a": 1}}'},
            {"from": "observation", "value": "2"},
        ],
        "tools": "[]",
    }
    assert turns(sharegpt)[1]["tool_calls"] == [FIRST] and turns(sharegpt)[2]["role"] == "tool"
    gemini = {
        "contents": [
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}]},
            {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": 2}}]},
        ]
    }
    assert turns(gemini)[1]["tool_calls"] == [FIRST] and turns(gemini)[2]["content"] == "2"
    parts = {
        "messages": [
            USER,
            {
                "role": "assistant",
                "content": [
                    {"type": "reasoning", "value": "Hm."},
                    {"type": "tool_call", "value": '{"name": "f", "arguments": {"a": 1}}'},
                ],
            },
        ]
    }
    assert turns(parts)[1]["tool_calls"] == [FIRST] and turns(parts)[1]["reasoning_content"] == "Hm."


PAIRS = {
    "texts with a prompt": {"prompt": "Hi", "chosen": "Hello", "rejected": "Go away"},
    "whole chats without a prompt": {
        "chosen": [USER, ASSISTANT],
        "rejected": [USER, {"role": "assistant", "content": "Go away"}],
    },
    "whole chats and a prompt": {
        "prompt": [USER],
        "chosen": [USER, ASSISTANT],
        "rejected": [USER, {"role": "assistant", "content": "Go away"}],
    },
    "dialogues as text": {
        "chosen": "\n\nHuman: Hi\n\nAssistant: Hello",
        "rejected": "\n\nHuman: Hi\n\nAssistant: Go away",
    },
    "openai": {
        "input": {"messages": [USER]},
        "preferred_output": [ASSISTANT],
        "non_preferred_output": [{"role": "assistant", "content": "Go away"}],
    },
    "after a sharegpt chat": {
        "conversations": [{"from": "human", "value": "Hi"}],
        "chosen": {"from": "gpt", "value": "Hello"},
        "rejected": {"from": "gpt", "value": "Go away"},
    },
    "chosen_messages": {
        "chosen_messages": [USER, ASSISTANT],
        "rejected_messages": [USER, {"role": "assistant", "content": "Go away"}],
    },
    "alpaca": {"instruction": "Hi", "input": "", "chosen": "Hello", "rejected": "Go away"},
}


@pytest.mark.parametrize("row", PAIRS.values(), ids=PAIRS)
def test_the_same_pair_in_any_form_is_the_same_example(row):
    found = only(row)
    assert json.loads(found.messages) == [USER]
    assert json.loads(found.chosen) == [ASSISTANT]
    assert json.loads(found.rejected) == [{"role": "assistant", "content": "Go away"}]


def test_a_pair_is_split_between_turns_and_never_inside_one():
    found = only({"prompt": "City?", "chosen": "Paris ", "rejected": "Paris, France"})
    assert json.loads(found.messages) == [{"role": "user", "content": "City?"}]
    assert json.loads(found.chosen)[0]["content"] == "Paris "


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"prompt": "Hi", "chosen": "a", "rejected": "a"}, "are the same"),
        ({"chosen": "a", "rejected": "b"}, "no prompt"),
        ({"prompt": "Hi", "chosen": "a", "rejected": None}, "`rejected` is neither"),
        ({"conversations": [{"from": "human"}]}, "has no text"),
        ({"instruction": "x", "output": 3}, "assistant text is not text but int"),
        ({"contents": [{"role": "user"}]}, "no `parts`"),
        ({"text": "<|im_start|>user\nHi<|im_end|>"}, "rendered already"),
        ({"rows": [1, 2]}, "its keys are rows"),
        ({"messages": [{"role": "user"}]}, "no content and no tool call"),
        ({"messages": [USER], "tools": "[oops"}, "`tools` is not JSON"),
    ],
)
def test_a_row_that_does_not_fit_says_why(row, says):
    assert says in why(row)


def test_a_boolean_label_says_whether_an_answer_is_wanted_and_is_no_class():
    found = only({"prompt": "Hi", "completion": "Hello", "label": False})
    assert found.label is None and json.loads(found.metadata) == {"desirable": False}


def test_a_tree_is_one_example_a_path_and_one_group():
    post = lambda role, text, *replies, **more: {"role": role, "text": text, "replies": list(replies), **more}  # noqa: E731
    tree = post(
        "prompter",
        "Hi",
        post("assistant", "Hello", post("prompter", "More?", post("assistant", "Yes"))),
        post("assistant", "Hey", rank=1),
        post("assistant", "gone", deleted=True),
    )
    found = read_row(json.dumps({"message_tree_id": "t1", "prompt": tree}), {})
    assert [json.loads(one.messages)[-1]["content"] for one in found] == ["Yes", "Hey"]
    assert {one.group_key for one in found} == {"t1"}


def test_a_mapping_wins_over_every_form_and_names_what_is_missing():
    row = {"question": "Hi", "answer": "Hello", "sql": "select 1", "note": "n"}
    found = only(row, {"user": "question", "assistant": "sql"})
    assert json.loads(found.messages) == chat("Hi", "select 1")
    assert json.loads(found.metadata) == {"answer": "Hello", "note": "n"}
    assert why(row, {"user": "question", "assistant": "query"}) == "no `query`"
    assert only({"q": "where is it", "y": 3}, {"user": "q", "label": "y"}).label == "3"


def test_what_no_form_takes_is_metadata():
    assert json.loads(only({"query": "Hi", "response": "Hello", "score": 0.5, "id": 7}).metadata) == {
        "score": 0.5,
        "id": 7,
    }


def test_one_file_may_mix_forms_and_every_row_is_accounted_for(tmp_path):
    rows = [*SAME.values(), *PAIRS.values(), {"odd": 1}]
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    with store.create(project.reserve(tmp_path / "p")) as opened:
        report = importing.import_file(opened, path, who="ann")
        stored = opened.rows("select messages, chosen, rejected from content")
        reasons = opened.rows("select reason from quarantine")
    assert report.rows == len(rows)
    assert (report.examples, report.quarantined) == (2, 1)  # one chat and one pair, in many clothes
    assert [bool(chosen) and bool(rejected) for _, chosen, rejected in stored] == [False, True]
    assert "its keys are odd" in reasons[0][0]
