"""The duplicates component: clusters, their members side by side, and the keys; mounted once for the process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "touchstone.duplicates",
    html=(_HERE / "duplicates.html").read_text("utf-8"),
    css=(_HERE / "duplicates.css").read_text("utf-8"),
    js="".join((_HERE / name).read_text("utf-8") for name in ("outbox.js", "duplicates.js")),
)


def duplicates(
    data: dict[str, Any], *, key: str, on_outbox: Callable[[], None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw the component.

    Args:
        data: project, sid, ack, view, pos, start, total, clusters, members, jump, empty.
        key: keeps the component mounted while its data changes.
        on_outbox: called when the outbox has changed, before the page is drawn.

    Returns:
        The outbox `{sid, items}` and the place looked at `{view, pos, heads}`; empty before the first word.
    """
    found = _mount(
        key=key,
        data=data,
        default={"outbox": None, "at": None},
        on_outbox_change=on_outbox,
        on_at_change=_nothing,
    )
    return found.outbox or {}, found.at or {}


def _nothing() -> None:
    """Streamlit delivers a state only to components that listen to it."""
