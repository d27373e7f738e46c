"""Import: drop a file or name a path; the counts add up; what could not be read; the guessed task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

from curation import formats, task
from curation.errors import BadUsage
from curation.importing import ImportReport
from curation.task import Task
from workbench import actions, chores, ledger, state
from workbench.widgets import text
from workbench.widgets.filter_bar import ANY_FLAG
from workbench.widgets.findings import findings, quarantine, sources
from workbench.widgets.press import press
from workbench.widgets.task_card import task_card

_BLOCK = 1 << 20


def screen() -> None:
    """Draw the screen."""
    text.title("Import", "Nothing is changed until you press Import. What cannot be read is kept aside.")
    _choose()
    _report()
    _task()
    _checked()
    _sources()


def _choose() -> None:
    form, mapping = "auto", ""
    sent = st.file_uploader("File", type=None, key="upload", label_visibility="collapsed")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        path = st.text_input(
            "Or a path on this machine", key="path", placeholder="/data/chats.jsonl", width=380
        )
        form = st.selectbox(
            "Format",
            ["auto", *(one.name for one in formats.FORMATS)],
            key="format",
            width=150,
            format_func=lambda name: "Guess" if name == "auto" else name,
        )
        mapping = st.text_input(
            "Columns, if needed", key="mapping", placeholder="user=question label=intent", width=230
        )
        name = sent.name if sent is not None else Path(path.strip()).name
        pressed = st.button(
            f"Import {name}" if name else "Import", type="primary", key="import", disabled=not name
        )
    if pressed:
        error = actions.attempt(lambda: _start(sent, path.strip(), form, mapping))
        if error is not None:
            text.failure(error)
        else:
            st.rerun()


def _start(sent: Any, path: str, form: str, mapping: str) -> None:  # noqa: ANN401  Streamlit's uploaded file
    columns = dict(_pair(part) for part in mapping.split())
    store = state.store()
    if sent is None:
        place = Path(path).expanduser()
        actions.import_path(store, place, form=form, mapping=columns, name=place.name)
        return
    kept = store.project.folder / "uploads" / Path(sent.name).name
    kept.parent.mkdir(exist_ok=True)
    with kept.open("wb") as file:
        while block := sent.read(_BLOCK):
            file.write(block)
    actions.import_path(store, kept, form=form, mapping=columns, name=kept.name)


def _pair(part: str) -> tuple[str, str]:
    name, equals, column = part.partition("=")
    if not equals:
        raise BadUsage(
            f"Columns are named as FIELD=COLUMN, got {part!r}.", hint=f"Fields: {', '.join(formats.FIELDS)}."
        )
    return name, column


def _report() -> None:
    chore = chores.finished("import")
    if chore is None:
        return
    if chore.error is not None:
        text.failure(chore.error)
        return
    report: ImportReport = chore.result
    text.heading(
        f"{report.source} is in" if not report.already_imported else f"{report.source} was here already",
        f"read as {report.format}, {', '.join(f'{k} from {v}' for k, v in report.mapping.items())}",
    )
    text.plain(
        f"{report.rows:,} rows = {report.examples:,} new examples + {report.quarantined:,} that could not be read "
        f"+ {report.repeated:,} repeated"
    )
    with st.container(horizontal=True):
        press("Run the checks", lambda: actions.run_checks(state.store()), key="check", type="primary")
        st.page_link(state.page("review"), label="Review them")


def _task() -> None:
    guess = state.current_task()
    if guess is None or not guess.guessed:
        return
    text.heading("The task, as guessed from the data", "checks, training and scores all follow it")
    task_card(guess)
    with st.container(horizontal=True):
        press("This is right", lambda: _approve(guess), key="approve", type="primary")
        st.page_link(state.page("settings"), label="Change it")


def _approve(guess: Task) -> None:
    task.save(guess.model_copy(update={"guessed": False}), state.project().task_path)


def _checked() -> None:
    """What the checks say about the rows as they are now."""
    chore = chores.finished("check")
    if chore is not None and chore.error is not None:
        text.failure(chore.error)
    found = ledger.open_flags(state.store())
    if found or chore is not None:
        text.heading("What the checks found", "examples by finding; block keeps a row out of training")
        findings(found)
        st.page_link(state.page("review"), label="Review them", query_params={"flag": ANY_FLAG})


def _sources() -> None:
    store = state.store()
    found = ledger.sources(store)
    if found:
        text.heading("Sources")
        sources(found)
    aside = ledger.quarantine(store)
    if aside:
        text.heading("Kept aside", "lines that could not be read; mend them in the file and import it again")
        quarantine(ledger.quarantine_reasons(store), aside)
