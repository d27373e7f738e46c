"""Turns in one form: roles by their usual names, tool calls as objects, parts of plain text as text.

Whatever a publisher calls a role or a call, an example says system, user, assistant and tool; a name that
nobody knows stays as it is, for a check to flag.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
Turn = dict[str, Any]

ROLES = {
    "human": "user",
    "prompter": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "model": "assistant",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
}
"""What ShareGPT-like sets call the roles (the maps of axolotl and LLaMA-Factory together)."""


class Unreadable(ValueError):
    """A row of a known form that cannot become an example; the text says why."""


@dataclass(frozen=True, slots=True)
class Read:
    """One example of a row: its parts, and which keys of the row they took; the rest is metadata."""

    messages: list[Turn]
    taken: frozenset[str]
    tools: list[Any] | None = None
    chosen: list[Turn] | None = None
    rejected: list[Turn] | None = None
    label: str | None = None
    group: str | None = None
    more: dict[str, Any] = field(default_factory=dict)


def said(role: str, content: object) -> Turn:
    """A turn of plain text.

    Raises:
        Unreadable: the content is no text.
    """
    if not isinstance(content, str):
        raise Unreadable(f"the {role} text is not text but {type(content).__name__}")
    return {"role": role, "content": content}


def asked(prompt: str, system: object = None, history: object = None) -> list[Turn]:
    """The turns before an answer: system text if there is some, earlier pairs, the question."""
    turns = [said("system", system)] if isinstance(system, str) and system.strip() else []
    for pair in history if isinstance(history, list) else ():
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise Unreadable("`history` is not a list of pairs of question and answer")
        turns += [said("user", pair[0]), said("assistant", pair[1])]
    return [*turns, said("user", prompt)]


def tidy(turn: Turn) -> Turn:
    """A turn of the OpenAI kind with legacy calls renamed, arguments as objects and text parts joined."""
    found = dict(turn)
    if found.get("role") == "function":
        found["role"] = "tool"
    if isinstance(found.get("function_call"), dict):
        found["tool_calls"] = [call(found.pop("function_call"))]
    if isinstance(found.get("tool_calls"), list):
        found["tool_calls"] = [call(one) if isinstance(one, dict) else one for one in found["tool_calls"]]
    if isinstance(found.get("content"), list):
        _join_parts(found)
    return found


def call(given: Mapping[str, Any]) -> dict[str, Any]:
    """One tool call as `{id?, type, function: {name, arguments}}`, arguments as an object where they parse."""
    inner = given.get("function") if isinstance(given.get("function"), dict) else given
    arguments = inner.get("arguments", inner.get("args", inner.get("parameters", {}))) if inner else {}
    if isinstance(arguments, str):
        arguments = _object(arguments)
    named = {key: value for key, value in given.items() if key == "id"}
    return {
        **named,
        "type": "function",
        "function": {"name": (inner or {}).get("name"), "arguments": arguments},
    }


def _object(text: str) -> Any:  # noqa: ANN401  JSON, or the text as it was
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) else text


def _join_parts(turn: Turn) -> None:
    """Text parts become one text, reasoning and calls get fields of their own; any other part keeps the list."""
    texts, reasoning, calls = [], [], []
    for part in turn["content"]:
        kind = part.get("type") if isinstance(part, dict) else None
        value = part.get("text", part.get("value")) if isinstance(part, dict) else None
        if kind == "text" and isinstance(value, str):
            texts.append(value)
        elif kind in ("reasoning", "thinking") and isinstance(part.get("thinking", value), str):
            reasoning.append(part.get("thinking", value))
        elif kind == "tool_call" and isinstance(value, str | dict):
            given = _object(value) if isinstance(value, str) else value
            if not isinstance(given, dict):
                return
            calls.append(call(given))
        else:
            return
    turn["content"] = "".join(texts)
    if reasoning:
        turn["reasoning_content"] = "\n".join(reasoning)
    if calls:
        turn["tool_calls"] = [*turn.get("tool_calls", ()), *calls]


def tool_list(given: object) -> list[Any] | None:
    """Tools as a list: from a list, one JSON text, or legacy `functions`.

    Raises:
        Unreadable: JSON text that is no JSON.
    """
    if isinstance(given, str):
        if not given.strip():
            return None
        try:
            given = json.loads(given)
        except ValueError as error:
            raise Unreadable(f"`tools` is not JSON: {error}") from error
    if isinstance(given, dict):
        given = [given]
    if not isinstance(given, list) or not given:
        return None
    wrapped = [
        {"type": "function", "function": one}
        if isinstance(one, dict) and "function" not in one and "name" in one
        else one
        for one in given
    ]
    return wrapped


def tagged(turns: Iterable[Any]) -> list[Turn]:
    """Turns of the ShareGPT kind: `{from, value}`.

    Raises:
        Unreadable: an entry without the two.
    """
    found: list[Turn] = []
    for number, one in enumerate(turns):
        if not isinstance(one, dict) or not isinstance(one.get("from"), str):
            raise Unreadable(f"turn {number} has no `from`")
        role, value = one["from"], one.get("value")
        if role == "function_call":
            given = _calls(value)
            if given is None:
                raise Unreadable(f"turn {number} (function_call) is not a JSON call")
            found.append({"role": "assistant", "content": "", "tool_calls": given})
            continue
        turn = {"role": ROLES.get(role, role), "content": value}
        if isinstance(value, list):
            turn = tidy(turn)
        elif not isinstance(value, str):
            raise Unreadable(f"turn {number} ({role}) has no text")
        if isinstance(one.get("weight"), int | float):
            turn["weight"] = one["weight"]
        found.append(turn)
    return found


def _calls(value: object) -> list[dict[str, Any]] | None:
    if not isinstance(value, str):
        return None
    try:
        given = json.loads(value)
    except ValueError:
        return None
    many = given if isinstance(given, list) else [given]
    return [call(one) for one in many] if many and all(isinstance(one, dict) for one in many) else None


def pair(
    chosen: Sequence[Turn], rejected: Sequence[Turn], prompt: Sequence[Turn] | None
) -> tuple[list[Turn], list[Turn], list[Turn]]:
    """A preference pair as prompt, chosen and rejected, split between turns, never inside one.

    A prompt that both sides repeat is taken off them; without a prompt it is what they begin with in common.

    Raises:
        Unreadable: a side is empty, or both are the same.
    """
    given = list(prompt or ())
    left, right = list(chosen), list(rejected)
    if given and left[: len(given)] == given and right[: len(given)] == given:
        left, right = left[len(given) :], right[len(given) :]
    common = 0
    while common < min(len(left), len(right)) and left[common] == right[common]:
        common += 1
    if common == len(left) == len(right):
        raise Unreadable("chosen and rejected are the same")
    given, left, right = given + left[:common], left[common:], right[common:]
    if not left or not right:
        raise Unreadable(f"the {'chosen' if not left else 'rejected'} side ends where the other goes on")
    if not given:
        raise Unreadable("there is no prompt: the two sides have no turn in common")
    return given, left, right
