"""Near-duplicates: every pair of texts whose shingle sets are similar enough, and no other.

An exact set-similarity join. Two sets that are similar must share one of their rarest shingles, so only the
prefix of each set is joined; two bounds then discard most candidates and scipy counts what is left. What is
found never depends on the order of rows, on threads or on the machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from curation.dedup.shingles import Ints, Shingle, ShingleSets, level, ranges
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import duckdb

Floats = np.ndarray[Any, np.dtype[np.float64]]
Mask = np.ndarray[Any, np.dtype[np.bool_]]

SHORT_WORDS = 8
HEAVY = 64  # a shingle that more texts hold in their prefix is joined through components, not pair by pair
_SLACK = 1e-6  # bounds are loosened by this much; the final comparison is exact
_CHECK_ROWS = 20_000  # pairs whose sets are held at once
_BITMAP = 512


@dataclass(frozen=True, slots=True)
class Threshold:
    """The least Jaccard similarity of a pair; `short` where the shorter text has up to 8 words."""

    short: float
    long: float

    def of(self, shorter_words: Ints) -> Floats:
        """The threshold of each pair, given the words of its shorter text."""
        return np.where(shorter_words <= SHORT_WORDS, self.short, self.long)


# On character 5-grams one changed word of eight leaves a median Jaccard of 0.6, one of more words over 0.7.
DEFAULT_THRESHOLD = {Shingle.GRAMS: Threshold(0.60, 0.70), Shingle.WORDS: Threshold(0.80, 0.80)}


@dataclass(frozen=True, slots=True)
class Links:
    """Verified pairs that tie texts together, and the component of every text. Rows, not seqs.

    `a`, `b` and `similarity` are not all pairs: a component of n texts has at least n - 1 of them.
    """

    a: Ints
    b: Ints
    similarity: Floats
    component: Ints  # of each row; numbered from 0


class Pairs:
    """What can be said of pairs of rows: whether they can be similar, how much they share."""

    def __init__(self, sets: ShingleSets, threshold: Threshold) -> None:
        self.sets = sets
        self.threshold = threshold
        self.size = sets.size
        ones = np.ones(len(sets.keys), np.uint8)
        self._matrix = csr_matrix((ones, sets.keys, sets.start), shape=(len(sets.seq), 2**63 - 1), copy=False)
        self._matrix.has_canonical_format = True
        self._bitmap = np.zeros((0, _BITMAP // 64), np.uint64)
        self._place = np.zeros(0, np.int64)

    def of(self, a: Ints, b: Ints) -> Floats:
        """The threshold of each pair."""
        return self.threshold.of(np.minimum(self.sets.words[a], self.sets.words[b]))

    def draw(self, rows: Ints) -> None:
        """Make the bitmaps `possible` needs: for each of 512 buckets, is the number of its keys odd."""
        self._place = np.zeros(len(self.size), np.int64)
        self._place[rows] = np.arange(len(rows))
        self._bitmap = np.zeros((len(rows), _BITMAP // 64), np.uint64)
        for at in range(0, len(rows), 2_000):
            part = rows[at : at + 2_000]
            count = self.size[part]
            bucket = self.sets.keys[ranges(self.sets.start[part], count)] & (_BITMAP - 1)
            cell = np.repeat(np.arange(len(part)) * _BITMAP, count) + bucket
            odd = (np.bincount(cell, minlength=len(part) * _BITMAP) & 1).astype(bool)
            self._bitmap[at : at + 2_000] = np.packbits(odd).view(np.uint64).reshape(len(part), -1)

    def possible(self, a: Ints, b: Ints) -> Mask:
        """False only for pairs that cannot be similar: keys differ at least as often as bitmaps do."""
        differing = np.bitwise_count(self._bitmap[self._place[a]] ^ self._bitmap[self._place[b]])
        total = self.size[a] + self.size[b]
        t = self.of(a, b)
        return np.asarray(differing.sum(1) <= total - 2 * np.ceil(t / (1 + t) * total - _SLACK))

    def shared(self, a: Ints, b: Ints, progress: Progress = SILENT) -> Ints:
        """How many shingles each pair shares, counted; `progress` one unit a pair."""
        found = [np.zeros(0, np.int64)]
        for at in range(0, len(a), _CHECK_ROWS):
            left, right = a[at : at + _CHECK_ROWS], b[at : at + _CHECK_ROWS]
            found.append(np.diff(self._matrix[left].multiply(self._matrix[right]).indptr).astype(np.int64))
            progress.advance(len(left))
        return np.concatenate(found)

    def similarity(self, a: Ints, b: Ints, shared: Ints) -> Floats:
        """Jaccard: shared shingles over all shingles of the two texts."""
        return shared / (self.size[a] + self.size[b] - shared)


@dataclass(frozen=True, slots=True)
class Prefixes:
    """The rarest shingles of each row: any two similar rows share at least one of them.

    One entry a row and shingle. Shingles of a single row are left out.
    """

    entries: pa.Table  # key, row, rank, size, place (from 1), reach, short, holders

    @property
    def rows(self) -> Ints:
        """The rows that have entries, ascending."""
        return np.flatnonzero(np.bincount(self.column("row")))

    def column(self, name: str) -> Ints:
        """One column as an array."""
        return np.asarray(self.entries.column(name).to_numpy())

    def where(self, mask: Mask, **more: Ints) -> Prefixes:
        """The entries under the mask, with further columns."""
        entries = self.entries
        for name, values in more.items():
            entries = entries.append_column(name, pa.array(values))
        return Prefixes(entries.filter(pa.array(mask)))


def prefixes(sets: ShingleSets, threshold: Threshold) -> Prefixes:
    """Cut each set to its prefix: the prefix and positional filters of PPJoin (Xiao et al., 2008)."""
    size = sets.size
    floor = _lowest_threshold(sets, threshold)
    length = size - np.ceil(floor * size - _SLACK).astype(np.int64) + 1
    reach = size - np.ceil(2 * floor / (1 + floor) * size - _SLACK).astype(np.int64) + 1
    rows = np.flatnonzero(level(sets.keys[sets.start[:-1] + length - 1]) > 1)
    row = np.repeat(rows, length[rows])
    at = ranges(sets.start[rows], length[rows])
    place = at - sets.start[row] + 1
    rank = np.empty(len(size), np.int64)
    rank[np.lexsort((sets.seq, size))] = np.arange(len(size))
    held = level(sets.keys[at]) > 1
    row, place = row[held], place[held]
    _, key, holders = np.unique(sets.keys[at[held]], return_inverse=True, return_counts=True)
    short = sets.words[row] <= SHORT_WORDS
    columns = {"key": key, "row": row, "rank": rank[row], "size": size[row], "place": place}
    columns["reach"] = reach[row]
    table = pa.table({name: pa.array(values.astype(np.int32)) for name, values in columns.items()})
    table = table.append_column("short", pa.array(short)).append_column("holders", pa.array(holders[key]))
    return Prefixes(table.filter(pa.array(holders[key] > 1)))


def _lowest_threshold(sets: ShingleSets, threshold: Threshold) -> Floats:
    """The lowest threshold of any pair of a row; a long row pairs only with short ones of like size."""
    short = sets.words <= SHORT_WORDS
    lowest = min(threshold.short, threshold.long)
    largest = sets.size[short].max(initial=0)
    return np.where(short | (sets.size * lowest <= largest + _SLACK), lowest, threshold.long)


def candidate_query(left: str, right: str, on: str) -> str:
    """SQL for the pairs of rows that share a key and may share enough: a hash join, never a cross product.

    Args:
        left: relation of entries that look for partners.
        right: relation of entries they may be paired with.
        on: further join condition; it has to keep each pair at most once a key.

    The query takes `$short` and `$long`, the thresholds. After a first shared key, at most the keys behind it
    in either set are shared too; that has to reach the overlap the threshold asks for.
    """
    return f"""
        with met as (
            select a.row as a, b.row as b, a.size + b.size as total,
                least(a.size, b.size) as smaller, greatest(a.size, b.size) as larger,
                1 + least(a.size - a.place, b.size - b.place) as most,
                case when a.short or b.short then $short::double else $long::double end as t
            from {left} a
            join {right} b on a.key = b.key and {on}
        )
        select a, b
        from met
        where smaller >= t * larger - {_SLACK}
            and most >= t / (1 + t) * total - {_SLACK}
    """


def candidates(
    cursor: duckdb.DuckDBPyConnection, pairs: Pairs, left: Prefixes, right: Prefixes, on: str
) -> tuple[Ints, Ints]:
    """The distinct pairs of rows that may be similar, those that share most keys first, then by row.

    Bitmaps discard most of them while they stream out of the join, so that only few are held.
    """
    cursor.register("dedup_left", left.entries)
    cursor.register("dedup_right", right.entries)
    bounds = {"short": pairs.threshold.short, "long": pairs.threshold.long}
    packed = [np.zeros(0, np.int64)]
    try:
        joined = cursor.sql(candidate_query("dedup_left", "dedup_right", on), params=bounds)
        for batch in joined.to_arrow_reader(1 << 18):
            a, b = (batch.column(name).to_numpy().astype(np.int64) for name in ("a", "b"))
            kept = pairs.possible(a, b)
            packed.append((np.minimum(a, b)[kept] << 32) | np.maximum(a, b)[kept])
    finally:
        cursor.unregister("dedup_left")
        cursor.unregister("dedup_right")
    return _most_shared_first(np.concatenate(packed))


def _most_shared_first(packed: Ints) -> tuple[Ints, Ints]:
    distinct, times = np.unique(packed, return_counts=True)
    distinct = distinct[np.argsort(-times, kind="stable")]
    return distinct >> 32, distinct & 0xFFFFFFFF


@dataclass(slots=True)
class Forest:
    """Components that grow as pairs are verified. Pairs inside one component are never checked."""

    pairs: Pairs
    component: Ints = field(init=False)
    found: list[tuple[Ints, Ints, Floats]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.component = np.arange(len(self.pairs.size))

    def link(self, a: Ints, b: Ints, progress: Progress = SILENT) -> None:
        """Check pairs, the most promising first, in growing portions, each against the components so far."""
        portion = 5_000
        while len(a):
            apart = self.component[a] != self.component[b]
            a, b = a[apart], b[apart]
            self._verify(a[:portion], b[:portion], progress)
            a, b = a[portion:], b[portion:]
            portion = min(portion * 3 // 2, 100_000)

    def _verify(self, a: Ints, b: Ints, progress: Progress) -> None:
        similarity = self.pairs.similarity(a, b, self.pairs.shared(a, b, progress))
        similar = similarity >= self.pairs.of(a, b)
        if not similar.any():
            return
        a, b = a[similar], b[similar]
        self.found.append((a, b, similarity[similar]))
        count = int(self.component.max()) + 1
        joined = csr_matrix((np.ones(len(a), bool), (self.component[a], self.component[b])), (count, count))
        self.component = connected_components(joined, directed=False)[1].astype(np.int64)[self.component]

    def links(self) -> Links:
        """What was verified so far."""
        nothing = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        a, b, similarity = (np.concatenate(part) for part in zip(nothing, *self.found, strict=True))
        return Links(a, b, similarity, self.component)


def link(
    cursor: duckdb.DuckDBPyConnection, pairs: Pairs, entries: Prefixes, progress: Progress = SILENT
) -> Links:
    """Find the components of all similar pairs.

    Shingles of few texts are joined pair by pair. Those of many (one template, thousands of copies) are
    chained, neighbours in size first; after that only texts outside the shingle's largest component are
    compared with the rest. A pair is left out only where its texts are in one component already.

    Args:
        pairs: with the bitmaps of all rows of `entries` drawn.
        progress: one unit a verified pair.
    """
    forest = Forest(pairs)
    heavy = entries.column("holders") > HEAVY
    progress.stage("Comparing texts")
    light = entries.where(~heavy)
    reaching = light.where(light.column("place") <= light.column("reach"))
    forest.link(*candidates(cursor, pairs, reaching, light, "a.rank < b.rank"), progress)
    if heavy.any():
        progress.stage("Comparing texts that share common phrases")
        _link_heavy(cursor, pairs, entries.where(heavy), forest, progress)
    return forest.links()


def _link_heavy(
    cursor: duckdb.DuckDBPyConnection, pairs: Pairs, heavy: Prefixes, forest: Forest, progress: Progress
) -> None:
    key, rank, row = (heavy.column(name).astype(np.int64) for name in ("key", "rank", "row"))
    order = np.argsort(key << 32 | rank)
    heavy = Prefixes(heavy.entries.take(pa.array(order)))
    key, row = key[order], row[order]
    beside = key[1:] == key[:-1]
    a, b = _most_shared_first((np.minimum(row[1:], row[:-1]) << 32 | np.maximum(row[1:], row[:-1]))[beside])
    kept = pairs.possible(a, b)
    forest.link(a[kept], b[kept], progress)
    component = forest.component[row]
    odd = component != _commonest(key, component)
    outside = heavy.where(odd, component=component)
    everyone = heavy.where(np.ones(len(odd), bool), component=component, odd=odd)
    on = "a.component <> b.component and (not b.odd or a.rank < b.rank)"
    forest.link(*candidates(cursor, pairs, outside, everyone, on), progress)


def _commonest(key: Ints, component: Ints) -> Ints:
    """For each entry, the component most entries of its key are in; of equals the smallest."""
    order = np.lexsort((component, key))
    new = np.ones(len(order), bool)
    new[1:] = (np.diff(key[order]) != 0) | (np.diff(component[order]) != 0)
    first = np.flatnonzero(new)
    times = np.diff([*first, len(order)])
    keys, components = key[order][first], component[order][first]
    best = np.lexsort((components, -times, keys))
    distinct, at = np.unique(keys[best], return_index=True)
    return components[best][at][np.searchsorted(distinct, key)]
