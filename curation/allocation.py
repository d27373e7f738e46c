"""Whole groups to splits: stratified, and exact on size as far as the groups allow.

Pure: the same groups, strata, sizes and seed give the same splits, whatever the order of the groups.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

HELD_OUT = ("test", "validation")
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that stay together.

    Attributes:
        key: its smallest id.
        rows: positions of its rows.
        frozen: the splits of those rows that are frozen already.
        anchors: splits of frozen rows that are left out now, dropped for example, but belong here.
        span: the oldest and the newest time of its rows, in seconds.
    """

    key: str
    rows: tuple[int, ...]
    frozen: tuple[tuple[int, str], ...] = ()
    anchors: tuple[str, ...] = ()
    span: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Allocation:
    """The split of each row, and which groups stayed in train although they did not fit there by chance.

    Attributes:
        splits: of each row.
        too_large: groups that were too large for a held-out split.
        cut: by time, the oldest time of the test rows.
        straddling: by time, rows of groups that have newer rows than a cut and older ones, and stayed in train.
    """

    splits: tuple[str, ...]
    too_large: int
    cut: float | None = None
    straddling: int = 0


class _Places:
    """What is placed so far, and what each held-out split still lacks, in all and by stratum."""

    def __init__(self, strata: Sequence[str], sizes: dict[str, int]) -> None:
        self.strata = strata
        self.splits = [""] * len(strata)
        self.need = dict(sizes)
        shares = Counter(strata)
        self.short = {
            split: {stratum: size * n / len(strata) for stratum, n in shares.items()}
            for split, size in sizes.items()
        }

    def place(self, rows: Iterable[int], split: str) -> None:
        for row in rows:
            self.splits[row] = split
            if split in self.need:
                self.need[split] -= 1
                self.short[split][self.strata[row]] -= 1


def allocate(
    groups: Sequence[Group],
    strata: Sequence[str],
    sizes: dict[str, int],
    seed: int,
    *,
    by_time: bool = False,
) -> Allocation:
    """Give every row a split; no group is divided except between splits where it is frozen already.

    Args:
        groups: a partition of the rows.
        strata: the stratum of each row.
        sizes: rows wanted as `test` and `validation`; the rest is train.
        seed: decides between groups that fit equally well.
        by_time: the newest groups are test, the next ones validation; groups without a time are train.

    Returns:
        Each held-out split has the size wanted, or the next smaller one that whole groups can give. New rows
        of a group that is frozen in one split join it; of a group frozen in several they are `refused`.
        Groups larger than half the test size go to train.
    """
    places = _Places(strata, sizes)
    largest = max(1, sizes["test"] // 2)
    free, too_large = [], 0
    for group in groups:
        if group.frozen or group.anchors:
            _place_frozen(places, group)
        elif len(group.rows) > largest:
            too_large += 1
            places.place(group.rows, "train")
        else:
            free.append(group)
    free.sort(key=lambda group: sha256(f"{seed}:{group.key}".encode()).digest())
    if by_time:
        return _newest_first(places, free, too_large)
    by_size: defaultdict[int, list[Group]] = defaultdict(list)
    for group in free:
        by_size[len(group.rows)].append(group)
    for split in HELD_OUT:
        for size, many in _how_many(
            {size: len(some) for size, some in by_size.items()}, places.need[split]
        ).items():
            by_size[size] = _fill(places, split, by_size[size], many)
    for some in by_size.values():
        for group in some:
            places.place(group.rows, "train")
    return Allocation(tuple(places.splits), too_large)


def _newest_first(places: _Places, groups: Sequence[Group], too_large: int) -> Allocation:
    """Whole groups by their oldest row, newest first, until the next one would pass the size wanted."""
    waiting = sorted(groups, key=lambda group: -group.span[0])  # stable: equal times keep the seeded order
    cuts, at = [], 0
    for split in HELD_OUT:
        cut = None
        while at < len(waiting) and waiting[at].span[0] > 0 and len(waiting[at].rows) <= places.need[split]:
            places.place(waiting[at].rows, split)
            cut, at = waiting[at].span[0], at + 1
        cuts.append(cut)
    known = [cut for cut in cuts if cut is not None]
    straddling = 0
    for group in waiting[at:]:
        places.place(group.rows, "train")
        straddling += len(group.rows) if known and group.span[0] < min(known) <= group.span[1] else 0
    return Allocation(tuple(places.splits), too_large, cuts[0], straddling)


def _place_frozen(places: _Places, group: Group) -> None:
    held = dict(group.frozen)
    for row, split in held.items():
        places.place([row], split)
    splits = {*held.values(), *group.anchors}
    places.place(
        (row for row in group.rows if row not in held), splits.pop() if len(splits) == 1 else REFUSED
    )


def _how_many(there: dict[int, int], wanted: int) -> dict[int, int]:
    """How many groups of each size to take, so that their rows come as near to `wanted` as can be without passing it.

    Of all ways to do so the one that takes about the same share of every size, large groups first: a held-out
    split should not be made of single rows alone. `reach[i]` has bit n set when the sizes from the i-th on can
    give n rows.
    """
    sizes = sorted((size for size, n in there.items() if n), reverse=True)
    wanted = max(0, wanted)
    mask = (1 << (wanted + 1)) - 1
    reach = [1]
    for size in reversed(sizes):
        sums, left, step = reach[-1], there[size], 1
        while left > 0:
            taken = min(step, left)
            sums |= (sums << (size * taken)) & mask
            left, step = left - taken, step * 2
        reach.append(sums)
    reach.reverse()
    rest = reach[0].bit_length() - 1
    share = rest / max(1, sum(size * there[size] for size in sizes))
    chosen = {}
    for size, below in zip(sizes, reach[1:], strict=True):
        fair = share * there[size]
        possible = (n for n in range(min(there[size], rest // size) + 1) if below >> (rest - size * n) & 1)
        chosen[size] = min(possible, key=lambda n: (abs(n - fair), n))
        rest -= size * chosen[size]
    return chosen


def _fill(places: _Places, split: str, groups: Sequence[Group], many: int) -> list[Group]:
    """Put so many of these groups into a split, each time one of the stratum it lacks most; return the others."""
    waiting: defaultdict[str, list[Group]] = defaultdict(list)
    for group in reversed(groups):
        inside = Counter(places.strata[row] for row in group.rows)
        waiting[min(inside, key=lambda stratum: (-inside[stratum], stratum))].append(group)
    lack = places.short[split]
    heap = [(-lack[stratum], stratum) for stratum in waiting]
    heapq.heapify(heap)
    taken: set[str] = set()
    while len(taken) < many:
        noted, stratum = heapq.heappop(heap)
        if waiting[stratum] and -noted <= lack[stratum]:
            group = waiting[stratum].pop()
            places.place(group.rows, split)
            taken.add(group.key)
        if waiting[stratum]:
            heapq.heappush(heap, (-lack[stratum], stratum))
    return [group for group in groups if group.key not in taken]
