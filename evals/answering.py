"""Filling an evaluation with answers: given ones and cheap candidates first, then all models.

Whatever is on the disk already is not made again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from curation.project import Project
from curation.work import Work
from evals import asking, cheap, endpoint_asking, examples, given
from evals.answers import Answer, AnswerFiles
from evals.candidates import Candidate
from evals.examples import Example
from evals.spec import Evaluation, version_of


def answer_all(folder: Path, made: Evaluation, files: AnswerFiles, work: Work) -> None:
    """Let every candidate answer every row.

    Raises:
        Stopped: somebody asked the job to stop; what was finished is kept.
        MissingModel: a candidate needs a model that is not here.
    """
    rows = examples.read(folder / "examples.parquet")
    open_ones = [one for one in made.parsed if any((one.name, row.id) not in files.done for row in rows)]
    for one in open_ones:
        if one.kind == "answers":
            work.stage(f"{one.name}: reading", len(rows))
            files.add(_given(one, folder, rows))
            work.advance(len(rows))
    without_model = [one for one in open_ones if one.cheap]
    if without_model:
        _answer_cheaply(without_model, folder, made, rows, files, work)
    _ask_endpoints(folder, made, rows, files, work)
    with_model = [one for one in made.parsed if one.needs_model]
    if any(one.needs_model for one in open_ones):
        asking.ask_models(with_model, folder, made, rows, files, work)


def _given(one: Candidate, folder: Path, rows: Sequence[Example]) -> list[Answer]:
    known = given.read_answers(folder / one.argument)
    answers = []
    for row in rows:
        text = known.get(row.id)
        if text is None:
            why = "the file says null" if row.id in known else "the file has no answer to this row"
            answers.append(Answer(row.id, one.name, "", "error", error=why))
        else:
            answers.append(Answer(row.id, one.name, text, "stop" if text.strip() else "empty", raw=text))
    return answers


def _ask_endpoints(
    folder: Path, made: Evaluation, rows: Sequence[Example], files: AnswerFiles, work: Work
) -> None:
    """One endpoint after the other; what one has spent is not there for the next."""
    at_endpoints = [one for one in made.parsed if one.kind == "endpoint"]
    if not at_endpoints:
        return
    train, _ = examples.of_split(version_of(folder, made), "train", calls=made.calls)
    left = made.max_cost
    for one in at_endpoints:
        spent = endpoint_asking.ask(
            one, made.task, rows, train, folder, files, folder.parent / asking.CACHE, work, cap=left
        )
        left = None if left is None else left - spent


def _answer_cheaply(
    candidates: Sequence[Candidate],
    folder: Path,
    made: Evaluation,
    rows: Sequence[Example],
    files: AnswerFiles,
    work: Work,
) -> None:
    train, _ = examples.of_split(version_of(folder, made), "train", calls=made.calls)
    cache = Project(folder.parent.parent).vectors
    for one in candidates:
        work.stage(f"{one.name}: answering", len(rows))
        began = time.perf_counter()
        texts = cheap.answer_cheaply(
            one, rows, train, embedder=made.task.embedder, cache=cache, progress=work
        )
        seconds = (time.perf_counter() - began) / len(rows)
        files.add(
            [
                Answer(row.id, one.name, text, raw=text, tokens_in=0, tokens_out=0, seconds=seconds)
                for row, text in zip(rows, texts, strict=True)
            ]
        )
        work.stage(f"{one.name}: answering", len(rows))
        work.advance(len(rows))
