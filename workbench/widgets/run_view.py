"""One run as it goes, and all runs as a table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import streamlit as st

from training.curve import Sample
from training.runs import Curve, Point, Summary
from workbench.widgets import text
from workbench.widgets.loss import loss_chart
from workbench.widgets.progress import span
from workbench.widgets.table import table

_LOG_CHARACTERS = 4_000


def run_view(one: Summary, curve: Curve, samples: Sequence[Sample], log: Path) -> None:
    """Draw the numbers, the curve, the answers on the way and the end of the log."""
    speed = f"{one.tokens_per_second:,.0f} tokens/s" if one.tokens_per_second else ""
    text.facts(
        [
            (name, value)
            for name, value in (
                ("Step", f"{one.step:,} of {one.total_steps:,}"),
                ("Loss", f"{one.loss:.4f}" if one.loss is not None else ""),
                ("Validation loss", f"{one.eval_loss:.4f}" if one.eval_loss is not None else ""),
                ("Speed", speed),
                ("Left", span(one.eta_seconds) if one.eta_seconds else ""),
            )
            if value
        ]
    )
    if one.note:
        text.plain(one.note, "warn")
    if curve.train:
        loss_chart(
            [(p.step, p.loss) for p in curve.train],
            [(p.step, p.loss) for p in curve.validation],
            curve.total_steps,
        )
    if any(p.margin is not None for p in curve.train):
        for what, title in (
            ("accuracy", "share of pairs told apart rightly"),
            ("margin", "margin of the chosen answer"),
        ):
            loss_chart(_of(curve.train, what), _of(curve.validation, what), curve.total_steps, title)
    if samples:
        with st.expander("Answers on the way"):
            for name, rows in groupby(samples, key=lambda sample: (sample.id, sample.expected)):
                text.plain(f"Row {name[0][:8]}, expected: {name[1]}", "dim")
                table(
                    [
                        {
                            "step": row.step,
                            "answer": row.answer + (" (cut)" if row.finish == "length" else ""),
                        }
                        for row in rows
                    ],
                    [("step", "Step"), ("answer", "Answer")],
                    right=("step",),
                    wide="answer",
                )
    if log.is_file() and log.stat().st_size:
        with st.expander("Log", expanded=one.status.state == "failed"):
            text.code(log.read_text("utf-8", errors="replace")[-_LOG_CHARACTERS:])


def _of(points: Sequence[Point], what: str) -> list[tuple[int, float]]:
    return [(p.step, getattr(p, what)) for p in points if getattr(p, what) is not None]


def all_runs(found: Sequence[Summary]) -> None:
    """Draw every run in a line, newest first."""
    table(
        [
            {
                "id": one.id,
                "recipe": one.recipe_name,
                "version": one.version,
                "state": one.status.state,
                "step": f"{one.step:,} of {one.total_steps:,}",
                "loss": one.loss,
                "eval": one.eval_loss,
            }
            for one in reversed(found)
        ],
        [
            ("id", "Run"),
            ("recipe", "Recipe"),
            ("version", "Version"),
            ("state", "State"),
            ("step", "Step"),
            ("loss", "Loss"),
            ("eval", "Validation loss"),
        ],
        right=("step", "loss", "eval"),
    )
