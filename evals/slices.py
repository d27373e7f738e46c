"""Slices: the held-out rows that share a value of a field, such as all refunds, and how a candidate does there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    with connect(folder) as connection:
        rows = connection.execute("select label, metadata, expected from examples").fetchall()
    names = ["label"] if any(label is not None for label, *_ in rows) else []
    for _, *texts in rows:
        names += [name for text in texts for name in _object(text)]
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
    with connect(folder) as connection:
        rows = connection.execute("""
            select id, label, metadata, expected
            from examples
        """).fetchall()
    found: defaultdict[str, list[int]] = defaultdict(list)
    for id_, label, metadata, expected in rows:
        for value in _values(field, label, metadata, expected):
            if str(id_) in place:
                found[value].append(place[str(id_)])
    return {value: sorted(found[value]) for value in sorted(found)}


def _thirds(folder: Path, ids: Sequence[str]) -> dict[str, list[int]]:
    """The rows in three equal parts by the length of the question, named by their lengths."""
    with connect(folder) as connection:
        lengths = dict(connection.execute("select id, length(prompt) from examples").fetchall())
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


def _values(field: str, label: str | None, metadata: str | None, expected: str | None) -> list[str]:
    if field == "label":
        return [] if label is None else [label]
    for text in (metadata, expected):
        told = _object(text)
        if field in told:
            value = told[field]
            return list(dict.fromkeys(map(_text, value if isinstance(value, list) else [value])))
    return []


def _object(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "null")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:  # noqa: ANN401  any JSON value
    return value if isinstance(value, str) else canonical_json(value)
