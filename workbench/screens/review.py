"""Review: the filter is the selection; a list, the chat beside it, keys that decide."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import streamlit as st

from curation import filters
from curation.errors import TouchstoneError
from workbench import behind, outbox, rows, state
from workbench.widgets import text
from workbench.widgets.filter_bar import filter_bar
from workbench.widgets.review import review

_REASONS = ["wrong answer", "wrong label", "unclear question", "private data", "off topic", "bad format"]
_EMPTY = "Nothing matches these filters. Clear one, or change the search."


def screen() -> None:
    """Draw the screen."""
    store = state.store()
    if rows.nothing(store):
        text.title("Review")
        if text.empty("There is nothing to review yet. Import a file with chats first.", "Import a file"):
            st.switch_page(state.page("import"))
        return
    choice = filter_bar(rows.facets(store))
    near = st.query_params.get("near", "")
    if near and not _trace(near):
        return
    try:
        view = _view(choice.text, choice.sort)
    except TouchstoneError as error:
        text.failure(error)
        return
    _sentence(view, choice.text)
    if choice.bulk:
        _bulk(choice.bulk, view)
    _review(view)


class View:
    """A snapshot of the rows a filter selects: rows do not jump away under the cursor when they are decided."""

    def __init__(
        self, key: str, seqs: np.ndarray[Any, Any], english: str, asides: dict[int, str], batch: int
    ) -> None:
        self.key, self.seqs, self.english, self.asides, self.batch = key, seqs, english, asides, batch


def _view(words: str, sort: str) -> View:
    """The snapshot for this filter, made once and kept until the filter changes or a refresh is asked for."""
    near, ids = st.query_params.get("near", ""), st.query_params.get("ids", "")
    key = hashlib.sha256(f"{words}|{sort}|{near}|{ids}".encode()).hexdigest()[:12]
    kept: View | None = st.session_state.get("view")
    if kept is not None and kept.key == key:
        return kept
    store = state.store()
    asides: dict[int, str] = {}
    if near or ids:
        seqs, english, asides = _named(near, ids)
    else:
        found = filters.parse(words)
        seqs, english = filters.view(store, found, sort), found.english
    view = View(key, seqs, english, asides, rows.newest_batch(store))
    st.session_state["view"] = view
    return view


def _named(near: str, ids: str) -> tuple[np.ndarray[Any, Any], str, dict[int, str]]:
    """Rows named one by one: the training rows behind a failure, or a list of ids in the address."""
    store = state.store()
    found = behind.find(store, near) if near else None
    if found is not None:
        seqs, asides = behind.as_list(store, found)
        return seqs, "training rows behind one answer", asides
    return (
        np.array(rows.ids_to_seqs(store, ids.split(",")), dtype=np.int64),
        "examples named in the address",
        {},
    )


def _trace(near: str) -> bool:
    """The failure whose training rows are listed; False while they are being found."""
    found = behind.find(state.store(), near)
    if found is None:
        text.plain("Looking for the training rows that pull towards this answer.", "dim")
        return False
    text.failing(found.prompt, found.expected, found.answer, found.summary)
    return True


def _sentence(view: View, words: str) -> None:
    later = rows.newest_batch(state.store()) - view.batch
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sentence"):
        st.html(f'<span class="ts-sentence">{escape(_selection(view))}</span>')
        if st.query_params.get("near") or st.query_params.get("ids"):
            if st.button("Show all rows", type="tertiary", key="all"):
                st.query_params.clear()
                st.rerun()
        elif later and words and st.button(f"{later} changes since, refresh", type="tertiary", key="refresh"):
            st.session_state.pop("view")
            st.rerun()


def _selection(view: View) -> str:
    """The selection in words, with its count in front."""
    n = f"{len(view.seqs):,}"
    return f"All {n} examples" if view.english == "all examples" else f"{n} {view.english}"


def _review(view: View) -> None:
    session = st.session_state.setdefault("outbox", outbox.Session())
    place = st.session_state.get("place") or {}
    if place.get("view") != view.key:
        place = {"view": view.key, "pos": _first(view), "around": _first(view)}
    last = max(0, len(view.seqs) - 1)
    around = min(max(0, int(place.get("around", 0))), last)
    start = max(0, min(around - rows.LIST // 2, len(view.seqs) - rows.LIST))
    window = view.seqs[start : start + rows.LIST]
    chats = view.seqs[max(0, around - rows.BEFORE) : around + rows.AFTER]
    store, task = state.store(), state.current_task()
    data = {
        "project": str(store.project.folder),
        "sid": session.sid,
        "ack": session.ack,
        "view": view.key,
        "pos": min(int(place["pos"]), last),
        "start": start,
        "total": len(view.seqs),
        "rows": rows.window(store, window, chats=chats, asides=view.asides),
        "jump": session.jump_in(view.seqs),
        "reasons": _REASONS,
        "labels": task.labels if task else [],
        "empty": _EMPTY,
    }
    box, at = review(data, key="review")
    if session.trouble:
        text.failure(session.trouble)
    if at.get("view") == view.key and at != place:
        st.session_state["place"] = at
        _remember(view.seqs, int(at["pos"]))
        if (
            at["around"] != around
            and not start + 8 <= at["around"] < start + len(window) - 8
            or abs(at["around"] - around) > 2
        ):
            st.rerun()
    if outbox.deliver(state.store(), session, box, who=state.who()):
        st.rerun()


def _first(view: View) -> int:
    """Where the list opens: at the example of the address, else at the top."""
    wanted = st.query_params.get("example")
    if wanted:
        seqs = rows.ids_to_seqs(state.store(), [wanted])
        found = np.flatnonzero(view.seqs == seqs[0]) if seqs else ()
        if len(found):
            return int(found[0])
    return 0


def _remember(seqs: Sequence[int] | np.ndarray[Any, Any], pos: int) -> None:
    """Keep the example in the address, so that a reload comes back to it."""
    if 0 <= pos < len(seqs):
        st.query_params["example"] = state.id_of(int(seqs[pos]))


@st.dialog("Decide for all of these", width="medium", icon=":material/checklist:")
def _bulk(value: str, view: View) -> None:
    """Show what a bulk action will touch, then do it as one batch."""
    store = state.store()
    text.headline(f"{_selection(view)}: mark as {value}.")
    text.plain("Five of them:", "dim")
    picked = (
        view.seqs[np.linspace(0, len(view.seqs) - 1, min(5, len(view.seqs))).astype(int)]
        if len(view.seqs)
        else []
    )
    for row in rows.window(store, picked):
        st.html(
            f'<p class="ts-sample">{escape(row["preview"] or "(no text)")}<span>{escape(row["label"] or "")}</span></p>'
        )
    text.plain("One undo takes all of it back.", "dim")
    with st.container(horizontal=True):
        if st.button(f"Mark {len(view.seqs):,} as {value}", type="primary", key="bulk-do"):
            outbox.decide_all(store, view.seqs, value, who=state.who(), summary=view.english)
            st.rerun()
        if st.button("Leave them", key="bulk-leave"):
            st.rerun()
