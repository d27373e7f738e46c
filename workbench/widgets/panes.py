"""The components with keys, of Review and of grading, whose decisions arrive as a cumulative outbox.

Nothing pressed is lost: an item leaves the browser only when the server has said that it is stored.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
Said = tuple[dict[str, Any], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Panes:
    """One such component, mounted once for the whole process; its files are called after it."""

    mount: Callable[..., Any]

    def __call__(
        self,
        data: dict[str, Any],
        *,
        key: str,
        on_outbox: Callable[[], None],
        on_place: Callable[[], None] | None = None,
    ) -> Said:
        """Draw it.

        Args:
            data: what its script reads.
            key: keeps the component mounted while its data changes.
            on_outbox: called when the outbox has changed, before the page is drawn: `said(key)` has it.
            on_place: called when another place is looked at, before the page is drawn.

        Returns:
            The outbox `{sid, items}` and the place looked at; empty before the first word.
        """
        found = self.mount(
            key=key,
            data=data,
            default={"outbox": None, "at": None},
            on_outbox_change=on_outbox,
            on_at_change=on_place or _nothing,
        )
        return found.outbox or {}, found.at or {}


def panes(name: str) -> Panes:
    """The component of that name: `NAME.html`, `NAME.css` and `NAME.js` on top of what all of them share."""

    def read(*files: str) -> str:
        return "".join((_HERE / file).read_text("utf-8") for file in files)

    return Panes(
        st.components.v2.component(
            f"touchstone.{name}",
            html=read(f"{name}.html"),
            css=read("panes.css", f"{name}.css"),
            js=read("outbox.js", f"{name}.js"),
        )
    )


def said(key: str) -> Said:
    """What a component has said so far, before it is drawn.

    Empty in a new session, even where the browser holds something: it is known only once it is mounted.
    """
    found = st.session_state.get(key) or {}
    return found.get("outbox") or {}, found.get("at") or {}


def _nothing() -> None:
    """Streamlit delivers a state only to components that listen to it."""


review = panes("review")
duplicates = panes("duplicates")
grade = panes("grade")
