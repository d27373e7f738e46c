"""Runs beside each other: their losses in one picture, and what their recipes do differently."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from training import runs
from training.runs import Summary
from workbench import state
from workbench.widgets import text
from workbench.widgets.overlay import overlay
from workbench.widgets.run_view import all_runs
from workbench.widgets.table import table


def draw(found: Sequence[Summary], shown: str) -> None:
    """Draw every run in a line, and the chosen ones beside the one that is shown."""
    all_runs(found)
    others = [one.id for one in reversed(found) if one.id != shown]
    chosen = st.multiselect(
        f"Beside {shown}", others, default=others[:1], key="beside", width=420, placeholder="other runs"
    )
    if not chosen:
        return
    folders = {name: state.project().runs / name for name in (shown, *chosen)}
    curves = {name: runs.loss_curve(folder) for name, folder in folders.items()}
    overlay(
        {
            name: ([(p.step, p.loss) for p in curve.train], [(p.step, p.loss) for p in curve.validation])
            for name, curve in curves.items()
        }
    )
    for name in chosen:
        beside = runs.compare(folders[name], folders[shown])
        rows = "the same rows" if beside.same_rows else "other rows"
        if not beside.changes:
            text.plain(f"{name} has the same recipe, on {rows}.", "dim")
            continue
        text.plain(f"What {shown} does otherwise than {name}, on {rows}:", "dim")
        table(
            [
                {"field": one.field, "before": one.said_before, "after": one.said_after}
                for one in beside.changes
            ],
            [("field", "Setting"), ("before", name), ("after", shown)],
        )
