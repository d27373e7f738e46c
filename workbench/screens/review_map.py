"""Review by meaning: a picture of all rows, near ones alike; a box drawn on it is a filter for the list beside it."""

from __future__ import annotations

import streamlit as st

from curation import map as maps
from curation import meaning
from curation.map import Picture
from workbench import actions, chores, mapped, rows, state
from workbench.screens import review_list
from workbench.selection import Selection
from workbench.widgets import text
from workbench.widgets.figures import counted
from workbench.widgets.filter_bar import use_region
from workbench.widgets.map_chart import map_chart, region


def draw(chosen: Selection) -> None:
    """Draw the map with the rows of a selection in colour, and these rows beside it."""
    store = state.store()
    chore = chores.finished("map")
    if chore is not None and chore.error is not None:
        text.failure(chore.error)
    embedder = meaning.embedder_of(store)
    picture = maps.last(store)
    if picture is None or picture.embedder != embedder:
        _start(embedder)
        return
    text.warning(meaning.foreign(store, embedder))
    with st.container(key="mapped"):
        left, right = st.columns([5, 6], gap="medium")
        with left:
            _picture(chosen, picture)
        with right:
            _region(chosen)
            review_list.draw(chosen)


def _start(embedder: str) -> None:
    """There is no map yet: what it takes, and the button."""
    store = state.store()
    if chores.running() is not None:
        text.plain("The map is shown here when it is ready.", "dim")
        return
    time, n = meaning.about(maps.seconds(store, embedder)), meaning.estimate(store, embedder).rows
    text.warning(meaning.foreign(store, embedder))
    if text.empty(
        "The map shows every row as a point, rows that mean the same side by side: a box drawn around a clump is a "
        f"filter. It needs vectors: {time} for {counted(n, 'row')}.",
        "Make the map",
    ):
        actions.make_map(store)
        st.rerun()


def _picture(chosen: Selection, picture: Picture) -> None:
    """What is told apart by colour, the points, and what was left out."""
    store, task = state.store(), state.current_task()
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="map-bar"):
        colour = st.selectbox(
            "Colour",
            mapped.colours(rows.facets(store), task),
            format_func=lambda name: f"Colour: {name}",
            key="colour",
            width=170,
            label_visibility="collapsed",
        )
        st.space("stretch")
        missing = 0 if maps.is_current(store) else maps.unplaced(store)
        if missing and chores.running() is None:
            if st.button(
                f"{counted(missing, 'row')} not on it: make it again", type="tertiary", key="map-again"
            ):
                actions.make_map(store)
                st.rerun()
    drawn, key, first = _drawn(chosen, colour or "decision")
    map_chart(
        drawn.points,
        drawn.values,
        edge=maps.EDGE,
        colour=colour or "decision",
        first=first,
        key=key,
        on_region=lambda: _take(key),
    )
    text.note(f"{drawn.sentence} {picture.sentence}")


def _drawn(
    chosen: Selection, colour: str
) -> tuple[mapped.Drawn, str, tuple[float, float, float, float] | None]:
    """The points, and the region to begin with: both stay while only the region changes, so that nothing jumps."""
    store = state.store()
    base = st.session_state["map-base"] = mapped.base(store, chosen, st.session_state.get("map-base"))
    decided = rows.newest_batch(store) if colour == "decision" else base.batch
    stamp = (base.key, base.batch, decided, colour, store.get("map"), st.session_state.get("map-cleared", 0))
    kept = st.session_state.get("map-drawn")
    if kept is None or kept[0] != stamp:
        box = maps.corners(st.query_params.get("map", ""))
        turn = kept[1] + 1 if kept else 0
        kept = st.session_state["map-drawn"] = (
            stamp, turn, mapped.draw(store, base, colour, state.current_task()), box
        )  # fmt: skip
    return kept[2], f"map-chart-{kept[1]}", kept[3]


def _take(key: str) -> None:
    """A box was drawn or taken away: it goes into the address, and with it into the filter."""
    found = region(key)
    use_region(maps.box((found[0], found[2]), (found[1], found[3])) if found else "")


def _region(chosen: Selection) -> None:
    """How many rows the region holds, and where they can be seen in full."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="region"):
        if not st.query_params.get("map"):
            text.plain("Draw a box on the map to list the rows in it.", "dim")
            return
        text.plain(f"{counted(len(chosen.seqs), 'row')} in this region")
        st.space("stretch")
        st.button("Show in the list", key="region-list", on_click=_list)


def _list() -> None:
    st.session_state["view"] = "list"
