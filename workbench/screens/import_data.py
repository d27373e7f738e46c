"""Import: look at the first rows of files, then bring them in; mend what could not be read; the guessed task."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from curation import formats, task
from curation.errors import TouchstoneError
from curation.files import sha256
from curation.revisions import ChangedRows
from curation.task import Task
from workbench import actions, chores, incoming, ledger, state
from workbench.screens import changed_rows, kept_aside, report_card
from workbench.widgets import text
from workbench.widgets.filter_bar import ANY_FLAG
from workbench.widgets.findings import findings, imported, sources
from workbench.widgets.press import press
from workbench.widgets.preview import mapping, preview
from workbench.widgets.task_card import task_card


def screen() -> None:
    """Draw the screen."""
    text.title("Import", "Nothing is changed until you press Import. What cannot be read is kept aside.")
    _choose()
    _report()
    _task()
    _checked()
    _sources()


def _choose() -> None:
    """Which files, and how they would be read; nothing of them is in the project yet."""
    sent = st.file_uploader("Files", accept_multiple_files=True, key="upload", label_visibility="collapsed")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        typed = st.text_input(
            "Or a file or folder here, or org/name[:split] on the hub",
            key="path",
            placeholder="/data/chats.jsonl",
            width=420,
        )
        form = st.selectbox(
            "Format",
            ["auto", *(one.name for one in formats.FORMATS)],
            key="format",
            width=150,
            format_func=lambda name: "Guess" if name == "auto" else name,
        )
    try:
        files = incoming.keep(sent, state.project().folder / "uploads")
        files += incoming.named(typed.strip())
    except TouchstoneError as error:
        text.failure(error)
        return
    if files:
        _look(files, form)


def _look(files: list[Path], form: str) -> None:
    """The first rows of each file as they would come in, with a mapping to change; the button to go on."""
    busy = chores.running() is not None
    chosen = files[0]
    if len(files) > 1:
        chosen = st.selectbox("Look at", files, format_func=lambda path: path.name, key="look-at", width=420)
    mappings: dict[Path, dict[str, str]] = st.session_state.setdefault("mappings", {})
    guess = incoming.look(chosen, form, {})
    taken, source = incoming.taken_over(state.store(), chosen, guess)
    if taken:
        guess = incoming.look(chosen, form, taken)
    key = sha256(f"{chosen}{form}".encode())[:12]
    with st.container(horizontal=True, gap="medium", key="look"):
        with st.container(key="mapping", gap="small", width=320):
            text.heading("Columns")
            guessed = (guess.preview.mapping if guess.preview else {}) | taken
            asked = mapping(incoming.fields(guess.format), guess.columns, guessed, key=key)
        mappings[chosen] = taken if asked == guessed else asked
        seen = guess if asked == guessed else incoming.look(chosen, form, asked)
        with st.container(key="seen", gap="small"):
            text.heading("The first rows", _why(seen, source if asked == guessed else None))
            if seen.error is not None:
                text.failure(seen.error)
            if seen.preview is not None:
                preview(seen.preview)
    name = f"Import {chosen.name}" if len(files) == 1 else f"Import {len(files)} files"
    if st.button(name, type="primary", key="import", disabled=busy or seen.preview is None):
        changed_rows.begin(
            files, form=form, mappings={path: mappings[path] for path in files if path in mappings}
        )
    report_card.part(files, form, mappings, seen.preview is None)


def _why(seen: incoming.Look, source: str | None) -> str:
    as_before = f"; the mapping is that of {source}" if source else ""
    return f"read as {seen.preview.format}: {seen.preview.reason}{as_before}" if seen.preview else ""


def _report() -> None:
    chore = chores.finished("import")
    if chore is None:
        return
    if isinstance(chore.error, ChangedRows):
        changed_rows.choice(chore.error)
        return
    if chore.error is not None:
        text.failure(chore.error)
        return
    for report in chore.result:
        imported(report, chore.seconds)
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
    kept_aside.part(store)
