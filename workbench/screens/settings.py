"""Settings: the task as a form and as its file, with every mistake at once; the keyboard; the folder."""

from __future__ import annotations

from typing import Any

import streamlit as st

from curation import task as tasks
from curation.errors import BadInput, TouchstoneError
from curation.files import read_yaml, write_atomic
from curation.task import KINDS, Task
from evals.scorers import SCORERS
from workbench import state
from workbench.widgets import text
from workbench.widgets.table import table

_KEYS = (
    ("Review", "j k, arrows", "next and previous row"),
    ("Review", "a, d, x", "keep, drop, back to undecided"),
    ("Review", "f, l, e", "flag with a reason, set the label, edit the last answer"),
    ("Review", "u, U", "undo, redo"),
    ("Review", "g, /, ?", "jump to a row, search, this list"),
    ("Review", "Ctrl+Enter, Esc", "save an edit, leave it"),
    ("Evals", "j k, arrows", "next and previous row"),
    ("Evals", "t", "find the training rows behind the row"),
)


def screen() -> None:
    """Draw the screen."""
    text.title("Settings", f"The task is the file task.yaml in {state.project().folder}.")
    part = st.segmented_control(
        "Part",
        ["Task", "File", "Keyboard"],
        default="Task",
        required=True,
        key="part",
        label_visibility="collapsed",
        bind="query-params",
    )
    if part == "Keyboard":
        table(
            [{"where": where, "keys": keys, "does": does} for where, keys, does in _KEYS],
            [("where", "Screen"), ("keys", "Keys"), ("does", "What they do")],
        )
    elif part == "File":
        _file()
    else:
        _form()


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
    values = _inputs(task)
    if st.button("Save", type="primary", key="save-form"):
        stored = read_yaml(path) if path.is_file() else {}
        try:
            tasks.save(tasks.parse({**stored, **values, "guessed": False}), path)
        except TouchstoneError as error:
            text.failure(error)
            return
        st.rerun()


def _inputs(task: Task) -> dict[str, Any]:
    """The fields that most people set; the file has all of them."""
    kinds, scorers = list(KINDS), [one.name for one in SCORERS]
    with st.container(horizontal=True, gap="small"):
        kind = st.selectbox(
            "Answers are",
            kinds,
            index=kinds.index(task.kind),
            key="kind",
            width=300,
            format_func=lambda one: f"{one.replace('_', ' ')}: {KINDS[one].says}",
        )
        model = st.text_input(
            "Base model",
            task.model.name,
            key="model",
            width=260,
            help="A packaged name, a folder, or a hub name.",
        )
        primary = st.selectbox(
            "Judged by", scorers, index=scorers.index(task.primary_scorer), key="primary", width=200
        )
    system = st.text_area(
        "System prompt",
        task.system_prompt or "",
        key="system",
        height=90,
        help="What the served model gets, in training too. A row's own system turn wins.",
    )
    labels = st.text_area("Labels, one a line", "\n".join(task.labels), key="labels", height=120)
    with st.container(horizontal=True, gap="small"):
        worthwhile = st.number_input(
            "Worth shipping from (points)", 0.0, 99.0, 100 * task.worthwhile, 0.5, key="worthwhile", width=230
        )
        planned = st.number_input(
            "Verdicts planned on one test set", 1, 50, task.looks, key="looks", width=230
        )
        group = st.text_input(
            "Keep together by (metadata field)", task.group or "", key="group-field", width=260
        )
    model_spec = {**task.model.model_dump(exclude_none=True), "name": model}
    return {
        "kind": kind,
        "model": model_spec,
        "primary": None if primary == KINDS[kind].primary_scorer else primary,
        "system_prompt": (system or "").strip() or None,
        "worthwhile": round(worthwhile / 100, 4),
        "looks": int(planned),
        "labels": [line.strip() for line in (labels or "").splitlines() if line.strip()],
        "group": (group or "").strip() or None,
    }
