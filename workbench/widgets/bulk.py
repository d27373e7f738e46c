"""The preview of a bulk action: how many rows, a few of them, and the one button."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from workbench.widgets import text


def bulk(sentence: str, count: int, value: str, samples: Sequence[tuple[str, str]]) -> bool | None:
    """Draw the preview inside a dialog.

    Args:
        sentence: what is selected, in words.
        count: how many rows that is.
        value: the decision they would get.
        samples: (text, label) of a few of them.

    Returns:
        True to do it, False to leave it, None while nothing was pressed.
    """
    text.headline(f"{sentence}: mark as {value}.")
    text.plain(f"{len(samples)} of them:" if len(samples) < count else "These:", "dim")
    for words, label in samples:
        st.html(f'<p class="ts-sample">{escape(words or "(no text)")}<span>{escape(label)}</span></p>')
    text.plain("One undo takes all of it back.", "dim")
    with st.container(horizontal=True):
        if st.button(f"Mark {count:,} as {value}", type="primary", key="bulk-do", disabled=not count):
            return True
        if st.button("Leave them", key="bulk-leave"):
            return False
    return None
