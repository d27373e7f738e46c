"""The scores of every evaluation over time, one colour for each kind of candidate."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import streamlit as st

from evals.stored import kind_of
from evals.trend import Point


def trend(points: Sequence[Point], title: str) -> None:
    """Draw them with their intervals, evaluation by evaluation."""
    rows = [
        {
            "evaluation": one.evaluation,
            "candidate": one.candidate,
            "kind": kind_of(one.candidate),
            "rows": f"{one.rows:,} {one.split} rows of {one.version}",
            "mean": 100 * one.mean,
            "low": 100 * one.low,
            "high": 100 * one.high,
        }
        for one in points
    ]
    order = list(dict.fromkeys(one.evaluation for one in points))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("evaluation:N", title=None, sort=order, axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("kind:N"),
        color=alt.Color("kind:N", title=None, legend=alt.Legend(orient="top", symbolOpacity=1)),
        tooltip=["candidate:N", "rows:N", alt.Tooltip("mean:Q", format=".1f", title=title)],
    )
    height = alt.Y(
        "mean:Q", title=f"{title}, %", scale=alt.Scale(domain=[0, 100]), axis=alt.Axis(tickCount=4)
    )
    chart = base.mark_rule(strokeWidth=2, opacity=0.5).encode(
        y=alt.Y("low:Q", title=f"{title}, %"), y2="high:Q"
    ) + base.mark_point(filled=True, size=60, opacity=1).encode(y=height)
    st.altair_chart(chart.properties(height=240))
