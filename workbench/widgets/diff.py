"""The answers of two candidates beside the expected one, each coloured against what was expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from evals import marked
from evals.compare import QUADRANTS, Quadrant, Row, Side

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "touchstone.diff",
    html=(_HERE / "diff.html").read_text("utf-8"),
    css=(_HERE / "diff.css").read_text("utf-8"),
    js=(_HERE / "diff.js").read_text("utf-8"),
)
WORDS = {
    "lost": "lost",
    "won": "won",
    "both_wrong": "both wrong",
    "both_right": "both right",
    "not_judged": "not judged",
}
_AROUND = 12


def diff(
    rows: Sequence[Row],
    *,
    key: str,
    view: str,
    pos: int,
    total: int,
    names: tuple[str, str],
    notes: Mapping[str, str],
    on_note: Callable[[str, str, str], None],
    on_quadrant: Callable[[Quadrant], None],
    empty: str,
) -> tuple[int | None, str | None]:
    """Draw the list and the three columns.

    Args:
        rows: the page of rows, at most some hundred.
        key: keeps the component mounted.
        view: changes when another list is shown; the cursor then starts at `pos`.
        pos: the row to begin with.
        total: rows in all.
        names: baseline and candidate.
        notes: row id to what is noted about it.
        on_note: called with a row id, a text and an id of the press, before the page is drawn.
        on_quadrant: called with a group asked for by its key, before the page is drawn.
        empty: shown when there is no row.

    Returns:
        The position looked at and the id whose training rows are asked for; None where nothing was said.
    """
    before = st.session_state.get(key) or {}
    at = before.get("at") or {}
    here = int(at["pos"]) if at.get("view") == view else pos

    def noted() -> None:
        said = (st.session_state.get(key) or {}).get("note")
        if said:
            on_note(said["id"], said["text"], said["op"])

    def shown() -> None:
        said = (st.session_state.get(key) or {}).get("quadrant")
        if said and said["name"] in QUADRANTS:
            on_quadrant(said["name"])

    data = {
        "view": view,
        "pos": pos,
        "total": total,
        "baseline": names[0],
        "candidate": names[1],
        "empty": empty,
        "quadrants": list(QUADRANTS),
        "rows": [_row(row, notes.get(row.id, ""), abs(i - here) <= _AROUND) for i, row in enumerate(rows)],
    }
    said = _mount(
        key=key,
        data=data,
        default={"at": None},
        on_at_change=_nothing,
        on_trace_change=_nothing,
        on_note_change=noted,
        on_quadrant_change=shown,
    )
    place, asked = said.at or {}, said.trace
    return (int(place["pos"]) if place.get("view") == view else None), (asked["id"] if asked else None)


def _nothing() -> None:
    """Streamlit delivers a state only to components that listen to it."""


def _row(row: Row, note: str, full: bool) -> dict[str, Any]:
    why = row.baseline.reason if row.quadrant == "won" else row.candidate.reason
    aside = " · ".join(
        part for part in (note, row.label or "", "same answer" if row.same_answer else "", why) if part
    )
    found: dict[str, Any] = {
        "id": row.id,
        "prompt": " ".join(row.prompt.split())[:140],
        "aside": aside,
        "note": note,
        "label": row.label,
        "quadrant": row.quadrant,
        "word": WORDS[row.quadrant],
        "sides": None,
    }
    if full:
        expected = marked.plain(row.expected)
        found["sides"] = {
            "asked": row.prompt,
            "expected": {
                "pieces": expected.pieces,
                "json": expected.json,
                "score": "",
                "tone": "",
                "reasons": [],
            },
            "baseline": _side(row.expected, row.baseline),
            "candidate": _side(row.expected, row.candidate),
            # the candidate's answer marked where it leaves the baseline's
            "changed": _side(row.baseline.answer, row.candidate, row.expected),
        }
    return found


def _side(against: str, side: Side, expected: str | None = None) -> dict[str, Any]:
    """An answer marked against a text; its reasons are about what was expected."""
    expected = against if expected is None else expected
    pieces, as_json = marked.marked(against, side.answer)
    right = side.value is not None and side.value >= 1
    tone = "" if side.value is None else ("good" if right else "bad")
    score = "not judged" if side.value is None else f"{side.value:.2f}".rstrip("0").rstrip(".")
    reasons = [(words, tone) for words in marked.reasons(expected, side)]
    if side.finish == "length":
        reasons.append(("cut at the token limit", "bad"))
    return {"pieces": pieces, "json": as_json, "score": score, "tone": tone, "reasons": reasons}
