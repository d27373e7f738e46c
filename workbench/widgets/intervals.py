"""Scores with their intervals: one line for each, the first colour for the first series."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import streamlit as st


def intervals(scores: Sequence[tuple[str, float, float, float]], name: str) -> None:
    """Draw (series, value, low, high) as points on rules, in the order given.

    Args:
        scores: values between 0 and 1.
        name: what the axis shows.
    """
    rows = [
        {"who": who, "value": value, "low": low, "high": high, "words": f"{100 * value:.1f} %"}
        for who, value, low, high in scores
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y(
            "who:N",
            title=None,
            sort=None,
            axis=alt.Axis(labelOverlap=False, labelLimit=180, ticks=False, domain=False),
        )
    )
    axis = alt.X(
        "low:Q",
        title=f"{name}, 95 % interval",
        scale=alt.Scale(domain=[0, 1]),
        axis=alt.Axis(tickCount=5, format="%", grid=True),
    )
    rule = base.mark_rule(strokeWidth=2).encode(x=axis, x2="high:Q")
    point = base.mark_point(filled=True, size=70, opacity=1).encode(x="value:Q", tooltip=["who:N", "words:N"])
    words = base.mark_text(align="left", dx=8).encode(x="high:Q", text="words:N")
    st.altair_chart((rule + point + words).properties(height=alt.Step(26)))
