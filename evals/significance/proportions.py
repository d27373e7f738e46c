"""One proportion, and what every interval is made of.

Fractions lie in -1...1; a confidence of 0.95 is two-sided.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple


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
