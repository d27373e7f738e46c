"""Import: a file in, examples and quarantine out, counts that add up.

rows = new examples + quarantined + repeated, always; the whole import is one transaction and one batch
of the decision log, so a killed import leaves the project as it was.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import decisions, formats, owned, task
from curation.errors import BadInput, TouchstoneError, unknown
from curation.files import sha256_file
from curation.formats.unpack import unpacked
from curation.preview import Preview, PreviewRow, preview
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store

__all__ = ["ImportReport", "Preview", "PreviewRow", "import_file", "preview"]

_SAMPLE = 5_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What one import did; `rows == examples + quarantined + repeated`.

    `repeated` counts rows whose example was known already, from this file or an earlier one; `forms` counts the
    readable rows of a JSON file by their form.
    """

    source: str
    format: str
    mapping: dict[str, str]
    rows: int
    examples: int
    quarantined: int
    repeated: int
    already_imported: bool = False
    forms: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return asdict(self)


def import_file(
    store: Store,
    path: Path,
    *,
    format: str = "auto",
    mapping: dict[str, str] | None = None,
    who: str,
    name: str | None = None,
    split: str | None = None,
    progress: Progress = SILENT,
) -> ImportReport:
    """Import one file.

    Args:
        store: the open project.
        path: the file, packed or not, or a folder written by `datasets.save_to_disk`.
        format: a name of `formats.FORMATS`, or `auto`.
        mapping: columns by field; what is not mapped is kept as metadata.
        who: the person, for the log.
        name: what to call the source; the file's name when not given.
        split: the split that all its rows belong to, whoever splits later.
        progress: told in rows.

    Raises:
        BadInput: the file is missing or empty, or not one row of it can be read.
        BadUsage: the format or the mapping does not fit the file.
        TouchstoneError: the file changed meanwhile, or the system would not read or write.
    """
    if split is not None and split not in owned.SPLITS:
        raise unknown("split", split, owned.SPLITS)
    asked = dict(mapping or {}) | ({owned.AS: split} if split else {})
    # in this order, so that a file that changed meanwhile takes the transaction back
    with _as_it_stands(path), store.transaction() as cursor, unpacked(path, progress) as plain:
        digest = sha256_file(path if path.is_file() else plain)
        form = formats.of(plain) if format == "auto" else formats.get(format)
        cursor.execute(formats.STAGED)
        used = form.stage(cursor, plain, owned.without(asked), progress) | owned.only(asked)
        owned.fill(cursor, used, path.name)
        report = _take(store, cursor, path, name or path.name, digest, form.name, used, who, progress)
        forms = dict(
            cursor.execute(
                "select form, count(*) from staged where form is not null group by form order by 2 desc, 1"
            ).fetchall()
        )
        cursor.execute("drop table staged")
    return replace(report, forms=forms)


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
    path: Path,
    name: str,
    digest: str,
    form: str,
    used: dict[str, str],
    who: str,
    progress: Progress,
) -> ImportReport:
    rows, readable = cursor.execute(
        "select count(*), count(*) filter (reason is null) from staged"
    ).fetchone() or (0, 0)
    if not readable:
        first = cursor.execute("select line, reason from staged order by line limit 1").fetchone()
        raise BadInput(
            f"Not one of its {rows:,} rows can be read: line {first[0]}: {first[1]}."
            if first
            else "The file is empty.",
            where=path.name,
            hint="Nothing was changed. Check --format and --map, or mend the file.",
        )
    known = cursor.execute(
        "select source, name from source where sha256 = ? and format = ? and mapping = ?",
        [digest, form, json.dumps(used)],
    ).fetchone()
    progress.stage("Comparing with what is there", None)
    _identify(cursor)
    _number(cursor)
    counts = cursor.execute(
        """
        select
            count(*) filter (reason is not null),
            count(*) filter (reason is null and known is null and first)
        from identified
        """
    ).fetchone() or (0, 0)
    quarantined, new = int(counts[0]), int(counts[1])
    report = ImportReport(
        known[1] if known else name,
        form,
        used,
        rows,
        new,
        quarantined,
        rows - quarantined - new,
        known is not None,
    )
    if known:
        if not (
            cursor.execute("select present from source where source = ?", [known[0]]).fetchone() or (True,)
        )[0]:
            decisions.set_present(store, known[0], True, who=who, summary=f"Import {known[1]} again")
        return report
    number = (cursor.execute("select coalesce(max(source), 0) + 1 from source").fetchone() or (1,))[0]
    taken = {row[0] for row in cursor.execute("select name from source").fetchall()}
    unique, copy = name, 2
    while unique in taken:
        unique, copy = f"{name} ({copy})", copy + 1
    cursor.execute(
        """
        insert into source (source, name, path, sha256, format, mapping, rows, examples, quarantined, repeated,
            present, made, family)
        values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, true, utc_now(), ?)
        """,
        [
            number,
            unique,
            str(path),
            digest,
            form,
            json.dumps(used),
            rows,
            new,
            quarantined,
            report.repeated,
            name,
        ],
    )
    progress.stage("Storing", None)
    _store_rows(cursor, number)
    decisions.record_import(store, number, who=who, summary=f"Import {unique}: {new:,} examples")
    store.touch()
    if not store.project.task_path.exists():
        task.save(_guess(cursor), store.project.task_path)
    return ImportReport(unique, form, used, rows, new, quarantined, report.repeated)


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
        )
        select
            n.*,
            e.seq as known,
            n.id is not null and row_number() over (partition by n.id order by n.line) = 1 as first
        from named n
        left join example e on e.id = n.id
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
            chosen is not null
        from content
        using sample reservoir ({_SAMPLE} rows) repeatable (0)
        """
    ).fetchall()
    answers, systems, pairs = zip(*rows, strict=True) if rows else ((), (), ())
    return task.guess([answer or "" for answer in answers], systems, pairs=2 * sum(pairs) > len(rows))
