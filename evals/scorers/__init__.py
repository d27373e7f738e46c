"""Scorers: (expected, answer, context) to scores, each with its reason.

A scorer that is not in `SCORERS` does not exist; the order is the order of every list shown.
"""

from __future__ import annotations

from curation.errors import unknown
from evals.scorers.embedding import embedding
from evals.scorers.exact import exact, normalised
from evals.scorers.fields import fields, fields_equal
from evals.scorers.json_answer import json_schema, json_valid
from evals.scorers.label import label
from evals.scorers.numeric import numeric
from evals.scorers.overlap import chrf, edit_similarity, rouge_l, token_f1
from evals.scorers.own_code import python
from evals.scorers.parses import parses
from evals.scorers.patterns import contains, regex
from evals.scorers.refusal import refusal
from evals.scorers.score import Asked, Score, Scorer, ScoringContext
from evals.scorers.tool_call import tool_call

__all__ = ["SCORERS", "Asked", "Score", "Scorer", "ScoringContext", "get"]

SCORERS: tuple[Scorer, ...] = (
    exact,
    normalised,
    label,
    json_valid,
    json_schema,
    fields_equal,
    fields,
    contains,
    regex,
    numeric,
    parses,
    tool_call,
    refusal,
    token_f1,
    rouge_l,
    chrf,
    edit_similarity,
    embedding,
    python,
)


def get(name: str) -> Scorer:
    """The scorer called `name`, its argument after a colon where it takes one: `contains:refund`.

    Raises:
        BadUsage: there is none (the message suggests the nearest names), or its argument is wrong.
    """
    head, colon, argument = name.partition(":")
    for known in SCORERS:
        if known.name == head:
            return known.given(argument if colon else None)
    raise unknown("scorer", name, (known.name for known in SCORERS))
