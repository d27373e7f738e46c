"""The preview of a bulk action: how many rows, what they are now, a few of them, and the one button."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from workbench.widgets import text
from workbench.widgets.figures import counted

_ASKS = {"label": "The label", "hand_flag": "The reason", "group_key": "The group"}
_DOES = {"label": "give a label", "hand_flag": "flag with a reason", "group_key": "put into one group"}


@dataclass(frozen=True, slots=True)
class Touched:
    """What a selection holds before it is changed: rows, those in a frozen test set, rows by decision."""

    count: int
    frozen: int
    decided: dict[str, int]


def bulk(
    sentence: str,
    touched: Touched,
    action: str,
    samples: Sequence[tuple[str, str]],
    known: Sequence[str] = (),
) -> str | None:
    """Draw the preview inside a dialog.

    Args:
        sentence: what is selected, in words.
        touched: what would be changed.
        action: a decision, or label, hand_flag, group_key, which ask for a value.
        samples: (text, label) of a few rows chosen at random.
        known: values to choose from.

    Returns:
        The value to set, "" to leave everything as it is, None while nothing was pressed.
    """
    value: str | None = action
    text.headline(f"{sentence}: {_DOES.get(action, f'mark as {action}')}.")
    if action in _ASKS:
        value = st.selectbox(
            _ASKS[action],
            list(known),
            index=None,
            accept_new_options=True,
            key="bulk-value",
            placeholder=f"{_ASKS[action]}: choose one or type",
        )
    notes = []
    if action not in _ASKS and (already := touched.decided.get(action, 0)):
        notes.append(f"{already:,} of them are {action} already")
    if touched.frozen:
        notes.append(
            f"{counted(touched.frozen, 'row')} in the frozen test set: the next version differs there"
        )
    if notes:
        text.plain(". ".join(notes) + ".", "warn" if touched.frozen else "")
    text.plain(f"{len(samples)} of them, at random:" if len(samples) < touched.count else "These:", "dim")
    for words, label in samples:
        st.html(f'<p class="ts-sample">{escape(words or "(no text)")}<span>{escape(label)}</span></p>')
    text.plain("One undo (u) takes all of it back.", "dim")
    verb = f"Mark {touched.count:,} as {action}" if action not in _ASKS else f"Do it for {touched.count:,}"
    with st.container(horizontal=True):
        if st.button(verb, type="primary", key="bulk-do", disabled=not (touched.count and value)):
            return (value or "").strip()
        if st.button("Leave them", key="bulk-leave"):
            return ""
    return None
