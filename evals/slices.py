"""Slices: the held-out rows that share a value of a field, such as all refunds, and how a candidate does there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from curation.files import canonical_json
from evals import rule, stored
from evals.significance import Paired, holm
from evals.stored import connect

LENGTH = "question length"
"""A field that every row has: the length of its question, in thirds of the rows."""
LEAST = 20
"""Rows of a slice that is looked at unasked; fewer show nothing."""
_MOST_VALUES = 20


@dataclass(frozen=True, slots=True)
class Slice:
    """A candidate against a baseline on the rows that share a value.

    `p` is two-sided and pays, by Holm's method, for every slice that was looked at.
    """

    field: str
    value: str
    ids: tuple[str, ...]
    figures: Paired
    p: float

    @property
    def name(self) -> str:
        """As guardrails name it."""
        return f"{self.field}={self.value}"

    @property
    def proven(self) -> str:
        """`worse` or `better` where the difference is proven at 95 %, else empty."""
        if self.p > 0.05:
            return ""
        return "worse" if self.figures.high < 0 else "better" if self.figures.low > 0 else ""


def fields(folder: Path) -> list[str]:
    """The fields that cut these rows into slices worth looking at; the task's own come first.

    Found are the label, fields of the metadata and of expected JSON objects with 2 to 20 values, and the
    length of the question.

    Raises:
        NotReady: the evaluation has not finished.
    """
    held = stored.read(folder)
    rows = _rows(folder)
    names = ["label"] if any(row.label is not None for row in rows) else []
    for row in rows:
        names += [*row.metadata, *row.expected]
    declared = [field for field in held.task.slices if members(folder, held.ids, field)]
    found = [
        field for field in dict.fromkeys(names) if _worth_it(members(folder, held.ids, field), len(rows))
    ]
    return list(dict.fromkeys([*declared, *found, *([LENGTH] if len(rows) >= 3 * LEAST else [])]))


def compared(folder: Path, candidate: str, baseline: str, wanted: Sequence[str] | None = None) -> list[Slice]:
    """The candidate against the baseline on every slice of the fields, where it does worst first.

    Slices under 20 rows are left out, unless the task names the field. A missing answer counts as 0.

    Raises:
        BadUsage: no such candidate in this evaluation.
        NotReady: the evaluation has not finished.
    """
    held = stored.read(folder)
    mine, theirs = (held.values(held.name(name), missing=0.0) for name in (candidate, baseline))
    found: list[Slice] = []
    for field in fields(folder) if wanted is None else wanted:
        for value, places in members(folder, held.ids, field).items():
            if len(places) < LEAST and field not in held.task.slices:
                continue
            figures = rule.weighed(
                [mine[i] for i in places],
                [theirs[i] for i in places],
                None if held.grouped is None else [held.grouped[i] for i in places],
                0.95,
                graded=held.graded,
            )
            found.append(Slice(field, value, tuple(held.ids[i] for i in places), figures, figures.p))
    adjusted = holm([one.figures.p for one in found])
    told = [
        Slice(one.field, one.value, one.ids, one.figures, p) for one, p in zip(found, adjusted, strict=True)
    ]
    return sorted(told, key=lambda one: (one.figures.difference, one.figures.low, one.name))


def split(text: str) -> tuple[str, str | None]:
    """Field and value of `FIELD=VALUE`; no value for a field alone, which stands for each of its values."""
    field, mark, value = text.partition("=")
    return field.strip(), value.strip() if mark else None


def members(folder: Path, ids: Sequence[str], field: str) -> dict[str, list[int]]:
    """Value → positions of its rows among `ids`, by value; a row with a list of values is in each of them.

    The field is `label` or `question length`, else a field of the metadata, else one of the expected JSON object.

    Raises:
        NotReady: the evaluation has not finished.
    """
    if field == LENGTH:
        return _thirds(folder, ids)
    place = {id_: position for position, id_ in enumerate(ids)}
    found: defaultdict[str, list[int]] = defaultdict(list)
    for row in _rows(folder):
        for value in row.values(field) if row.id in place else ():
            found[value].append(place[row.id])
    return {value: sorted(found[value]) for value in sorted(found)}


class _Row(NamedTuple):
    """What a held-out row can be sliced by."""

    id: str
    label: str | None
    metadata: dict[str, Any]
    expected: dict[str, Any]
    length: int

    def values(self, field: str) -> list[str]:
        """Its values of a field, each once."""
        if field == "label":
            return [] if self.label is None else [self.label]
        for told in (self.metadata, self.expected):
            if field in told:
                value = told[field]
                return list(dict.fromkeys(map(_text, value if isinstance(value, list) else [value])))
        return []


def _rows(folder: Path) -> tuple[_Row, ...]:
    """The rows of an evaluation, read once as long as its file stays the same."""
    path = folder / "examples.parquet"
    return _read(folder, path.stat().st_mtime_ns if path.is_file() else 0)


@lru_cache(maxsize=4)
def _read(folder: Path, changed: int) -> tuple[_Row, ...]:
    with connect(folder) as connection:
        rows = connection.execute(
            "select id, label, metadata, expected, length(prompt) from examples order by id"
        ).fetchall()
    return tuple(
        _Row(str(id_), label, _object(metadata), _object(expected), length or 0)
        for id_, label, metadata, expected, length in rows
    )


def _thirds(folder: Path, ids: Sequence[str]) -> dict[str, list[int]]:
    """The rows in three equal parts by the length of the question, named by their lengths."""
    lengths = {row.id: row.length for row in _rows(folder)}
    order = sorted(range(len(ids)), key=lambda i: (lengths.get(ids[i], 0), ids[i]))
    found: dict[str, list[int]] = {}
    for part in range(3):
        places = order[len(order) * part // 3 : len(order) * (part + 1) // 3]
        if places:
            low, high = lengths.get(ids[places[0]], 0), lengths.get(ids[places[-1]], 0)
            name = f"{low:,} to {high:,} characters" if part else f"up to {high:,} characters"
            found.setdefault(name, []).extend(sorted(places))
    return found


def _worth_it(found: dict[str, list[int]], rows: int) -> bool:
    """Whether the values share rows: neither one for all nor one for each."""
    large = [places for places in found.values() if len(places) >= LEAST]
    return 2 <= len(found) <= _MOST_VALUES and any(len(places) < rows for places in large)


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "null")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:  # noqa: ANN401  any JSON value
    return value if isinstance(value, str) else canonical_json(value)
