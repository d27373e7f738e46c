"""Answers made elsewhere: plain rows, exports of promptfoo, logs of Inspect AI, paired and judged by our rule.

The form is seen from the content, never from the name; what cannot be paired is listed, never guessed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curation.errors import BadInput
from evals.elsewhere import inspect_log, promptfoo, rows
from evals.elsewhere.sheet import Given, Judged, Sheet

__all__ = ["Given", "Judged", "Sheet", "read", "read_expected"]

_KNOWN = (
    'Known: rows of {"id": "1", "answer": "..."}, or with "pass" or "score"; results.json of promptfoo; '
    "a log of Inspect AI."
)


def read(path: Path) -> list[Sheet]:
    """Read a file of answers: one sheet for each candidate in it.

    Raises:
        BadInput: it cannot be read, is of no known form, or holds rows that cannot be used.
    """
    value, numbered = _parsed(path)
    if inspect_log.is_log(value):
        return inspect_log.read(value, path)
    found = promptfoo.results(value)
    if found is None and numbered and promptfoo.is_result(numbered[0][1]):
        found = [row for _, row in numbered]
    if found is not None:
        return promptfoo.read(found, path)
    return rows.read(_rows(value, numbered, path), path)


def read_expected(path: Path) -> dict[str, Given]:
    """Read a file of expected answers, by id.

    Raises:
        BadInput: it cannot be read, or holds rows that cannot be used.
    """
    return rows.expected(_rows(*_parsed(path), path), path)


def _parsed(path: Path) -> tuple[Any, list[tuple[int, Any]]]:
    """The file as one JSON value, and as numbered lines where it is not one."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadInput(f"The file cannot be read: {error.strerror}.", where=str(path)) from error
    if raw[:2] == b"PK":
        return inspect_log.unpacked(path), []
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"Not UTF-8 text: {error.reason} at byte {error.start:,}.", where=str(path)) from error
    if not text.strip():
        raise BadInput("The file is empty.", where=str(path), hint=_KNOWN)
    try:
        return json.loads(text), []
    except (ValueError, RecursionError):
        return None, [(n, _line(line, n, path)) for n, line in enumerate(text.split("\n"), 1) if line.strip()]


def _line(line: str, number: int, path: Path) -> Any:  # noqa: ANN401  any JSON value
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"Line {number} is not JSON: {error}.", where=str(path), hint=_KNOWN) from error


def _rows(value: Any, numbered: list[tuple[int, Any]], path: Path) -> list[tuple[int, Any]]:  # noqa: ANN401
    if numbered:
        return numbered
    if isinstance(value, list) and value:
        return list(enumerate(value, 1))
    if isinstance(value, dict) and "id" in value:
        return [(1, value)]
    raise BadInput("No rows of answers are in this file.", where=str(path), hint=_KNOWN)
