"""Small tables as escaped HTML: text a person can select, numbers aligned, no grid to scroll."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

Cell = str | int | float | None


def table(
    rows: Sequence[Mapping[str, Cell]],
    columns: Sequence[tuple[str, str]],
    *,
    right: Sequence[str] = (),
    tones: Mapping[tuple[int, str], str] | None = None,
    wide: str = "",
    tight: Sequence[str] = (),
) -> None:
    """Draw up to some hundred rows.

    Args:
        rows: values by column key; None is drawn as an empty cell.
        columns: (key, heading) in order.
        right: keys of columns with numbers, set flush right.
        tones: good, warn, bad or dim for single cells, by (row number, key).
        wide: the column that takes the remaining width.
        tight: keys of columns that never wrap.
    """
    tones = tones or {}
    head = "".join(
        f'<th class="{_classes(key, right, wide, tight)}">{escape(name)}</th>' for key, name in columns
    )
    body = "".join(
        "<tr>"
        + "".join(
            f'<td class="{_classes(key, right, wide, tight)} {tones.get((i, key), "")}">'
            f"{escape(_text(row.get(key)))}</td>"
            for key, _ in columns
        )
        + "</tr>"
        for i, row in enumerate(rows)
    )
    st.html(
        f'<div class="ts-scroll"><table class="ts-table"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _classes(key: str, right: Sequence[str], wide: str, tight: Sequence[str]) -> str:
    flags = (("num", key in right), ("wide", key == wide), ("tight", key in tight))
    return " ".join(name for name, holds in flags if holds)


def _text(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else value
