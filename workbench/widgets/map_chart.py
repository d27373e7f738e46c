"""The map: points in a plane, coloured by one property; a box drawn on it comes back as its corners."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import streamlit as st

Corners = tuple[float, float, float, float]
_BRUSH = "#3d8f8a"
_MEANING = {"keep": "#3f8f5a", "drop": "#c25450"}
_GREY, _GREY_AT = "#8a918d", 6  # the seventh colour of both themes is a grey
_OTHER = "everything else"
_REGION = "region"


def map_chart(
    points: Sequence[dict[str, Any]],
    values: Sequence[str],
    *,
    edge: float,
    colour: str,
    first: Corners | None,
    key: str,
    on_region: Callable[[], None],
) -> None:
    """Draw the points; hovering shows the first words as text.

    Args:
        points: `x`, `y`, `value`, `words`, `grey`, `strength`; later ones lie above.
        values: those with a colour, in the order of the legend.
        edge: the plane reaches from -edge to edge.
        colour: what the colours say.
        first: a region to begin with.
        key: keeps the chart while the page around it changes.
        on_region: called when a box was drawn or taken away: `region(key)` has it.
    """
    begin = {"value": {"x": [first[0], first[2]], "y": [first[1], first[3]]}} if first else {}
    brush = alt.selection_interval(
        name=_REGION,
        mark=alt.BrushConfig(fill=_BRUSH, fillOpacity=0.1, stroke=_BRUSH, strokeOpacity=0.9),
        **begin,
    )
    plane = alt.Scale(domain=[-edge * 1.04, edge * 1.04], nice=False, zero=False)
    domain, meant = _shades(values)
    legend = alt.Legend(
        orient="bottom", columns=4, labelLimit=130, symbolOpacity=1, title=None, values=[*values, _OTHER]
    )
    shaded = [{**one, "shade": _OTHER if one["grey"] else one["value"]} for one in points]
    chart = (
        alt.Chart(alt.Data(values=shaded))
        .mark_circle(size=_size(len(points)))
        .encode(
            x=alt.X("x:Q", scale=plane, axis=None),
            y=alt.Y("y:Q", scale=plane, axis=None),
            color=alt.Color("shade:N", scale=alt.Scale(domain=domain, **meant), legend=legend),
            opacity=alt.Opacity("strength:Q", scale=None),
            order=alt.Order("strength:Q"),
            tooltip=[alt.Tooltip("words:N", title="asks"), alt.Tooltip("value:N", title=colour)],
        )
        .properties(height=620)
        .add_params(brush)
    )
    st.altair_chart(chart, key=key, on_select=on_region, selection_mode=[_REGION])


def _shades(values: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The values in the order of the theme's colours, all that has none of its own at the grey one."""
    if set(values) <= set(_MEANING):
        return [*values, _OTHER], {"range": [*(_MEANING[value] for value in values), _GREY]}
    first = [*values[:_GREY_AT], *(f"unused {at}" for at in range(len(values), _GREY_AT))]
    return [*first, _OTHER, *values[_GREY_AT:]], {}


def region(key: str) -> Corners | None:
    """The corners of the box drawn; None when there is none."""
    drawn = ((st.session_state.get(key) or {}).get("selection") or {}).get(_REGION) or {}
    if not (drawn.get("x") and drawn.get("y")):
        return None
    (left, right), (low, high) = sorted(drawn["x"]), sorted(drawn["y"])
    return float(left), float(low), float(right), float(high)


def _size(points: int) -> int:
    return 60 if points < 500 else (34 if points < 2000 else 20)
