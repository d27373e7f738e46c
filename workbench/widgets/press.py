"""A button whose work is done before the page is drawn, whatever page that is: no click on it is lost.

Streamlit runs callbacks first. Work asked about with `if st.button(...)` is forgotten when a person goes to
another page in the same moment. Use this only for work that depends on nothing typed beside it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import streamlit as st

from curation.errors import TouchstoneError
from workbench.widgets import text

_TROUBLE = "trouble"


def press(label: str, work: Callable[[], object], *, key: str, **looks: Any) -> None:  # noqa: ANN401  Streamlit's
    """Draw the button.

    Args:
        label: what it says.
        work: what it does; an expected error is shown by `trouble`.
        key: its name.
        looks: `type`, `disabled` and the like, as `st.button` takes them.
    """
    st.button(label, key=key, on_click=_do, args=(work,), **looks)


def trouble() -> None:
    """Show, once, why the last press did not work."""
    error = st.session_state.pop(_TROUBLE, None)
    if error is not None:
        text.failure(error)


def _do(work: Callable[[], object]) -> None:
    try:
        work()
    except TouchstoneError as error:
        st.session_state[_TROUBLE] = error
