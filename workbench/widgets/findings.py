"""What was imported and what the checks found, as small tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from curation.checks import CHECKS
from curation.importing import ImportReport
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


def imported(report: ImportReport, seconds: float) -> None:
    """Draw what one import did."""
    known = "was here already" if report.already_imported else "is in"
    used = ", ".join(f"{field} from {column}" for field, column in report.mapping.items())
    text.heading(f"{report.source} {known}", f"read as {report.format}, {used}")
    rate = f" in {seconds:,.1f} s ({report.rows / seconds:,.0f} rows/s)" if seconds >= 1 else ""
    text.plain(
        f"{report.rows:,} rows = {report.examples:,} new examples + {report.quarantined:,} that could not be read "
        f"+ {report.repeated:,} repeated{rate}"
    )
    for line in (*report.revisions(), *report.drifted()):
        text.plain(line)
