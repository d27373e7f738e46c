"""Review by cluster: what is equal or similar, side by side; a person says which of them stay."""

from __future__ import annotations

import hashlib

import numpy as np
import streamlit as st

from curation.dedup import listing, run
from workbench import actions, outbox, rows, state
from workbench.clusters import Listed
from workbench.selection import Selection
from workbench.widgets import text
from workbench.widgets.bulk import bulk
from workbench.widgets.figures import counted
from workbench.widgets.panes import duplicates, said

_KEY = "duplicates"
_ORDERS = {"largest": "Largest first", "weakest": "Weakest pair first"}


def draw(chosen: Selection) -> None:
    """Draw the clusters that hold a row of the selection."""
    store = state.store()
    lowest = listing.floor(store)
    if lowest is None:
        if text.empty(
            "Nobody has looked for duplicates yet. It takes seconds to minutes.", "Find duplicates"
        ):
            actions.find_duplicates(store)
            st.rerun()
        return
    order, least = _bar(chosen, lowest)
    listed = _listed(chosen, order, least)
    if not len(listed.found.cluster):
        text.plain(
            f"No duplicates found at {least:.2f}. Look again at a lower threshold, or go on."
            if chosen.everything
            else f"None of these rows has a duplicate at {least:.2f}. Clear the filters, or look at all of them.",
            "dim",
        )
        return
    session = st.session_state.setdefault("outbox-duplicates", outbox.Session())
    place = said(_KEY)[1]
    if place.get("view") != listed.key:
        place = {"view": listed.key, "pos": 0, "heads": {}}
    total = len(listed.found.cluster)
    pos = min(max(0, int(place["pos"])), total - 1)
    start, entries = listed.window(store, pos)
    jump = listed.position(store, session.jump[1]) if session.jump else None
    box, _ = duplicates(
        {
            "project": str(store.project.folder),
            "sid": session.sid,
            "ack": session.ack,
            "view": listed.key,
            "pos": pos,
            "start": start,
            "total": total,
            "clusters": entries,
            "members": listed.members(store, pos, {int(k): int(v) for k, v in place["heads"].items()}),
            "jump": {"op": session.jump[0], "pos": jump} if session.jump and jump is not None else None,
            "empty": "",
        },
        key=_KEY,
        on_outbox=_take,
    )
    if session.trouble:
        text.failure(session.trouble)
    if outbox.deliver(store, session, box, who=state.who()):
        st.rerun()


def _take() -> None:
    session = st.session_state.setdefault("outbox-duplicates", outbox.Session())
    outbox.deliver(state.store(), session, said(_KEY)[0], who=state.who())


def _bar(chosen: Selection, lowest: float) -> tuple[str, float]:
    """The order, the threshold with what it means, and the two actions on all clusters."""
    store = state.store()
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="clusters"):
        order = st.selectbox(
            "Order of clusters",
            list(_ORDERS),
            format_func=_ORDERS.__getitem__,
            key="clusters-by",
            label_visibility="collapsed",
            width=180,
        )
        least = lowest
        if lowest < 1:
            least = st.slider(
                "Similar at least",
                lowest,
                1.0,
                lowest,
                0.01,
                key="least",
                width=210,
                label_visibility="collapsed",
            )
        words, changed = listing.changed_words(store, least)
        with st.container(width=330):
            text.note(_meaning(least, words, changed))
        st.space("stretch")
        if not run.is_current(store):
            if st.button("Texts have changed: look again", key="again"):
                actions.find_duplicates(store)
                st.rerun()
        if st.button("Drop proposed copies", icon=":material/checklist:", key="drop-copies"):
            st.dialog("Drop the copies in these clusters", width="medium")(_drop)(chosen, least)
    return order or "largest", least


def _meaning(least: float, words: int, changed: float) -> str:
    if least >= 1 or not words:
        return "Equal texts only, case and punctuation aside."
    about = (
        f"{round(changed)} of its {words} words" if changed >= 0.75 else f"less than one of its {words} words"
    )
    return f"At {least:.2f} a text of the usual length may differ in about {about}."


def _listed(chosen: Selection, order: str, least: float) -> Listed:
    store = state.store()
    stamp = f"{chosen.key}|{chosen.batch}|{order}|{least:.2f}|{store.get('dedup')}"
    key = hashlib.sha256(stamp.encode()).hexdigest()[:12]
    kept: Listed | None = st.session_state.get("listed")
    if kept is None or kept.key != key:
        among = None if chosen.everything else np.asarray(chosen.seqs, np.int64)
        kept = Listed(key, least, listing.clusters(store, order, least, among))
        st.session_state["listed"] = kept
    return kept


def _drop(chosen: Selection, least: float) -> None:
    """Show which copies would go, then drop them as one batch."""
    store = state.store()
    seqs = listing.proposed(store, least, None if chosen.everything else chosen.seqs)
    some = seqs[np.linspace(0, len(seqs) - 1, min(5, len(seqs))).astype(int)] if len(seqs) else seqs
    samples = [(row["preview"], row["label"] or "") for row in rows.window(store, some)]
    sentence = f"{counted(len(seqs), 'undecided copy').replace('copys', 'copies')} of rows that stay"
    answer = bulk(sentence, rows.touching(store, seqs), "drop", samples)
    if answer:
        outbox.decide_all(store, seqs, "drop", "drop", who=state.who(), summary="copies of other examples")
    if answer is not None:
        st.rerun()
