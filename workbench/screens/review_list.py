"""Review as a list: rows at the left, the chat beside them, keys that decide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from curation.store import Store
from workbench import outbox, rows, state
from workbench.selection import Selection
from workbench.widgets import text
from workbench.widgets.filter_bar import use
from workbench.widgets.panes import review, said

REASONS = [
    "wrong answer",
    "wrong label",
    "unclear question",
    "private data",
    "off topic",
    "bad format",
    "later",
]
_EMPTY = "Nothing matches these filters. Clear one, or change the search."


def draw(chosen: Selection, explain: Callable[[Store, list[dict[str, Any]]], None] | None = None) -> None:
    """Draw the rows of a selection; `explain` adds to their entries what a view says about them."""
    store, task = state.store(), state.current_task()
    session = st.session_state.setdefault("outbox", outbox.Session())
    place = said("review")[1]
    if place.get("view") != chosen.key:
        first = chosen.position(store, st.query_params.get("example"))
        place = {"view": chosen.key, "pos": first, "around": first}
    last = max(0, len(chosen.seqs) - 1)
    start, listed = chosen.window(store, min(max(0, int(place["around"])), last))
    pos = min(int(place["pos"]), last)
    if explain is not None:
        explain(store, listed)
    data = {
        "project": str(store.project.folder),
        "sid": session.sid,
        "ack": session.ack,
        "view": chosen.key,
        "pos": pos,
        "start": start,
        "total": len(chosen.seqs),
        "rows": listed,
        "past": rows.past(store, int(place["past"])) if place.get("past") else None,
        "guideline": _guideline(),
        "jump": session.jump_in(chosen.seqs),
        "reasons": REASONS,
        "labels": task.labels if task else [],
        "empty": _EMPTY,
    }
    if said("review")[1] and len(chosen.seqs):
        st.query_params["example"] = state.id_of(int(chosen.seqs[pos]))
    box, _ = review(data, key="review", on_outbox=_take, on_place=_similar)
    if session.trouble:
        text.failure(session.trouble)
    if outbox.deliver(store, session, box, who=state.who()):
        st.rerun()  # a new session: what the browser kept is known only now


def _take() -> None:
    """Store decisions before the page is drawn, so that it is drawn once, and no click meanwhile is lost."""
    session = st.session_state.setdefault("outbox", outbox.Session())
    outbox.deliver(state.store(), session, said("review")[0], who=state.who())


def _similar() -> None:
    """Show the rows like the open one, when a person asked for them."""
    asked = said("review")[1].get("like")
    if asked and asked != st.session_state.get("liked"):
        st.session_state["liked"] = asked
        st.session_state["view"] = "list"
        use(f"like={asked.partition(':')[0]}", "imported")


def _guideline() -> str:
    """The project's guideline for reviewers, as plain text; empty where there is none."""
    path = state.project().folder / "guideline.md"
    return path.read_text("utf-8", errors="replace")[:20_000] if path.is_file() else ""
