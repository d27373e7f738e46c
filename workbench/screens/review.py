"""Review: the filter is the selection; a list, the chat beside it, keys that decide."""

from __future__ import annotations

import streamlit as st

from curation.errors import TouchstoneError
from workbench import behind, outbox, rows, state
from workbench.selection import Selection, select
from workbench.widgets import text
from workbench.widgets.bulk import bulk
from workbench.widgets.filter_bar import NOTHING, filter_bar
from workbench.widgets.review import review, said

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
    near, ids = st.query_params.get("near", ""), st.query_params.get("ids", "")
    choice = NOTHING if near or ids else filter_bar(rows.facets(store))
    if near and not _behind(near):
        return
    try:
        chosen = select(
            store, choice.text, choice.sort, near=near, ids=ids, kept=st.session_state.get("view")
        )
    except TouchstoneError as error:
        text.failure(error)
        return
    st.session_state["view"] = chosen
    _sentence(chosen, filtered=bool(choice.text), named=bool(near or ids))
    if choice.bulk:
        st.dialog("Decide for all of these", width="medium")(_bulk)(choice.bulk, chosen)
    _review(chosen)


def _behind(near: str) -> bool:
    """The failure whose training rows are listed; False while they are being found."""
    found = behind.find(state.store(), near)
    if found is None:
        text.plain("Looking for the training rows that pull towards this answer.", "dim")
        return False
    text.failing(found.prompt, found.expected, found.answer, found.summary)
    return True


def _sentence(chosen: Selection, *, filtered: bool, named: bool) -> None:
    later = rows.newest_batch(state.store()) - chosen.batch
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sentence"):
        text.sentence(chosen.sentence)
        if named:
            if st.button("Show all rows", type="tertiary", key="all"):
                st.query_params.clear()
                st.rerun()
        elif later and filtered:
            if st.button(f"{later:,} actions since, make the list again", type="tertiary", key="refresh"):
                st.session_state.pop("view")
                st.rerun()


def _review(chosen: Selection) -> None:
    store, task = state.store(), state.current_task()
    session = st.session_state.setdefault("outbox", outbox.Session())
    place = said("review")[1]
    if place.get("view") != chosen.key:
        first = chosen.position(store, st.query_params.get("example"))
        place = {"view": chosen.key, "pos": first, "around": first}
    last = max(0, len(chosen.seqs) - 1)
    start, listed = chosen.window(store, min(max(0, int(place["around"])), last))
    pos = min(int(place["pos"]), last)
    data = {
        "project": str(store.project.folder),
        "sid": session.sid,
        "ack": session.ack,
        "view": chosen.key,
        "pos": pos,
        "start": start,
        "total": len(chosen.seqs),
        "rows": listed,
        "jump": session.jump_in(chosen.seqs),
        "reasons": _REASONS,
        "labels": task.labels if task else [],
        "empty": _EMPTY,
    }
    if said("review")[1] and len(chosen.seqs):
        st.query_params["example"] = state.id_of(int(chosen.seqs[pos]))
    box, _ = review(data, key="review", on_outbox=_take)
    if session.trouble:
        text.failure(session.trouble)
    if outbox.deliver(store, session, box, who=state.who()):
        st.rerun()  # a new session: what the browser kept is known only now


def _take() -> None:
    """Store decisions before the page is drawn, so that it is drawn once, and no click meanwhile is lost."""
    session = st.session_state.setdefault("outbox", outbox.Session())
    outbox.deliver(state.store(), session, said("review")[0], who=state.who())


def _bulk(value: str, chosen: Selection) -> None:
    """Show what a bulk action will touch, then do it as one batch."""
    store = state.store()
    samples = [(row["preview"], row["label"] or "") for row in rows.window(store, chosen.samples())]
    answer = bulk(chosen.sentence, len(chosen.seqs), value, samples)
    if answer is True:
        outbox.decide_all(store, chosen.seqs, value, who=state.who(), summary=chosen.english)
    if answer is not None:
        st.rerun()
