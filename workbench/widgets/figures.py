"""Figures as a person reads them: shares as percentages, differences in points, scorers in words."""

from __future__ import annotations

from evals.scorers import SCORERS

_SAYS = {
    "fields_equal": "All fields right",
    "fields": "Fields, F1",
    "label": "Right label",
    "normalised": "Same words",
    "exact": "Exactly equal",
    "json_valid": "Valid JSON",
    "json_schema": "Follows the schema",
}


def says(scorer: str) -> str:
    """A scorer in words."""
    head, colon, argument = scorer.partition(":")
    title = _SAYS.get(head) or next((one.title for one in SCORERS if one.name == head), head)
    return f"{title} ({argument})" if colon else title


def counted(n: int, one: str) -> str:
    """A number with its noun: `1 example`, `1,204 examples`."""
    return f"{n:,} {one}{'' if n == 1 else 's'}"


def percent(share: float) -> str:
    """A share of rows as a percentage."""
    return f"{100 * share:.1f} %"


def points(difference: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * difference:+.1f}"
