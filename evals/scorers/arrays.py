"""Which element of a given array answers which expected one, where their order does not count."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any, NamedTuple

from curation.files import canonical_json

MOST_ELEMENTS = 200
"""Longer arrays are compared by position: every pair of elements is looked at."""
SET = "set"
KEY = "key="

Same = Callable[[Any, Any], bool]


class Placed(dict[int, Any]):
    """A given array whose elements stand at the positions of the expected ones they answer."""


class _Aligned(NamedTuple):
    """A given value in the order of the expected one, and how many of its leaves are right."""

    value: Any
    right: int


def aligned(expected: Any, got: Any, rule: str, same: Same) -> Any:  # noqa: ANN401  any JSON value
    """`got` with the elements of every array at the position of the expected element they answer.

    Args:
        expected: any JSON value.
        got: likewise.
        rule: `set`, so that the most leaves are right (the assignment problem); or `key=NAME`, by an equal
            value under NAME, arrays without such elements by position. Elements without a partner come
            behind all others.
        same: whether two leaves are equal.
    """
    return _align(expected, got, rule, same).value


def problem(argument: str) -> str:
    """Why a rule for arrays cannot be meant; empty where it can."""
    if argument == SET or (argument.startswith(KEY) and argument != KEY):
        return ""
    return f"arrays are compared by position, by `{SET}` or by `{KEY}NAME`, got {json.dumps(argument)}"


def _align(expected: Any, got: Any, rule: str, same: Same) -> _Aligned:  # noqa: ANN401
    if isinstance(expected, dict) and isinstance(got, dict) and expected and got:
        both = {key: _align(expected[key], got[key], rule, same) for key in got if key in expected}
        value = {key: both[key].value if key in both else one for key, one in got.items()}
        return _Aligned(value, sum(one.right for one in both.values()))
    if isinstance(expected, list) and isinstance(got, list) and expected and got:
        return _align_arrays(expected, got, rule, same)
    leaf = not (isinstance(got, dict | list) and got) and not (isinstance(expected, dict | list) and expected)
    return _Aligned(got, int(leaf and same(expected, got)))


def _align_arrays(expected: list[Any], got: list[Any], rule: str, same: Same) -> _Aligned:
    """The elements of `got` where their partners stand, the others behind."""
    if max(len(expected), len(got)) > MOST_ELEMENTS:
        pairs = _in_order(expected, got, rule, same)
    elif rule == SET:
        pairs = _by_agreement(expected, got, rule, same)
    else:
        pairs = _by_key(expected, got, rule, same)
    free, placed = len(expected), Placed()
    for position, one in enumerate(got):
        if position in pairs:
            place, found = pairs[position]
            placed[place] = found.value
        else:
            placed[free] = one
            free += 1
    return _Aligned(placed, sum(found.right for _, found in pairs.values()))


Pairs = dict[int, tuple[int, _Aligned]]


def _in_order(expected: list[Any], got: list[Any], rule: str, same: Same) -> Pairs:
    """Position in `got` → the same position in `expected`."""
    both = zip(expected, got, strict=False)
    return {i: (i, _align(one, other, rule, same)) for i, (one, other) in enumerate(both)}


def _by_key(expected: list[Any], got: list[Any], rule: str, same: Same) -> Pairs:
    """Position in `got` → the first free one in `expected` with the same key."""
    name, waiting = rule.removeprefix(KEY), dict[str, list[int]]()
    for place, one in enumerate(expected):
        if isinstance(one, dict) and name in one:
            waiting.setdefault(canonical_json(one[name]), []).append(place)
    if not waiting:
        return _in_order(expected, got, rule, same)
    pairs: Pairs = {}
    for position, one in enumerate(got):
        places = waiting.get(canonical_json(one[name])) if isinstance(one, dict) and name in one else None
        if places:
            place = places.pop(0)
            pairs[position] = (place, _align(expected[place], one, rule, same))
    return pairs


def _by_agreement(expected: list[Any], got: list[Any], rule: str, same: Same) -> Pairs:
    """The pairing with the most right leaves, near positions before far ones; elements without any stay apart."""
    import numpy as np
    from scipy.optimize import linear_sum_assignment

    found = [[_align(one, other, rule, same) for other in got] for one in expected]
    right = np.array([[one.right for one in row] for row in found], dtype=float)
    apart = np.abs(np.arange(len(expected))[:, None] - np.arange(len(got))[None, :])
    rows, columns = linear_sum_assignment(apart / math.prod(right.shape) / 1e3 - right)
    return {int(j): (int(i), found[i][j]) for i, j in zip(rows, columns, strict=True) if found[i][j].right}
