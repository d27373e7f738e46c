"""Rows that ask the same in other words: exact cosines of what people ask, never an approximate index.

Such rows are proposed to a person or kept together by a split; nothing is ever dropped by meaning. Chains are cut:
a component that is too large, or holds rows too far apart, becomes stars around its medoids.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from curation import meaning
from curation.dedup import run
from curation.errors import BadUsage, NotReady
from curation.progress import SILENT, Progress
from curation.task import DEFAULT_EMBEDDER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curation.store import Store

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float32]

PROPOSE = 0.95
TOGETHER = 0.90
_SLACK = 0.10  # a component whose least similar pair is further below the threshold is a chain
_LARGEST_SHARE, _LARGEST = 0.02, 10  # of the rows; fewer rows than the second are never too many
_BLOCK = 2048
_KEY = "semantic"


class Joined(NamedTuple):
    """What ties rows by meaning.

    Attributes:
        a, b, similarity: links of a forest, in positions: each row of a group is linked to its group.
        group: for each row the first position of its group; its own where it has no twin.
        pairs: similar pairs, all of them counted.
        cut: components that were chains and were cut into stars.
    """

    a: Ints
    b: Ints
    similarity: Floats
    group: Ints
    pairs: int
    cut: int


@dataclass(frozen=True, slots=True)
class SemanticReport:
    """What was found: similar pairs, groups of rows, rows in them, chains that were cut, rows compared."""

    threshold: float
    pairs: int
    groups: int
    grouped: int
    cut: int
    compared: int


def find(
    store: Store,
    threshold: float = PROPOSE,
    embedder: str = DEFAULT_EMBEDDER,
    progress: Progress = SILENT,
) -> SemanticReport:
    """Find rows that ask the same in other words among the representatives of near-duplicates; store their links.

    Raises:
        BadUsage: a threshold that is not above 0.5 and up to 1.
    """
    if not 0.5 < threshold <= 1:
        raise BadUsage(
            f"A cosine of {threshold} cannot be asked for.", hint="Give one above 0.5 and up to 1."
        )
    known = meaning.read(store, embedder, representatives(store, progress), progress)
    found = join(known.vectors, threshold, progress)
    first, second = known.seqs[found.a], known.seqs[found.b]
    edges = pa.table(
        {
            "a": np.minimum(first, second),
            "b": np.maximum(first, second),
            "kind": pa.array(["semantic"] * len(first), pa.string()),
            "similarity": found.similarity.astype(np.float64),
        }
    )
    _, size = np.unique(found.group, return_counts=True)
    report = SemanticReport(
        threshold, found.pairs, int((size > 1).sum()), int(size[size > 1].sum()), found.cut, len(known.seqs)
    )
    with store.transaction() as cursor:
        store.execute(cursor, "delete from duplicate_edge where kind = 'semantic'")
        cursor.register("edges", edges)
        store.execute(cursor, "insert into duplicate_edge by name select * from edges")
        cursor.unregister("edges")
        stored = {"revision": store.revision, "embedder": embedder, "report": asdict(report)}
        store.put(_KEY, json.dumps(stored))
    return report


def last(store: Store) -> SemanticReport | None:
    """What the newest search by meaning found, current or not; None when there was none."""
    stored = store.get(_KEY)
    return SemanticReport(**json.loads(stored)["report"]) if stored else None


def groups(store: Store, threshold: float = TOGETHER, progress: Progress = SILENT) -> pa.Table:
    """What a split must keep together by meaning, as the examples are now.

    Only rows that stand for their near-duplicates are named: unite the groups with the duplicate clusters.

    Returns:
        `seq, group` for the rows of groups of two or more; a group is called by its smallest seq.

    Raises:
        NotReady: duplicates by meaning were never looked for in this project.
    """
    stored = store.get(_KEY)
    if stored is None:
        raise NotReady(
            "Duplicates by meaning were not looked for yet.",
            hint=f"workbench dedup {store.project.folder} --semantic {PROPOSE}",
        )
    seqs = representatives(store, progress)
    known = meaning.read(store, json.loads(stored)["embedder"], seqs, progress)
    found = join(known.vectors, threshold, progress)
    _, at, size = np.unique(found.group, return_inverse=True, return_counts=True)
    grouped = size[at] > 1
    return pa.table({"seq": known.seqs[grouped], "group": known.seqs[found.group[grouped]]})


def representatives(store: Store, progress: Progress = SILENT) -> list[int]:
    """The examples that stand for their near-duplicates, and those that have none."""
    if not run.is_current(store):
        run.deduplicate(store, run.near_setting(store), progress)
    rows = store.rows(
        """
        select e.seq
        from live e
        left join duplicate d using (seq)
        where d.seq is null or d.representative = e.seq
        order by e.seq
        """
    )
    return [seq for (seq,) in rows]


def join(vectors: Floats, threshold: float, progress: Progress = SILENT) -> Joined:
    """Group the rows of a cosine of at least `threshold`; every pair is compared.

    10,000 rows of 384 numbers took 0.63 s on one core, as fast as any index and without its misses.

    Args:
        vectors: float32 of shape (rows, dimensions), each of length 1.
        threshold: the least cosine.
        progress: one unit a row of a block compared.
    """
    rows = len(vectors)
    label = np.arange(rows)
    links: list[tuple[Ints, Ints, Floats]] = []
    pairs = 0
    starts = range(0, rows, _BLOCK)
    progress.stage("Comparing meanings", sum(rows - start for start in starts))
    for row in starts:
        for column in range(row, rows, _BLOCK):
            product = vectors[row : row + _BLOCK] @ vectors[column : column + _BLOCK].T
            near = product >= threshold
            if row == column:
                near = np.triu(near, 1)
            a, b = np.nonzero(near)
            pairs += len(a)
            progress.advance(min(_BLOCK, rows - column))
            apart = label[a + row] != label[b + column]
            if apart.any():
                similarity = product[a[apart], b[apart]]
                a, b = a[apart] + row, b[apart] + column
                kept = _forest(a, b, similarity, label)
                links.append((a[kept], b[kept], similarity[kept]))
                label = _united(label, a[kept], b[kept])
    if not links:
        return Joined(*(np.zeros(0, np.int64),) * 2, np.zeros(0, np.float32), label, pairs, 0)
    a, b, similarity = (np.concatenate(part) for part in zip(*links, strict=True))
    return _without_chains(vectors, threshold, Joined(a, b, similarity, label, pairs, 0))


def _forest(a: Ints, b: Ints, similarity: Floats, label: Ints) -> Ints:
    """Which links to keep: the strongest that join the same components without a cycle."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree

    ends = np.sort(np.stack([label[a], label[b]], axis=1), axis=1)
    order = np.argsort(-similarity, kind="stable")
    couples, strongest = np.unique(ends[order], axis=0, return_index=True)
    link = order[strongest]
    nodes, place = np.unique(couples, return_inverse=True)
    place = place.reshape(-1, 2)
    distance = 2.0 - similarity[link].astype(np.float64)  # never 0, which would be no link
    size = (len(nodes), len(nodes))
    tree = minimum_spanning_tree(coo_matrix((distance, (place[:, 0], place[:, 1])), size).tocsr()).tocoo()
    number = place[:, 0] * len(nodes) + place[:, 1]
    kept: Ints = link[np.searchsorted(number, np.sort(tree.row.astype(np.int64) * len(nodes) + tree.col))]
    return kept


def _united(label: Ints, a: Ints, b: Ints) -> Ints:
    """Labels after the components at both ends of each link became one; a label is the first row of its own."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    ends = (label[a], label[b])
    graph = coo_matrix((np.ones(len(a), bool), ends), (len(label), len(label)))
    _, component = connected_components(graph, directed=False)
    first = np.full(int(component.max()) + 1, len(label), np.int64)
    np.minimum.at(first, component, np.arange(len(label)))
    found: Ints = first[component[label]]
    return found


def _without_chains(vectors: Floats, threshold: float, found: Joined) -> Joined:
    """Cut components that are too large or hold too different rows."""
    most = max(_LARGEST, int(_LARGEST_SHARE * len(vectors)))
    group, cut = found.group.copy(), 0
    whole = np.ones(len(found.a), bool)
    made: list[tuple[Ints, Ints, Floats]] = []
    order = np.argsort(found.group, kind="stable")
    starts = np.flatnonzero(np.diff(found.group[order], prepend=-1))
    for members in np.split(order, starts[1:]):
        if len(members) < 3:
            continue
        if len(members) <= most and (vectors[members] @ vectors[members].T).min() >= threshold - _SLACK:
            continue
        cut += 1
        whole &= found.group[found.a] != found.group[members[0]]
        made += _stars(vectors, members, threshold, group)
    kept = (found.a[whole], found.b[whole], found.similarity[whole])
    a, b, similarity = (np.concatenate(part) for part in zip(kept, *made, strict=True))
    return Joined(a, b, similarity, group, found.pairs, cut)


def _stars(vectors: Floats, members: Ints, threshold: float, group: Ints) -> list[tuple[Ints, Ints, Floats]]:
    """Around the most central row all rows near enough to it, then the same with the rest."""
    made = []
    rest = members
    while len(rest):
        own = vectors[rest]
        centre = int(np.argmax(own @ own.sum(axis=0)))
        similarity = own @ own[centre]
        near = similarity >= threshold
        near[centre] = True
        star = rest[near]
        group[star] = star.min()
        leaves = near.copy()
        leaves[centre] = False
        spokes = rest[leaves]
        made.append((np.full(len(spokes), rest[centre]), spokes, similarity[leaves]))
        rest = rest[~near]
    return made
