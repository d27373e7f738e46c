"""The script Streamlit runs for every visit: theme, navigation, and the screen that was asked for.

The only `st.navigation` of the app; the process around it is `serve.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from curation.errors import TouchstoneError
from workbench import chores, standing, state, theme
from workbench.screens import evals, import_data, overview, picker, review, settings, splits, train, verdict
from workbench.serve import serve
from workbench.widgets import text
from workbench.widgets.press import trouble
from workbench.widgets.progress import chore_line

__all__ = ["serve"]

_SCREENS = (
    ("", "overview", "Overview", ":material/route:", overview.screen),
    ("Data", "import", "Import", ":material/upload_file:", import_data.screen),
    ("Data", "review", "Review", ":material/rate_review:", review.screen),
    ("Data", "splits", "Splits", ":material/call_split:", splits.screen),
    ("Model", "train", "Train", ":material/model_training:", train.screen),
    ("Model", "evals", "Evals", ":material/compare:", evals.screen),
    ("Model", "verdict", "Verdict", ":material/gavel:", verdict.screen),
    (None, "settings", "Settings", ":material/tune:", settings.screen),
)


def main() -> None:
    """Draw one visit."""
    # Before the navigation: without an icon of our own, Streamlit fetches the page's from a server of Google's.
    st.set_page_config(
        page_title="Touchstone", page_icon=str(theme.ICON), layout="wide", initial_sidebar_state=240
    )
    st.html(f"<style>{theme.PAGE_CSS}</style>")
    st.logo(str(theme.ICON), size="small")
    if state.workspace.store is None:
        st.navigation(
            [st.Page(picker.screen, title="Open a project", url_path="open", default=True)], position="hidden"
        ).run()
        return
    before, at_work = chores.newest(), chores.running()
    badges = standing.badges(standing.measure(state.store(), state.current_task()))
    pages: dict[str, st.Page] = {}
    sections: dict[str, list[st.Page]] = {}
    for section, name, title, icon, draw in _SCREENS:
        pages[name] = st.Page(
            _guarded(draw),
            title=f"{title} {badges.get(name, '')}".strip(),
            icon=icon,
            url_path=name,
            default=name == "overview",
        )
        sections.setdefault(state.project().name if section is None else section, []).append(pages[name])
    state.register(pages)
    chosen = st.navigation(sections, position="sidebar")
    title = next(title for _, name, title, _, _ in _SCREENS if pages[name] == chosen)
    st.set_page_config(page_title=f"{title} · {state.project().name} · Touchstone")
    chore_line(at_work)
    trouble()
    chosen.run()
    if chores.newest() is not before:
        st.rerun()  # the screen began a piece of work by itself: show how far it is


def _guarded(draw: Callable[[], None]) -> Callable[[], None]:
    """A screen whose expected errors are shown as what, where and hint instead of a traceback."""

    def screen() -> None:
        try:
            draw()
        except TouchstoneError as error:
            text.failure(error)

    return screen


if __name__ == "__main__":
    main()
