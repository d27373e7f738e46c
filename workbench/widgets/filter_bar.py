"""The filter bar: every choice lives in the address, and together they are one text of the filter language."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import streamlit as st

from curation import filters
from curation.errors import TouchstoneError

ANY_FLAG = "any flag"
SORTS = {
    "as imported": "imported",
    "longest first": "longest",
    "shortest first": "shortest",
    "most flags": "flags",
    "by cluster": "cluster",
    "doubtful labels": "suspect",
}
_MEANT = {ANY_FLAG: "any"}
_BULK = {
    "Keep all in this list": "keep",
    "Drop all in this list": "drop",
    "Back to undecided": "undecided",
    "Label all…": "label",
    "Flag all…": "hand_flag",
    "Group all…": "group_key",
}
_REPAIR = "Repair what is safe…"


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen: the filter in its own language, the order, and a bulk action just asked for."""

    text: str
    sort: str
    bulk: str | None


NOTHING = Choice("", "imported", None)


def filter_bar(facets: Mapping[str, Sequence[str]], repairable: Collection[str] = ()) -> Choice:
    """Draw the bar; selections are bound to the address.

    Args:
        facets: what can be chosen in each list.
        repairable: checks whose flags can be repaired in bulk; that is offered while one of them is chosen.
    """
    words: list[str] = []
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="bar"):
        typed = st.text_input(
            "Search",
            key="q",
            placeholder="Search text, or turns > 4   /",
            type="search",
            live="300ms",
            label_visibility="collapsed",
            bind="query-params",
            width=250,
        )
        words += _typed((typed or "").strip())
        for name, title, width in (
            ("label", "Label", 150),
            ("flag", "Flag", 150),
            ("source", "Source", 150),
            ("split", "Split", 110),
        ):
            options = _options(name, facets.get(name, ()))
            chosen = st.session_state.get(name) or st.query_params.get(name)
            if chosen or len(options) > (1 if name in ("source", "split") else 0):
                value = st.selectbox(
                    title,
                    options,
                    index=None,
                    placeholder=title,
                    key=name,
                    width=width,
                    label_visibility="collapsed",
                    bind="query-params",
                )
                words += [f"{name} = {quoted(_MEANT.get(value, value))}"] if value else []
        decision = st.selectbox(
            "Decision",
            ["undecided", "keep", "drop"],
            index=None,
            placeholder="Decision",
            key="decision",
            width=130,
            label_visibility="collapsed",
            bind="query-params",
        )
        words += [f"decision = {decision}"] if decision else []
        sort = _order()
        st.space("stretch")
        repair = {_REPAIR: "repair"} if st.session_state.get("flag") in repairable else {}
        actions = {**_BULK, **repair}
        asked = st.menu_button("Bulk", list(actions), icon=":material/checklist:", key="bulk")
    cluster = st.query_params.get("cluster")
    if cluster:
        words.append(f"cluster = {quoted(cluster)}")
    region = st.query_params.get("map")
    if region:
        words.append(f"map = {quoted(region)}")
    return Choice(" ".join(words), SORTS.get(sort or "", "imported"), actions.get(asked or ""))


def use(words: str, sort: str) -> None:
    """Show a saved filter: its text goes where filters are typed, the other choices are cleared."""
    for name in ("label", "flag", "source", "split", "decision"):
        st.session_state[name] = None
    clear_region()
    st.session_state["q"] = words
    st.session_state["sort"] = next((title for title, known in SORTS.items() if known == sort), "as imported")


def use_region(box: str) -> None:
    """Select the rows in a region of the map, besides what else is chosen; all places for an empty one."""
    if box:
        st.query_params["map"] = box
    else:
        st.query_params.pop("map", None)


def clear_region() -> None:
    """Select no region, and take away the box drawn."""
    if st.query_params.pop("map", None):
        st.session_state["map-cleared"] = st.session_state.get("map-cleared", 0) + 1


def _order() -> str | None:
    """The order of the list; the suspects have one of their own, and then the chosen one waits."""
    if (st.session_state.get("view") or st.query_params.get("view")) == "suspects":
        if "sort" in st.session_state:
            st.session_state["sort"] = st.session_state["sort"]
        st.selectbox(
            "Order",
            ["most doubtful first"],
            key="sort-suspects",
            width=170,
            label_visibility="collapsed",
            disabled=True,
        )
        return None
    chosen: str | None = st.selectbox(
        "Order", list(SORTS), key="sort", width=140, label_visibility="collapsed", bind="query-params"
    )
    return chosen


def _options(name: str, known: Sequence[str]) -> list[str]:
    """What can be chosen, and what is chosen: a filter must not vanish with the last row that fits it."""
    chosen = st.session_state.get(name) or st.query_params.get(name)
    return [*known, *([chosen] if chosen and chosen not in known else [])]


def quoted(value: str) -> str:
    """A value as the filter language takes it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _typed(typed: str) -> list[str]:
    """A filter such as `turns > 4` is used as it stands; anything else is searched for as text."""
    if not typed:
        return []
    try:
        filters.parse(typed)
    except TouchstoneError:
        return [f"text ~ {quoted(typed)}"]
    return [typed]
