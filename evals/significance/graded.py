"""Paired statistics for answers that are scored between 0 and 1.

Chance is drawn from a fixed seed by a generator whose stream numpy has frozen (RandomState), so that the
same answers always give the same verdict.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

from evals.significance.binary import Paired, tango
from evals.significance.groups import cluster_t, design_effect, members_of
from evals.significance.proportions import Interval, z_value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FEWEST_DIFFERENT = 10
"""Below this many rows that differ no resampling tells much: the interval takes every move for a whole point."""
RESAMPLES = 10_000
FLIPS = 20_000

_EXACT = 15
_SAME = 1e-12
_CELLS = 4_000_000
_FEW_VALUES = 32


def paired_scores(
    candidate: Sequence[float],
    baseline: Sequence[float],
    groups: Sequence[str | None] | None = None,
    confidence: float = 0.95,
) -> Paired:
    """Compare two columns of scores between 0 and 1 of the same rows.

    BCa decides: the lower end of a t interval is unsafe exactly when rare large losses matter. Rows of one
    group are compared by a t interval over groups, never narrower than without groups.

    Source: Efron 1987 (BCa); Fisher 1935 (sign-flip); Miller 2024 (groups).

    Raises:
        ValueError: no rows, columns of different lengths, or a score outside 0...1.
    """
    n = len(candidate)
    if n == 0 or len(baseline) != n or (groups is not None and len(groups) != n):
        raise ValueError("need the same rows, at least one, in every column")
    if not all(0 <= value <= 1 for column in (candidate, baseline) for value in column):
        raise ValueError("scores lie between 0 and 1")
    differences = [float(mine) - float(theirs) for mine, theirs in zip(candidate, baseline, strict=True)]
    differences = [0.0 if abs(x) <= _SAME else x for x in differences]
    higher, lower = sum(x > 0 for x in differences), sum(x < 0 for x in differences)
    tops = sum(1 for x, mine in zip(differences, candidate, strict=True) if x == 0 and mine >= 1)
    members = members_of(differences, groups)
    effect = design_effect(members) if members else 1.0
    if len(members) == 1:
        interval, method = Interval(-1.0, 1.0), "no interval: one group alone shows nothing"
    elif higher + lower < FEWEST_DIFFERENT:
        interval = _widest(higher / effect, lower / effect, n / effect, confidence)
        method = "Tango's score interval with every difference taken for a whole point"
    elif members:
        interval = _over_groups(members, confidence)
        method = f"t interval over {len(members)} groups"
    else:
        interval = bca(differences, confidence)
        method = f"BCa bootstrap interval of the mean difference ({RESAMPLES:,} resamples)"
    sums = [math.fsum(rows) for rows in members] if members else differences
    return Paired(
        n=n, both_right=tops, only_candidate=higher, only_baseline=lower,
        both_wrong=n - tops - higher - lower, difference=math.fsum(differences) / n,
        low=max(-1.0, interval.low), high=min(1.0, interval.high), confidence=confidence,
        p=flip_signs(sums), groups=len(members), design_effect=effect,
        method=f"{method}, sign-flip of {'group sums' if members else 'differences'}",
        graded=True, square=math.fsum(x * x for x in differences) / n,
    )  # fmt: skip


def _widest(higher: float, lower: float, n: float, confidence: float) -> Interval:
    """An interval that holds whatever the size of the differences: losses alone below, gains alone above."""
    return Interval(tango(0, lower, n, confidence).low, tango(higher, 0, n, confidence).high)


def _over_groups(members: Sequence[Sequence[float]], confidence: float) -> Interval:
    """Cluster t, never narrower than if the rows were independent."""
    interval, alone = (
        cluster_t(members, confidence),
        cluster_t([[x] for rows in members for x in rows], confidence),
    )
    return max(interval, alone, key=lambda one: one.high - one.low)


def bca(
    values: Sequence[float], confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """The bias-corrected and accelerated bootstrap interval of a mean.

    Without any spread z^2/(n + z^2) is used, as Tango would: a width of zero would claim certainty.

    Args:
        values: at least one.
        confidence: two-sided.
        resamples: drawn with replacement, each as large as `values`.
        seed: of the draw.

    Source: Efron 1987, Better bootstrap confidence intervals, JASA 82, 171-185.
    """
    import numpy as np

    x = np.asarray(values, dtype=float)
    n, mean = len(x), math.fsum(values) / len(values)
    deviations = x - mean
    spread = float((deviations**2).sum())
    if spread <= _SAME:
        z = z_value(confidence)
        half = z * z / (n + z * z)
        return Interval(mean - half, mean + half)
    means = np.concatenate(list(_resampled(x, resamples, seed)))
    below = float((means < mean - _SAME).mean() + (np.abs(means - mean) <= _SAME).mean() / 2)
    below = min(max(below, 0.5 / resamples), 1 - 0.5 / resamples)
    normal = NormalDist()
    bias = normal.inv_cdf(below)
    skew = float((deviations**3).sum()) / (6 * spread**1.5)
    shares = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        reach = bias + normal.inv_cdf(tail)
        shares.append(normal.cdf(bias + reach / (1 - skew * reach)) if skew * reach < 1 else float(reach > 0))
    low, high = (float(limit) for limit in np.quantile(means, shares))
    return Interval(low, high)


def _resampled(x: NDArray[np.float64], resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """The means of the resamples, a part at a time; where values repeat, their counts are drawn."""
    import numpy as np

    random, n = np.random.RandomState(seed), len(x)
    distinct, counts = np.unique(x, return_counts=True)
    few = len(distinct) <= _FEW_VALUES
    step = max(1, _CELLS // (len(distinct) if few else n))
    for start in range(0, resamples, step):
        size = min(step, resamples - start)
        if few:
            yield random.multinomial(n, counts / n, size=size) @ distinct / n
        else:
            yield x[random.randint(0, n, size=(size, n))].mean(axis=1)


def flip_signs(values: Sequence[float], flips: int = FLIPS, seed: int = 0) -> float:
    """Two-sided p of the total when each value could as well have had the other sign.

    All flips are tried for up to 15 values that are not 0; else `flips` seeded ones are drawn and
    p = (1 + as extreme) / (1 + flips).

    Source: Fisher 1935; Phipson and Smyth 2010 for the two ones.
    """
    import numpy as np

    sizes = np.array([abs(x) for x in values if abs(x) > _SAME])
    observed = abs(math.fsum(values))
    if not len(sizes):
        return 1.0
    least = observed - 1e-9 * max(1.0, observed)
    if len(sizes) <= _EXACT:
        totals = np.zeros(1)
        for size in sizes:
            totals = np.concatenate([totals + size, totals - size])
        return float((np.abs(totals) >= least).mean())
    random, step, extreme = np.random.RandomState(seed), max(1, _CELLS // len(sizes)), 0
    for start in range(0, flips, step):
        drawn = min(step, flips - start)
        width = -(-len(sizes) // 8)
        raw = np.frombuffer(random.bytes(drawn * width), dtype=np.uint8).reshape(drawn, width)
        signs = np.unpackbits(raw, axis=1)[:, : len(sizes)]
        extreme += int((np.abs(2 * (signs @ sizes) - sizes.sum()) >= least).sum())
    return (1 + extreme) / (1 + flips)
