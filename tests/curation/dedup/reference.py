"""Duplicates the slow way: plain sets, every pair compared, union-find. Shares no code with curation."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations
from statistics import median

Pair = tuple[int, int]
_SCRIPTS = ("CJK UNIFIED", "HIRAGANA LETTER", "KATAKANA LETTER", "THAI CHARACTER")


@cache
def words_of(text: str) -> list[str]:
    apart = "".join(f" {c} " if unicodedata.name(c, "").startswith(_SCRIPTS) else c for c in text)
    return apart.split()


def uses_grams(texts: Sequence[str]) -> bool:
    lengths = [len(words_of(text)) for text in texts if text]
    return not lengths or median(lengths) <= 40


def shingles_of(text: str, grams: bool) -> set[tuple[str, ...]]:
    units, size = (list(text), 5) if grams else (words_of(text), 3)
    return {tuple(units[i : i + size]) for i in range(max(1, len(units) - size + 1))}


@cache
def least(a: int, b: int, grams: bool, near: str | None) -> Fraction:
    """The threshold of a pair, given how many words each text has."""
    if near is not None:
        return Fraction(near)
    if not grams:
        return Fraction("0.8")
    return Fraction("0.6") if min(a, b) <= 8 else Fraction("0.7")


def jaccard(a: set[tuple[str, ...]], b: set[tuple[str, ...]]) -> Fraction:
    return Fraction(len(a & b), len(a | b))


def similar_pairs(texts: Sequence[str], grams: bool, near: str | None = None) -> set[Pair]:
    """Pairs of positions of distinct texts (the first of each) that are similar enough."""
    first = {text: i for i, text in reversed(list(enumerate(texts))) if text}
    sets = {i: shingles_of(text, grams) for text, i in first.items()}
    words = {i: len(words_of(texts[i])) for i in sets}
    found = set()
    for a, b in combinations(sorted(sets), 2):
        shared = len(sets[a] & sets[b])
        limit = least(words[a], words[b], grams, near)
        if shared * limit.denominator >= limit.numerator * (len(sets[a]) + len(sets[b]) - shared):
            found.add((a, b))
    return found


def equal_pairs(texts: Sequence[str]) -> set[Pair]:
    """Each text's first position with every later one."""
    first: dict[str, int] = {}
    for i, text in enumerate(texts):
        first.setdefault(text, i)
    return {(first[text], i) for i, text in enumerate(texts) if text and first[text] != i}


def smallest_of_component(rows: int, pairs: Iterable[Pair]) -> list[int]:
    parent = list(range(rows))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in pairs:
        low, high = sorted((root(a), root(b)))
        parent[high] = low
    return [root(i) for i in range(rows)]
