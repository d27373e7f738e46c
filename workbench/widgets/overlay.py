"""The losses of several runs in one picture, raw and smoothed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import streamlit as st

from workbench.widgets.loss import Points, thinned

SMOOTHED = 0.9
"""Weight of what was before in the moving average, at 300 points or more; of fewer points, less."""


def overlay(curves: Mapping[str, tuple[Points, Points]]) -> None:
    """Draw run → (training, validation): training as a smoothed line over its faint raw one, validation as points."""
    lines, faint, held = [], [], []
    for name, (train, validation) in curves.items():
        points = thinned(train)
        faint += [{"run": name, "step": step, "loss": loss} for step, loss in points]
        lines += [{"run": name, "step": step, "loss": loss} for step, loss in smoothed(points)]
        held += [{"run": name, "step": step, "loss": loss} for step, loss in validation]
    where = {
        "x": alt.X("step:Q", title="step", axis=alt.Axis(tickCount=6, grid=False)),
        "y": alt.Y("loss:Q", title="loss", scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=4)),
        # one legend for all layers; without its own opacity it would be as faint as the raw line
        "color": alt.Color(
            "run:N", title=None, sort=list(curves), legend=alt.Legend(orient="top", symbolOpacity=1)
        ),
        "tooltip": ["run:N", "step:Q", alt.Tooltip("loss:Q", format=".4f")],
    }
    chart = (
        alt.Chart(alt.Data(values=faint)).mark_line(strokeWidth=1, opacity=0.25).encode(**where)
        + alt.Chart(alt.Data(values=lines)).mark_line(strokeWidth=2).encode(**where)
        + alt.Chart(alt.Data(values=held)).mark_point(filled=True, size=40, opacity=1).encode(**where)
    )
    st.altair_chart(chart.properties(height=260))


def smoothed(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """An exponential moving average without its pull towards the start; of few points, less of it."""
    weight = SMOOTHED * min(1.0, len(points) / 300)
    total, seen, found = 0.0, 0.0, []
    for step, loss in points:
        total = weight * total + (1 - weight) * loss
        seen = weight * seen + (1 - weight)
        found.append((step, total / seen))
    return found
