"""JSON on several lines, made by copying its characters: parsing and writing it again would change its figures."""

from __future__ import annotations

import json
from collections.abc import Sequence

Span = tuple[int, int]


def indented(text: str, spans: Sequence[Span]) -> tuple[str, list[Span]]:
    """Re-indent JSON by copying its characters, so that 39.90 stays 39.90, and carry the spans along."""
    out: list[str] = []
    place = [0] * (len(text) + 1)
    depth = size = 0
    string = False

    def put(piece: str) -> None:
        nonlocal size
        out.append(piece)
        size += len(piece)

    escaped = False
    for i, char in enumerate(text):
        place[i] = size
        if string:
            put(char)
            string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char in "{[":
            depth += 1
            put(char if _closes_at_once(text, i) else char + "\n" + "  " * depth)
        elif char in "}]":
            depth = max(0, depth - 1)
            if out and out[-1] not in ("{", "["):
                put("\n" + "  " * depth)
            place[i] = size
            put(char)
        elif char == ",":
            put(",\n" + "  " * depth)
        elif char == ":":
            put(": ")
        elif not char.isspace():
            string = char == '"'
            put(char)
    place[len(text)] = size
    carried = [
        (place[min(a, len(text))], place[min(b, len(text)) - 1] + 1 if b > a else place[a]) for a, b in spans
    ]
    return "".join(out), carried


def _closes_at_once(text: str, i: int) -> bool:
    return text[i + 1 :].lstrip()[:1] in ("}", "]")


def is_json(text: str) -> bool:
    """Whether the text is one JSON value."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True
