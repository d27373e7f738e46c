"""The part of Import that looks at one or two files without importing them: a page to download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import streamlit as st

from curation.progress import Progress
from curation.scan import scan
from workbench import chores, scan_page
from workbench.widgets import text
from workbench.widgets.press import press

_HELD_OUT = ("test", "eval", "valid", "dev", "heldout")


def part(files: Sequence[Path], form: str, mappings: Mapping[Path, Mapping[str, str]], error: bool) -> None:
    """Draw the button, and what came of it.

    Args:
        files: those chosen, one or two of which are looked at.
        form: a name of `formats.FORMATS`, or `auto`.
        mappings: columns by field for some of the files.
        error: whether the rows could not be read as they are mapped now.
    """
    if len(files) > 2:
        return
    sides = _sides(files)
    mapping = dict(mappings.get(sides[0], {}))

    def work(progress: Progress) -> tuple[list[Path], str, str]:
        found = scan(*sides, format=form, mapping=mapping, progress=progress)
        return sides, found.verdict, scan_page.page(found)

    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        press(
            "Report card",
            lambda: chores.start("scan", "Making the report card", work),
            key="report-card",
            disabled=error or chores.running() is not None,
        )
        text.plain(_says(sides), "dim")
    chore = chores.finished("scan")
    if chore is not None and chore.error is not None:
        text.failure(chore.error)
    elif chore is not None and chore.result[0] == sides:
        _, verdict, page = chore.result
        text.plain(verdict)
        st.download_button("Download the page", page, "report-card.html", "text/html", key="report-card-page")


def _sides(files: Sequence[Path]) -> list[Path]:
    """Train before test, by their names; else in the order they came."""
    return sorted(files, key=lambda path: any(word in path.name.lower() for word in _HELD_OUT))


def _says(sides: Sequence[Path]) -> str:
    if len(sides) == 1:
        return "Looks at this file alone and imports nothing; with a second one, at what leaks."
    return f"Takes {sides[0].name} as train and {sides[1].name} as the test; imports nothing."
