from __future__ import annotations

import pytest

from curation import checks, decisions, importing
from curation.task import Task
from tests.curation.conftest import chat, write_jsonl

LABELS = Task(kind="classification", labels=["refund", "cancel", "other"])
STRUCTURED = Task(kind="structured")


def test_the_message_counts_the_answers_to_one_prompt(flags):
    told = ["refund"] * 3 + ["cancel"] * 2 + ["other"]
    rows = [{"messages": chat(f"I want{' ' * (i + 1)}it back", one)} for i, one in enumerate(told)]
    found = flags("conflicting_answers", [*rows, {"messages": chat("something else", "other")}], LABELS)
    assert [row for row, *_ in found] == [0, 1, 2, 3, 4, 5]
    assert {message for *_, message in found} == {
        "Same prompt, 3 different answers: refund x3, cancel x2, other x1."
    }
    assert found[0][1:4] == ("fix", 1, "refund")


def test_json_answers_are_called_by_the_fields_that_differ(flags):
    rows = [
        {"messages": chat("go", '{"intent": "a", "n": 1}')},
        {"messages": chat("Go!", '{"n": 1, "intent": "b"}')},
    ]
    found = flags("conflicting_answers", rows, STRUCTURED)
    assert found[0][-1] == "Same prompt, 2 different answers: intent a x1, intent b x1."


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (chat("go", '{"a": 1, "b": 2}'), chat("go", '{"b":2,"a":1}')),
        (chat("go", "Yes."), chat("go", "yes")),
        (chat("go", "yes"), chat("go on", "no")),
        (chat("go", "yes", system="You are kind"), chat("go", "no", system="You are strict")),
        ([*chat("go", "where?"), *chat("there", "yes")], [*chat("go", "when?"), *chat("there", "no")]),
        (chat("go there", "yes"), [{"role": "user", "content": "go"}, *chat("there", "no")]),
        (chat("?!", "yes"), chat("!?", "no")),
    ],
)
def test_other_prompts_and_other_spellings_are_no_conflict(flags, a, b):
    assert flags("conflicting_answers", [{"messages": a}, {"messages": b}], STRUCTURED) == []


def test_other_tools_are_another_prompt(flags):
    tools = [[{"type": "function", "function": {"name": name, "parameters": {}}}] for name in "fg"]
    rows = [
        {"messages": chat("go", one), "tools": tool} for one, tool in zip(("yes", "no"), tools, strict=True)
    ]
    assert flags("conflicting_answers", rows, STRUCTURED) == []


def test_calls_of_different_tools_are_different_answers(flags):
    def calling(name):
        call = {"id": "1", "type": "function", "function": {"name": name, "arguments": "{}"}}
        return {
            "messages": [
                {"role": "user", "content": "go"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
            ]
        }

    assert len(flags("conflicting_answers", [calling("f"), calling("g")], STRUCTURED)) == 2


def test_where_wordings_may_differ_only_other_numbers_count(flags):
    rows = [
        {"messages": chat("when", "It opens at 9:30.")},
        {"messages": chat("when", "At 9:30 it opens, as always.")},
        {"messages": chat("how long", "Within 3 days.")},
        {"messages": chat("how long", "Within 5 days.")},
    ]
    assert [row for row, *_ in flags("conflicting_answers", rows, Task())] == [2, 3]


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Three ways:\n1. Walk.\n2. Run.", "Three ways:\n1) Walk.\n2) Run.\n3) Rest."),
        ("By bus.", "By bus 42."),
        ("9:30 is best; at 9:30 it opens.", "It opens at\n9:30"),
    ],
)
def test_points_of_a_list_numbers_said_twice_and_numbers_left_out_are_no_conflict(flags, a, b):
    rows = [{"messages": chat("how", a)}, {"messages": chat("how", b)}]
    assert flags("conflicting_answers", rows, Task()) == []


def test_dropping_one_side_ends_the_conflict_and_undo_brings_it_back(opened, tmp_path):
    rows = [{"messages": chat("go", "refund")}, {"messages": chat("go", "cancel")}]
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
    assert checks.run(opened, LABELS)["conflicting_answers"] == 2
    decisions.decide(opened, [1], "decision", "drop", who="ann")
    assert "conflicting_answers" in checks.outdated(opened, LABELS)
    assert checks.run(opened, LABELS)["conflicting_answers"] == 0
    decisions.undo(opened, who="ann")
    assert checks.run(opened, LABELS)["conflicting_answers"] == 2
