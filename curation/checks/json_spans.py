"""Where in a JSON text each value stands; `json` reads values, this only finds their characters."""

from __future__ import annotations

import json
import re

Path = tuple[str | int, ...]
Span = tuple[int, int]

_BLANK = re.compile(r"[ \t\n\r]*")
_PLAIN = re.compile(r"[^\s,\]}]+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)


def spans(text: str, start: int = 0) -> dict[Path, Span]:
    """The first and one-past-last character of every value of one JSON value that starts at `start` or behind it.

    The text has been read as JSON before; of a key given twice the last value is kept, as readers do.
    """
    found: dict[Path, Span] = {}
    _value(text, _skip(text, start), (), found)
    return found


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return match.end() if match else at


def _value(text: str, at: int, path: Path, found: dict[Path, Span]) -> int:
    first = text[at]
    if first == '"':
        end = _string(text, at)
    elif first == "{":
        end = _members(text, at, path, found)
    elif first == "[":
        end = _items(text, at, path, found)
    else:
        match = _PLAIN.match(text, at)
        end = match.end() if match else at + 1
    found[path] = (at, end)
    return end


def _string(text: str, at: int) -> int:
    match = _STRING.match(text, at)
    return match.end() if match else len(text)


def _members(text: str, at: int, path: Path, found: dict[Path, Span]) -> int:
    at = _skip(text, at + 1)
    while text[at] != "}":
        end = _string(text, at)
        key: str = json.loads(text[at:end], strict=False)
        at = _skip(text, _skip(text, end) + 1)
        at = _skip(text, _value(text, at, (*path, key), found))
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1


def _items(text: str, at: int, path: Path, found: dict[Path, Span]) -> int:
    at, index = _skip(text, at + 1), 0
    while text[at] != "]":
        at = _skip(text, _value(text, at, (*path, index), found))
        index += 1
        if text[at] == ",":
            at = _skip(text, at + 1)
    return at + 1
