"""Rows of one meaning as ties of a split, where duplicates by meaning were looked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from curation.dedup import semantic
from curation.errors import BadUsage
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import pyarrow as pa

    from curation.store import Store


def ties_by_meaning(store: Store, threshold: float, progress: Progress = SILENT) -> pa.Table:
    """`seq, group_key` of every row whose near-duplicates ask the same as other rows, dropped ones too.

    Raises:
        BadUsage: a threshold that is not above 0.5 and up to 1.
        NotReady: duplicates by meaning were never looked for.
    """
    if not 0.5 < threshold <= 1:
        raise BadUsage(
            f"A cosine of {threshold} cannot be asked for.", hint="Give one above 0.5 and up to 1."
        )
    found = semantic.groups(store, threshold, progress)
    cursor = store.cursor()
    try:
        cursor.register("meant", found)
        return cursor.sql(
            """
            select e.seq, 'meaning:' || m."group" as group_key
            from meant m
            join live r using (seq)
            join live e on coalesce(e.cluster, -e.seq) = coalesce(r.cluster, -r.seq)
            order by e.seq
            """
        ).to_arrow_table()
    finally:
        cursor.close()
