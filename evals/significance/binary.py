"""Paired statistics for answers that are right or wrong.

Every figure follows from counts of pairs; nothing here draws a random number.

Notation: n pairs; b = only the candidate is right, c = only the baseline is right; d = (b - c) / n;
psi = (b + c) / n, the discordance.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evals.significance.groups import MIN_GROUPS, cluster_t, design_effect, members_of, sign_flip
from evals.significance.proportions import Interval, z_value

_HALVINGS = 60


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

    `p` is two-sided: McNemar's mid-p, or a sign-flip. `groups` is 0 without groups; `design_effect` is 1
    where rows count as independent. Of `graded` answers, `only_candidate` counts the rows on which the
    candidate scored higher, `only_baseline` those on which it scored lower, `both_right` those on which both
    scored 1, and `square` is the mean square of the differences.
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
    graded: bool = False
    square: float | None = None

    @property
    def discordant(self) -> int:
        """Rows on which exactly one of the two is right, or scored higher."""
        return self.only_candidate + self.only_baseline

    @property
    def discordance(self) -> float:
        """Share of rows on which exactly one of the two is right; of graded scores the mean square.

        Both are the mean square of the differences, which is what the power of a test depends on.
        """
        return self.discordant / self.n if self.square is None else self.square


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
    members = members_of(differences, groups)
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
