"""Examples written in the forms that other trainers read; what a form cannot carry is refused, never bent.

Each function is the inverse of that form's reading: a written row read back is the same example.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from curation.formats.turns import Turn

Example = dict[str, Any]
_TAGS = {"system": "system", "user": "human", "assistant": "gpt", "tool": "observation"}


class CannotCarry(ValueError):
    """An example that this form has no place for; the text says what."""


def openai(example: Example) -> dict[str, Any]:
    """`messages` and `tools` as OpenAI takes them: arguments of calls are JSON text there."""
    _no_pair(example)
    turns = [_wire(turn) for turn in example["messages"]]
    return {"messages": turns, **({"tools": example["tools"]} if example.get("tools") else {})}


def _wire(turn: Turn) -> Turn:
    if not turn.get("tool_calls"):
        return turn
    calls = [
        {
            **one,
            "function": {
                **one["function"],
                "arguments": one["function"]["arguments"]
                if isinstance(one["function"]["arguments"], str)
                else json.dumps(one["function"]["arguments"], ensure_ascii=False),
            },
        }
        for one in turn["tool_calls"]
    ]
    return {**turn, "tool_calls": calls}


def sharegpt(example: Example) -> dict[str, Any]:
    """`conversations` of `from` and `value`; a call is a turn of its own, tools are JSON text."""
    _no_pair(example)
    written: list[dict[str, str]] = []
    for turn in example["messages"]:
        calls = turn.get("tool_calls") or []
        if calls:
            if turn.get("content"):
                raise CannotCarry("a turn with both text and a tool call")
            given = [one["function"] for one in calls]
            value = json.dumps(given[0] if len(given) == 1 else given, ensure_ascii=False)
            written.append({"from": "function_call", "value": value})
            continue
        role = turn["role"]
        written.append({"from": _TAGS.get(role, role), "value": _plain(turn)})
    tools = example.get("tools")
    return {
        "conversations": written,
        **({"tools": json.dumps(tools, ensure_ascii=False)} if tools else {}),
    }


def alpaca(example: Example) -> dict[str, Any]:
    """`instruction` and `output`, with `system` and `history` where there are any."""
    _no_pair(example)
    if example.get("tools"):
        raise CannotCarry("tools")
    turns = list(example["messages"])
    system = _plain(turns.pop(0)) if turns and turns[0]["role"] == "system" else None
    roles = [turn["role"] for turn in turns]
    if not turns or roles != ["user", "assistant"] * (len(turns) // 2):
        raise CannotCarry("turns that are not user and assistant in turn")
    said = [_plain(turn) for turn in turns]
    pairs = list(zip(said[::2], said[1::2], strict=True))
    return {
        "instruction": pairs[-1][0],
        "input": "",
        "output": pairs[-1][1],
        **({"system": system} if system else {}),
        **({"history": [list(pair) for pair in pairs[:-1]]} if len(pairs) > 1 else {}),
    }


def completion(example: Example) -> dict[str, Any]:
    """TRL's `prompt` and `completion`, both lists of messages: the last answer is the completion."""
    _no_pair(example)
    turns = example["messages"]
    if len(turns) < 2 or turns[-1]["role"] != "assistant":
        raise CannotCarry("a chat that does not end with an answer to something")
    tools = {"tools": example["tools"]} if example.get("tools") else {}
    return {"prompt": turns[:-1], "completion": turns[-1:], **tools}


def preference(example: Example) -> dict[str, Any]:
    """TRL's `prompt`, `chosen`, `rejected`, the prompt always written out."""
    if not example.get("chosen") or not example.get("rejected"):
        raise CannotCarry("an example that is no pair")
    tools = {"tools": example["tools"]} if example.get("tools") else {}
    return {
        "prompt": example["messages"],
        "chosen": example["chosen"],
        "rejected": example["rejected"],
        **tools,
    }


def kto(example: Example) -> dict[str, Any]:
    """TRL's unpaired preference: `prompt`, `completion` and whether the answer is wanted."""
    wanted = (example.get("metadata") or {}).get("desirable")
    if not isinstance(wanted, bool):
        raise CannotCarry("an example that nobody said was wanted or not (`desirable` in its metadata)")
    return {**completion(example), "label": wanted}


WRITERS: dict[str, Callable[[Example], dict[str, Any]]] = {
    "openai": openai,
    "sharegpt": sharegpt,
    "alpaca": alpaca,
    "completion": completion,
    "preference": preference,
    "kto": kto,
}


def _no_pair(example: Example) -> None:
    if example.get("chosen") or example.get("rejected"):
        raise CannotCarry("a preference pair")


def _plain(turn: Turn) -> str:
    extra = sorted(set(turn) - {"role", "content", "tool_call_id", "name"})
    if not isinstance(turn.get("content"), str) or extra:
        raise CannotCarry(f"a turn with more than text ({', '.join(extra) or 'parts'})")
    return str(turn["content"])


def refused(names: Sequence[str], form: str, reason: str) -> str:
    """What to say of the examples that a form cannot carry."""
    shown = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
    return f"{len(names):,} examples cannot be written as {form}: it has no place for {reason} ({shown})."
