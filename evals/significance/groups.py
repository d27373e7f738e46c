"""Rows of one group (the same document, customer, template) are not independent: what that costs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

from evals.significance.proportions import Interval, z_value

T = TypeVar("T", int, float)

MIN_GROUPS = 20
"""Below this many groups the design effect is too noisy and a t interval over groups is used."""


def members_of(differences: Sequence[T], groups: Sequence[str | None] | None) -> list[list[T]]:
    """The differences of each group; empty when no group has a second row."""
    if groups is None:
        return []
    members: defaultdict[object, list[T]] = defaultdict(list)
    for position, (group, difference) in enumerate(zip(groups, differences, strict=True)):
        members[(position,) if group is None else group].append(difference)
    return list(members.values()) if len(members) < len(differences) else []


def cluster_error(members: Sequence[Sequence[float]]) -> float:
    """Standard error of the mean over all rows when rows of one group move together.

    SE^2 = C/(C-1) * sum over groups of (sum of deviations)^2 / n^2; infinite for a single group.
    Source: Miller 2024.
    """
    n, count = sum(len(rows) for rows in members), len(members)
    if count < 2:
        return math.inf
    mean = math.fsum(math.fsum(rows) for rows in members) / n
    total = math.fsum(math.fsum(x - mean for x in rows) ** 2 for rows in members)
    return math.sqrt(count / (count - 1) * total) / n


def design_effect(members: Sequence[Sequence[float]]) -> float:
    """How many times fewer independent rows there are: clustered over naive variance, at least 1.

    The naive variance is (sum of squares - (sum)^2 / n) / n^2; of right and wrong answers the sum of
    squares is b + c. Source: Kish 1965, applied to paired scores.
    """
    rows = [x for group in members for x in group]
    n, net = len(rows), sum(rows)
    naive = (sum(x * x for x in rows) - net * net / n) / (n * n)
    if naive <= 0 or len(members) < 2:
        return 1.0
    return max(1.0, cluster_error(members) ** 2 / naive)


def cluster_t(members: Sequence[Sequence[float]], confidence: float = 0.95) -> Interval:
    """Mean difference plus or minus t(C - 1) clustered standard errors.

    Without any spread z^2/(C + z^2) is used, as Tango would for C rows: a width of zero would
    claim certainty. Source: Miller 2024.
    """
    from scipy.stats import t as student

    n, count = sum(len(rows) for rows in members), len(members)
    mean = math.fsum(math.fsum(rows) for rows in members) / n
    if count < 2:
        return Interval(-math.inf, math.inf)
    half = float(student.ppf(0.5 + confidence / 2, count - 1)) * cluster_error(members)
    if half == 0:
        z = z_value(confidence)
        half = z * z / (count + z * z)
    return Interval(mean - half, mean + half)


def sign_flip(sums: Sequence[int]) -> float:
    """Two-sided p of the total when each group's sum could as well have had the other sign.

    Exact: the distribution of the total over all 2^m flips is built by convolution, which whole
    numbers allow at any m. For sums of 1 and -1 it equals McNemar's exact test.

    Source: Fisher 1935, the randomisation test for paired differences.
    """
    steps = sorted(abs(value) for value in sums if value)
    reach, observed = sum(steps), abs(sum(sums))
    if reach == 0:
        return 1.0
    import numpy as np

    chance = np.zeros(2 * reach + 1)
    chance[reach] = 1.0
    for step in steps:
        moved = np.zeros_like(chance)
        moved[step:] += chance[:-step]
        moved[:-step] += chance[step:]
        chance = moved / 2
    totals = np.abs(np.arange(-reach, reach + 1))
    return min(1.0, float(chance[totals >= observed].sum()))
