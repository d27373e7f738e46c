"""Small tables as escaped HTML: text a person can select, numbers aligned, no grid to scroll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

Cell = str | int | float | None


def table(
    rows: Sequence[Mapping[str, Cell]], columns: Sequence[tuple[str, str]], *,
    right: Sequence[str] = (), tones: Mapping[tuple[int, str], str] | None = None, wide: str = "",
) -> None:
    """Draw up to some hundred rows.

    Args:
        rows: values by column key; None is drawn as an empty cell.
        columns: (key, heading) in order.
        right: keys of columns with numbers, set flush right.
        tones: good, warn, bad or dim for single cells, by (row number, key).
        wide: the column that takes the remaining width.
    """
    tones = tones or {}
    head = "".join(f'<th class="{_classes(key, right, wide)}">{escape(name)}</th>' for key, name in columns)
    body = "".join(
        "<tr>" + "".join(
            f'<td class="{_classes(key, right, wide)} {tones.get((i, key), "")}">{escape(_text(row.get(key)))}</td>'
            for key, _ in columns
        ) + "</tr>"
        for i, row in enumerate(rows)
    )
    st.html(f'<div class="ts-scroll"><table class="ts-table"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def _classes(key: str, right: Sequence[str], wide: str) -> str:
    return ("num " if key in right else "") + ("wide" if key == wide else "")


def _text(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else value
