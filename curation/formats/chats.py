"""Chats as publishers write them: OpenAI, Anthropic, ShareGPT, Gemini, OpenAssistant trees."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from curation.formats.turns import (
    ROLES,
    Read,
    Row,
    Turn,
    Unreadable,
    call,
    pair,
    said,
    tagged,
    tidy,
    tool_list,
)

_DIALOGS = ("conversations", "conversation", "dialog", "dialogue", "messages")


def is_messages(row: Row) -> bool:
    """Whether it has turns of `role` and `content`."""
    turns = row.get("messages")
    return isinstance(turns, list) and bool(turns) and not from_value(turns)


def from_value(turns: object) -> bool:
    """Whether these are turns of `from` and `value`."""
    return isinstance(turns, list) and any(isinstance(one, dict) and "from" in one for one in turns)


def chat(turns: Sequence[Any]) -> list[Turn]:
    """Turns of the OpenAI or the Anthropic kind, in one form.

    Raises:
        Unreadable: a turn without a role, or with neither content nor a tool call.
    """
    found: list[Turn] = []
    for number, one in enumerate(turns):
        if not isinstance(one, dict):
            raise Unreadable(f"turn {number} is not an object")
        if not isinstance(one.get("role"), str):
            raise Unreadable(f"turn {number} has no role")
        content = one.get("content")
        calls = one.get("tool_calls") or one.get("function_call")
        if not isinstance(content, str | list) and not calls:
            what = (
                "no content" if content is None else f"a content that is no text ({type(content).__name__})"
            )
            raise Unreadable(f"turn {number} ({one['role']}) has {what} and no tool call")
        found += _blocks(one) if _has_blocks(content) else [tidy(one)]
    return _with_ids(found)


def refusal(messages: object) -> str | None:
    """Why these messages cannot be an example at all; None when they can."""
    if not isinstance(messages, list) or not messages:
        return "`messages` is not a list of turns"
    try:
        chat(messages)
    except Unreadable as error:
        return str(error)
    return None


def _has_blocks(content: object) -> bool:
    kinds = (
        {part.get("type") for part in content if isinstance(part, dict)}
        if isinstance(content, list)
        else set()
    )
    return bool(kinds & {"tool_use", "tool_result", "thinking"})


def _blocks(turn: Turn) -> list[Turn]:
    """An Anthropic turn: results of tools are turns of their own, calls and thinking are fields."""
    results, kept, calls, thought = [], [], [], []
    for part in turn["content"]:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "tool_result":
            inner = part.get("content", "")
            results.append(tidy({"role": "tool", "tool_call_id": part.get("tool_use_id"), "content": inner}))
        elif kind == "tool_use":
            calls.append(
                call({"id": part.get("id"), "name": part.get("name"), "arguments": part.get("input", {})})
            )
        elif kind == "thinking":
            thought.append(str(part.get("thinking", "")))
        else:
            kept.append(part)
    rest = tidy({**turn, "content": kept}) if kept else {**turn, "content": ""}
    if thought:
        rest["reasoning_content"] = "\n".join(thought)
    if calls:
        rest["tool_calls"] = calls
    return [*results, *([rest] if kept or calls or thought else [])]


def _with_ids(turns: list[Turn]) -> list[Turn]:
    """Calls that came as legacy `function_call` have no id: their answers follow in order, so ids are given."""
    waiting: list[str] = []
    given = 0
    for turn in turns:
        for one in turn.get("tool_calls") or ():
            if isinstance(one, dict) and not one.get("id"):
                given += 1
                one["id"] = f"call_{given}"
                waiting.append(one["id"])
        if turn.get("role") == "tool" and not turn.get("tool_call_id") and waiting:
            turn["tool_call_id"] = waiting.pop(0)
    return turns


def read_messages(row: Row) -> list[Read]:
    """A chat of the OpenAI or the Anthropic kind."""
    turns = chat(row["messages"])
    system = row.get("system")
    if isinstance(system, list):
        system = tidy({"role": "system", "content": system})["content"]
    if isinstance(system, str) and system.strip() and turns[0].get("role") not in ("system", "developer"):
        turns = [said("system", system), *turns]
    tools = tool_list(row.get("tools")) or tool_list(row.get("functions"))
    label = row.get("label")
    taken = {"messages", "tools", "functions", "system"}
    return [Read(turns, frozenset(taken & set(row)), tools, label=label if isinstance(label, str) else None)]


def dialog(row: Row) -> tuple[str, list[Any]] | None:
    """The key and the turns of a ShareGPT row; None when it is none."""
    found = next(((k, row[k]) for k in _DIALOGS if isinstance(row.get(k), list) and row[k]), None)
    return found if found and (from_value(found[1]) or _swift(found[1])) else None


def _swift(turns: list[Any]) -> bool:
    return all(isinstance(one, dict) and {"human", "assistant"} & set(one) for one in turns)


def read_sharegpt(row: Row) -> list[Read]:
    """A ShareGPT chat, or a preference pair after one."""
    key, turns = dialog(row) or ("", [])
    if _swift(turns):
        messages = [
            said(role, one[name])
            for one in turns
            for name, role in (("system", "system"), ("human", "user"), ("assistant", "assistant"))
            if name in one
        ]
    else:
        messages = tagged(turns)
    system = row.get("system")
    if isinstance(system, str) and system.strip() and messages[0]["role"] != "system":
        messages = [said("system", system), *messages]
    messages = _with_ids(messages)
    tools = tool_list(row.get("tools"))
    taken = {key, "tools", "system"}
    if isinstance(row.get("chosen"), dict) and isinstance(row.get("rejected"), dict):
        sides = [
            tagged([row[side]]) if "from" in row[side] else chat([row[side]])
            for side in ("chosen", "rejected")
        ]
        prompt, chosen, rejected = pair(sides[0], sides[1], messages)
        return [Read(prompt, frozenset((taken | {"chosen", "rejected"}) & set(row)), tools, chosen, rejected)]
    return [Read(messages, frozenset(taken & set(row)), tools)]


def read_gemini(row: Row) -> list[Read]:
    """A chat of the Gemini kind."""
    system = row.get("systemInstruction", row.get("system_instruction"))
    turns: list[Turn] = []
    if isinstance(system, dict):
        turns += _gemini_turns({**system, "role": "system"})
    for one in row["contents"]:
        if not isinstance(one, dict) or not isinstance(one.get("parts"), list):
            raise Unreadable("an entry of `contents` has no `parts`")
        turns += _gemini_turns(one)
    taken = {"contents", "systemInstruction", "system_instruction", "tools"}
    declared = [
        function
        for tool in row.get("tools", ())
        if isinstance(tool, dict)
        for function in tool.get("functionDeclarations") or tool.get("function_declarations") or ()
    ]
    return [Read(_with_ids(turns), frozenset(taken & set(row)), tool_list(declared or row.get("tools")))]


def _gemini_turns(entry: dict[str, Any]) -> list[Turn]:
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    results: list[Turn] = []
    for part in entry["parts"]:
        made = part.get("functionCall", part.get("function_call"))
        answer = part.get("functionResponse", part.get("function_response"))
        if isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif isinstance(made, dict):
            calls.append(call(made))
        elif isinstance(answer, dict):
            content = json.dumps(answer.get("response"), ensure_ascii=False)
            results.append({"role": "tool", "name": answer.get("name"), "content": content})
        else:
            raise Unreadable(f"a part of `contents` is neither text nor a call: {', '.join(part)}")
    role = str(entry.get("role") or "user")
    turn: Turn = {"role": ROLES.get(role, role), "content": "".join(texts)}
    if calls:
        turn["tool_calls"] = calls
    return [*results, *([turn] if texts or calls else [])]


def is_tree(row: Row) -> bool:
    """Whether it is a tree of posts."""
    prompt = row.get("prompt")
    return isinstance(prompt, dict) and "replies" in prompt


def read_tree(row: Row) -> list[Read]:
    """One example for every reply of the assistant that ends a path; deleted and refused posts end it before."""
    tree = row.get("message_tree_id")
    found = [
        Read(
            [
                said(ROLES.get(str(post.get("role")), str(post.get("role"))), post.get("text"))
                for post in path
            ],
            frozenset(("prompt",)),
            group=tree if isinstance(tree, str) else None,
            more={"rank": path[-1]["rank"]} if path[-1].get("rank") is not None else {},
        )
        for path in _paths(row["prompt"], [])
    ]
    if not found:
        raise Unreadable("no path of this tree ends with an answer of the assistant")
    return found


def _paths(post: dict[str, Any], before: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    if post.get("deleted") or post.get("review_result") is False:
        return
    path = [*before, post]
    longer = [deeper for reply in post.get("replies") or () for deeper in _paths(reply, path)]
    if longer:
        yield from longer
    elif ROLES.get(str(post.get("role")), post.get("role")) == "assistant":
        yield path


def is_gemini(row: Row) -> bool:
    """Whether it has the turns of Gemini."""
    return isinstance(row.get("contents"), list) and bool(row["contents"])
