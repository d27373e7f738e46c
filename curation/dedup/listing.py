"""The stored clusters as a person goes through them: largest or weakest first, at a threshold raised afterwards.

Raising never recomputes. At the threshold of the run every member stands; above it, those at least that similar
to their representative. Chained members, which never were, go first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from curation.dedup import run
from curation.errors import unknown

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from curation.store import Store

ORDERS = {"largest": "size desc, weakest, cluster", "weakest": "weakest, size desc, cluster"}
# A row linked by its question alone has no similar conversation: its link is the similarity of the questions.
_MEMBER = """
    with asked as (
        select seq, max(similarity) as similarity
        from (
            select a as seq, similarity
            from duplicate_edge
            where ends_with(kind, '_prompt')
            union all
            select b, similarity
            from duplicate_edge
            where ends_with(kind, '_prompt')
        )
        group by seq
    ), described as (
        select d.* exclude (similarity), e.id, e.label, e.decision, e.split, e.frozen, e.chars, e.text_hash,
            case when d.conversation then d.similarity else coalesce(a.similarity, d.similarity) end as similarity
        from duplicate d
        join example e using (seq)
        left join asked a using (seq)
        where e.present
    ), member as (
        select *
        from described
        where not $raised or similarity >= $least
    )
"""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Clusters in order: the number (smallest seq), the members and the least similarity of each."""

    cluster: NDArray[np.int64]
    size: NDArray[np.int64]
    weakest: NDArray[np.float64]


def floor(store: Store) -> float | None:
    """The least similarity of the run that found the clusters; None when there was none."""
    found = run.last(store)
    if found is None:
        return None
    return min(float(found.settings["threshold_short"]), float(found.settings["threshold"]))


def clusters(
    store: Store, order: str, least: float = 0.0, among: NDArray[np.int64] | None = None
) -> Clusters:
    """The clusters of two or more members.

    Args:
        store: the open project.
        order: a key of `ORDERS`.
        least: the least similarity asked for; up to the run's own nothing is left out.
        among: only clusters that hold one of these examples; None: all.

    Raises:
        BadUsage: an unknown order.
    """
    if order not in ORDERS:
        raise unknown("order", order, ORDERS)
    with _among(store, among) as cursor:
        found = store.execute(
            cursor,
            f"""
            {_MEMBER}
            select cluster, count(*) as size, min(similarity) as weakest
            from member
            group by cluster
            having count(*) > 1 and ($all or bool_or(seq in (select seq from listing_among)))
            order by {ORDERS[order]}
            """,
            {**_bounds(store, least), "all": among is None},
        ).fetchnumpy()
    return Clusters(
        np.asarray(found["cluster"], np.int64),
        np.asarray(found["size"], np.int64),
        np.asarray(found["weakest"], np.float64),
    )


def members(store: Store, numbers: list[int], least: float = 0.0) -> dict[int, list[dict[str, Any]]]:
    """The members of some clusters, in each the representative of the most rows first, then the most similar.

    Equal conversations are one entry: `copies` counts them and `copied` lists their seqs.
    """
    rows = store.dicts(
        f"""
        {_MEMBER}, here as (
            select m.*, normalise(conversation_text(c.messages)) as words, s.name as source,
                count(*) over (partition by m.representative) as company
            from member m
            join content c using (seq)
            join example e using (seq)
            join source s using (source)
            where m.cluster in (select unnest($numbers::bigint[]))
        ), first as (
            select *, count(*) over same as copies, list(seq) over same as copied,
                row_number() over (partition by words, representative order by seq <> representative, seq) as nth
            from here
            window same as (partition by words, representative)
        )
        select * exclude (words, nth)
        from first
        where nth = 1
        order by company desc, representative, seq <> representative, similarity desc, seq
        """,
        {**_bounds(store, least), "numbers": numbers},
    )
    found: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(int(row["cluster"]), []).append(row)
    return found


def outline(store: Store, numbers: list[int], least: float = 0.0) -> dict[int, dict[str, Any]]:
    """What the list says of some clusters: preview, labels and decisions so far."""
    rows = store.dicts(
        f"""
        {_MEMBER}
        select m.cluster, count(*) as size, min(m.similarity) as weakest,
            count(*) filter (m.decision = 'drop') as dropped,
            count(*) filter (m.decision = 'keep') as kept,
            count(*) filter (m.proposed) as proposed,
            count(distinct m.label) as labels, min(m.label) as label,
            arg_min(left(user_text(c.messages), 160), m.seq) as preview
        from member m
        join content c using (seq)
        where m.cluster in (select unnest($numbers::bigint[]))
        group by m.cluster
        """,
        {**_bounds(store, least), "numbers": numbers},
    )
    return {int(row["cluster"]): row for row in rows}


def proposed(store: Store, least: float = 0.0, among: NDArray[np.int64] | None = None) -> NDArray[np.int64]:
    """The copies that may be dropped and are undecided, as long as what they are copies of is not dropped."""
    with _among(store, among) as cursor:
        found = store.execute(
            cursor,
            f"""
            {_MEMBER}
            select m.seq
            from member m
            join example r on r.seq = m.representative
            where m.proposed and m.decision = 'undecided' and r.decision <> 'drop'
                and ($all or m.cluster in (select x.cluster from member x semi join listing_among using (seq)))
            order by m.seq
            """,
            {**_bounds(store, least), "all": among is None},
        ).fetchnumpy()
    return np.asarray(found["seq"], dtype=np.int64)


def changed_words(store: Store, least: float) -> tuple[int, float]:
    """What a similarity means here: the words of a usual member, and how many of them may differ.

    A changed word of w characters spoils w + 4 character 5-grams, or three word 3-shingles; with s of n shingles
    spoilt on both sides, the Jaccard similarity is (n - s) / (n + s).
    """
    words, chars = store.row(
        """
        select median(len(string_split(t.text, ' '))), median(length(t.text))
        from (from duplicate order by seq limit 500) d
        join search_text t using (seq)
        """
    ) or (0, 0)
    if not words:
        return 0, 0.0
    found = run.last(store)
    grams = found is None or "word" not in str(found.settings["shingle"])
    shingles, each = (chars - 4, chars / words + 4) if grams else (words - 2, 3)
    return round(words), max(0.0, shingles) * (1 - least) / (1 + least) / each


def _bounds(store: Store, least: float) -> dict[str, Any]:
    lowest = floor(store) or 0.0
    return {"raised": least > lowest + 1e-9, "least": least - 1e-9}


@contextmanager
def _among(store: Store, seqs: NDArray[np.int64] | None) -> Iterator[duckdb.DuckDBPyConnection]:
    cursor = store.cursor()
    try:
        cursor.register(
            "listing_among", pa.table({"seq": seqs if seqs is not None else np.zeros(0, np.int64)})
        )
        yield cursor
    finally:
        cursor.close()
