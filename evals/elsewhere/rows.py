"""Lines of `id` and `answer`, or of `id` and a score: the plain form, and the file of expected answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from curation.errors import BadInput
from evals.elsewhere.sheet import Given, Judged, Sheet, as_text, content_of, last_user

GIVEN = "given"
"""What scores that stand in the rows themselves are called."""

_MISTAKES_SHOWN = 5
_ROW = 'Each row must be an object: {"id": "1", "answer": "..."}, or with "pass" or "score" in place of an answer.'
_EXPECTED = (
    'Each row must be an object: {"id": "1", "expected": "..."}, or a chat that ends with that answer.'
)
T = TypeVar("T")


def read(rows: Sequence[tuple[int, Any]], path: Path) -> list[Sheet]:
    """Read rows of answers, each with the number of its line.

    Raises:
        BadInput: rows that cannot be used; the first five are named by number.
    """
    return [Sheet(path.stem, path, "rows", _each(rows, path, _given, _ROW))]


def expected(rows: Sequence[tuple[int, Any]], path: Path) -> dict[str, Given]:
    """Read the file of expected answers: `expected`, `answer`, or the last turn of `messages`.

    Raises:
        BadInput: rows that cannot be used.
    """
    return _each(rows, path, _expected, _EXPECTED)


def _each(
    rows: Sequence[tuple[int, Any]], path: Path, reader: Callable[[dict[str, Any]], Given], hint: str
) -> dict[str, Given]:
    found: dict[str, Given] = {}
    mistakes: list[str] = []
    for number, row in rows:
        try:
            if not isinstance(row, dict):
                raise ValueError(f"an object is wanted, found {type(row).__name__}")
            id_ = id_of(row.get("id"))
            if id_ in found:
                raise ValueError(f"the id {id_!r} stands there twice")
            found[id_] = reader(row)
        except ValueError as error:
            mistakes.append(f"row {number}: {error}")
    if mistakes:
        more = len(mistakes) - _MISTAKES_SHOWN
        text = "; ".join(mistakes[:_MISTAKES_SHOWN]) + (f"; and {more:,} more" if more > 0 else "")
        raise BadInput(f"{text}.", where=str(path), hint=hint)
    return found


def id_of(value: Any) -> str:  # noqa: ANN401  whatever the file held
    """An id as text: numbers and texts are ids.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise ValueError("no `id` that is a text or a number" if value is None else f"`id` is {value!r}")
    return as_text(str(value))


def _given(row: dict[str, Any]) -> Given:
    score = _score(row)
    if score is None and "answer" not in row and not row.get("error"):
        raise ValueError("neither `answer` nor `pass` nor `score`")
    answer = row.get("answer")
    return Given(
        answer=None if answer is None else as_text(answer),
        scores={} if score is None else {GIVEN: score},
        error=as_text(row["error"]) if row.get("error") else "",
        expected=(as_text(row["expected"]),) if row.get("expected") is not None else (),
        prompt=_prompt(row),
        group=_group(row),
    )


def _score(row: dict[str, Any]) -> Judged | None:
    """The score a row carries: `pass` before `score`; null is a row that could not be judged."""
    for key in ("pass", "score"):
        if key in row:
            value = row[key]
            if value is not None and not isinstance(value, bool | int | float):
                raise ValueError(f"`{key}` is {value!r}, not true, false or a number")
            return Judged(
                None if value is None or value != value else float(value), as_text(row.get("reason") or "")
            )
    return None


def _expected(row: dict[str, Any]) -> Given:
    turns = row.get("messages")
    if row.get("expected") is not None:
        told = as_text(row["expected"])
    elif (
        isinstance(turns, list)
        and turns
        and isinstance(turns[-1], dict)
        and turns[-1].get("role") == "assistant"
    ):
        told = content_of(turns[-1])
    elif row.get("answer") is not None:
        told = as_text(row["answer"])
    else:
        raise ValueError("no `expected`")
    return Given(expected=(told,), prompt=_prompt(row), group=_group(row))


def _prompt(row: dict[str, Any]) -> str:
    for key in ("prompt", "messages", "input", "question"):
        if row.get(key):
            return last_user(row[key]) or as_text(row[key])
    return ""


def _group(row: dict[str, Any]) -> str | None:
    group = row.get("group")
    return None if group is None else as_text(group)
