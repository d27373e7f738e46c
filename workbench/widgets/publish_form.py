"""Where a finished run is written to, and in which form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from curation.project import Project
from workbench.widgets import text
from workbench.widgets.press import press


def publish_form(name: str, project: Project, write: Callable[..., object]) -> None:
    """Draw it behind a button.

    Args:
        name: id of the run.
        project: the folder proposed stands beside it.
        write: gets the folder, and `merged`.
    """
    with st.popover("Publish", type="tertiary"):
        text.plain("A folder to serve, with the model card: data fingerprint, recipe and verdict.", "dim")
        beside = project.folder.resolve().parent / f"{project.name}-{name}"
        to = st.text_input("Folder", str(beside), key="publish-to") or str(beside)
        merged = st.toggle("One model, the adapter merged into the base", key="publish-merged")
        press(
            "Write it",
            lambda: write(Path(to).expanduser(), merged=merged),
            key="publish",
            type="primary",
        )
