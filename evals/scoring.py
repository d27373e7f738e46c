"""Scores from stored answers alone: anyone with the folder can compute them again, without a model."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import BadInput
from curation.files import sha256_file, write_atomic, write_json
from curation.task import Task
from evals import answers, examples, scorers, spec, summary
from evals.answers import Answer
from evals.corpus import Corpus, corpus
from evals.examples import Example
from evals.scorers import Asked, Score, ScoringContext, own_code
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

    Raises:
        BadInput: the file of a person's own scorer has changed.
    """
    evaluation = spec.load(folder)
    _same_code(folder, evaluation)
    rows = examples.read(folder / "examples.parquet")
    given = {(one.candidate, one.id): one for one in answers.read(folder)}
    names = evaluation.names
    scored: list[dict[str, Any]] = []
    for name in names:
        scored += _scores(folder, evaluation, name, rows, [given.get((name, row.id)) for row in rows])
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(scored, schema=_SCORES), buffer)
    write_atomic(folder / "scores.parquet", buffer.getvalue())
    summed = summary.of(names, evaluation.scorers, scored, list(given.values()))
    if "chrf" in evaluation.scorers:
        for name in names:
            summed["candidates"][name] |= _corpus(rows, [given.get((name, row.id)) for row in rows])
    write_json(folder / "summary.json", summed)
    return summed


def _same_code(folder: Path, evaluation: Evaluation) -> None:
    """Refuse a scorer of a person's own whose file is not the one the evaluation was made with."""
    for name in evaluation.scorers:
        if name.startswith(own_code.PREFIX):
            path = own_code.kept(folder, name.removeprefix(own_code.PREFIX))
            if not path.is_file() or sha256_file(path) != evaluation.contents.get(name):
                raise BadInput(
                    f"The file of {name} is not the one this evaluation was made with.",
                    where=str(path),
                    hint="Evaluate again: answers that exist are not made twice.",
                )


def _corpus(rows: Sequence[Example], given: Sequence[Answer | None]) -> dict[str, Corpus]:
    """Corpus scores of one candidate's answers, where it has any."""
    there = [
        (one.answer, row.accepted) for row, one in zip(rows, given, strict=True) if one and not one.missing
    ]
    if not there:
        return {}
    texts, accepted = zip(*there, strict=True)
    return {"corpus": corpus(texts, accepted)}


def judge(
    scorer: str, task: Task, rows: Sequence[Example], given: Sequence[Answer], folder: Path | None = None
) -> list[list[Score]]:
    """The scores of one scorer for each answer; where a row accepts several answers, the best counts.

    Args:
        scorer: its name.
        task: what the answers were asked for.
        rows: one for each answer.
        given: answers that are not missing.
        folder: the evaluation folder.
    """
    asked, owners = [], []
    for place, (row, answer) in enumerate(zip(rows, given, strict=True)):
        context = ScoringContext.of(task, finish=answer.finish, folder=folder)
        asked += [Asked(accepted, answer.answer, context) for accepted in row.accepted]
        owners += [place] * len(row.accepted)
    found: list[list[list[Score]]] = [[] for _ in rows]
    for place, scores in zip(owners, scorers.get(scorer).score_all(asked), strict=True):
        found[place].append(scores)
    return [_best(several) for several in found]


def _best(several: Sequence[list[Score]]) -> list[Score]:
    """The scores against the accepted answer that fits best, the first of equally good ones."""
    values = [-1.0 if scores[0].value is None else scores[0].value for scores in several]
    best = max(range(len(several)), key=lambda i: (values[i], -i))
    whole, *rest = several[best]
    if len(several) > 1 and best > 0:
        whole = replace(whole, reason=f"{whole.reason} (accepted answer {best + 1} of {len(several)})")
    return [whole, *rest]


def _scores(
    folder: Path, evaluation: Evaluation, name: str, rows: Sequence[Example], given: Sequence[Answer | None]
) -> list[dict[str, Any]]:
    """The rows of scores.parquet for one candidate; an answer that is missing is not judged."""
    there = [(row, one) for row, one in zip(rows, given, strict=True) if one is not None and not one.missing]
    judged: dict[tuple[str, str], list[Score]] = {}
    for scorer in evaluation.scorers:
        scores = judge(scorer, evaluation.task, [r for r, _ in there], [a for _, a in there], folder)
        judged |= {(row.id, scorer): some for (row, _), some in zip(there, scores, strict=True)}
    found: list[dict[str, Any]] = []
    for row, answer in zip(rows, given, strict=True):
        reason = f"missing: {answer.error if answer else 'not answered yet'}"
        for scorer in evaluation.scorers:
            found += [
                {"id": row.id, "candidate": name, "scorer": scorer, "field": one.field, "value": one.value,
                 "extracted": one.extracted, "parse_level": one.parse_level, "reason": one.reason}
                for one in judged.get((row.id, scorer), [Score(scorer, None, reason)])
            ]  # fmt: skip
    return found
