"""Check: tool calls that no tool can answer, and answers that no call asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from curation.checks.check import Found, Rows, Severity, check, findings, quoted

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

_RESULTS = ("tool", "function")
_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")
_MOST_ERRORS = 3  # of one call


class _Call(NamedTuple):
    """One call: its id and name ("" where there is none), its arguments as they were written."""

    id: str
    name: str
    arguments: Any


class _Problem(NamedTuple):
    severity: Severity
    turn: int | None
    message: str


class _Tool(NamedTuple):
    """One tool: what checks its arguments (None: nothing can), and the type that is no JSON Schema type."""

    validator: Draft202012Validator | None
    odd: str


@check("tool_calls", "Tool calls", "block", version=2)
def tool_calls(rows: Rows) -> pa.Table:
    """Finds: a call of a tool the row does not have, arguments that are not JSON or break the tool's parameters, a
    result without a call, a call without its result before the next user turn (all block); calls without a list
    of tools, tools whose parameters are no JSON Schema (look). Where ids are missing or repeat, results belong to
    calls by order.

    Why it hurts training: the model learns calls that fail when they are made.

    False alarms: a last call without a result is a target, and is left alone. Schemas written with the types of a
    programming language ("dict", "str") are named once a row, and their arguments are not judged.

    How to fix: mend the name or the arguments; add the tool to the row's list; drop the row.

    Example: Turn 4 answers the call "c_9", but no call has that id (open calls: "c_7").
    """
    table = rows.select(
        """
        select seq, messages, tools
        from rows
        where contains(messages, '"tool_call') or contains(messages, '"function_call"')
            or list_has_any(roles, ['tool', 'function'])
        order by seq
        """
    )
    known: dict[str | None, dict[str, _Tool]] = {None: {}}
    found: list[Found] = []
    for batch in table.to_batches(max_chunksize=10_000):
        for seq, messages, tools in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if tools not in known:
                known[tools] = _tools(tools)
            for one in _problems(json.loads(messages), known[tools]):
                found.append(Found(seq, one.severity, one.turn, None, None, one.message))
    return findings(found)


def _problems(messages: Sequence[Mapping[str, Any]], tools: Mapping[str, _Tool]) -> Iterator[_Problem]:
    called = [_calls(message) for message in messages]
    yield from _pairing(messages, called)
    if any(called) and not tools:
        first = next(turn for turn, calls in enumerate(called) if calls)
        yield _Problem(
            "look",
            first,
            "The row calls tools but has no list of them. At inference the model needs the list.",
        )
        return
    for turn, calls in enumerate(called):
        for call in calls:
            yield from _judged(turn, call, tools)
    if any(called):
        odd = next(((name, tool.odd) for name, tool in tools.items() if tool.odd), None)
        if odd:
            yield _Problem(
                "look",
                None,
                f"The parameters of {quoted(odd[0])} are not valid JSON Schema ({quoted(odd[1])}). "
                "Its arguments were not checked; write types as string, integer, object.",
            )


def _pairing(messages: Sequence[Mapping[str, Any]], called: Sequence[Sequence[_Call]]) -> Iterator[_Problem]:
    """Results against open calls: by id where the ids tell calls apart, else by order."""
    ids = [call.id for calls in called for call in calls]
    by_id = all(ids) and len(set(ids)) == len(ids)
    waiting: list[tuple[int, _Call]] = []
    for turn, message in enumerate(messages):
        role = message.get("role")
        if role == "user" and waiting:
            at, call = waiting[0]
            yield _Problem(
                "block",
                at,
                f"The call of {quoted(call.name)} in turn {at + 1} has no result before the user's turn "
                f"{turn + 1}. Most templates refuse such a chat.",
            )
            waiting = []
        if role in _RESULTS:
            answers = str(message.get("tool_call_id") or "")
            if not waiting and any(called) and messages[turn - 1].get("role") not in ("user", "system"):
                yield _Problem(
                    "block", turn, f"Turn {turn + 1} is a tool's result, but no call waits for one."
                )
            elif not waiting:
                pass  # `roles` has said so, or the calls are written in the text
            elif by_id and answers:
                match = next((one for one in waiting if one[1].id == answers), None)
                if match is None:
                    still = ", ".join(quoted(call.id) for _, call in waiting)
                    yield _Problem(
                        "block",
                        turn,
                        f"Turn {turn + 1} answers the call {quoted(answers)}, but no call has that id "
                        f"(open calls: {still}).",
                    )
                waiting = [one for one in waiting if one is not match]
            elif _holds_several(message):
                waiting = []
            else:
                waiting.pop(0)
        waiting += [(turn, call) for call in called[turn]]


def _holds_several(message: Mapping[str, Any]) -> bool:
    """One result turn that answers every open call, as a list."""
    text = message.get("content")
    if isinstance(text, list):
        if len(text) != 1 or not isinstance(text[0], dict):
            return len(text) > 1
        text = text[0].get("text") or text[0].get("value")
    return isinstance(text, str) and text.lstrip().startswith("[")


def _calls(message: Mapping[str, Any]) -> list[_Call]:
    """The calls of a message: `tool_calls`, the older `function_call`, or parts of the type `tool_call`."""
    told = message.get("tool_calls")
    found = list(told) if isinstance(told, list) else []
    if isinstance(message.get("function_call"), dict):
        found.append(message["function_call"])
    content = message.get("content")
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type") == "tool_call"]
        found += [part.get("value") or part.get("tool_call") for part in parts]
    return [_call(one) for one in found]


def _call(told: Any) -> _Call:  # noqa: ANN401  whatever the file holds
    value = _decoded(told)
    if not isinstance(value, dict):
        return _Call("", "", told)
    inner = value.get("function")
    function: dict[str, Any] = inner if isinstance(inner, dict) else value
    arguments = function.get("arguments", function.get("parameters", {}))
    return _Call(str(value.get("id") or ""), str(function.get("name") or ""), arguments)


def _decoded(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """JSON inside a text, once; the text itself where it is none."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def _judged(turn: int, call: _Call, tools: Mapping[str, _Tool]) -> Iterator[_Problem]:
    where = f"The call in turn {turn + 1}"
    if not call.name:
        yield _Problem("block", turn, f"{where} has no name: {quoted(str(call.arguments))}.")
        return
    if call.name not in tools:
        listed = ", ".join(quoted(name) for name in list(tools)[:6])
        yield _Problem("block", turn, f"{where} names {quoted(call.name)}. The row's tools are {listed}.")
        return
    value = _decoded(call.arguments) if call.arguments not in (None, "") else {}
    if not isinstance(value, dict):
        yield _Problem(
            "block",
            turn,
            f"The arguments of {quoted(call.name)} are no JSON object: {quoted(str(call.arguments))}.",
        )
        return
    validator = tools[call.name].validator
    if validator is None:
        return
    from referencing.exceptions import Unresolvable

    try:
        for _, error in zip(range(_MOST_ERRORS), validator.iter_errors(value), strict=False):
            yield _Problem(
                "block",
                turn,
                f"{quoted(call.name)}, `{error.json_path}`: {error.message[:160]}. The call would fail.",
            )
    except (Unresolvable, RecursionError):
        return  # the schema points at something that is not in the row


def _tools(text: str) -> dict[str, _Tool]:
    """The tools of a row by name; `tools` may itself be JSON inside a text."""
    told = _decoded(_decoded(text))
    found = {}
    for one in told if isinstance(told, list) else []:
        function = one.get("function", one) if isinstance(one, dict) else None
        if isinstance(function, dict) and function.get("name"):
            found[str(function["name"])] = _tool(function.get("parameters") or function.get("input_schema"))
    return found


def _tool(schema: Any) -> _Tool:  # noqa: ANN401  whatever the file holds
    from jsonschema import Draft202012Validator, SchemaError

    if schema in (None, {}):
        return _Tool(None, "")
    if not isinstance(schema, dict):
        return _Tool(None, type(schema).__name__)
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        odd = next(_odd_types(schema), None)
        return _Tool(None, odd or str(getattr(error, "message", error))[:60])
    return _Tool(Draft202012Validator(schema), "")


def _odd_types(schema: Any) -> Iterator[str]:  # noqa: ANN401  any JSON value
    if isinstance(schema, list):
        for one in schema:
            yield from _odd_types(one)
    elif isinstance(schema, dict):
        kind = schema.get("type")
        if isinstance(kind, str) and kind not in _TYPES:
            yield kind
        for value in schema.values():
            yield from _odd_types(value)
