"""The review component: a list, a chat, and the keys; mounted once for the whole process.

It keeps the promise that nothing pressed is lost: decisions arrive as a cumulative outbox with client
operation ids, and leave the browser only when the server has said that they are stored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "touchstone.review",
    html=(_HERE / "review.html").read_text("utf-8"),
    css=(_HERE / "review.css").read_text("utf-8"),
    js=(_HERE / "review.js").read_text("utf-8"),
)


def review(data: dict[str, Any], *, key: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw the component.

    Args:
        data: project, sid, ack, view, pos, start, total, rows, jump, reasons, labels, empty.
        key: keeps the component mounted while its data changes.

    Returns:
        The outbox `{sid, items}` and the place looked at `{view, pos, around}`; empty before the first word.
    """
    said = _mount(
        key=key,
        data=data,
        default={"outbox": None, "at": None},
        on_outbox_change=_nothing,
        on_at_change=_nothing,
    )
    return said.outbox or {}, said.at or {}


def _nothing() -> None:
    """Streamlit delivers a state only to components that listen to it."""
