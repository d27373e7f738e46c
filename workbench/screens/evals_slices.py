"""Evals by slice: where the candidate does worse than the baseline, and where better."""

from __future__ import annotations

from pathlib import Path

from evals import slices
from evals.slices import Slice
from workbench.widgets import text
from workbench.widgets.figures import counted, points
from workbench.widgets.table import Cell, table

_SHOWN = 100


def draw(folder: Path, candidate: str, baseline: str) -> None:
    """Draw the table of slices, worst first."""
    found = slices.compared(folder, candidate, baseline)
    if not found:
        text.plain(
            f"No field cuts these rows into slices of {slices.LEAST} rows or more. Name one in task.yaml (slices).",
            "dim",
        )
        return
    worse = [one for one in found if one.proven == "worse"]
    text.headline(
        f"{candidate} is worse than {baseline} on {', '.join(one.name for one in worse)}."
        if worse
        else f"{candidate} is nowhere proven worse than {baseline}."
    )
    text.plain(
        f"{counted(len(found), 'slice')} looked at; “proven” pays for all of them (Holm). Found here on validation: "
        "name a slice under guardrails in task.yaml to have the verdict watch it.",
        "dim",
    )
    table(
        [_row(one) for one in found[:_SHOWN]],
        [
            *(("field", "Field"), ("value", "Value"), ("n", "Rows")),
            *(
                ("won", "Won"),
                ("lost", "Lost"),
                ("difference", "Points"),
                ("span", "Plausibly"),
                ("proven", "Proven"),
            ),
        ],
        right=("n", "won", "lost", "difference"),
        tones={
            (i, "proven"): "bad" if one.proven == "worse" else "good"
            for i, one in enumerate(found[:_SHOWN])
            if one.proven
        },
        tight=("span",),
    )


def _row(one: Slice) -> dict[str, Cell]:
    figures = one.figures
    return {
        "field": one.field,
        "value": one.value,
        "n": figures.n,
        "won": figures.only_candidate,
        "lost": figures.only_baseline,
        "difference": points(figures.difference),
        "span": f"{points(figures.low)} to {points(figures.high)}",
        "proven": one.proven,
    }
