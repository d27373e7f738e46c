"""Review in bulk: what is about to happen to every row of the list, and the button that does it."""

from __future__ import annotations

import streamlit as st

from curation.checks import fixes
from workbench import outbox, rows, state
from workbench.screens import review_list
from workbench.selection import Selection
from workbench.widgets.bulk import bulk
from workbench.widgets.repair import repair


def draw(action: str, chosen: Selection) -> None:
    """Show what a bulk action will touch, then do it as one batch."""
    store, task = state.store(), state.current_task()
    if action == "repair":
        _repair(chosen)
        return
    samples = [(row["preview"], row["label"] or "") for row in rows.window(store, chosen.samples())]
    known = {"label": task.labels if task else [], "hand_flag": review_list.REASONS}.get(action, [])
    value = bulk(chosen.sentence, rows.touching(store, chosen.seqs), action, samples, known)
    if value:
        outbox.decide_all(store, chosen.seqs, action, value, who=state.who(), summary=chosen.english)
    if value is not None:
        st.rerun()


def _repair(chosen: Selection) -> None:
    """Show what a check's repair would change in the rows of the list, then do it as one batch."""
    store, check = state.store(), str(st.session_state["flag"])
    mended = fixes.preview(store, check, chosen.seqs)
    pressed = repair(check, fixes.FIXES[check].says, mended, rows.touching(store, chosen.seqs).frozen)
    if pressed:
        fixes.apply(store, check, chosen.seqs, who=state.who())
        st.session_state.pop("selection", None)
    if pressed is not None:
        st.rerun()
