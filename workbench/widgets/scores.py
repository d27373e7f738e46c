"""Scores with their intervals as one table: who, the figure, a picture of the interval, what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from workbench.widgets.figures import says
from workbench.widgets.progress import span
from workbench.widgets.table import Cell, table

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


def summary_scores(names: Sequence[str], summary: Mapping[str, Any], primary: str) -> None:
    """Draw the scores of an evaluation's summary, the primary ones with their intervals, and what each cost."""
    known = [name for name in names if name in summary]
    main = [summary[name][primary] for name in known]
    others = [name for name in summary[known[0]]["scorers"] if name != primary] if known else []
    cells: list[dict[str, Cell]] = [
        {
            **{other: _percent(summary[name]["scorers"][other]["mean"]) for other in others},
            "n": one["n"],
            "missing": one["missing"] or None,
            "cut": summary[name].get("truncated") or None,
            "tokens": summary[name].get("tokens_out") or None,
            "time": _spent(summary[name]),
            "latency": _latency(summary[name].get("latency")),
        }
        for name, one in zip(known, main, strict=True)
    ]
    titles = (
        *((other, says(other)) for other in others),
        *(("n", "Judged"), ("missing", "Missing"), ("cut", "Cut"), ("tokens", "Tokens"), ("time", "Time")),
        ("latency", "Latency"),
    )
    scores(
        [(name, one["mean"], one["low"], one["high"]) for name, one in zip(known, main, strict=True)],
        says(primary),
        more=[(key, title) for key, title in titles if any(cell[key] is not None for cell in cells)],
        cells=cells,
    )
    _by_field(known, summary)


def _spent(told: Mapping[str, Any]) -> str | None:
    """How long a model was at work; where many questions wait at a time, only the latency means something."""
    return span(told["seconds"]) if told.get("seconds") and "latency" not in told else None


def _latency(told: Mapping[str, Any] | None) -> str | None:
    return f"{told['median']:.2f} s, {told['asked']}" if told else None


def _by_field(names: Sequence[str], summary: Mapping[str, Any]) -> None:
    """Precision, recall and F1 of every field over all rows, a column each candidate, behind one click."""
    for scorer in dict.fromkeys(scorer for name in names for scorer in summary[name].get("by_field", {})):
        told = {name: summary[name]["by_field"].get(scorer, {}) for name in names}
        paths = sorted({path for fields in told.values() for path in fields})
        with st.expander(f"Field by field: {says(scorer)}"):
            table(
                [
                    {"path": path, **{name: _rates(fields.get(path)) for name, fields in told.items()}}
                    for path in paths
                ],
                [("path", "Field"), *((name, f"{name}: F1 (precision, recall)") for name in names)],
                right=tuple(names),
            )


def _rates(one: Mapping[str, float] | None) -> str | None:
    if one is None:
        return None
    return f"{100 * one['f1']:.1f} ({100 * one['precision']:.1f}, {100 * one['recall']:.1f})"


def _percent(mean: float | None) -> str | None:
    return None if mean is None else f"{100 * mean:.1f}"


def _row(one: Score, more: Sequence[tuple[str, str]], cells: Mapping[str, Cell]) -> str:
    who, mean, low, high = one
    figure, picture = "not judged", ""
    if mean is not None and low is not None and high is not None:
        figure = f"{100 * mean:.1f} %"
        line = f"left:{100 * low:.2f}%;width:{100 * (high - low):.2f}%"
        picture = (
            f'<div title="{100 * low:.1f} to {100 * high:.1f} %"><i style="{line}"></i>'
            f'<b style="left:{100 * mean:.2f}%"></b></div>'
        )
    rest = "".join(f'<td class="num">{escape(_text(cells.get(key)))}</td>' for key, _ in more)
    return f'<tr><td>{escape(who)}</td><td class="num">{figure}</td><td class="ts-track">{picture}</td>{rest}</tr>'


def _text(value: Cell) -> str:
    return "" if value is None else (f"{value:,}" if isinstance(value, int) else str(value))
