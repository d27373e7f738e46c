"""CSV and TSV: one row per example, a column per field; two-column sets of text and label above all.

A record with the wrong number of cells or a broken quote is refused with its raw text and first line.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from curation.errors import BadUsage, unknown
from curation.files import canonical_json
from curation.formats.answers import labelled_keys, pair_keys

if TYPE_CHECKING:
    import duckdb

    from curation.progress import Progress

FIELDS = ("system", "user", "assistant", "prompt", "completion", "label", "group", "time", "id")
_DELIMITERS = ",\t;|"
_TEXT_NAMES = {
    "text",
    "utterance",
    "query",
    "question",
    "sentence",
    "message",
    "prompt",
    "input",
    "user",
    "q",
}
_LABEL_NAMES = {
    "label",
    "category",
    "intent",
    "class",
    "target",
    "answer",
    "completion",
    "output",
    "assistant",
    "a",
}
_Quoting = Literal[0, 3]
_BATCH = 20_000
_MAX_LINES = 1_000  # of one record


@dataclass(frozen=True, slots=True)
class Shape:
    """How the file is cut into cells."""

    delimiter: str
    quoted: bool
    names: tuple[str, ...]
    header: bool


def recognise(path: Path, head: str) -> bool:
    """Whether the first lines fall into the same number (two or more) of cells."""
    return path.suffix.lower() in (".csv", ".tsv", ".txt") and _delimiter(head) is not None


def stage(
    cursor: duckdb.DuckDBPyConnection, path: Path, mapping: dict[str, str], progress: Progress
) -> dict[str, str]:
    """Fill `staged` from a file of delimited cells.

    Args:
        cursor: holds the empty temporary table `staged`.
        path: a UTF-8 file; undecodable bytes become refused rows.
        mapping: columns by field. Without one, the file must have two columns: the one with fewer
            distinct values is the label (and the answer), the other the user's text.
        progress: told in rows.

    Raises:
        BadUsage: a mapped column does not exist, or the mapping cannot be guessed.
    """
    import pyarrow as pa

    with path.open("r", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        shape = _shape(file.read(262_144), path)
    progress.stage(f"Reading {path.name}")
    used = _checked(mapping, shape, path) or _guessed(path, shape)
    names = ("line", "raw", "messages", "label", "label_json", "group_key", "metadata", "reason")
    batch: list[tuple[object, ...]] = []

    def flush() -> None:
        arrow = pa.table(  # noqa: F841  DuckDB reads it by name
            {
                name: pa.array([row[i] for row in batch], pa.int64() if name == "line" else pa.string())
                for i, name in enumerate(names)
            }
        )
        cursor.execute("insert into staged by name select * from arrow")
        progress.advance(len(batch))
        batch.clear()

    for line, raw, cells, problem in _records(path, shape):
        batch.append((line, raw, *_example(cells, problem, used, shape)))
        if len(batch) == _BATCH:
            flush()
    flush()
    return used


def names(cursor: duckdb.DuckDBPyConnection | None, path: Path) -> tuple[str, ...]:
    """The headings, or `column0`, `column1` where there are none."""
    with path.open("r", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        return _shape(file.read(262_144), path).names


def _example(
    cells: list[str], problem: str, used: dict[str, str], shape: Shape
) -> tuple[str | None, str | None, str | None, str | None, str | None, str | None]:
    """One record as (messages, label, label_json, group_key, metadata, reason)."""
    if not problem and len(cells) != len(shape.names):
        problem = (
            "blank line" if not any(cells) else f"{len(cells)} cells where {len(shape.names)} are expected"
        )
    if problem:
        return None, None, None, None, None, problem
    row = dict(zip(shape.names, cells, strict=True))
    user = row[used["user"]] if "user" in used else row[used["prompt"]]
    answer_column = used.get("assistant") or used.get("completion") or used["label"]
    turns = [{"role": "system", "content": row[used["system"]]}] if row.get(used.get("system", "")) else []
    turns += [{"role": "user", "content": user}, {"role": "assistant", "content": row[answer_column]}]
    label = row.get(used.get("label", ""))
    rest = {name: value for name, value in row.items() if name not in used.values()}
    return (
        canonical_json(turns),
        label,
        canonical_json(label) if label is not None else None,
        row.get(used.get("group", "")),
        json.dumps(rest, ensure_ascii=False),
        None,
    )


def _records(path: Path, shape: Shape) -> Iterator[tuple[int, str, list[str], str]]:
    """Every record as (first line, raw text, cells, what is wrong with it).

    A quote that is never closed would swallow the rest of the file: only its first line is refused, and
    reading goes on with the next one.
    """
    csv.field_size_limit(2**31 - 1)
    quoting: _Quoting = csv.QUOTE_MINIMAL if shape.quoted else csv.QUOTE_NONE
    taken: list[str] = []
    again: deque[str] = deque()
    with path.open("r", encoding="utf-8-sig", errors="surrogateescape", newline="") as file:

        def lines() -> Iterator[str]:
            while len(taken) < _MAX_LINES:
                text = again.popleft() if again else file.readline()
                if not text:
                    return
                taken.append(text)
                yield text

        first, skip = 1, shape.header
        while True:
            problem, cells = "", []
            try:
                cells = next(csv.reader(lines(), delimiter=shape.delimiter, strict=True, quoting=quoting))
            except StopIteration:
                return
            except csv.Error as error:
                problem = f"not readable as CSV: {error}"
                again.extendleft(reversed(taken[1:]))
                del taken[1:]
            raw = "".join(taken).rstrip("\r\n")
            line, first = first, first + len(taken)
            taken.clear()
            if skip:
                skip = False
                continue
            if any("\udc80" <= c <= "\udcff" for c in raw):
                problem = "not valid UTF-8"
                raw = raw.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            yield line, raw, cells, problem


def _shape(head: str, path: Path) -> Shape:
    delimiter = _delimiter(head)
    if delimiter is None:
        raise BadUsage(
            "The lines do not fall into the same number of cells.",
            where=path.name,
            hint="Columns are separated by comma, tab, semicolon or bar; quote cells that hold one.",
        )
    quoted = delimiter != "\t" or _quoted_cells(head, delimiter)
    rows = _sample(head, delimiter, quoted)
    header = _is_header(rows)
    names = (
        tuple(cell.strip() for cell in rows[0])
        if header
        else tuple(f"column{i}" for i in range(len(rows[0])))
    )
    if len(set(names)) < len(names):
        names = tuple(f"{name}_{i}" if names.index(name) < i else name for i, name in enumerate(names))
    names = tuple(name or f"column{i}" for i, name in enumerate(names))
    return Shape(delimiter, quoted, names, header)


def _sample(head: str, delimiter: str, quoted: bool) -> list[list[str]]:
    lines = head.splitlines(keepends=True)[:200]
    quoting: _Quoting = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    return [row for row in csv.reader(lines, delimiter=delimiter, quoting=quoting) if row]


def _delimiter(head: str) -> str | None:
    """The delimiter that cuts most of the first records into the same number, two or more, of cells."""
    best: tuple[float, int, str] | None = None
    for delimiter in _DELIMITERS:
        counts = [
            len(row) for row in _sample(head, delimiter, delimiter != "\t" or _quoted_cells(head, delimiter))
        ]
        common = max(set(counts), key=counts.count, default=1)
        if common < 2:
            continue
        share = counts.count(common) / len(counts)
        if share >= 0.7 and (best is None or (share, common) > best[:2]):
            best = (share, common, delimiter)
    return best[2] if best else None


def _quoted_cells(head: str, delimiter: str) -> bool:
    """Whether cells are quoted as a rule, and not just texts that happen to hold a quotation mark."""
    mark = re.escape(delimiter)
    whole = len(re.findall(rf'(?:^|{mark})"(?:[^"]|"")*"(?={mark}|\r?$)', head, re.M))
    return whole * 2 >= head.count('"') - whole and whole > 0


def _is_header(rows: list[list[str]]) -> bool:
    first = [cell.strip().lower() for cell in rows[0]]
    if any(name in _TEXT_NAMES | _LABEL_NAMES for name in first):
        return True
    named = [i for i, name in enumerate(first) if name]
    words = all(re.fullmatch(r"[a-z_][\w .-]{0,30}", first[i]) for i in named)
    again = any(row[i].strip().lower() == first[i] for row in rows[1:] for i in named if i < len(row))
    return len(named) > 1 and words and not again and len(rows) > 2


def _checked(mapping: dict[str, str], shape: Shape, path: Path) -> dict[str, str]:
    for column in mapping.values():
        if column not in shape.names:
            raise unknown("column", column, shape.names, where=path.name)
    if not mapping:
        return {}
    used = dict(mapping)
    for field in used:
        if field not in FIELDS:
            raise BadUsage(
                f"A table cannot map the field {field!r}.", where=path.name, hint=f"Known: {FIELDS}."
            )
    asked = "user" in used or "prompt" in used
    if not asked and len(shape.names) == 2 and "label" in used:
        used["user"] = next(name for name in shape.names if name != used["label"])
    elif not asked:
        raise BadUsage(
            "The mapping names no column for the user's text.",
            where=path.name,
            hint=f"Add --map user=COLUMN. Columns: {', '.join(shape.names)}.",
        )
    if not any(field in used for field in ("assistant", "completion", "label")):
        rest = [name for name in shape.names if name not in used.values()]
        if len(rest) != 1:
            raise BadUsage(
                "The mapping names no column for the answer.",
                where=path.name,
                hint=f"Add --map label=COLUMN or --map assistant=COLUMN. Columns: {', '.join(rest)}.",
            )
        used["label"] = rest[0]
    return used


def _guessed(path: Path, shape: Shape) -> dict[str, str]:
    """Two columns: the one with fewer distinct values is the label. More: by their usual names."""
    if len(shape.names) != 2:
        named = dict.fromkeys(shape.names, "text")
        if pair := pair_keys(named):
            return dict(zip(("user", "assistant"), pair, strict=True))
        if labelled := labelled_keys(named):
            return dict(zip(("user", "label"), labelled, strict=True))
        raise BadUsage(
            f"This table has {len(shape.names)} columns; which is the text and which the answer?",
            where=path.name,
            hint=f"Say --map user=COLUMN --map label=COLUMN. Columns: {', '.join(shape.names)}.",
        )
    values: tuple[set[str], set[str]] = (set(), set())
    for _, _, cells, problem in _records(path, shape):
        if not problem and len(cells) == 2:
            values[0].add(cells[0])
            values[1].add(cells[1])
    if len(values[0]) == len(values[1]):
        raise BadUsage(
            "Both columns have the same number of distinct values; which one is the label?",
            where=path.name,
            hint=f"Say --map label=COLUMN. Columns: {', '.join(shape.names)}.",
        )
    label = 0 if len(values[0]) < len(values[1]) else 1
    return {"user": shape.names[1 - label], "label": shape.names[label]}
