"""The preview of a repair: what the check's fix does, a few rows before and after, and the one button."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from curation.checks.fixes import Mended, Turns
from curation.example import text_of
from evals.compare import text_differences
from workbench.widgets import text
from workbench.widgets.figures import counted

_SHOWN, _LONGEST = 5, 600
_TAGS = {"equal": "span", "missing": "del", "extra": "ins"}


def repair(check: str, says: str, mended: Sequence[Mended], frozen: int) -> bool | None:
    """Draw the preview inside a dialog.

    Args:
        check: whose flags are repaired.
        says: what the repair does.
        mended: every row that would change.
        frozen: how many rows of the list stand in the frozen test set.

    Returns:
        True to repair, False to leave everything, None while nothing was pressed.
    """
    text.headline(f"{check}: {says}")
    if not mended:
        text.plain("None of these rows can be repaired safely. Mend them one by one.", "dim")
    elif frozen:
        text.plain(
            f"{counted(frozen, 'row')} of this list in the frozen test set: the next version differs there.",
            "warn",
        )
    if mended:
        text.plain(
            f"{counted(len(mended), 'row')} would change"
            + (f"; the first {_SHOWN}:" if len(mended) > _SHOWN else ":"),
            "dim",
        )
    for one in mended[:_SHOWN]:
        st.html(f'<p class="ts-change"><b>{escape(one.id[:8])}</b>{_change(one)}</p>')
    if mended:
        text.plain("One undo (u) takes all of it back.", "dim")
    with st.container(horizontal=True):
        if mended and st.button(f"Repair {len(mended):,}", type="primary", key="repair-do"):
            return True
        if st.button("Leave them", key="repair-leave"):
            return False
    return None


def _change(one: Mended) -> str:
    """The changed text, with what goes struck out and what comes marked."""
    pieces = text_differences(_spoken(one.before), _spoken(one.after), blanks=True)
    return "".join(
        f"<{_TAGS[kind]}>{escape(_shortened(piece, kind))}</{_TAGS[kind]}>" for piece, kind in pieces
    )


def _spoken(turns: Turns) -> str:
    return "\n".join(f"{turn.get('role', '')}: {text_of(turn)}" for turn in turns)


def _shortened(piece: str, kind: str) -> str:
    """Text that stays is there for its ends only."""
    if kind != "equal" or len(piece) <= _LONGEST:
        return piece
    return f"{piece[: _LONGEST // 2]} … {piece[-_LONGEST // 2 :]}"
