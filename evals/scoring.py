"""Scores from stored answers alone: anyone with the folder can compute them again, without a model."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.files import write_atomic, write_json
from evals import answers, examples, scorers, spec, summary
from evals.examples import Example
from evals.scorers import ScoringContext
from evals.spec import Evaluation

_SCORES = pa.schema(
    [
        ("id", pa.string()), ("candidate", pa.string()), ("scorer", pa.string()), ("field", pa.string()),
        ("value", pa.float64()), ("extracted", pa.string()), ("parse_level", pa.string()),
        ("reason", pa.string()),
    ]
)  # fmt: skip


def rescore(folder: Path) -> dict[str, Any]:
    """Score the stored answers again and rewrite scores.parquet and summary.json; needs no model.

    Returns:
        The summary, as `summary.of` describes it.
    """
    evaluation = spec.load(folder)
    rows = examples.read(folder / "examples.parquet")
    given = {(one.candidate, one.id): one for one in answers.read(folder)}
    names = evaluation.names
    scored: list[dict[str, Any]] = []
    for name in names:
        for row in rows:
            scored += _scores(evaluation, name, row, given.get((name, row.id)))
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(scored, schema=_SCORES), buffer)
    write_atomic(folder / "scores.parquet", buffer.getvalue())
    summed = summary.of(names, evaluation.scorers, scored, list(given.values()))
    write_json(folder / "summary.json", summed)
    return summed


def _scores(
    evaluation: Evaluation, name: str, row: Example, answer: answers.Answer | None
) -> list[dict[str, Any]]:
    """The rows of scores.parquet for one answer; one that is missing is not judged."""
    found: list[dict[str, Any]] = []
    for scorer in evaluation.scorers:
        if answer is None or answer.missing:
            reason = f"missing: {answer.error if answer else 'not answered yet'}"
            judged = [scorers.Score(scorer, None, reason)]
        else:
            context = ScoringContext.of(evaluation.task, finish=answer.finish)
            judged = scorers.get(scorer).score(row.expected, answer.answer, context)
        found += [
            {"id": row.id, "candidate": name, "scorer": scorer, "field": one.field, "value": one.value,
             "extracted": one.extracted, "parse_level": one.parse_level, "reason": one.reason}
            for one in judged
        ]  # fmt: skip
    return found
