"""What a check is: a description, the rows it looks at, and the findings it returns.

A check never writes: it is a function from rows to findings, the same for ten rows and for a million.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pyarrow as pa

from curation.errors import BadTask
from curation.files import canonical_json, sha256
from curation.task import KINDS, Kind, Task

if TYPE_CHECKING:
    import duckdb

Severity = Literal["block", "fix", "look"]
Option = float | int | str | bool
ALL_KINDS: tuple[Kind, ...] = tuple(KINDS)
HEADINGS = ("Finds", "Why it hurts training", "False alarms", "How to fix", "Example")
INVISIBLE = r"[\s\p{Z}\p{Cf}]"
"""RE2 class of what a reader does not see: blanks, zero-width characters, marks of direction."""


class Found(NamedTuple):
    """One finding. `turn` counts from 0; `start` and `end` are characters of the turn's text."""

    seq: int
    severity: Severity
    turn: int | None
    start: int | None
    end: int | None
    message: str
    score: float | None = None


class Turn(NamedTuple):
    """One turn of one row: its place (from 0), role and text."""

    seq: int
    turn: int
    role: str
    text: str


FOUND = pa.schema(
    [
        ("seq", pa.int64()),
        ("severity", pa.string()),
        ("turn", pa.int32()),
        ("span_start", pa.int32()),
        ("span_end", pa.int32()),
        ("message", pa.string()),
        ("score", pa.float64()),
    ]
)


def findings(found: Iterable[Found]) -> pa.Table:
    """Findings made in Python as the table that every check returns."""
    columns: list[tuple[Any, ...]] = list(zip(*found, strict=True)) or [() for _ in FOUND]
    arrays = [pa.array(column, kind.type) for column, kind in zip(columns, FOUND, strict=True)]
    return pa.Table.from_arrays(arrays, schema=FOUND)


class Rows:
    """The examples a check looks at, as the relation `rows` of one DuckDB cursor.

    Columns: seq, messages, tools, chosen, rejected (JSON text), label, roles and texts (one entry a
    turn), answer_turn (place of the last assistant turn from 1; null: there is none), answer (its text).
    For a check of the whole set also tokens (null: not counted by the task's model).
    """

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, task: Task, options: Mapping[str, Option] | None = None
    ) -> None:
        self.cursor = cursor
        self.task = task
        self.options = dict(options or {})

    def select(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """Any query over `rows`."""
        return self.cursor.sql(sql, params=parameters).to_arrow_table()

    def found(self, sql: str, parameters: Mapping[str, object] | None = None) -> pa.Table:
        """A query over `rows` whose columns are those of a finding, in their order."""
        return self.select(sql, parameters).rename_columns(FOUND.names).cast(FOUND)

    def turns(self, pattern: str, roles: tuple[str, ...] = (), first: int | None = None) -> Iterator[Turn]:
        """The turns whose text matches an RE2 pattern: what is worth a closer look in Python.

        Args:
            pattern: RE2, found anywhere in the text.
            roles: of these roles only; empty: of every role.
            first: look at so many characters only.
        """
        text = "text" if first is None else f"left(text, {first:d})"
        table = self.select(
            f"""
            with spoken as (
                select seq, unnest(roles) as role, unnest(texts) as text,
                    generate_subscripts(texts, 1) - 1 as turn
                from rows
            )
            select seq, turn, role, text
            from spoken
            where regexp_matches({text}, $pattern)
                and (len($roles::varchar[]) = 0 or role in (select unnest($roles::varchar[])))
            order by seq, turn
            """,
            {"pattern": pattern, "roles": list(roles)},
        )
        for batch in table.to_batches(max_chunksize=10_000):
            yield from map(Turn, *(batch.column(name).to_pylist() for name in Turn._fields))


@dataclass(frozen=True, slots=True)
class Check:
    """The description of a check and its function.

    Attributes:
        severity: of its gravest finding.
        kinds: kinds of task it looks at.
        version: counted up when the same text may get other findings.
        whole_set: its findings compare rows with each other.
        counted: its findings depend on the stored token counts, so it is run again when these change.
        options: what task.yaml may set, with the defaults.
        reads: the part of the task its findings depend on.
        find: from rows to a table of findings.
    """

    name: str
    title: str
    severity: Severity
    kinds: tuple[Kind, ...]
    version: int
    whole_set: bool
    counted: bool
    options: Mapping[str, Option]
    reads: Callable[[Task], Any]
    find: Callable[[Rows], pa.Table]
    explained: Mapping[str, str] = field(repr=False)

    def settings(self, task: Task) -> dict[str, Option]:
        """The options as this task sets them.

        Raises:
            BadTask: task.yaml sets an option that the check does not have.
        """
        chosen = task.checks[self.name].options if self.name in task.checks else {}
        if odd := sorted(set(chosen) - set(self.options)):
            raise BadTask(
                f"checks.{self.name} has no option {', '.join(odd)}.",
                where="task.yaml",
                hint=f"It has: {', '.join(self.options) or 'none'}.",
            )
        return {**self.options, **chosen}

    def edition(self, task: Task) -> int:
        """A positive number that changes with the check's version, its options, and what it reads of the task."""
        told = canonical_json([self.name, self.version, self.settings(task), self.reads(task)])
        return int(sha256(told)[:8], 16) >> 1 or 1


def _nothing(task: Task) -> Any:  # noqa: ANN401  any JSON value
    return None


def check(
    name: str,
    title: str,
    severity: Severity,
    *,
    version: int = 1,
    kinds: tuple[Kind, ...] = ALL_KINDS,
    whole_set: bool = False,
    counted: bool = False,
    options: Mapping[str, Option] | None = None,
    reads: Callable[[Task], Any] = _nothing,
) -> Callable[[Callable[[Rows], pa.Table]], Check]:
    """Describe the function below as a check; what lists it is the tuple `CHECKS`. See `Check`."""

    def describe(find: Callable[[Rows], pa.Table]) -> Check:
        return Check(
            name,
            title,
            severity,
            kinds,
            version,
            whole_set,
            counted,
            dict(options or {}),
            reads,
            find,
            explain(find.__doc__ or ""),
        )

    return describe


def explain(docstring: str) -> dict[str, str]:
    """A check's docstring by its headings, each text on one line."""
    parts = re.split(rf"^\s*({'|'.join(HEADINGS)}):", docstring, flags=re.MULTILINE)
    return {heading: " ".join(text.split()) for heading, text in zip(parts[1::2], parts[2::2], strict=True)}


def quoted(text: str, most: int = 40) -> str:
    """A piece of a text for a message: on one line, cut, in quotation marks."""
    line = " ".join(text.split())
    return f'"{line if len(line) <= most else line[: most - 1] + "…"}"'
