from __future__ import annotations

import json

import pytest

PARAMETERS = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
TOOLS = [{"type": "function", "function": {"name": "count", "parameters": PARAMETERS}}]
USER = {"role": "user", "content": "count"}


def call(arguments='{"n": 1}', name="count", **more):
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **more}


def asks(*calls):
    return {"role": "assistant", "tool_calls": list(calls)}


def result(**more):
    return {"role": "tool", "content": "1", **more}


def parts(text):
    return result(content=[{"type": "text", "value": text}])


def row(*turns, tools=TOOLS):
    return {"messages": [USER, *turns], "tools": tools}


END = {"role": "assistant", "content": "one"}


@pytest.mark.parametrize(
    "told",
    [
        row(asks(call())),
        row(asks(call()), result(), END),
        row(asks(call(id="a"), call(id="b")), result(tool_call_id="b"), result(tool_call_id="a"), END),
        row(asks(call(id="x")), result(tool_call_id="x"), asks(call(id="x")), result(tool_call_id="x"), END),
        row(asks(call({"n": 1})), tools=json.dumps(TOOLS)),
        row({"role": "assistant", "content": [{"type": "tool_call", "value": json.dumps(call())}]}),
        row({"role": "assistant", "content": "<call> count"}, result(), END),
        row(END),
        row(asks(call(), call()), parts('[{"n": 1}, {"n": 2}]'), END, USER, END),
        row(asks(call()), parts("1"), END, USER, END),
    ],
)
def test_calls_that_fit_are_left_alone(flags, told):
    assert flags("tool_calls", [told]) == []


@pytest.mark.parametrize(
    ("told", "severity", "turn", "message"),
    [
        (row(asks(call(id="a")), result(tool_call_id="b"), END), "block", 2, 'the call "b"'),
        (row(asks(call()), USER, END), "block", 1, "no result"),
        (row(asks(call(name="sum"))), "block", 1, 'names "sum"'),
        (row(asks(call("{n: 1}"))), "block", 1, "no JSON object"),
        (row(asks(call('{"n": "1"}'))), "block", 1, "'1' is not of type 'integer'"),
        (row(asks(call()), result(), END, result(), END), "block", 4, "no call waits"),
        (row(asks(call()), tools=[]), "look", 1, "no list"),
    ],
)
def test_each_wrong_call_is_named_at_its_turn(flags, told, severity, turn, message):
    ((_, found, at, _, text),) = flags("tool_calls", [told])
    assert (found, at) == (severity, turn)
    assert message in text


def test_types_of_a_programming_language_are_named_once_a_row(flags):
    tools = [
        {
            "type": "function",
            "function": {"name": name, "parameters": {"type": "dict", "properties": {"n": {"type": "int"}}}},
        }
        for name in ("count", "sum")
    ]
    ((_, severity, turn, _, message),) = flags(
        "tool_calls", [row(asks(call(), call(name="sum")), tools=tools)]
    )
    assert (severity, turn) == ("look", None) and '"dict"' in message
