"""Rows kept aside, each with its reason and an editor over its text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from curation.errors import TouchstoneError
from curation.quarantine import Aside
from workbench.widgets import text

_WHY = "aside-why"
_ROUND = "aside-round"


def rows(found: Sequence[Aside], mend: Callable[[Aside, str], object]) -> None:
    """Draw them.

    Args:
        found: the rows of one page.
        mend: reads the corrected text; raises the new reason.
    """
    for one in found:
        # a row that comes back after an undo gets an editor of its own, with the text it had
        name = f"{one.raw_hash[:16]}-{one.nth}"
        key = f"{name}-{st.session_state.get(_ROUND, {}).get(name, 0)}"
        why = st.session_state.get(_WHY, {}).get(key)
        with st.container(key=f"aside-{key}", gap="small"):
            text.heading(f"{one.name}, line {one.line:,}", one.reason)
            st.text_area(
                f"Text of line {one.line}",
                value=one.raw,
                key=f"mend-{key}",
                height=110,
                label_visibility="collapsed",
            )
            with st.container(horizontal=True, vertical_alignment="center", gap="small"):
                st.button("Try again", key=f"try-{key}", on_click=_try, args=(one, key, mend))
                text.plain(why or "", "bad")


def _try(one: Aside, key: str, mend: Callable[[Aside, str], object]) -> None:
    why: dict[str, str] = st.session_state.setdefault(_WHY, {})
    why.pop(key, None)
    try:
        mend(one, str(st.session_state[f"mend-{key}"]))
    except TouchstoneError as error:
        why[key] = error.message
    else:
        rounds: dict[str, int] = st.session_state.setdefault(_ROUND, {})
        name = f"{one.raw_hash[:16]}-{one.nth}"
        rounds[name] = rounds.get(name, 0) + 1
