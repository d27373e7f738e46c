"""An import whose rows came back changed where they were edited here too: which side counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from curation.revisions import ChangedRows
from workbench import actions, state
from workbench.widgets import text
from workbench.widgets.figures import counted
from workbench.widgets.press import press

_ASKED = "import-asked"


def begin(files: Sequence[Path], *, form: str, mappings: Mapping[Path, Mapping[str, str]]) -> None:
    """Start an import, and remember it for the case that a person has to choose."""
    st.session_state[_ASKED] = {"files": list(files), "form": form, "mappings": dict(mappings)}
    error = actions.attempt(_again)
    if error is not None:
        text.failure(error)
    else:
        st.rerun()


def choice(error: ChangedRows) -> None:
    """Draw what would change, and the sides to choose from; nothing is in the project yet."""
    asked = st.session_state.get(_ASKED)
    if asked is None:  # the import was begun in another window
        text.failure(error)
        return
    changed = error.changed
    text.heading(
        f"{counted(changed.rows, 'row')} came back changed",
        f"{error.where}; nothing is in the project yet",
    )
    if changed.unlike:
        text.plain(
            "They have ids that are known here, but their texts are altogether different ones.", "warn"
        )
    if changed.edited:
        text.plain(
            f"{changed.edited:,} of them {'was' if changed.edited == 1 else 'were'} edited here as well."
        )
    with st.container(horizontal=True):
        press("Take the file's rows", lambda: _again(changed="theirs"), key="take-theirs")
        if changed.edited:
            press("Keep what was edited here", lambda: _again(changed="mine"), key="keep-mine")
        if len(asked["files"]) == 1:
            press("It is another set", lambda: _again(family=f"{error.where} apart"), key="apart")


def _again(**more: Any) -> None:  # noqa: ANN401  `changed` and `family` as `actions.import_paths` takes them
    actions.import_paths(state.store(), **st.session_state[_ASKED], **more)
