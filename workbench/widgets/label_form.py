"""Labels over the whole set: how many rows each has, and a form that renames, merges or splits them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import streamlit as st

from workbench.widgets import text
from workbench.widgets.figures import counted
from workbench.widgets.table import table

_SHOWN = 200


class Asked(NamedTuple):
    """Give `chosen` the name `into`; where `only` is a filter, just the rows it selects."""

    chosen: tuple[str, ...]
    into: str
    only: str


def label_form(counts: Mapping[str, int]) -> Asked | None:
    """Draw the counts and the form; None while nothing was pressed."""
    text.plain(
        "One label renames it, several merge into one, and a filter splits off the rows it selects. An answer "
        "that is the label changes with it, the list in task.yaml too. One undo takes all of it back.",
        "dim",
    )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        chosen = st.multiselect("Labels", list(counts), key="labels-chosen", width=320, placeholder="choose")
        into = st.text_input("become", key="labels-into", width=200)
        only = st.text_input("Only where", key="labels-only", width=240, placeholder="text ~ refund")
        n = sum(counts[name] for name in chosen if name != into.strip())
        filtered = bool((only or "").strip())
        pressed = st.button(
            "Change" if filtered else f"Change {counted(n, 'row')}",
            type="primary",
            key="labels-do",
            disabled=not ((into or "").strip() and (len(chosen) == 1 or (chosen and not filtered))),
            help="A filter splits one label at a time." if filtered and len(chosen) > 1 else None,
        )
    shown = list(counts.items())[:_SHOWN]
    table(
        [{"label": name, "n": n} for name, n in shown],
        [("label", "Label"), ("n", "Examples")],
        right=("n",),
    )
    if len(counts) > _SHOWN:
        text.plain(f"The {_SHOWN} commonest of {len(counts):,} labels.", "dim")
    return Asked(tuple(chosen), (into or "").strip(), (only or "").strip()) if pressed else None
