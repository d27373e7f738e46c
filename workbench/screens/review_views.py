"""Saved views of Review: a filter and an order under a name."""

from __future__ import annotations

from functools import partial

import streamlit as st

from curation import views
from workbench import state
from workbench.widgets import text
from workbench.widgets.filter_bar import Choice, use
from workbench.widgets.press import press


def saved_views(choice: Choice) -> None:
    """Saved views: pick one, name the current filter and order, delete one."""
    store = state.store()
    with st.popover("Views", type="tertiary"):
        for number, view in enumerate(views.saved(store)):
            with st.container(horizontal=True, vertical_alignment="center"):
                text.plain(f"{view.name}: {view.filter or 'everything'}")
                st.button("Show", key=f"view-show-{number}", on_click=use, args=(view.filter, view.sort))
                press("Delete", partial(views.delete, store, view.name), key=f"view-delete-{number}")
        name = st.text_input("Name this filter and order", key="view-name", max_chars=60)
        if name:
            press("Save", lambda: views.save(store, name, choice.text, choice.sort), key="view-save")
