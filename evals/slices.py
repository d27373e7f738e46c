"""Slices: the held-out rows that share a value of a field, such as all refunds."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.files import canonical_json
from evals.stored import connect


def split(text: str) -> tuple[str, str | None]:
    """Field and value of `FIELD=VALUE`; no value for a field alone, which stands for each of its values."""
    field, mark, value = text.partition("=")
    return field.strip(), value.strip() if mark else None


def members(folder: Path, ids: Sequence[str], field: str) -> dict[str, list[int]]:
    """Value → positions of its rows among `ids`, by value; a row with a list of values is in each of them.

    The field is `label`, else a field of the metadata, else one of the expected JSON object.

    Raises:
        NotReady: the evaluation has not finished.
    """
    place = {id_: position for position, id_ in enumerate(ids)}
    with connect(folder) as connection:
        rows = connection.execute("""
            select id, label, metadata, expected
            from examples
        """).fetchall()
    found: defaultdict[str, list[int]] = defaultdict(list)
    for id_, label, metadata, expected in rows:
        for value in _values(field, label, metadata, expected):
            found[value].append(place[str(id_)])
    return {value: sorted(found[value]) for value in sorted(found)}


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
