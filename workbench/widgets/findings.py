"""What was imported, what could not be read, and what the checks found, as small tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curation.checks import CHECKS
from workbench.widgets import text
from workbench.widgets.table import table

_TONES = {"block": "bad", "fix": "warn", "look": "dim"}


def findings(found: Sequence[dict[str, Any]]) -> None:
    """Draw (check, severity, n), worst first."""
    if not found:
        text.plain("Nothing: no check has a complaint.", "good")
        return
    titles = {check.name: check.title for check in CHECKS}
    table(
        [{**one, "title": titles.get(one["check"], "")} for one in found],
        [("check", "Check"), ("title", "Finds"), ("severity", "Severity"), ("n", "Examples")],
        right=("n",),
        tones={(i, "severity"): _TONES.get(one["severity"], "") for i, one in enumerate(found)},
    )


def sources(found: Sequence[dict[str, Any]]) -> None:
    """Draw the imports: rows are new, repeated or not readable, and nothing else."""
    columns = {
        "name": "File",
        "format": "Format",
        "rows": "Rows",
        "examples": "New",
        "quarantined": "Not readable",
        "repeated": "Repeated",
        "made": "When",
    }
    table(found, list(columns.items()), right=("rows", "examples", "quarantined", "repeated"))


def quarantine(reasons: Sequence[dict[str, Any]], lines: Sequence[dict[str, Any]]) -> None:
    """Draw what could not be read: how often for which reason, then the lines."""
    text.plain(" · ".join(f"{row['n']:,} × {row['reason']}" for row in reasons), "dim")
    columns = [("source", "File"), ("line", "Line"), ("reason", "Why"), ("raw", "What it says")]
    table(lines, columns, right=("line",), wide="raw")
