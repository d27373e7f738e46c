"""Scores with their intervals as one table: who, the figure, a picture of the interval, what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import streamlit as st

from workbench.widgets.table import Cell

Score = tuple[str, float | None, float | None, float | None]


def scores(
    found: Sequence[Score],
    name: str,
    *,
    more: Sequence[tuple[str, str]] = (),
    cells: Sequence[Mapping[str, Cell]] = (),
) -> None:
    """Draw (candidate, mean, low, high), all between 0 and 1, in the order given.

    Args:
        found: the scores; None where nothing could be judged.
        name: what the score says, in words.
        more: further columns as (key, heading), numbers all.
        cells: their values, one mapping for each score.
    """
    head = "".join(f'<th class="num">{escape(title)}</th>' for _, title in more)
    body = "".join(_row(one, more, cells[i] if cells else {}) for i, one in enumerate(found))
    ticks = "".join(f'<s style="left:{n}%">{n}</s>' for n in (0, 25, 50, 75, 100))
    st.html(
        f'<div class="ts-scroll"><table class="ts-table ts-scores"><thead><tr><th>Candidate</th>'
        f'<th class="num">{escape(name)}</th><th class="ts-track"><div>{ticks}</div></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(one: Score, more: Sequence[tuple[str, str]], cells: Mapping[str, Cell]) -> str:
    who, mean, low, high = one
    figure, picture = "not judged", ""
    if mean is not None and low is not None and high is not None:
        figure = f"{100 * mean:.1f} %"
        picture = (
            f'<div title="{100 * low:.1f} to {100 * high:.1f} %"><i style="left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"></i>'
            f'<b style="left:{100 * mean:.2f}%"></b></div>'
        )
    rest = "".join(f'<td class="num">{escape(_text(cells.get(key)))}</td>' for key, _ in more)
    return f'<tr><td>{escape(who)}</td><td class="num">{figure}</td><td class="ts-track">{picture}</td>{rest}</tr>'


def _text(value: Cell) -> str:
    return "" if value is None else (f"{value:,}" if isinstance(value, int) else str(value))
