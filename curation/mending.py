"""Mend one row that an import kept aside: its text, corrected by a person, read once more as its source is.

The row becomes an example in a batch of its own, and rows = examples + quarantined + repeated still holds;
undo puts it back aside with the text it had.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from curation import decisions, formats, importing, owned
from curation.errors import BadInput, TouchstoneError
from curation.files import canonical_json
from curation.progress import SILENT

if TYPE_CHECKING:
    import duckdb

    from curation.quarantine import Aside
    from curation.store import Store

_HEAD = 65_536


@dataclass(frozen=True, slots=True)
class Mended:
    """What came of it: the example the row is now, and whether it was there before."""

    source: str
    line: int
    id: str
    repeated: bool

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return asdict(self)


def mend(store: Store, aside: Aside, text: str, *, who: str) -> Mended:
    """Read the corrected text of one row as its source is read.

    Args:
        store: the open project.
        aside: the row, from `quarantine.find` or `quarantine.listed`.
        text: the row as it should be: a line of the file, or a JSON object with the file's columns.
        who: the person, for the log.

    Raises:
        BadInput: it still cannot be read; the message is the new reason, and nothing was changed.
    """
    here = f"{aside.name}, line {aside.line:,}"
    with store.transaction() as cursor:
        if not cursor.execute(
            "select 1 from quarantine where raw_hash = ? and nth = ?", [aside.raw_hash, aside.nth]
        ).fetchone():
            raise BadInput("This row does not stand aside any more.", where=here)
        cursor.execute(formats.STAGED)
        try:
            reason = _stage(store, cursor, aside, text)
        except TouchstoneError as error:
            reason = error.message
        if reason:
            raise BadInput(f"It still cannot be read: {reason}.", where=here, hint="Nothing was changed.")
        done = _take(store, cursor, aside, who)
        cursor.execute("drop table staged")
    return done


def _stage(store: Store, cursor: duckdb.DuckDBPyConnection, aside: Aside, text: str) -> str:
    """Leave exactly the mended row in `staged`; else say why there is none."""
    path, form, mapping = cursor.execute(
        "select path, format, mapping from source where source = ?", [aside.source]
    ).fetchone() or ("", "", "{}")
    one, used = formats.get(form), json.loads(mapping)
    text = text.strip("\r\n")
    if not text.strip():
        return "there is no text"
    with TemporaryDirectory() as folder:
        if _is_object(text):
            # one line, in whatever way a person has laid it out
            file = Path(folder) / "row.jsonl"
            file.write_text(" ".join(text.splitlines()) + "\n", "utf-8")
            before = 0
        else:
            head = _head(Path(path))
            file = Path(folder) / (Path(path).name or "row.txt")
            file.write_bytes(head)
            before = _count(cursor, one, file, owned.without(used)) if head else 0
            file.write_bytes(head + text.encode("utf-8", "replace") + b"\n")
        cursor.execute("delete from staged")
        one.stage(cursor, file, owned.without(used), SILENT)
    cursor.execute(
        "delete from staged where line not in (select line from staged order by line offset ?)", [before]
    )
    rows = cursor.execute("select reason from staged order by line").fetchall()
    if not rows:
        return "there is no row in it"
    broken = next((reason for (reason,) in rows if reason is not None), None)
    if broken is not None or len(rows) > 1:
        return broken or f"it is {len(rows)} rows, not one"
    cursor.execute("update staged set line = ?", [aside.line])
    owned.fill(cursor, used, aside.name)
    return ""


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _head(path: Path) -> bytes:
    """The first lines of the source's file, so that a lone row is cut as the file was; b"" when it is gone."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return b""
    return head[: head.rfind(b"\n") + 1]


def _count(
    cursor: duckdb.DuckDBPyConnection, form: formats.Format, file: Path, mapping: dict[str, str]
) -> int:
    """Rows that the head alone gives."""
    form.stage(cursor, file, mapping, SILENT)
    return int((cursor.execute("select count(*) from staged").fetchone() or (0,))[0])


def _take(store: Store, cursor: duckdb.DuckDBPyConnection, aside: Aside, who: str) -> Mended:
    """Store the staged row, and log its way from aside to example."""
    importing.store_staged(cursor, aside.source)
    seq, *fields = cursor.execute(
        """
        select o.seq, o.group_key, o.external_id, o.text_hash, o.split, o.metadata
        from occurrence o
        where o.source = ? and o.line = ?
        """,
        [aside.source, aside.line],
    ).fetchone() or (0, None, None, None, None, "{}")
    cursor.execute("delete from occurrence where source = ? and line = ?", [aside.source, aside.line])
    first = not cursor.execute(
        "select 1 from occurrence o join source s using (source) where o.seq = ? and s.present", [seq]
    ).fetchone()
    names = ("group_key", "external_id", "text_hash", "split", "metadata")
    both = {"source": aside.source, "first": first}
    kept = {name: getattr(aside, name) for name in ("raw_hash", "nth", "line", "raw", "reason")}
    was = {"aside": kept, "taken": None, **both}
    now = {"aside": None, "taken": dict(zip(names, fields, strict=True)), **both}
    cursor.execute(
        "create or replace temp table change as select ?::bigint as seq, ? as before, ? as after",
        [seq, canonical_json(was), canonical_json(now)],
    )
    decisions.record_change(store, "mended", who=who, summary=f"Mend line {aside.line:,} of {aside.name}")
    found = cursor.execute("select id from example where seq = ?", [seq]).fetchone() or ("",)
    return Mended(aside.name, aside.line, found[0], not first)
