"""Tool calls as answers: read from a turn, or from the text that a model wrote.

As a text, calls are one canonical JSON list of objects with `name` and `arguments`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from curation.files import canonical_json
from evals.scorers.json_answer import read_json
from evals.scorers.score import ParseLevel

_TAGGED = re.compile(r"<tool_call>\s*(.*?)\s*(?:</tool_call>|\Z)", re.DOTALL)
_MARKS = ("[TOOL_CALLS]", "<|python_tag|>")
_ARGUMENTS = ("arguments", "parameters", "input")


class Call(NamedTuple):
    """One tool call; `arguments` is any JSON value, an object nearly always."""

    name: str
    arguments: Any


class Calls(NamedTuple):
    """The calls of an answer.

    `level` is the strictest rule that reads them. `problem` says why what looks like a call is none.
    """

    calls: tuple[Call, ...]
    level: ParseLevel = "strict"
    problem: str = ""


def of_turn(message: Mapping[str, Any]) -> tuple[Call, ...]:
    """The calls of an assistant's turn: `tool_calls`, or the older `function_call`."""
    told = message.get("tool_calls")
    found = list(told) if isinstance(told, list) else []
    if isinstance(message.get("function_call"), dict):
        found.append(message["function_call"])
    return tuple(call for call in map(_call, found) if call is not None)


def as_text(calls: Sequence[Call]) -> str:
    """Calls as canonical JSON text."""
    return canonical_json([{"arguments": one.arguments, "name": one.name} for one in calls])


def of_text(text: str, finish: str = "stop") -> Calls:
    """The calls in an answer's text.

    Read are the JSON of one call or a list of calls, a whole message with `tool_calls`, and the forms that
    chat templates teach: `<tool_call>...</tool_call>`, `[TOOL_CALLS] [...]` and `<|python_tag|>{...}`.
    Any other text makes no call.
    """
    stripped = text.strip()
    if "<tool_call>" in stripped:
        return _joined([match.group(1) for match in _TAGGED.finditer(stripped)], finish)
    for mark in _MARKS:
        if mark in stripped:
            return _joined([stripped.partition(mark)[2]], finish)
    parsed = read_json(text, finish)
    if parsed.found:
        return Calls(_listed(parsed.value) or (), parsed.level)
    begun = stripped.startswith(("{", "[")) and any(
        f'"{key}"' in stripped for key in ("tool_calls", "arguments")
    )
    return Calls((), "none", f"{parsed.code}: {parsed.message}") if begun else Calls(())


def _joined(parts: Sequence[str], finish: str) -> Calls:
    """The calls of several marked parts, in order; each must hold at least one."""
    found: list[Call] = []
    for part in parts:
        parsed = read_json(part, finish)
        calls = _listed(parsed.value) if parsed.found else None
        if not calls:
            problem = (
                f"{parsed.code}: {parsed.message}" if not parsed.found else "no_call: no name in the call"
            )
            return Calls((), "none", problem)
        found += calls
    return Calls(tuple(found))


def _listed(value: Any) -> tuple[Call, ...] | None:  # noqa: ANN401  any JSON value
    """The calls that a JSON value is; None when it is something else."""
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    elif isinstance(value, dict) and isinstance(value.get("function_call"), dict):
        value = [value["function_call"]]
    elif isinstance(value, dict):
        value = [value]
    if not isinstance(value, list):
        return None
    calls = [_call(one) for one in value]
    return tuple(one for one in calls if one is not None) if all(calls) else None


def _call(told: Any) -> Call | None:  # noqa: ANN401  any JSON value
    if not isinstance(told, dict):
        return None
    inner = told.get("function")
    function = inner if isinstance(inner, dict) else told
    name = function.get("name")
    key = next((key for key in _ARGUMENTS if key in function), None)
    if not isinstance(name, str) or not name or (key is None and inner is None):
        return None
    return Call(name, _decoded(function[key]) if key else {})


def _decoded(value: Any) -> Any:  # noqa: ANN401  any JSON value
    """Arguments given as JSON inside a text, as OpenAI writes them; nothing given is no argument."""
    if value is None or value == "":
        return {}
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value
