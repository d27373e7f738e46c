"""How many rows show a difference, and which difference given rows can show."""

from __future__ import annotations

import math
from statistics import NormalDist

from evals.significance.proportions import z_value

_HALVINGS = 60


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
