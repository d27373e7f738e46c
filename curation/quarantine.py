"""Rows kept aside: where they are, and how one leaves for the examples and comes back when that is undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation.errors import BadUsage

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store


@dataclass(frozen=True, slots=True)
class Aside:
    """One row that could not be read. `source` is its number, `name` what a person calls the source."""

    raw_hash: str
    nth: int
    source: int
    name: str
    line: int
    raw: str
    reason: str


def listed(store: Store, limit: int = 100, offset: int = 0) -> list[Aside]:
    """Rows kept aside, the newest source first, then by line."""
    rows = store.rows(
        """
        select q.raw_hash, q.nth, q.source, s.name, q.line, q.raw, q.reason
        from quarantine q
        join source s using (source)
        order by q.source desc, q.line
        limit ? offset ?
        """,
        [limit, offset],
    )
    return [Aside(*row) for row in rows]


def find(store: Store, line: int, source: str | None = None) -> Aside:
    """The row kept aside from that line.

    Args:
        store: the open project.
        line: its line in the file.
        source: the name of the source; needed when several have such a line.

    Raises:
        BadUsage: there is none, or there are several.
    """
    rows = store.rows(
        """
        select q.raw_hash, q.nth, q.source, s.name, q.line, q.raw, q.reason
        from quarantine q
        join source s using (source)
        where q.line = $line and ($source is null or s.name = $source)
        """,
        {"line": line, "source": source},
    )
    if not rows:
        raise BadUsage(
            f"No row of line {line:,} is kept aside{f' from {source}' if source else ''}.",
            hint=f"See which are: workbench rows {store.project.folder} --quarantine",
        )
    if len(rows) > 1:
        names = ", ".join(sorted(str(row[3]) for row in rows))
        raise BadUsage(
            f"Several sources have a line {line:,} kept aside.", hint=f"Add --source, one of: {names}."
        )
    return Aside(*rows[0])


def apply(cursor: duckdb.DuckDBPyConnection) -> None:
    """Make what `change.after` says true: the row stands aside, or is an appearance of an example.

    `after` is JSON: `aside` (a row of `quarantine`) or `taken` (a row of `occurrence`), the other one null;
    `source` and `first` (whether the example was not there before) for the counts of the source.
    """
    cursor.execute(
        """
        create or replace temp table mended as
        select
            seq, after -> '$.aside' as aside, after -> '$.taken' as taken, before -> '$.aside' as left_aside,
            (after ->> '$.source')::integer as source, (after ->> '$.first')::boolean as first,
            (coalesce(after ->> '$.aside.line', before ->> '$.aside.line'))::bigint as line,
            json_type(after, '$.taken') = 'OBJECT' as now_taken
        from (select seq, before::json as before, after::json as after from change)
        """
    )
    cursor.execute(
        """
        delete from quarantine q using mended m
        where m.now_taken and q.raw_hash = m.left_aside ->> '$.raw_hash'
            and q.nth = (m.left_aside ->> '$.nth')::integer
        """
    )
    cursor.execute(
        """
        insert into quarantine (raw_hash, nth, source, line, raw, reason)
        select
            aside ->> '$.raw_hash', (aside ->> '$.nth')::integer, source, line, aside ->> '$.raw',
            aside ->> '$.reason'
        from mended
        where not now_taken
        on conflict do nothing
        """
    )
    cursor.execute(
        "delete from occurrence o using mended m "
        "where not m.now_taken and o.seq = m.seq and o.source = m.source and o.line = m.line"
    )
    cursor.execute(
        """
        insert into occurrence by name
        select
            seq, source, line, taken ->> '$.group_key' as group_key, taken ->> '$.external_id' as external_id,
            taken ->> '$.text_hash' as text_hash, taken ->> '$.split' as split,
            coalesce(taken ->> '$.metadata', '{}') as metadata
        from mended
        where now_taken
        """
    )
    cursor.execute(
        """
        update source s
        set quarantined = s.quarantined + case when m.now_taken then -1 else 1 end,
            examples = s.examples + case when not m.first then 0 when m.now_taken then 1 else -1 end,
            repeated = s.repeated + case when m.first then 0 when m.now_taken then 1 else -1 end
        from mended m
        where s.source = m.source
        """
    )
    cursor.execute(
        """
        update example e
        set present = exists (
            from occurrence o join source s using (source) where o.seq = e.seq and s.present)
        from mended m
        where e.seq = m.seq
        """
    )
    cursor.execute("drop table mended")
