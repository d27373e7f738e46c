"""Decisions as a file for git: every change by content id and operation id, and the way back in.

Importing a file twice adds nothing. Where two copies of a project changed the same field, the newest change wins.
Splits are not part of it: the same rows, decisions and seed make them again; task.yaml is a file already.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from curation import changes
from curation.decisions import DECISIONS
from curation.errors import BadInput
from curation.files import write_atomic
from curation.formats.chats import refusal
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store

KINDS = ("decision", "label", "messages", "hand_flag", "group_key")
_FIELDS = ("op", "root", "at", "who", "summary", "direction", "kind", "id", "after", "reason")


@dataclass(frozen=True, slots=True)
class Merged:
    """What an import did: changes made here, and lines that made none.

    `conflicts` counts fields that both sides changed, of which `kept` kept the value here because it was newer;
    `unknown` counts lines about examples this project does not have.
    """

    lines: int
    changed: int
    conflicts: int
    kept: int
    unknown: int

    def as_json(self) -> dict[str, int]:
        """Plain data for `--json`."""
        return asdict(self)


def export(store: Store, path: Path) -> int:
    """Write every change to examples in the order of the log; the number of lines."""
    rows = store.rows(
        """
        select b.op_id, r.op_id, b.made, b.who, b.summary, b.direction, d.kind, e.id, d.after, d.reason
        from decision d
        join batch b using (batch)
        join batch r on r.batch = b.root
        join example e using (seq)
        where d.kind in (select unnest(?::varchar[]))
        order by d.n
        """,
        [list(KINDS)],
    )
    lines = []
    for row in rows:
        line = dict(zip(_FIELDS, row, strict=True))
        line |= {"at": line["at"].isoformat(timespec="microseconds"), "after": json.loads(line["after"])}
        lines.append(json.dumps(line, ensure_ascii=False))
    write_atomic(path, "".join(f"{line}\n" for line in lines))
    return len(lines)


def merge(store: Store, path: Path, progress: Progress = SILENT) -> Merged:
    """Take the changes of an exported file over, each with its person and its time.

    Raises:
        BadInput: the file is missing, or a line is not one of ours; nothing was changed.
    """
    progress.stage("Reading decisions", None)
    lines = pa.Table.from_pylist(list(_read(path)), schema=_SCHEMA)
    with store.transaction() as cursor:
        cursor.register("exchange_line", lines)
        try:
            counts = _weigh(cursor)
            progress.stage("Applying decisions", None)
            changed = _apply(store, cursor, progress)
        finally:
            cursor.unregister("exchange_line")
        return Merged(len(lines), changed, *counts)


_SCHEMA = pa.schema(
    [("place", pa.int64()), ("made", pa.timestamp("us"))]
    + [(name, pa.string()) for name in _FIELDS if name != "at"]
)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The file cannot be read: {error}", where=str(path)) from error
    for place, raw in enumerate(text.splitlines(), 1):
        if not raw.strip():
            continue
        try:
            line = json.loads(raw)
            problem = _problem(line)
            at = datetime.fromisoformat(line["at"]) if not problem else None
        except (ValueError, TypeError, KeyError) as error:
            problem, at = f"not readable: {error}", None
        if problem:
            raise BadInput(
                f"Line {place} is not a decision: {problem}.",
                where=str(path),
                hint="Write the file with: workbench decisions PROJECT export FILE. Nothing was changed.",
            )
        value = line["after"]["reason"] if line["kind"] == "hand_flag" else line["after"]
        who = line["after"]["who"] if line["kind"] == "hand_flag" else line["who"]
        after = changes.after(line["kind"], value, who)
        yield {
            **{name: line.get(name) for name in _FIELDS if name != "at"},
            "place": place,
            "made": at,
            "after": after,
        }


def _problem(line: Any) -> str | None:  # noqa: ANN401  whatever the file holds
    if not isinstance(line, dict):
        return "not an object"
    for name in ("op", "root", "at", "who", "summary", "direction", "kind", "id"):
        if not isinstance(line.get(name), str):
            return f"`{name}` is missing or not a text"
    after, kind = line.get("after"), line["kind"]
    if kind not in KINDS or line["direction"] not in ("do", "undo", "redo"):
        return f"unknown kind {kind!r} or direction {line['direction']!r}"
    if not isinstance(line.get("reason"), str | None):
        return "`reason` is not a text"
    if kind == "decision" and after not in DECISIONS:
        return f"unknown decision {after!r}"
    if kind == "messages":
        return refusal(after)
    if kind == "hand_flag" and not (isinstance(after, dict) and isinstance(after.get("who"), str)):
        return "a flag says who raised it"
    reason = after.get("reason") if isinstance(after, dict) else after
    return None if kind == "decision" or isinstance(reason, str | None) else f"{after!r} is not a text"


def _weigh(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int, int]:
    """Fill `incoming` with the changes that are new here and win; (conflicts, kept here, unknown examples)."""
    cursor.execute(
        """
        create or replace temp table incoming as
        select l.*, e.seq, case when l.kind = 'hand_flag' then l.after ->> '$.who' end as flagger
        from exchange_line l
        join example e using (id)
        where l.op not in (select op_id from batch)
        """
    )
    cursor.execute(
        """
        create or replace temp table contest as
        with theirs as (
            select seq, kind, flagger, max(made) as made, arg_max(after, place) as after
            from incoming
            group by all
        ), ours as (
            select d.seq, d.kind, case when d.kind = 'hand_flag' then d.after ->> '$.who' end as flagger,
                max(b.made) as made, arg_max(d.after, d.n) as after,
                bool_or(b.op_id not in (select op from exchange_line)) as apart
            from decision d
            join batch b using (batch)
            where d.seq in (select seq from incoming)
            group by all
        )
        select t.seq, t.kind, t.flagger, o.made >= t.made as kept, o.apart and o.after <> t.after as conflict
        from theirs t
        join ours o on o.seq = t.seq and o.kind = t.kind and o.flagger is not distinct from t.flagger
        """
    )
    cursor.execute(
        """
        delete from incoming i
        using contest c
        where c.kept and i.seq = c.seq and i.kind = c.kind and i.flagger is not distinct from c.flagger
        """
    )
    ((conflicts, kept),) = cursor.execute(
        "select count(*) filter (conflict), count(*) filter (conflict and kept) from contest"
    ).fetchall()
    unknown = cursor.execute("select count(*) from exchange_line where id not in (select id from example)")
    return conflicts, kept, unknown.fetchall()[0][0]


def _apply(store: Store, cursor: duckdb.DuckDBPyConnection, progress: Progress) -> int:
    """Apply `incoming` change by change of each example, all examples at once, and log it."""
    cursor.execute(
        """
        create or replace temp table turn as
        select *, row_number() over (partition by seq order by made, place) as round from incoming
        """
    )
    cursor.execute(
        "create or replace temp table done "
        "(place bigint, op varchar, seq bigint, kind varchar, before varchar, after varchar, reason varchar)"
    )
    steps = cursor.execute("select distinct round, kind from turn order by all").fetchall()
    for number, kind in steps:
        before = changes.before(kind, "t.flagger")
        cursor.execute(
            f"""
            create or replace temp table change as
            select e.seq, {before} as before, t.after, t.place
            from turn t
            join example e using (seq)
            join content c using (seq)
            where t.round = ? and t.kind = ? and {before} is distinct from t.after
            """,
            [number, kind],
        )
        cursor.execute(
            """
            insert into done
            select t.place, t.op, c.seq, t.kind, c.before, c.after, t.reason
            from change c
            join turn t using (place)
            """
        )
        changes.APPLY[kind](cursor)
        progress.advance(1)
        if kind in changes.TEXTUAL:
            store.touch()
    _write_log(cursor)
    ((changed,),) = cursor.execute("select count(*) from done").fetchall()
    return int(changed)


def _write_log(cursor: duckdb.DuckDBPyConnection) -> None:
    """Only batches that changed something are logged; an undo finds the batch it undid, where that is here."""
    cursor.execute(
        """
        create or replace temp table taken as
        select op, any_value(root) as root, any_value(made) as made, any_value(who) as who,
            any_value(summary) as summary, any_value(direction) as direction,
            row_number() over (order by any_value(made), min(place))
                + (select coalesce(max(batch), 0) from batch) as batch
        from incoming
        where op in (select op from done)
        group by op
        """
    )
    cursor.execute(
        """
        with known as (
            select op_id as op, root as batch from batch
            union all
            select op, batch from taken
        )
        insert into batch
        select t.batch, t.op, t.made, t.who, t.summary, coalesce(k.batch, t.batch),
            case when k.batch is null then 'do' else t.direction end
        from taken t
        left join known k on k.op = t.root
        """
    )
    cursor.execute(
        """
        insert into decision
        select row_number() over (order by t.batch, d.place) + (select coalesce(max(n), 0) from decision),
            t.batch, d.seq, null, d.kind, d.before, d.after, d.reason
        from done d
        join taken t using (op)
        """
    )
