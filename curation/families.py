"""Files that follow one another: which earlier imports a file belongs to, and the mapping it takes over from them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation import owned

if TYPE_CHECKING:
    import duckdb

_ENDINGS = re.compile(r"(\.(gz|zip|jsonl|ndjson|json|csv|tsv|txt|parquet))+$", re.IGNORECASE)
_EDITION = re.compile(
    r"( ?\(\d+\)| copy( \d+)?|[-_. ]v\d+|[-_. ](19|20)\d\d([-_.]?\d\d){0,2}([-_T ]?\d{4,6}Z?)?)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Member:
    """One import of a family: its number, name, format and mapping."""

    source: int
    name: str
    format: str
    mapping: dict[str, str]


def family_of(name: str) -> str:
    """What the files of one origin are called: the name without its ending, date, edition and copy marks.

    `tickets-2026-01.jsonl.gz` and `tickets-2026-02 (1).jsonl` are both of the family `tickets`.
    """
    stem = _ENDINGS.sub("", name)
    found = stem
    while (shorter := _EDITION.sub("", found)) != found:
        found = _ENDINGS.sub("", shorter)
    return found or stem or name


def members(cursor: duckdb.DuckDBPyConnection, family: str) -> list[Member]:
    """The imports of a family that were not undone, the newest first."""
    rows = cursor.execute(
        "select source, name, format, mapping, family from source where present order by source desc"
    ).fetchall()
    return [
        Member(source, name, form, json.loads(mapping))
        for source, name, form, mapping, known in rows
        if family_of(known or name) == family
    ]


def mapping_for(
    form: str, earlier: Sequence[Member], columns: Callable[[], Collection[str]]
) -> tuple[dict[str, str], str | None]:
    """The mapping that a file takes over from the newest import of its family.

    Args:
        form: the file's format.
        earlier: the imports of its family, the newest first.
        columns: finds the columns of the file.

    Returns:
        Columns by field, and the name of the import they are from; nothing where the file lacks one of the columns.
    """
    last = next((one for one in earlier if one.format == form), None)
    if last is None:
        return {}, None
    # messages from messages is what every file gets without a mapping
    given = {
        field: column
        for field, column in last.mapping.items()
        if field != owned.AS and (field, column) != ("messages", "messages")
    }
    if not given or not set(given.values()) <= set(columns()):
        return {}, None
    return given, last.name
