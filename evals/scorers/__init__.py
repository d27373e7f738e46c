"""Scorers: (expected, answer, context) to scores, each with its reason.

A scorer that is not in `SCORERS` does not exist; the order is the order of every list shown.
"""

from __future__ import annotations

from curation.errors import unknown
from evals.scorers.exact import exact, normalised
from evals.scorers.fields import fields, fields_equal
from evals.scorers.json_answer import json_schema, json_valid
from evals.scorers.label import label
from evals.scorers.score import Score, Scorer, ScoringContext

__all__ = ["SCORERS", "Score", "Scorer", "ScoringContext", "get"]

SCORERS: tuple[Scorer, ...] = (exact, normalised, label, json_valid, json_schema, fields_equal, fields)


def get(name: str) -> Scorer:
    """The scorer called `name`.

    Raises:
        BadUsage: there is none; the message suggests the nearest names.
    """
    for known in SCORERS:
        if known.name == name:
            return known
    raise unknown("scorer", name, (known.name for known in SCORERS))
