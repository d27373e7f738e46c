"""Import formats. A format is known once: its file says how its rows become staged examples.

Every format fills the temporary table `staged`: one line per row of the file, either with canonical
`messages` or with the reason why the row cannot be read; never both, never neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curation.errors import BadUsage, unknown
from curation.formats import columns, messages

if TYPE_CHECKING:
    import duckdb

    from curation.progress import Progress

__all__ = ["FIELDS", "FORMATS", "Format", "detect", "get", "of", "parse_mapping"]

FIELDS = (
    "messages",
    "system",
    "user",
    "assistant",
    "tools",
    "prompt",
    "completion",
    "chosen",
    "rejected",
    "label",
    "group",
    "time",
    "id",
    "split",
)
STAGED = """
    create or replace temp table staged (
        line bigint not null,
        raw varchar,
        form varchar,
        messages varchar,
        tools varchar,
        chosen varchar,
        rejected varchar,
        label varchar,
        label_json varchar,
        group_key varchar,
        metadata varchar,
        reason varchar
    )
"""


@dataclass(frozen=True, slots=True)
class Format:
    """How one form of file becomes staged rows.

    `recognise` looks at the first kilobytes of text; `stage` fills the table `staged` and returns the
    mapping it used, field by column. `columns` names what a staged file has to map.
    """

    name: str
    says: str
    fields: tuple[str, ...]
    recognise: Callable[[Path, str], bool]
    stage: Callable[[duckdb.DuckDBPyConnection, Path, dict[str, str], Progress], dict[str, str]]
    columns: Callable[[duckdb.DuckDBPyConnection, Path], tuple[str, ...]]


FORMATS: tuple[Format, ...] = (
    Format(
        "messages",
        "JSON lines: chats, ShareGPT, Alpaca, preference pairs and the other forms",
        tuple(field for field in FIELDS if field != "split"),
        messages.recognise,
        messages.stage,
        messages.names,
    ),
    Format(
        "columns",
        "CSV or TSV with one row per example",
        columns.FIELDS,
        columns.recognise,
        columns.stage,
        columns.names,
    ),
)


def get(name: str) -> Format:
    """The format of that name.

    Raises:
        BadUsage: there is none.
    """
    for one in FORMATS:
        if one.name == name:
            return one
    raise unknown("format", name, ["auto", *(one.name for one in FORMATS)])


def of(path: Path) -> Format:
    """The format of a file, from its first kilobytes.

    Raises:
        BadUsage: it looks like none of them.
    """
    with path.open("rb") as file:
        head = file.read(65_536).decode("utf-8-sig", errors="replace")
    return detect(path, head)


def detect(path: Path, head: str) -> Format:
    """Guess a file's format from its content.

    Raises:
        BadUsage: it looks like none of them.
    """
    for one in FORMATS:
        if one.recognise(path, head):
            return one
    forms = "; ".join(f"{one.name} ({one.says})" for one in FORMATS)
    raise BadUsage(
        "The form of this file was not recognised.",
        where=path.name,
        hint=f"Name it with --format. Known: {forms}.",
    )


def parse_mapping(pairs: tuple[str, ...]) -> dict[str, str]:
    """Read `FIELD=COLUMN` pairs.

    Raises:
        BadUsage: a pair without `=`, an unknown field, or a field named twice.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        field, equals, column = pair.partition("=")
        if not equals or not column:
            raise BadUsage(f"--map takes FIELD=COLUMN, got {pair!r}.")
        if field not in FIELDS:
            raise unknown("field to map", field, FIELDS)
        if field in mapping:
            raise BadUsage(f"--map names the field {field!r} twice.")
        mapping[field] = column
    return mapping
