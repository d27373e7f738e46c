"""The review component: a list, a chat, and the keys; mounted once for the whole process.

It keeps the promise that nothing pressed is lost: decisions arrive as a cumulative outbox with client
operation ids, and leave the browser only when the server has said that they are stored.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "touchstone.review",
    html=(_HERE / "review.html").read_text("utf-8"),
    css=(_HERE / "review.css").read_text("utf-8"),
    js="".join((_HERE / name).read_text("utf-8") for name in ("outbox.js", "review.js")),
)


def review(
    data: dict[str, Any], *, key: str, on_outbox: Callable[[], None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw the component.

    Args:
        data: project, sid, ack, view, pos, start, total, rows, jump, reasons, labels, empty.
        key: keeps the component mounted while its data changes.
        on_outbox: called when the outbox has changed, before the page is drawn: `said(key)` has it.

    Returns:
        The outbox `{sid, items}` and the place looked at `{view, pos, around}`; empty before the first word.
    """
    found = _mount(
        key=key,
        data=data,
        default={"outbox": None, "at": None},
        on_outbox_change=on_outbox,
        on_at_change=_nothing,
    )
    return found.outbox or {}, found.at or {}


def said(key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the component has said so far, before it is drawn.

    Empty in a new session, even where the browser holds something: it is known only once it is mounted.
    """
    found = st.session_state.get(key) or {}
    return found.get("outbox") or {}, found.get("at") or {}


def _nothing() -> None:
    """Streamlit delivers a state only to components that listen to it."""
