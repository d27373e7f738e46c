"""Splits, the gauges of a frozen version: measured when asked for, kept as long as the session lasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from curation import versions
from workbench import actions, chores, state
from workbench.widgets import text
from workbench.widgets.gauges_view import gauges_view
from workbench.widgets.press import press

_KEPT = "split-gauges"


def draw(review: Callable[[str, Sequence[str]], None]) -> None:
    """Draw the choice of a version, the button, and what was measured of that version.

    Args:
        review: draws a link, of this label, to the rows with these ids.
    """
    found = list(reversed(versions.all_versions(state.project())))
    if not found:
        return
    kept = st.session_state.setdefault(_KEPT, {})
    chore = chores.finished("gauges")
    if chore is not None and chore.error is None:
        folder, measured = chore.result
        kept[folder] = measured
    text.heading("Gauges", "what test and train share without being copies, and how far they differ")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        names = [one.name for one in found]
        name = st.selectbox("Version", names, key="gauges-version", width=130)
        chosen = next(one for one in found if one.name == name)
        press("Measure", lambda: actions.gauge(chosen), key="gauges", disabled=chosen.folder in kept)
    if chore is not None and chore.error is not None:
        text.failure(chore.error)
    if chosen.folder in kept:
        gauges_view(kept[chosen.folder], review)
    else:
        text.plain("Not measured yet. It takes seconds, informs, and blocks nothing.", "dim")
