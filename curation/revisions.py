"""A row that comes back under its own name with other content is a new revision of its example, not a stranger.

The name is the mapped id; it speaks for a row only where it names one example, and only where the old content is
gone from the file: rows that merely got other numbers stay who they are by their content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from curation import owned
from curation.errors import TouchstoneError

if TYPE_CHECKING:
    import duckdb

Choice = Literal["ask", "theirs", "mine"]
CHOICES: tuple[Choice, ...] = ("ask", "theirs", "mine")
_SAMPLE = 200
_FEW = 10
_ALIKE = 0.15  # shared words of an old and a new text; below it in the median, the names are another set's


@dataclass(frozen=True, slots=True)
class Changed:
    """Rows of a file whose content is not what their family said last; `edited` of them were changed here as well.

    `unlike`: old and new texts have next to no words in common.
    """

    rows: int = 0
    edited: int = 0
    unlike: bool = False


class ChangedRows(TouchstoneError):
    """A file changes rows, and a person has to say which side counts."""

    default_code = "changed-rows"

    def __init__(self, changed: Changed, where: str) -> None:
        if changed.unlike:
            message = f"{changed.rows:,} rows have an id that is known here, but hold other texts altogether"
            hint = (
                "If this is another set, name it: --family NAME. If not, choose --changed theirs or --changed mine. "
                "Nothing was changed."
            )
        else:
            message = (
                f"{changed.rows:,} changed, {changed.edited:,} of them edited here: choose --changed theirs "
                "or --changed mine"
            )
            hint = "theirs: the file counts everywhere; mine: rows edited here stay. Nothing was changed."
        super().__init__(message, where=where, hint=hint)
        self.changed = changed


def find(cursor: duckdb.DuckDBPyConnection, sources: Sequence[int], column: str) -> Changed:
    """Tie the rows of `identified` to the examples they name, and fill `revised` with those that differ.

    Args:
        cursor: of a transaction in which `identified` is filled; its `known` is set for rows known by name.
        sources: the earlier imports of the family.
        column: the file's column of names; an earlier import that did not map it is read by it all the same.
    """
    cursor.execute(
        """
        create or replace temp table named_row as
        with called as (
            select o.seq, o.source, coalesce(o.text_hash, e.id) as text_hash,
                coalesce(o.external_id, nullif(trim(json_extract_string(o.metadata, $column)), '')) as external_id
            from occurrence o
            join example e using (seq)
            where o.source in (select unnest($sources::integer[]))
        ),
        latest as (
            select *, dense_rank() over (partition by external_id order by source desc) as age
            from called
            where external_id is not null
        ),
        base as (
            select external_id, any_value(seq) as seq, any_value(text_hash) as said
            from latest
            where age = 1
            group by external_id
            having count(distinct seq) = 1 and count(distinct text_hash) = 1
        ),
        row_of as (
            select external_id, any_value(id) as id, any_value(known) as known, min(line) as line
            from identified
            where id is not null and external_id is not null
            group by external_id
            having count(distinct id) = 1
        ),
        named as (
            select r.*, b.seq, b.said
            from row_of r
            join base b using (external_id)
        )
        select *
        from named
        where id = said or (
            said not in (select id from identified where id is not null)
            and (known is null or known = seq or known in (select seq from named where id = said)))
        """,
        {"sources": list(sources), "column": owned.place(column)},
    )
    cursor.execute(
        """
        update identified
        set known = n.seq
        from named_row n
        where identified.external_id = n.external_id and identified.id = n.id
        """
    )
    # of rows with one content, a revision is no longer the one that brings it: the first of the others is
    cursor.execute(
        """
        update identified
        set first = identified.line = m.line
        from (
            select id, min(line) as line
            from identified
            where id is not null and known is null
            group by id
        ) m
        where identified.id = m.id and identified.known is null
        """
    )
    cursor.execute(
        """
        create or replace temp table revised as
        select n.seq, n.line, n.said not in (n.id, e.text_hash) and e.text_hash <> n.id as edited,
            e.text_hash <> n.id as differs
        from named_row n
        join example e using (seq)
        where n.id <> n.said
        """
    )
    cursor.execute("drop table named_row")
    rows, edited = cursor.execute(
        "select count(*) filter (differs), count(*) filter (edited) from revised"
    ).fetchone() or (0, 0)
    return Changed(rows, edited, rows >= _FEW and _unlike(cursor))


def _unlike(cursor: duckdb.DuckDBPyConnection) -> bool:
    shared = cursor.execute(
        f"""
        with pair as (
            select string_split(normalise(conversation_text(c.messages)), ' ') as was,
                string_split(normalise(conversation_text(i.messages)), ' ') as becomes
            from (select * from revised where differs order by hash(seq) limit {_SAMPLE}) r
            join content c using (seq)
            join identified i on i.line = r.line
        )
        select median(len(list_intersect(was, becomes)) / len(list_distinct(list_concat(was, becomes))))
        from pair
        """
    ).fetchone()
    return shared is not None and shared[0] is not None and shared[0] < _ALIKE


def settle(cursor: duckdb.DuckDBPyConnection, changed: Changed, choice: Choice, where: str) -> int:
    """Leave in the temporary table `change` the revisions to take, by kind `revised`; how many.

    Raises:
        ChangedRows: `choice` is `ask`, and a person has edited some of the rows, or the texts are another set's.
    """
    if choice == "ask" and (changed.edited or changed.unlike):
        raise ChangedRows(changed, where)
    cursor.execute(
        f"""
        create or replace temp table change as
        select r.seq, {_parts("c", "e.label")} as before, {_parts("i", "i.label")} as after
        from revised r
        join example e using (seq)
        join content c using (seq)
        join identified i on i.line = r.line
        where r.differs and ($all or not r.edited)
        """,
        {"all": choice != "mine"},
    )
    cursor.execute("drop table revised")
    return int((cursor.execute("select count(*) from change").fetchone() or (0,))[0])


def _parts(table: str, label: str) -> str:
    """SQL for what a revision replaces, as JSON: each part in the very text that is stored."""
    return (
        f"to_json({{'messages': {table}.messages, 'tools': {table}.tools, 'chosen': {table}.chosen, "
        f"'rejected': {table}.rejected, 'label': {label}}})::varchar"
    )
