"""How many pairs of texts are similar: the exact number up to a million, a proven lower bound above.

Fifty thousand copies of one template are over a billion pairs, so pairs are counted and never kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.dedup.near import Floats, Mask, Pairs, Prefixes, candidates
from curation.dedup.shingles import Ints
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import duckdb

MOST = 1_000_000
_PORTION = 4_000_000  # joined entries at once
_MOST_JOINED = 1_000_000_000  # entries joined before giving up on an exact number


@dataclass(frozen=True, slots=True)
class PairCount:
    """`exact` is None above a million; `at_least` pairs are proven either way."""

    exact: int | None
    at_least: int


@dataclass(frozen=True, slots=True)
class Stars:
    """Every row seen from the representative of its component."""

    component: Ints
    centre: Ints  # row of the representative
    shared: Ints  # shingles shared with it

    def distance(self, pairs: Pairs) -> Ints:
        """Shingles that only one of row and representative holds."""
        return pairs.size + pairs.size[self.centre] - 2 * self.shared


def count(
    cursor: duckdb.DuckDBPyConnection,
    pairs: Pairs,
    entries: Prefixes,
    stars: Stars,
    progress: Progress = SILENT,
) -> PairCount:
    """Count the similar pairs inside components; there are none across.

    Args:
        pairs: with the bitmaps of all rows of `entries` drawn.
        progress: one unit a pair that had to be counted out.
    """
    members = np.bincount(stars.component)
    within = members[stars.component]
    if int((members * (members - 1) // 2).sum()) > MOST:
        proven = _proven(pairs, stars, members)
        if proven > MOST:
            return PairCount(None, proven)
    progress.stage("Counting pairs")
    couples = int((members == 2).sum())
    row = entries.column("row").astype(np.int64)
    crowd = entries.where(within[row] > 2, component=stars.component[row])
    counted = couples
    key, row = crowd.column("key").astype(np.int64), crowd.column("row").astype(np.int64)
    meeting = np.unique(key << 32 | crowd.column("component"), return_inverse=True, return_counts=True)
    cost = np.bincount(row, weights=meeting[2][meeting[1]], minlength=len(within))
    portion = (np.cumsum(cost) // _PORTION).astype(np.int64)[row]
    distance = stars.distance(pairs)
    for done, number in enumerate(np.unique(portion)):
        if done * _PORTION > _MOST_JOINED:
            return PairCount(None, counted)
        looking = crowd.where((portion == number) & (crowd.column("place") <= crowd.column("reach")))
        on = "a.component = b.component and a.rank < b.rank"
        a, b = candidates(cursor, pairs, looking, crowd, on)
        counted += _similar(pairs, distance, a, b, progress)
        if counted > MOST:
            return PairCount(None, counted)
    return PairCount(counted, counted)


def _similar(pairs: Pairs, distance: Ints, a: Ints, b: Ints, progress: Progress) -> int:
    """How many of these pairs of one component are similar; those that a bound decides are not looked at."""
    sure = _certain(pairs, distance, a, b)
    a, b = a[~sure], b[~sure]
    similarity = pairs.similarity(a, b, pairs.shared(a, b, progress))
    return int(sure.sum()) + int((similarity >= pairs.of(a, b)).sum())


def _certain(pairs: Pairs, distance: Ints, a: Ints, b: Ints) -> Mask:
    """True only for similar pairs: two texts differ by no more than both differ from their representative."""
    least = (pairs.size[a] + pairs.size[b] - distance[a] - distance[b]) / 2
    return np.asarray(pairs.similarity(a, b, np.maximum(least, 0)) >= pairs.of(a, b))


def _proven(pairs: Pairs, stars: Stars, members: Ints) -> int:
    """Pairs that the representatives alone prove, and one for every further link of a component.

    By the rule of `_certain`, a and b are similar when v(a) + v(b) <= 0, where
    v = distance - size (1 - t) / (1 + t): sorted, they are counted without being listed.
    """
    t = max(pairs.threshold.short, pairs.threshold.long)
    v: Floats = stars.distance(pairs) - pairs.size * (1 - t) / (1 + t)
    order = np.lexsort((v, stars.component))
    ends = np.cumsum(members)
    proven = 0
    for component in np.flatnonzero(members > 1):
        own = v[order[ends[component] - members[component] : ends[component]]]
        partners = np.searchsorted(own, -own - 1e-9, side="right")
        proven += max(int((partners - (own <= -own - 1e-9)).sum()) // 2, int(members[component]) - 1)
    return proven
