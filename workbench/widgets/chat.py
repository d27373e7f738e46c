"""A chat as plain data for the review component: turns cut into runs of text with the flags on them.

Cutting happens here because Python counts characters and JavaScript counts UTF-16 units; text stays
text all the way, so nothing a row says can become markup.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from curation.example import text_of
from curation.indent import Span, indented, is_json

Run = tuple[str, list[int]]
_EDITABLE = ("user", "assistant", "system", "tool", "developer")


def chat(
    messages: Sequence[dict[str, Any]],
    flags: Sequence[dict[str, Any]],
    *,
    tools: Sequence[Any] = (),
    answers: Sequence[tuple[str, Sequence[dict[str, Any]]]] = (),
) -> dict[str, Any]:
    """Everything the component draws for one example.

    Args:
        messages: the turns.
        flags: check, severity, turn, start, end, message; spans in characters of the turn's text.
        tools: tool descriptions, shown folded.
        answers: further answers by name (chosen, rejected), shown after the turns.
    """
    shown = [
        {"check": f["check"], "severity": f["severity"], "message": f["message"], "inline": False}
        for f in flags
    ]
    turns: list[dict[str, Any]] = []
    for index, message in enumerate(messages):
        turns += _turn(index, message, flags, shown)
    for name, branch in answers:
        for message in branch:
            text = text_of(message)
            turns.append(
                {
                    "kind": "assistant",
                    "title": name,
                    "index": -1,
                    "editable": False,
                    "json": False,
                    "raw": text,
                    "runs": [(text, [])],
                }
            )
    return {"flags": shown, "turns": turns, "tools": [_tool(tool) for tool in tools]}


def _turn(
    index: int, message: dict[str, Any], flags: Sequence[dict[str, Any]], shown: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    role, text = str(message.get("role", "")), text_of(message)
    here = [k for k, flag in enumerate(flags) if flag["turn"] == index and _marks_a_part(flag, text)]
    spans = [(int(flags[k]["start"]), int(flags[k]["end"])) for k in here]
    view, as_json = text, False
    if role == "assistant" and text.lstrip()[:1] in ("{", "[") and is_json(text):
        view, spans = indented(text, spans)
        as_json = True
        for k in here:
            shown[k]["inline"] = True
    drawn = [(piece, [here[i] for i in found]) for piece, found in runs(view, spans)]
    calls = [_call(call) for call in message.get("tool_calls") or []]
    plain = isinstance(message.get("content"), str) or message.get("content") is None
    turn = {
        "kind": role,
        "title": role or "no role",
        "index": index,
        "json": as_json,
        "raw": text,
        "runs": drawn,
        "editable": role in _EDITABLE and plain and not (calls and not text),
    }
    if calls and not text:
        return calls
    return [turn, *calls]


def _marks_a_part(flag: dict[str, Any], text: str) -> bool:
    """Whether the span says where to look; one over the whole turn says nothing and is shown above it."""
    return flag["start"] is not None and bool((text[: flag["start"]] + text[flag["end"] :]).strip())


def runs(text: str, spans: Sequence[Span]) -> list[Run]:
    """Cut a text at the ends of spans; each piece carries the spans that cover it. Overlaps are fine."""
    inside = [(max(0, min(a, len(text))), max(0, min(b, len(text)))) for a, b in spans]
    cuts = sorted({0, len(text), *(point for span in inside for point in span)})
    return [
        (text[a:b], [i for i, (start, end) in enumerate(inside) if start <= a and b <= end and start < end])
        for a, b in zip(cuts, cuts[1:], strict=False)
    ]


def _call(call: Any) -> dict[str, Any]:  # noqa: ANN401  whatever the file held
    function = call.get("function", call) if isinstance(call, dict) else {}
    name = function.get("name", "call") if isinstance(function, dict) else "call"
    arguments = function.get("arguments", "") if isinstance(function, dict) else call
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    if is_json(text):
        text = indented(text, [])[0]
    return {
        "kind": "call",
        "title": f"calls {name}",
        "index": -1,
        "editable": False,
        "json": True,
        "raw": text,
        "runs": [(text, [])],
    }


def _tool(tool: Any) -> dict[str, str]:  # noqa: ANN401  whatever the file held
    function = tool.get("function", tool) if isinstance(tool, dict) else {}
    name = str(function.get("name", "tool")) if isinstance(function, dict) else "tool"
    return {"name": name, "text": json.dumps(tool, ensure_ascii=False, indent=2)}
