"""Review: the filter is the selection, and every view (list, duplicates, suspects, map) shows that selection."""

from __future__ import annotations

import streamlit as st

from curation import meaning
from curation.checks import fixes
from curation.errors import TouchstoneError
from workbench import actions, behind, chores, rows, state
from workbench.screens import review_bulk, review_duplicates, review_list, review_map, review_suspects
from workbench.screens.review_views import saved_views
from workbench.selection import Selection, select
from workbench.widgets import text
from workbench.widgets.filter_bar import NOTHING, Choice, clear_region, filter_bar
from workbench.widgets.press import press

# The address has these names; page.css writes them with a capital.
_VIEWS = {
    "list": review_list.draw,
    "duplicates": review_duplicates.draw,
    "suspects": review_suspects.draw,
    "map": review_map.draw,
}


def screen() -> None:
    """Draw the screen."""
    store = state.store()
    if rows.nothing(store):
        text.title("Review")
        if text.empty("There is nothing to review yet. Import a file with chats first.", "Import a file"):
            st.switch_page(state.page("import"))
        return
    near, ids = st.query_params.get("near", ""), st.query_params.get("ids", "")
    choice = NOTHING if near or ids else filter_bar(rows.facets(store), fixes.FIXES)
    if near and not _behind(near):
        return

    def chosen_now(*, at_once: bool) -> Selection:
        kept = st.session_state.get("selection")
        return select(store, choice.text, choice.sort, near=near, ids=ids, kept=kept, at_once=at_once)

    try:
        chosen = chosen_now(at_once=not choice.bulk)  # what is done in bulk is done to all
    except TouchstoneError as error:
        _no_vectors(error)
        return
    st.session_state["selection"] = chosen
    view = _sentence(chosen, choice, named=bool(near or ids))
    if choice.bulk:
        st.dialog("Decide for all of these", width="medium")(review_bulk.draw)(choice.bulk, chosen)
    if view in ("list", "duplicates") and chosen.by_meaning:
        text.warning(meaning.foreign(store, meaning.embedder_of(store)))
    _VIEWS[view](chosen)
    if not chosen.complete:
        st.session_state["selection"] = chosen_now(at_once=False)
        st.rerun()


def _no_vectors(error: TouchstoneError) -> None:
    """Why nothing is selected; where only vectors are missing, the button that makes them."""
    if error.code != "no-vectors":
        text.failure(error)
    elif chores.running() is None and text.empty(error.message, "Make the vectors"):
        actions.make_vectors(state.store())
        st.rerun()


def _behind(near: str) -> bool:
    """The failure whose training rows are listed; False while they are being found."""
    found = behind.find(state.store(), near)
    if found is None:
        text.plain("Looking for the training rows that pull towards this answer.", "dim")
        return False
    text.failing(found.prompt, found.expected, found.answer, found.summary)
    if found.traceable and all(row.push is None for row in found.rows):
        press(
            "Weigh them by their gradients",
            lambda: behind.weigh(state.store(), near),
            key="weigh",
            help="Which of these rows push the run towards this answer: half a second a row on one core, "
            "for a model of 135 M.",
        )
    return True


def _sentence(chosen: Selection, choice: Choice, *, named: bool) -> str:
    """What is selected, in words, and the views of it; the name of the chosen one."""
    later = rows.newest_batch(state.store()) - chosen.batch
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="sentence"):
        text.sentence(chosen.sentence)
        if named and st.button("Show all rows", type="tertiary", key="all"):
            st.query_params.clear()
            st.rerun()
        elif later and choice.text:
            if st.button(f"{later:,} actions since, make the list again", type="tertiary", key="refresh"):
                st.session_state.pop("selection")
                st.rerun()
        st.space("stretch")
        if not named and st.query_params.get("map"):
            st.button("Clear the region", type="tertiary", key="region-clear", on_click=clear_region)
        if not named:
            saved_views(choice)
        chosen_view = st.segmented_control(
            "View",
            list(_VIEWS),
            default="list",
            required=True,
            key="view",
            label_visibility="collapsed",
            bind="query-params",
        )
    return chosen_view or "list"
