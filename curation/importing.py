"""Import: a file in, examples and quarantine out, counts that add up.

rows = new examples + quarantined + repeated, always; a row that comes back changed is repeated and revises its
example. The whole import is one transaction and one batch of the decision log, so a killed import leaves the
project as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curation import decisions, drift, families, formats, owned, revisions, task
from curation.errors import BadInput, TouchstoneError, unknown
from curation.files import sha256_file
from curation.formats.unpack import unpacked
from curation.imported import ImportReport
from curation.preview import Preview, PreviewRow, columns_of, preview
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store

__all__ = ["ImportReport", "Preview", "PreviewRow", "import_file", "preview"]

_SAMPLE = 5_000


def import_file(
    store: Store,
    path: Path,
    *,
    format: str = "auto",
    mapping: dict[str, str] | None = None,
    who: str,
    name: str | None = None,
    split: str | None = None,
    family: str | None = None,
    changed: revisions.Choice = "ask",
    progress: Progress = SILENT,
) -> ImportReport:
    """Import one file.

    Args:
        store: the open project.
        path: the file, packed or not, a folder written by `datasets.save_to_disk`, or a name on the hub.
        format: a name of `formats.FORMATS`, or `auto`.
        mapping: columns by field; what is not mapped is kept as metadata. None: that of the last file of the
            family, where this file has its columns.
        who: the person, for the log.
        name: what to call the source; the file's name when not given.
        split: the split that all its rows belong to, whoever splits later.
        family: the files it follows; told from its name when not given.
        changed: which side counts for a row that its family has changed: `theirs` the file's, `mine` the example's
            where it was edited here, `ask` the file's unless some were edited here.
        progress: told in rows.

    Raises:
        BadInput: the file is missing or empty, or not one row of it can be read.
        BadUsage: the format or the mapping does not fit the file.
        ChangedRows: `changed` is `ask`, and a person has to choose.
        TouchstoneError: the file changed meanwhile, or the system would not read or write.
    """
    if split is not None and split not in owned.SPLITS:
        raise unknown("split", split, owned.SPLITS)
    given = name or called(path)
    family = families.family_of(family or given)
    # in this order, so that a file that changed meanwhile takes the transaction back
    with _as_it_stands(path), store.transaction() as cursor, unpacked(path, progress) as plain:
        digest = sha256_file(path if path.is_file() else plain)
        form = formats.of(plain) if format == "auto" else formats.get(format)
        earlier = families.members(cursor, family)
        asked, mapping_from = (
            families.mapping_for(form.name, earlier, lambda: columns_of(plain, form.name)[1])
            if mapping is None
            else (dict(mapping), None)
        )
        asked |= {owned.AS: split} if split else {}
        cursor.execute(formats.STAGED)
        used = form.stage(cursor, plain, owned.without(asked), progress) | owned.only(asked)
        owned.fill(cursor, used, path.name)
        new = _New(given, str(path), digest, form.name, used, family, earlier)
        report = _take(store, cursor, new, changed, who, progress)
        forms = dict(
            cursor.execute(
                "select form, count(*) from staged where form is not null group by form order by 2 desc, 1"
            ).fetchall()
        )
        cursor.execute("drop table staged")
    return replace(report, forms=forms, mapping_from=mapping_from)


def called(path: Path) -> str:
    """What a source is called when nobody names it: the file's name, or the whole name on the hub."""
    return path.name if path.exists() else str(path)


@dataclass(frozen=True, slots=True)
class _New:
    """The source as it will be, and the earlier imports of its family."""

    name: str
    path: str
    digest: str
    form: str
    mapping: dict[str, str]
    family: str
    earlier: list[families.Member]


@contextmanager
def _as_it_stands(path: Path) -> Iterator[None]:
    """What the system refuses (a full disk, a file without permission), in words."""
    try:
        yield
    except OSError as error:
        raise TouchstoneError(
            f"The system would not read or write: {error.strerror or error}.",
            where=str(error.filename or path),
            hint="Nothing was changed. Check the free space and the permissions, and import again.",
        ) from error


def _take(
    store: Store,
    cursor: duckdb.DuckDBPyConnection,
    new: _New,
    changed: revisions.Choice,
    who: str,
    progress: Progress,
) -> ImportReport:
    rows = _readable(cursor, new)
    known = cursor.execute(
        "select source, name, present from source where sha256 = ? and format = ? and mapping = ?",
        [new.digest, new.form, json.dumps(new.mapping)],
    ).fetchone()
    progress.stage("Comparing with what is there", None)
    _identify(cursor)
    present = known is not None and known[2]
    earlier = [] if present else new.earlier
    found, revised = revisions.Changed(), 0
    if earlier and "id" in new.mapping:
        found = revisions.find(cursor, [one.source for one in earlier], new.mapping["id"])
        revised = revisions.settle(cursor, found, changed, new.name)
    _number(cursor)
    quarantined, fresh = cursor.execute(
        """
        select
            count(*) filter (reason is not null),
            count(*) filter (reason is null and known is null and first)
        from identified
        """
    ).fetchone() or (0, 0)
    report = ImportReport(
        known[1] if known else new.name,
        new.form,
        new.mapping,
        rows,
        fresh,
        quarantined,
        rows - quarantined - fresh,
        known is not None,
        revised=revised,
        kept=found.rows - revised,
        family=new.family,
        drift=drift.compare(cursor, earlier[0], new.mapping, answers=_by_answer(store)) if earlier else None,
    )
    if known:
        if not present:
            batch = decisions.set_present(
                store, known[0], True, who=who, summary=f"Import {known[1]} again{_and(revised)}"
            )
            _revise(store, batch, revised, who)
        return report
    number = _register(cursor, new, report)
    report = replace(report, source=number[1])
    progress.stage("Storing", None)
    _store_rows(cursor, number[0])
    batch = decisions.record_import(
        store, number[0], who=who, summary=f"Import {number[1]}: {fresh:,} examples{_and(revised)}"
    )
    _revise(store, batch, revised, who)
    store.touch()
    if not store.project.task_path.exists():
        task.save(_guess(cursor), store.project.task_path)
    return report


def _readable(cursor: duckdb.DuckDBPyConnection, new: _New) -> int:
    """How many rows are staged; an error when not one of them can be read."""
    rows, readable = cursor.execute(
        "select count(*), count(*) filter (reason is null) from staged"
    ).fetchone() or (0, 0)
    if not readable:
        first = cursor.execute("select line, reason from staged order by line limit 1").fetchone()
        raise BadInput(
            f"Not one of its {rows:,} rows can be read: line {first[0]}: {first[1]}."
            if first
            else "The file is empty.",
            where=Path(new.path).name,
            hint="Nothing was changed. Check --format and --map, or mend the file.",
        )
    return int(rows)


def _register(cursor: duckdb.DuckDBPyConnection, new: _New, report: ImportReport) -> tuple[int, str]:
    """Note the source; its number, and its name made unique."""
    number = (cursor.execute("select coalesce(max(source), 0) + 1 from source").fetchone() or (1,))[0]
    taken = {row[0] for row in cursor.execute("select name from source").fetchall()}
    unique, copy = new.name, 2
    while unique in taken:
        unique, copy = f"{new.name} ({copy})", copy + 1
    cursor.execute(
        """
        insert into source (source, name, path, sha256, format, mapping, rows, examples, quarantined, repeated,
            present, made, family)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, true, utc_now(), ?)
        """,
        [
            number,
            unique,
            new.path,
            new.digest,
            new.form,
            json.dumps(new.mapping),
            report.rows,
            report.examples,
            report.quarantined,
            report.repeated,
            new.family,
        ],
    )
    return number, unique


def _by_answer(store: Store) -> bool:
    """Whether the answers of this project are its labels."""
    path = store.project.task_path
    try:
        return path.is_file() and task.load(path).kind == "classification"
    except TouchstoneError:  # a task with mistakes is no reason not to import
        return False


def _and(revised: int) -> str:
    return f", {revised:,} revised" if revised else ""


def _revise(store: Store, batch: int, revised: int, who: str) -> None:
    if revised:
        decisions.record_change(store, "revised", who=who, batch=batch)


def store_staged(cursor: duckdb.DuckDBPyConnection, source: int) -> None:
    """Store what the table `staged` holds as rows of a source that is there already."""
    _identify(cursor)
    _number(cursor)
    _store_rows(cursor, source)


def _identify(cursor: duckdb.DuckDBPyConnection) -> None:
    """Give each readable row its content id, as `example.content_id` computes it."""
    cursor.execute(
        """
        create or replace temp table identified as
        with named as (
            select *,
                case when reason is null then left(sha256(
                    '{"chosen":' || coalesce(chosen, 'null') || ',"label":' || coalesce(label_json, 'null')
                    || ',"messages":' || messages || ',"rejected":' || coalesce(rejected, 'null')
                    || ',"tools":' || coalesce(tools, 'null') || '}'), 16) end as id
            from staged
        ),
        again as (  -- what a file says of an example that it has revised
            select o.text_hash, min(o.seq) as seq
            from occurrence o
            join source s on s.source = o.source and s.present
            join example e on e.seq = o.seq and e.id <> o.text_hash
            where o.external_id is not null
            group by o.text_hash
        )
        select
            n.*,
            coalesce(e.seq, a.seq) as known,
            n.id is not null and row_number() over (partition by n.id order by n.line) = 1 as first
        from named n
        left join example e on e.id = n.id
        left join again a on a.text_hash = n.id
        """
    )


def _number(cursor: duckdb.DuckDBPyConnection) -> None:
    """Number new examples in the order of the file, after all that are there."""
    cursor.execute(
        """
        create or replace temp table numbered as
        select id, row_number() over (order by line) + (select coalesce(max(seq), 0) from example) as seq
        from identified
        where first and known is null
        """
    )


def _store_rows(cursor: duckdb.DuckDBPyConnection, source: int) -> None:
    cursor.execute(
        """
        create or replace temp table fresh as
        select n.seq, i.*, turn_texts(i.messages) as texts
        from identified i
        join numbered n on n.id = i.id
        where i.first and i.known is null
        order by n.seq
        """
    )
    cursor.execute(
        """
        insert into example (seq, id, source, line, label, group_key, turns, chars, text_hash)
        select
            seq, id, $source, line, label, group_key, len(texts),
            list_sum(list_transform(texts, lambda t: length(t))), id
        from fresh
        """,
        {"source": source},
    )
    cursor.execute("insert into content select seq, messages, tools, chosen, rejected, messages from fresh")
    cursor.execute("insert into search_text select seq, lower(array_to_string(texts, chr(10))) from fresh")
    cursor.execute(
        """
        insert into occurrence by name
        select
            coalesce(i.known, n.seq) as seq, $source as source, i.line, i.group_key,
            coalesce(i.metadata, '{}') as metadata, i.id as text_hash,
            i.external_id, i.split_as as split
        from identified i
        left join numbered n on n.id = i.id
        where i.reason is null
        """,
        {"source": source},
    )
    cursor.execute(
        """
        update example
        set present = true
        where not present and seq in (select seq from occurrence where source = ?)
        """,
        [source],
    )
    cursor.execute(
        """
        insert into quarantine
        with refused as (
            select line, coalesce(raw, '') as raw, reason, sha256(coalesce(raw, '')) as raw_hash
            from identified
            where reason is not null
        )
        select raw_hash, row_number() over (partition by raw_hash order by line), $source, line, raw, reason
        from refused
        on conflict do nothing
        """,
        {"source": source},
    )
    for table in ("fresh", "numbered", "identified"):
        cursor.execute(f"drop table {table}")


def _guess(cursor: duckdb.DuckDBPyConnection) -> task.Task:
    """Guess the task from a seeded sample of what is there."""
    rows = cursor.execute(
        f"""
        select
            answer_text(messages),
            case when turn_roles(messages)[1] = 'system' then turn_texts(messages)[1] end,
            chosen is not null,
            coalesce(json_array_length(messages->-1->'tool_calls'), 0) > 0
        from content
        using sample reservoir ({_SAMPLE} rows) repeatable (0)
        """
    ).fetchall()
    answers, systems, pairs, calls = zip(*rows, strict=True) if rows else ((), (), (), ())
    return task.guess(
        [answer or "" for answer in answers], systems, pairs=2 * sum(pairs) > len(rows), calls=sum(calls)
    )
