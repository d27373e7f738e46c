"""What several candidates, or several verdicts on one test set, cost each of them."""

from __future__ import annotations

from collections.abc import Sequence


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
