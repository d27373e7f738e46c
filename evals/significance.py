"""Paired statistics for answers that are right or wrong.

Every figure follows from counts of pairs; nothing here draws a random number, so the same answers
always give the same verdict.

Notation: n pairs; b = only the candidate is right, c = only the baseline is right; d = (b - c) / n;
psi = (b + c) / n, the discordance. Fractions lie in -1...1; a confidence of 0.95 is two-sided.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

MIN_GROUPS = 20
"""Below this many groups the design effect is too noisy and a t interval over groups is used."""

_HALVINGS = 60


class Interval(NamedTuple):
    """A confidence interval, `low` at most `high`."""

    low: float
    high: float


def z_value(confidence: float) -> float:
    """The two-sided standard normal quantile: 1.959964 at 0.95."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(right: float, n: float, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of one proportion, `right` out of `n`.

    Source: Wilson 1927; the form in Agresti and Coull 1998.

    Raises:
        ValueError: n is not positive, or `right` is not in 0...n.
    """
    if n <= 0 or not 0 <= right <= n:
        raise ValueError(f"need 0 <= right <= n and n > 0, got {right} of {n}")
    z = z_value(confidence)
    rate, scale = right / n, 1 + z * z / n
    centre = (rate + z * z / (2 * n)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    return Interval(0.0 if right == 0 else centre - half, 1.0 if right == n else centre + half)


def mcnemar_exact(b: int, c: int) -> float:
    """Two-sided exact McNemar p: min(1, 2 P(X <= min(b, c))), X binomial(b + c, 1/2).

    Source: McNemar 1947; Fagerland, Lydersen, Laake 2013.
    """
    return min(1.0, 2 * _binomial_half(min(b, c), b + c).upto)


def mcnemar_midp(b: int, c: int) -> float:
    """Two-sided mid-p McNemar: 2 P(X <= k) - P(X = k), k = min(b, c); 1 when b = c.

    Source: Fagerland, Lydersen, Laake 2013. For b = c their code prints 1 - P(X = k) / 2; 1 is used
    here, and no decision depends on it.
    """
    if b == c:
        return 1.0
    tail = _binomial_half(min(b, c), b + c)
    return 2 * tail.upto - tail.at


class _Tail(NamedTuple):
    upto: float
    at: float


def _binomial_half(k: int, m: int) -> _Tail:
    """P(X <= k) and P(X = k) for X ~ binomial(m, 1/2), in whole numbers until the last division."""
    term = total = 1
    for i in range(k):
        term = term * (m - i) // (i + 1)
        total += term
    return _Tail(total / 2**m, term / 2**m)


def tango(b: float, c: float, n: float, confidence: float = 0.95) -> Interval:
    """Tango's score interval of the paired difference d = (b - c) / n.

    The limits are the differences whose score statistic equals +z and -z; it falls in the
    difference, so both are found by bisection. Counts may be fractions (a design effect).

    Source: Tango 1998, Statistics in Medicine 17, 891-908.

    Raises:
        ValueError: n is not positive, a count is negative, or b + c exceeds n.
    """
    if n <= 0 or b < 0 or c < 0 or b + c > n * (1 + 1e-12):
        raise ValueError(f"need b, c >= 0 and b + c <= n, got b={b}, c={c}, n={n}")
    z, observed = z_value(confidence), (b - c) / n
    low = _crossing(b, c, n, z, -1.0, observed)
    high = _crossing(b, c, n, -z, observed, 1.0)
    return Interval(low, high)


def _crossing(b: float, c: float, n: float, level: float, left: float, right: float) -> float:
    """The difference in left...right at which the score statistic, which falls, passes `level`."""
    for _ in range(_HALVINGS):
        middle = (left + right) / 2
        if _score(b, c, n, middle) > level:
            left = middle
        else:
            right = middle
    return (left + right) / 2


def _score(b: float, c: float, n: float, supposed: float) -> float:
    """Tango's statistic Z at a supposed difference, with the likelihood-best q = P(only baseline right).

    q is the larger root of 2n q^2 + B q + C = 0, in the form that does not cancel.
    """
    linear = -(b + c) + (2 * n - b + c) * supposed
    constant = -c * supposed * (1 - supposed)
    root = math.sqrt(max(linear * linear - 8 * n * constant, 0.0))
    q = (root - linear) / (4 * n) if linear <= 0 else -2 * constant / (root + linear)
    numerator = b - c - n * supposed
    variance = n * (2 * q + supposed * (1 - supposed))
    if variance <= 1e-14 * n:
        return 0.0 if abs(numerator) <= 1e-12 * n else math.copysign(math.inf, numerator)
    return numerator / math.sqrt(variance)


@dataclass(frozen=True, slots=True)
class Paired:
    """The candidate against one baseline on the same rows.

    `p` is two-sided: McNemar's mid-p, or a sign-flip of group sums. `groups` is 0 without groups;
    `design_effect` is 1 where rows count as independent.
    """

    n: int
    both_right: int
    only_candidate: int
    only_baseline: int
    both_wrong: int
    difference: float
    low: float
    high: float
    confidence: float
    p: float
    groups: int
    design_effect: float
    method: str

    @property
    def discordant(self) -> int:
        """Rows on which exactly one of the two is right."""
        return self.only_candidate + self.only_baseline

    @property
    def discordance(self) -> float:
        """Share of rows on which exactly one of the two is right."""
        return self.discordant / self.n


def paired(
    candidate: Sequence[bool],
    baseline: Sequence[bool],
    groups: Sequence[str | None] | None = None,
    confidence: float = 0.95,
) -> Paired:
    """Compare two columns of right and wrong answers to the same rows.

    Rows of one group (the same document, customer, template) are not independent. With at least 20
    groups Tango runs on counts divided by the design effect; with fewer, a t interval over groups
    is used. A row whose group is None is a group of its own.

    Source of the group errors: Miller 2024, "Adding error bars to evals"; C/(C-1) as in Inspect.

    Raises:
        ValueError: no rows, or columns of different lengths.
    """
    n = len(candidate)
    if n == 0 or len(baseline) != n or (groups is not None and len(groups) != n):
        raise ValueError("need the same rows, at least one, in every column")
    differences = [int(mine) - int(theirs) for mine, theirs in zip(candidate, baseline, strict=True)]
    b, c = differences.count(1), differences.count(-1)
    both_right = sum(1 for mine, theirs in zip(candidate, baseline, strict=True) if mine and theirs)
    members = _members(differences, groups)
    effect, p, method = 1.0, mcnemar_midp(b, c), "Tango's score interval, McNemar's mid-p"
    if members:
        effect, p = design_effect(members), sign_flip([sum(rows) for rows in members])
        method = f"Tango's score interval with a design effect of {effect:.2f}, sign-flip of group sums"
    if 0 < len(members) < MIN_GROUPS:
        interval = cluster_t(members, confidence)
        method = f"t interval over {len(members)} groups, sign-flip of group sums"
    else:
        interval = tango(b / effect, c / effect, n / effect, confidence)
    return Paired(
        n=n,
        both_right=both_right,
        only_candidate=b,
        only_baseline=c,
        both_wrong=n - both_right - b - c,
        difference=(b - c) / n,
        low=max(-1.0, interval.low),
        high=min(1.0, interval.high),
        confidence=confidence,
        p=p,
        groups=len(members),
        design_effect=effect,
        method=method,
    )


def _members(differences: Sequence[int], groups: Sequence[str | None] | None) -> list[list[int]]:
    """The differences of each group; empty when no group has a second row."""
    if groups is None:
        return []
    members: defaultdict[object, list[int]] = defaultdict(list)
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


def design_effect(members: Sequence[Sequence[int]]) -> float:
    """How many times fewer independent rows there are: clustered over naive variance, at least 1.

    The naive variance is (b + c - (b - c)^2 / n) / n^2. Source: Kish 1965, applied to paired 0/1 scores.
    """
    rows = [x for group in members for x in group]
    n, net = len(rows), sum(rows)
    naive = (sum(1 for x in rows if x) - net * net / n) / (n * n)
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


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p values, in the order given.

    Source: Holm 1979, a simple sequentially rejective multiple test procedure.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, p_values[position] * (len(p_values) - rank)))
        adjusted[position] = largest
    return adjusted


def holm_share(p_values: Sequence[float], position: int, alpha: float) -> int:
    """By how many Holm divides alpha when the hypothesis at `position` has its turn.

    The smallest p is held against alpha / k, the next against alpha / (k - 1), and so on until one
    fails; from there on nobody passes and the share stays. A hypothesis is rejected exactly when
    its p is at most alpha / share. Source: Holm 1979.
    """
    share = len(p_values)
    for one in sorted(range(len(p_values)), key=lambda i: (p_values[i], i != position)):
        if one == position or p_values[one] > alpha / share:
            return share
        share -= 1
    return share


def rows_needed(difference: float, discordance: float, confidence: float = 0.95, power: float = 0.8) -> float:
    """Rows at which a true `difference` is found with the given power: Connor's formula.

    n = (z_alpha sqrt(psi) + z_beta sqrt(psi - d^2))^2 / d^2.
    Source: Connor 1987, Biometrics 43, 207-211. From 100 rows it is within 0.6 points of the exact
    figure for Tango's interval, on the safe side.

    Raises:
        ValueError: the difference is 0 or larger than the discordance.
    """
    d = abs(difference)
    if not 0 < d <= discordance <= 1:
        raise ValueError(f"need 0 < |difference| <= discordance <= 1, got {difference} and {discordance}")
    z_beta = NormalDist().inv_cdf(power)
    reach = z_value(confidence) * math.sqrt(discordance) + z_beta * math.sqrt(discordance - d * d)
    return (reach / d) ** 2


def rows_to_match(margin: float, discordance: float, confidence: float = 0.95, power: float = 0.8) -> float:
    """Rows at which an equal candidate is shown to be no worse than by `margin`.

    n = (z_alpha + z_beta)^2 psi / m^2, and never fewer than z^2 (1 - m) / m, what it takes when no
    row differs at all. Source: the normal approximation at a true difference of 0; Tango 1998.

    Raises:
        ValueError: the margin is not in 0...1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"need a margin between 0 and 1, got {margin}")
    z, z_beta = z_value(confidence), NormalDist().inv_cdf(power)
    return max((z + z_beta) ** 2 * discordance / margin**2, z * z * (1 - margin) / margin)


def minimum_detectable_effect(
    n: int, discordance: float, confidence: float = 0.95, power: float = 0.8
) -> float | None:
    """The smallest true difference that `n` rows find with the given power, or None if there is none.

    Source: `rows_needed` inverted by bisection on (0, discordance), where it falls.
    """
    if n <= 0 or rows_needed(discordance, discordance, confidence, power) > n:
        return None
    left, right = 0.0, discordance
    for _ in range(_HALVINGS):
        middle = (left + right) / 2
        if rows_needed(middle, discordance, confidence, power) > n:
            left = middle
        else:
            right = middle
    return right


def look_confidence(look: int, looks: int = 1, confidence: float = 0.95) -> float:
    """Confidence of the `look`-th verdict on one test set: 1 - alpha / max(looks, look).

    `looks` is the number planned in the task. Source: Bonferroni over the planned looks; a look
    beyond the plan pays for all so far.
    """
    if look < 1 or looks < 1:
        raise ValueError(f"looks are counted from 1, got look {look} of {looks}")
    return 1 - (1 - confidence) / max(looks, look)


def chance_of_a_false_ship(look: int, looks: int = 1, confidence: float = 0.95) -> float:
    """At most this likely is it that any verdict up to `look` ships a model that is no better.

    Each verdict errs towards shipping with probability alpha / 2 of its own confidence; the sum
    bounds their union (Boole's inequality).
    """
    return min(1.0, sum((1 - look_confidence(k, looks, confidence)) / 2 for k in range(1, look + 1)))
