"""How often a check was right, from the decisions people took row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from curation.store import Store


class Judged(NamedTuple):
    """Flagged rows that were decided one at a time: `dropped` of `rows`; the others were kept as they are."""

    check: str
    dropped: int
    rows: int


def judged(store: Store) -> list[Judged]:
    """For each check, the flagged rows that a person dropped or kept, one row at a time.

    Decisions on many rows at once say nothing about the single row and are left out, and so are rows that
    were edited: their flag is gone. A row that several checks flag counts for each.
    """
    return [
        Judged(*row)
        for row in store.rows(
            """
            with single as (
                select batch
                from decision
                group by batch
                having count(*) = 1
            ), last as (
                select d.seq, arg_max(d.batch, d.n) as batch
                from decision d
                where d.kind = 'decision'
                group by d.seq
            )
            select f.check_name, count(distinct f.seq) filter (where e.decision = 'drop'), count(distinct f.seq)
            from open_flag f
            join example e using (seq)
            join last l on l.seq = f.seq
            semi join single s on s.batch = l.batch
            where e.decision in ('drop', 'keep') and f.check_name <> 'by hand'
            group by f.check_name
            order by f.check_name
            """
        )
    ]
