"""Settings: the task as a form and as its file, with every mistake at once; the keyboard; the folder."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation import filters, labels
from curation import task as tasks
from curation.errors import BadInput, TouchstoneError
from curation.files import read_yaml, write_atomic
from curation.task import Task
from workbench import state
from workbench.widgets import text
from workbench.widgets.keyboard import keyboard
from workbench.widgets.label_form import label_form
from workbench.widgets.task_form import task_form


def screen() -> None:
    """Draw the screen."""
    text.title("Settings", f"The task is the file task.yaml in {state.project().folder}.")
    part = st.segmented_control(
        "Part",
        ["Task", "Labels", "File", "Guideline", "Keyboard"],
        default="Task",
        required=True,
        key="part",
        label_visibility="collapsed",
        bind="query-params",
    )
    if part == "Keyboard":
        keyboard()
    elif part == "Labels":
        _labels()
    elif part == "File":
        _file()
    elif part == "Guideline":
        _guideline()
    else:
        _form()


def _labels() -> None:
    store = state.store()
    counts = labels.counts(store)
    if not counts:
        text.plain("No example has a label, and the task names none.", "dim")
        return
    asked = label_form(counts)
    if asked is None:
        return
    try:
        if asked.only:
            labels.split(store, asked.chosen[0], filters.parse(asked.only), asked.into, who=state.who())
        elif len(asked.chosen) == 1 and asked.into not in counts:
            labels.rename(store, asked.chosen[0], asked.into, who=state.who())
        else:
            labels.merge(store, asked.chosen, asked.into, who=state.who())
    except TouchstoneError as error:
        text.failure(error)
        return
    st.rerun()


def _file() -> None:
    path = state.project().task_path
    written = path.read_text("utf-8") if path.is_file() else ""
    typed = st.text_area(
        "task.yaml", value=written, height=460, key=f"yaml-{hash(written)}", label_visibility="collapsed"
    )
    if st.button("Save", type="primary", key="save-file"):
        try:
            tasks.parse(_yaml(typed or ""), where="task.yaml")
        except TouchstoneError as error:
            text.failure(error)
            return
        write_atomic(path, typed or "")
        st.rerun()
    _problem()


def _guideline() -> None:
    path = state.project().folder / "guideline.md"
    written = path.read_text("utf-8", errors="replace") if path.is_file() else ""
    text.plain("What reviewers should agree on: shown beside the rows in Review with the key i.", "dim")
    typed = st.text_area("guideline.md", value=written, height=460, key="guide", label_visibility="collapsed")
    if st.button("Save", type="primary", key="save-guide"):
        write_atomic(path, typed or "")
        st.rerun()


def _yaml(typed: str) -> dict[str, Any]:
    import yaml

    try:
        value = yaml.safe_load(typed) or {}
    except yaml.YAMLError as error:
        raise BadInput(f"Not valid YAML: {error}", where="task.yaml") from error
    if not isinstance(value, dict):
        raise BadInput("Expected keys with values.", where="task.yaml")
    return value


def _problem() -> None:
    """What keeps the stored file from being used."""
    path = state.project().task_path
    if path.is_file():
        try:
            tasks.load(path)
        except TouchstoneError as error:
            text.failure(error)


def _form() -> None:
    path = state.project().task_path
    task = state.current_task()
    if task is None:
        if path.is_file():
            text.plain("The file has mistakes; mend them under File.", "warn")
            _problem()
            return
        task = Task(kind="free_form")
        text.plain("There is no task yet. The first import guesses one; or write it here.")
    values = task_form(task)
    if st.button("Save", type="primary", key="save-form"):
        stored = read_yaml(path) if path.is_file() else {}
        try:
            tasks.save(tasks.parse({**stored, **values, "guessed": False}), path)
        except TouchstoneError as error:
            text.failure(error)
            return
        st.rerun()
