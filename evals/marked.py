"""An answer beside the expected one as it is shown: laid out, marked where it leaves it, with its reasons.

The app's diff view and the report draw these same pieces; they are plain data, never markup.
"""

from __future__ import annotations

from typing import NamedTuple

from curation.indent import indented, is_json
from evals.compare import Segment, Side, field_differences, text_differences
from evals.scorers.fields import FieldDifference

_REASONS = 8


class Marked(NamedTuple):
    """A text in pieces; `json` when it was laid out as JSON."""

    pieces: tuple[Segment, ...]
    json: bool


def plain(text: str) -> Marked:
    """A text as it stands, JSON on several lines."""
    shown, as_json = _laid_out(text)
    return Marked((Segment(shown, "equal"),) if shown else (), as_json)


def marked(expected: str, answer: str) -> Marked:
    """An answer with the words that the expected one does not have.

    What is missing is shown only where nothing stands in its place; key order and layout of JSON are no
    difference.
    """
    wanted, _ = _laid_out(expected)
    text, as_json = _laid_out(answer)
    pieces = list(text_differences(wanted, text)) if text else []
    follow = [kind for _, kind in pieces[1:]] + [""]
    pieces = [
        one for one, after in zip(pieces, follow, strict=True) if one.kind != "missing" or after != "extra"
    ]
    fields = field_differences(expected, answer)
    if fields and all(one.kind == "equal" for one in fields):
        pieces = [Segment(text, "equal")]
    if not any(kind == "equal" and piece.strip() for piece, kind in pieces):
        pieces = [one for one in pieces if one.kind != "missing"]
    return Marked(tuple(pieces), as_json)


def reasons(expected: str, side: Side) -> list[str]:
    """Why an answer got its score: what failed, the fields that differ, or the scorer's own reason."""
    if side.error:
        return [side.error]
    wrong = [_said(one) for one in field_differences(expected, side.answer) or () if one.kind != "equal"]
    return [one for one in wrong[:_REASONS] or [side.reason] if one]


def _said(one: FieldDifference) -> str:
    path = one.path.removeprefix("$.")
    if one.kind == "missing":
        return f"{path}: missing, expected {one.expected}"
    return (
        f"{path}: not asked for ({one.got})"
        if one.kind == "extra"
        else f"{path}: expected {one.expected}, got {one.got}"
    )


def _laid_out(text: str) -> tuple[str, bool]:
    stripped = text.strip()
    if stripped[:1] in ("{", "[") and is_json(stripped):
        return indented(stripped, [])[0], True
    return text, False
