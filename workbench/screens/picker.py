"""Which project to open: the recent ones, those below the current folder, or a new one."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from curation import project as projects
from curation import store as stores
from curation.errors import TouchstoneError
from workbench import state
from workbench.widgets import text


def screen() -> None:
    """Draw the picker; opening a project shows its screens in this same process."""
    text.title(
        "Open a project",
        "A project is a folder with everything in it: rows, decisions, versions, runs, evaluations.",
    )
    root = state.workspace.root
    found = [one.folder for one in projects.find_below(root)]
    places = list(dict.fromkeys([*state.recent(), *found]))
    if not places:
        text.plain(f"No project was found below {root}, and none was opened before. Make one below.")
    for place in places:
        with st.container(horizontal=True, vertical_alignment="center", key=f"place-{places.index(place)}"):
            if st.button("Open", key=f"open-{place}"):
                _open(place)
            text.plain(_short(place))
    text.heading("New project")
    with st.form("new", border=False):
        folder = st.text_input("Folder", placeholder=str(root / "my-project"), width=520)
        if st.form_submit_button("Make it") and folder:
            _make(Path(folder))


def _make(folder: Path) -> None:
    try:
        stores.create(
            projects.reserve(folder if folder.is_absolute() else state.workspace.root / folder)
        ).close()
    except TouchstoneError as error:
        text.failure(error)
        return
    _open(folder if folder.is_absolute() else state.workspace.root / folder)


def _open(folder: Path) -> None:
    try:
        state.open_project(folder)
    except TouchstoneError as error:
        text.failure(error)
        return
    st.rerun()


def _short(place: Path) -> str:
    try:
        return str(place.relative_to(state.workspace.root))
    except ValueError:
        return str(place)
