"""Preview of an import: how the first rows of a file would be read, without a project and without a trace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from curation import formats
from curation.errors import BadUsage, TouchstoneError
from curation.formats import columns
from curation.formats.plain import plain
from curation.progress import SILENT

_HEAD = 65_536
_LINES = 200
_WHOLE = 4_000_000  # bytes: a smaller file is looked at whole
_CUT = 2_000  # characters of a row's raw text


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row of the file: as it stands there (cut), and as the example it becomes or why it becomes none."""

    line: int
    raw: str
    messages: list[dict[str, Any]] | None
    tools: list[Any] | None
    chosen: Any
    rejected: Any
    label: str | None
    group: str | None
    refused: str | None


@dataclass(frozen=True, slots=True)
class Preview:
    """How a file would be read: its form and why, the mapping, every column seen, some rows."""

    format: str
    reason: str
    mapping: dict[str, str]
    columns: tuple[str, ...]
    examples: tuple[PreviewRow, ...]


def preview(
    path: Path, *, format: str = "auto", mapping: dict[str, str] | None = None, rows: int = 3
) -> Preview:
    """Read the first rows of a file as an import would.

    Args:
        path: the file.
        format: a name of `formats.FORMATS`, or `auto`.
        mapping: columns by field.
        rows: how many rows to show.

    Raises:
        BadInput: the file cannot be read at all.
        BadUsage: the format or the mapping does not fit the file.
    """
    if not path.is_file():
        raise BadUsage("There is no such file.", where=str(path))
    with plain(path) as text:
        return _look(text, format, mapping or {}, rows)


def _look(path: Path, format: str, mapping: dict[str, str], rows: int) -> Preview:
    import duckdb

    with path.open("rb") as file:
        head = file.read(_HEAD).decode("utf-8-sig", errors="replace")
    form = formats.detect(path, head) if format == "auto" else formats.get(format)
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        part = path if path.stat().st_size <= _WHOLE else _first_lines(path, Path(folder) / path.name)
        cursor = connection.cursor()
        cursor.execute(formats.STAGED)
        used = form.stage(cursor, part, mapping, SILENT)
        found = cursor.execute(
            """
            select line, raw, messages, tools, chosen, rejected, label, group_key, reason
            from staged
            order by line
            limit ?
            """,
            [rows],
        ).fetchall()
        seen = form.columns(cursor, part)
    why = f"looks like {form.says}" if format == "auto" else "named by you"
    return Preview(form.name, why, used, seen, tuple(_shown(*row) for row in found))


def columns_of(path: Path, format: str = "auto") -> tuple[str, tuple[str, ...]]:
    """The format of a table and its columns, for a person to map; no columns where they cannot be told."""
    try:
        with plain(path) as text:
            with text.open("rb") as file:
                head = file.read(_HEAD).decode("utf-8-sig", errors="replace")
            form = formats.detect(text, head) if format == "auto" else formats.get(format)
            return form.name, columns.names(None, text) if form.name == "columns" else ()
    except (OSError, TouchstoneError):
        return format, ()


def _first_lines(path: Path, to: Path) -> Path:
    with path.open("rb") as file, to.open("wb") as out:
        out.writelines(islice(file, _LINES))
    return to


def _shown(
    line: int,
    raw: str | None,
    messages: str | None,
    tools: str | None,
    chosen: str | None,
    rejected: str | None,
    label: str | None,
    group: str | None,
    refused: str | None,
) -> PreviewRow:
    chat, called, better, worse = (
        json.loads(value) if value is not None else None for value in (messages, tools, chosen, rejected)
    )
    return PreviewRow(line, (raw or "")[:_CUT], chat, called, better, worse, label, group, refused)
