"""An evaluation folder read back: who answered what, and how the primary scorer judged it.

Nothing is generated or scored here; the folder alone decides what is seen.
"""

from __future__ import annotations

import glob
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import duckdb

from curation.errors import BadInput, NotReady, TouchstoneError, unknown
from curation.files import canonical_json, sha256
from curation.task import Task
from evals import candidates, spec

_TABLES = ("examples", "answers", "scores")


@dataclass(frozen=True, slots=True)
class Outcome:
    """One candidate's answer to one row.

    `value` is None when the answer is missing or could not be judged; seconds and tokens are None
    where they were not measured.
    """

    answer: str
    finish: str
    value: float | None
    extracted: str
    tokens: int | None
    seconds: float | None

    @property
    def right(self) -> bool | None:
        """Whether it is right, of a graded score whether it is 1; None when missing."""
        return None if self.value is None else self.value >= 1


@dataclass(frozen=True, slots=True)
class Stored:
    """An evaluation as stored. Every column of `outcomes` has one entry for each of `ids`, in order.

    `specs` name the candidates so that they can be evaluated again.
    """

    folder: Path
    specs: tuple[str, ...]
    split: str
    version: str
    primary: str
    task: Task
    audit: dict[str, Any] | None
    ids: tuple[str, ...]
    groups: tuple[str | None, ...]
    outcomes: dict[str, tuple[Outcome | None, ...]]
    strangers: int
    answers_fingerprint: str

    @property
    def grouped(self) -> tuple[str | None, ...] | None:
        """The group of each row, or None where no row has one."""
        return self.groups if any(group is not None for group in self.groups) else None

    def name(self, spec: str) -> str:
        """The stored name of a candidate given by its SPEC or its name.

        Raises:
            BadUsage: this evaluation does not hold it.
        """
        if spec in self.outcomes:
            return spec
        try:
            named = candidates.parse(spec).name
        except TouchstoneError:
            named = spec
        if named not in self.outcomes:
            raise unknown("candidate in this evaluation", spec, self.outcomes, where=str(self.folder))
        return named

    @property
    def graded(self) -> bool:
        """Whether any answer got a score between 0 and 1, so that right and wrong do not say it all."""
        column = (one for column in self.outcomes.values() for one in column)
        return any(one is not None and one.value not in (None, 0.0, 1.0) for one in column)

    def values(self, name: str, missing: float) -> list[float]:
        """The score of each row, with `missing` in place of what is not there."""
        return [missing if one is None or one.value is None else one.value for one in self.outcomes[name]]

    def missing(self, *names: str) -> int:
        """Rows on which at least one of these candidates has no judged answer."""
        columns = [self.outcomes[name] for name in names]
        return sum(1 for row in zip(*columns, strict=True) if any(o is None or o.value is None for o in row))

    def unjudged(self, name: str) -> int:
        """Answers that are there and that the primary scorer could not judge."""
        there = (one for one in self.outcomes[name] if one is not None and one.finish != "error")
        return sum(one.value is None for one in there)

    def cut(self, name: str) -> list[bool]:
        """Whether each answer ended at the token limit."""
        return [one is not None and one.finish == "length" for one in self.outcomes[name]]

    def same_answers(self, name: str, other: str) -> bool:
        """Whether both gave the same text to every row, and any text at all."""
        return any(one is not None and one.answer for one in self.outcomes[name]) and all(
            mine is not None and theirs is not None and mine.answer == theirs.answer
            for mine, theirs in zip(self.outcomes[name], self.outcomes[other], strict=True)
        )

    def mean(self, name: str, unit: Literal["tokens", "seconds"]) -> float | None:
        """Mean tokens (in and out) or seconds of an answer; None where any was not measured."""
        values = [getattr(one, unit) for one in self.outcomes[name] if one is not None]
        return None if not values or None in values else sum(values) / len(values)

    def without(self, ids: Collection[str]) -> Stored:
        """The same without these rows."""
        kept = [position for position, id_ in enumerate(self.ids) if id_ not in ids]

        return replace(
            self,
            ids=tuple(self.ids[i] for i in kept),
            groups=tuple(self.groups[i] for i in kept),
            outcomes={name: tuple(column[i] for i in kept) for name, column in self.outcomes.items()},
        )

    @property
    def doubtful(self) -> tuple[str, ...]:
        """Rows where all candidates, two at least, agree with one another and not with the reference."""
        found = []
        for id_, *row in zip(self.ids, *self.outcomes.values(), strict=True):
            said = {one.extracted if one is not None and one.value == 0 else "" for one in row}
            if len(row) > 1 and len(said) == 1 and said != {""}:
                found.append(id_)
        return tuple(found)


def kind_of(name: str) -> str:
    """The kind of a candidate by its stored name: `few-shot` of `few-shot:4@terse`."""
    return name.partition("@")[0].partition(":")[0]


def connect(folder: Path) -> duckdb.DuckDBPyConnection:
    """A connection with the views examples, answers and scores over the folder's Parquet files.

    Raises:
        NotReady: the evaluation has not finished.
    """
    absent = [name for name in _TABLES if not (folder / f"{name}.parquet").is_file()]
    if absent:
        raise NotReady(
            f"The evaluation has no {absent[0]}.parquet: it has not finished.",
            where=str(folder),
            hint="Wait for its job to end, or start it again.",
        )
    connection = duckdb.connect()
    for name in _TABLES:
        connection.read_parquet(glob.escape(str(folder / f"{name}.parquet"))).create_view(name)
    return connection


def read(folder: Path) -> Stored:
    """Read an evaluation.

    Raises:
        NotReady: the evaluation has not finished.
        BadInput: evaluation.yaml cannot be used, or the primary scorer gave something outside 0...1.
    """
    found = spec.load(folder)
    with connect(folder) as connection:
        rows = connection.execute("""
            select id, "group", expected
            from examples
            order by id
        """).fetchall()
        answers = _answers(connection, found.primary)
    ids = tuple(str(row[0]) for row in rows)
    place = {id_: position for position, id_ in enumerate(ids)}
    outcomes: dict[str, list[Outcome | None]] = {}
    strangers = 0
    for id_, name, outcome in answers:
        column = outcomes.setdefault(name, [None] * len(ids))
        if id_ in place:
            column[place[id_]] = outcome
        else:
            strangers += 1
    _refuse_outside(answers, found.primary, folder)
    return Stored(
        folder=folder,
        specs=tuple(_from_here(folder, one) for one in found.candidates),
        split=found.split,
        version=Path(found.version).name,
        primary=found.primary,
        task=found.task,
        audit=found.audit,
        ids=ids,
        groups=tuple(row[1] for row in rows),
        outcomes={name: tuple(column) for name, column in sorted(outcomes.items())},
        strangers=strangers,
        answers_fingerprint=fingerprint_of(found.primary, rows, answers, _guarded(folder, found.task)),
    )


def outcomes(folder: Path, scorer: str) -> dict[str, dict[str, Outcome]]:
    """Candidate → row id → its answer with what `scorer` said.

    Raises:
        NotReady: the evaluation has not finished.
    """
    found: dict[str, dict[str, Outcome]] = {}
    with connect(folder) as connection:
        for id_, name, outcome in _answers(connection, scorer):
            found.setdefault(name, {})[id_] = outcome
    return found


def _from_here(folder: Path, spec_: str) -> str:
    """A SPEC whose file is named relative to the evaluation folder, as it is given anywhere else."""
    head, mark, file = spec_.partition("answers:" if spec_.startswith("answers:") else "@")
    return f"{head}{mark}{folder / file}" if file else spec_


def _answers(connection: duckdb.DuckDBPyConnection, primary: str) -> list[tuple[str, str, Outcome]]:
    """The last attempt of every answer with what the primary scorer said, by id and candidate."""
    rows = connection.execute(
        """
        with last as (
            select *
            from answers
            qualify row_number() over (partition by id, candidate order by attempt desc nulls last) = 1
        ),
        judged as (
            select id, candidate, any_value(value) as value, any_value(extracted) as extracted
            from scores
            where scorer = $primary and coalesce(field, '') = ''
            group by id, candidate
        )
        select id, candidate, answer, finish, value, extracted, tokens_in + tokens_out as tokens, seconds
        from last
        left join judged using (id, candidate)
        order by id, candidate
        """,
        {"primary": primary},
    ).fetchall()
    return [
        (
            str(id_),
            str(name),
            Outcome(answer or "", finish or "", _value(finish, value), extracted or "", tokens, seconds),
        )
        for id_, name, answer, finish, value, extracted, tokens, seconds in rows
    ]


def _value(finish: str | None, value: float | None) -> float | None:
    """A failed generation is missing whatever a scorer made of its empty text."""
    return None if finish == "error" else value


def _refuse_outside(answers: Sequence[tuple[str, str, Outcome]], primary: str, folder: Path) -> None:
    for id_, name, one in answers:
        if one.value is not None and not 0 <= one.value <= 1:
            raise BadInput(
                f"{primary!r} gave {one.value:g} to {name} in row {id_}: scores lie between 0 and 1.",
                where=str(folder),
                hint="Score the answers again, or name another scorer first.",
            )


def _guarded(folder: Path, task: Task) -> list[object]:
    """What guardrails are computed from beside the primary scores; nothing where there are none."""
    if not task.guardrails:
        return []
    with connect(folder) as connection:
        rows = connection.execute("""
            select id, label, metadata
            from examples
            order by id
        """).fetchall()
        scores = connection.execute(
            """
            select id, candidate, scorer, value
            from scores
            where list_contains($scorers, scorer) and coalesce(field, '') = ''
            order by all
            """,
            {"scorers": [rail.scorer for rail in task.guardrails if rail.scorer]},
        ).fetchall()
    return [[list(row) for row in rows], [list(row) for row in scores]]


def fingerprint_of(
    primary: str,
    rows: Sequence[tuple[Any, ...]],
    answers: Sequence[tuple[str, str, Outcome]],
    guarded: Sequence[object] = (),
) -> str:
    """SHA-256 of what a verdict is computed from: rows, groups, references, answers and their values."""
    told = [[id_, name, one.answer, one.finish, one.value] for id_, name, one in answers]
    return sha256(canonical_json([primary, [list(row) for row in rows], told, *guarded]))
