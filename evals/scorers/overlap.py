"""Scorers of free text by what it shares with the expected text: tokens, order, characters.

All of them are graded and say how much is shared, never whether the answer is right.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from functools import lru_cache
from typing import Any

from evals.scorers.exact import strip_form
from evals.scorers.score import Score, ScoringContext, scorer, shown

_ARTICLES = frozenset(("a", "an", "the"))
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WORD = re.compile(r"[^\W_]+")


@scorer("token_f1", "Shared words (F1)", binary=False)
def token_f1(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """How many words the answer shares with the expected one, in any order.

    Measures: F1 over words, 2 shared / (words of both), a repeated word as often as it occurs in both. Lower
    case, without ASCII punctuation and without a, an, the. If one side is left empty, 1 only if both are.
    Source: the SQuAD 1.1 evaluation script.

    Traps: "not" is one word among many. "$1,000" equals "1000": use `numeric` for money. Languages
    written without blanks are one word: use `chrf` for them.

    Example: "The Eiffel Tower" and "Eiffel tower, Paris" give 0.8.
    """
    wanted, given = _squad(expected), _squad(answer)
    if not wanted or not given:
        return [_one_side_empty("token_f1", wanted, given, answer)]
    shared = sum((Counter(wanted) & Counter(given)).values())
    reason = f"shared: {shared} of {len(wanted)} expected and {len(given)} given words"
    return [Score("token_f1", 2 * shared / (len(wanted) + len(given)), reason, extracted=" ".join(given))]


@scorer("rouge_l", "Same order of words (ROUGE-L)", binary=False)
def rouge_l(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The longest run of words, gaps allowed, that both texts have in the same order.

    Measures: F1 of the longest common subsequence over the words of each, whole text, without stemming.
    Words are runs of letters and digits after casefold, in any script. Source: Lin 2004.

    Traps: a long answer that holds the expected one in order still loses; endings count ("kill" and
    "killed" differ). Languages written without blanks are one word: use `chrf` for them.

    Example: "the cat sat on the mat" and "the cat lay on the mat" give 0.833.
    """
    from rapidfuzz.distance import LCSseq

    wanted, given = _words(expected), _words(answer)
    if not wanted or not given:
        return [_one_side_empty("rouge_l", wanted, given, answer)]
    common = LCSseq.similarity(wanted, given)
    reason = f"in_order: {common} of {len(wanted)} expected and {len(given)} given words"
    return [Score("rouge_l", 2 * common / (len(wanted) + len(given)), reason, extracted=" ".join(given))]


@scorer("chrf", "Shared characters (chrF)", binary=False)
def chrf(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """How many runs of up to six characters both texts share.

    Measures: sentence chrF2 of sacrebleu divided by 100, case counts, blanks do not. If one side is empty,
    1 only if both are. Source: Popović 2015; sacrebleu's defaults (6 characters, no words, beta 2).

    Over all rows together, chrF and BLEU stand in `summary.json` under `corpus`, with their signatures.

    Traps: it is kind to the right words in a wrong order, and a wrong number costs one character.

    Example: "the cat sat on the mat" and "the cat lay on the mat" give 0.611.
    """
    wanted, given = strip_form(expected), strip_form(answer)
    if not wanted or not given:
        return [_one_side_empty("chrf", wanted, given, answer)]
    value = min(1.0, max(0.0, float(_chrf().sentence_score(given, [wanted]).score) / 100))
    return [Score("chrf", value, f"chrf: {100 * value:.1f} of 100", extracted=given)]


@scorer("edit_similarity", "Edit similarity", binary=False)
def edit_similarity(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """How few characters must be taken out or put in to make the answer the expected one.

    Measures: 1 - insertions and deletions / (characters of both), after NFC and without blanks at the
    ends (normalised Indel similarity).

    Traps: "2019" and "2010" are nearly the same to it.

    Example: "kitten" and "sitting" give 0.615.
    """
    from rapidfuzz.distance import Indel

    wanted, given = strip_form(expected), strip_form(answer)
    edits = Indel.distance(wanted, given)
    value = 1 - edits / (len(wanted) + len(given)) if edits else 1.0
    reason = f"edits: {edits} characters out or in"
    return [Score("edit_similarity", value, reason if given else f"empty: {reason}", extracted=given)]


def _squad(text: str) -> list[str]:
    return [word for word in text.lower().translate(_NO_PUNCTUATION).split() if word not in _ARTICLES]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


@lru_cache(maxsize=1)
def _chrf() -> Any:  # noqa: ANN401  sacrebleu's metric
    from sacrebleu.metrics import CHRF

    return CHRF()


def _one_side_empty(name: str, wanted: object, given: object, answer: str) -> Score:
    """1 when nothing was wanted and nothing given, else 0."""
    if not wanted and not given:
        return Score(name, 1.0, "both_empty: nothing was expected and nothing said")
    if not given:
        return Score(name, 0.0, f"empty: nothing to compare in {shown(answer)}")
    return Score(name, 0.0, f"nothing_expected: got {shown(answer)}", extracted=answer)
