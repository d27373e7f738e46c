"""Preview of an import: how the first rows of a file would be read, without a project and without a trace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from curation import formats
from curation.errors import TouchstoneError
from curation.formats.forms import FORMS
from curation.formats.unpack import unpacked
from curation.progress import SILENT

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
    import duckdb

    with unpacked(path, most=_LINES) as plain, TemporaryDirectory() as folder, duckdb.connect() as connection:
        form = formats.of(plain) if format == "auto" else formats.get(format)
        part = plain if plain.stat().st_size <= _WHOLE else _first_lines(plain, Path(folder) / plain.name)
        cursor = connection.cursor()
        cursor.execute(formats.STAGED)
        used = form.stage(cursor, part, mapping or {}, SILENT)
        found = cursor.execute(
            """
            select line, raw, messages, tools, chosen, rejected, label, group_key, reason
            from staged
            order by line
            limit ?
            """,
            [rows],
        ).fetchall()
        forms = [
            name
            for (name,) in cursor.execute(
                "select form from staged where form is not null group by form order by count(*) desc, form"
            ).fetchall()
        ]
        columns = form.columns(cursor, part)
    return Preview(
        form.name,
        _reason(form, forms, named=format != "auto"),
        used,
        columns,
        tuple(_shown(*row) for row in found),
    )


def columns_of(path: Path, format: str = "auto") -> tuple[str, tuple[str, ...]]:
    """The format of a table and its columns, for a person to map; no columns where they cannot be told."""
    import duckdb

    try:
        with (
            unpacked(path, most=_LINES) as plain,
            TemporaryDirectory() as folder,
            duckdb.connect() as connection,
        ):
            form = formats.of(plain) if format == "auto" else formats.get(format)
            part = _first_lines(plain, Path(folder) / plain.name)
            cursor = connection.cursor()
            cursor.execute(formats.STAGED)
            if form.name == "messages":  # its columns are those of its rows
                form.stage(cursor, part, {}, SILENT)
            return form.name, form.columns(cursor, part)
    except TouchstoneError:
        return format, ()


def _reason(form: formats.Format, forms: list[str], *, named: bool) -> str:
    """The form of the rows in words: of a JSON file those of its rows, the commonest first."""
    says = {one.name: one.says for one in FORMS} | {"mapped": "columns named by you"}
    if forms:
        return "its rows are " + " and ".join(says[name] for name in forms)
    return "named by you" if named else f"looks like {form.says}"


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
