"""The loss of a run as it falls, training and validation."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import streamlit as st

Points = Sequence[tuple[int, float]]
_MOST = 500


def loss_chart(train: Points, validation: Points, total_steps: int | None, title: str = "loss") -> None:
    """Draw both curves of the loss, or of what `title` says.

    At most 500 points of each are drawn, evenly chosen, the last one always.
    """
    rows = [
        {"step": step, "loss": loss, "which": which}
        for which, points in (("training", thinned(train)), ("validation", thinned(validation)))
        for step, loss in points
    ]
    last = total_steps or max((step for step, _ in train), default=1)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "step:Q", title="step", scale=alt.Scale(domain=[0, last]), axis=alt.Axis(tickCount=6, grid=False)
        ),
        y=alt.Y("loss:Q", title=title, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=4)),
        color=alt.Color(
            "which:N", title=None, sort=["training", "validation"], legend=alt.Legend(orient="top")
        ),
        tooltip=["which:N", "step:Q", alt.Tooltip("loss:Q", format=".4f")],
    )
    st.altair_chart(
        (base.mark_line(strokeWidth=2) + base.mark_point(filled=True, size=24, opacity=1)).properties(
            height=220
        )
    )


def thinned(points: Points) -> Points:
    """At most 500 of them, evenly chosen, the last one always."""
    step = max(1, -(-len(points) // _MOST))
    kept = list(points[::step])
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]
