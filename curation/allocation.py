"""Whole groups to splits: stratified, greedy, exact on size as far as the groups allow.

Pure: the same groups, strata, sizes and seed give the same splits, whatever the order of the groups.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from math import floor

HELD_OUT = ("test", "validation")
REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Group:
    """Rows that stay together: their positions, and the splits of those that are frozen already."""

    key: str
    rows: tuple[int, ...]
    frozen: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Allocation:
    """The split of each row, and how many groups were too large for a held-out split."""

    splits: tuple[str, ...]
    too_large: int


class _State:
    """What is placed so far and what each held-out split still lacks, in all and by stratum."""

    def __init__(self, strata: Sequence[str], sizes: dict[str, int]) -> None:
        self.strata = strata
        self.splits = [""] * len(strata)
        total, shares = len(strata), Counter(strata)
        wanted = {**sizes, "train": max(1, total - sum(sizes.values()))}
        self.need = dict(sizes)
        self.quota = {name: {k: size * n / total for k, n in shares.items()} for name, size in wanted.items()}
        self.short = {name: dict(per) for name, per in self.quota.items()}

    def place(self, rows: Iterable[int], split: str) -> None:
        for row in rows:
            self.splits[row] = split
            if split == REFUSED:
                continue
            self.short[split][self.strata[row]] -= 1
            if split != "train":
                self.need[split] -= 1

    def move(self, rows: Iterable[int], split: str) -> None:
        """From train to a held-out split."""
        rows = list(rows)
        for row in rows:
            self.short["train"][self.strata[row]] += 1
        self.place(rows, split)

    def most_below_its_share(self, group: Group) -> str:
        """The split that lacks the largest part of its share of this group's strata, and has room."""

        def lack(split: str) -> float:
            per = (
                (self.short[split][k], self.quota[split][k], n)
                for k, n in Counter(self.strata[row] for row in group.rows).items()
            )
            return sum(n * short / quota if quota else 0.0 for short, quota, n in per) / len(group.rows)

        room = [split for split in HELD_OUT if len(group.rows) <= self.need[split]]
        return max(["train", *room], key=lack)


def allocate(groups: Sequence[Group], strata: Sequence[str], sizes: dict[str, int], seed: int) -> Allocation:
    """Give every row a split; no group is divided except between splits where it is frozen already.

    Args:
        groups: a partition of the rows.
        strata: the stratum of each row.
        sizes: rows wanted as `test` and `validation`; the rest is train.
        seed: decides between groups that fit equally well.

    Returns:
        Splits as close to the sizes as the groups allow. New rows of a group that is frozen in one split
        join it; of a group frozen in several they are `refused`. Groups larger than half the test size
        go to train.
    """
    state = _State(strata, sizes)
    free = []
    for group in groups:
        if group.frozen:
            _place_frozen(state, group)
        else:
            free.append(group)
    free.sort(key=lambda group: (-len(group.rows), sha256(f"{seed}:{group.key}".encode()).digest()))
    too_large = 0
    singles: defaultdict[str, list[int]] = defaultdict(list)
    movable: list[Group] = []
    for group in free:
        if len(group.rows) == 1:
            singles[strata[group.rows[0]]].append(group.rows[0])
        elif len(group.rows) > max(1, sizes["test"] // 2):
            too_large += 1
            state.place(group.rows, "train")
        else:
            split = state.most_below_its_share(group)
            state.place(group.rows, split)
            movable += [group] if split == "train" else []
    for split in HELD_OUT:
        _fill_with_singles(state, split, singles)
    for rows in singles.values():
        state.place(rows, "train")
    for split in HELD_OUT:
        if state.need[split] > 0:
            chosen = _closest_sum(movable, state.need[split])
            for group in chosen:
                state.move(group.rows, split)
            movable = [group for group in movable if group not in chosen]
    return Allocation(tuple(state.splits), too_large)


def _place_frozen(state: _State, group: Group) -> None:
    held = dict(group.frozen)
    for row, split in held.items():
        state.place([row], split)
    splits = set(held.values())
    state.place((row for row in group.rows if row not in held), splits.pop() if len(splits) == 1 else REFUSED)


def _fill_with_singles(state: _State, split: str, singles: dict[str, list[int]]) -> None:
    """Fill a split up with rows that stand alone, each stratum to its share by largest remainder."""
    need = state.need[split]
    if need <= 0:
        return
    lack = {k: min(max(0.0, state.short[split][k]), len(rows)) for k, rows in singles.items()}
    take = {k: floor(one) for k, one in lack.items()}
    by_remainder = sorted(lack, key=lambda k: (take[k] - lack[k], k))
    while sum(take.values()) > need:
        take[max(take, key=lambda k: (take[k], k))] -= 1
    missing = need - sum(take.values())
    # First by remainder, one each; then wherever rows are left, so that the size is met.
    for k in by_remainder:
        if missing and take[k] < len(singles[k]):
            take[k] += 1
            missing -= 1
    for k in sorted(singles, key=lambda k: (take[k] - len(singles[k]), k)):
        more = min(missing, len(singles[k]) - take[k])
        take[k] += more
        missing -= more
    for k, n in take.items():
        state.place(singles[k][:n], split)
        singles[k] = singles[k][n:]


def _closest_sum(groups: Sequence[Group], wanted: int) -> list[Group]:
    """Groups whose rows come as near to `wanted` as possible without passing it."""
    reached: dict[int, tuple[int, int]] = {0: (-1, -1)}  # sum -> (group, sum before)
    for number, group in enumerate(groups):
        for total in sorted(reached, reverse=True):
            new = total + len(group.rows)
            if new <= wanted and new not in reached:
                reached[new] = (number, total)
        if wanted in reached:
            break
    chosen, total = [], max(reached)
    while total:
        number, total = reached[total]
        chosen.append(groups[number])
    return chosen
