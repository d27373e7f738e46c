"""The part of Import with what could not be read, to be mended there."""

from __future__ import annotations

import streamlit as st

from curation import decisions, mending, quarantine
from curation.quarantine import Aside
from curation.store import Store
from workbench import ledger, state
from workbench.widgets import text
from workbench.widgets.aside import rows
from workbench.widgets.press import press

_AT_ONCE = 5  # rows on a page


def part(store: Store) -> None:
    """What could not be read, to be mended here."""
    reasons = ledger.quarantine_reasons(store)
    done = st.session_state.get("mended")
    if not reasons and not done:
        return
    text.heading("Kept aside", "rows that could not be read; correct the text and try again")
    if done:
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            text.plain(f"Line {done.line:,} of {done.source} is an example now.", "good")
            press("Undo", _undo, key="undo-mended")
    text.plain(" · ".join(f"{row['n']:,} × {row['reason']}" for row in reasons), "dim")
    total = sum(row["n"] for row in reasons)
    pages = -(-total // _AT_ONCE)
    page = st.pagination(pages, key="aside-page") if pages > 1 else 1
    rows(quarantine.listed(store, _AT_ONCE, (page - 1) * _AT_ONCE), _mend)


def _mend(one: Aside, raw: str) -> None:
    st.session_state["mended"] = mending.mend(state.store(), one, raw, who=state.who())


def _undo() -> None:
    decisions.undo(state.store(), who=state.who())
    st.session_state.pop("mended", None)
