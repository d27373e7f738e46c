"""Scorers that compare the whole answer with the expected one.

Both compare text with text: an answer that only contains the expected text is different.
"""

from __future__ import annotations

import re
import unicodedata

from evals.scorers.score import Score, ScoringContext, scorer, shown

_QUOTES = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u00b4`", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
    }
)
_NUMBER_MARK = re.compile(r"(?<=\d)[.,](?=\d)|[-+](?=\d)")


def strip_form(text: str) -> str:
    """NFC without blanks at the ends: the form in which `exact` compares."""
    return unicodedata.normalize("NFC", text).strip()


def normalise(text: str) -> str:
    """NFKC, casefold, one form of quotes and dashes, no punctuation, single blanks.

    Punctuation (Unicode P*) goes, except `.` and `,` between digits and `-` before a digit.
    """
    folded = unicodedata.normalize("NFKC", text).translate(_QUOTES).casefold()
    kept = {match.start() for match in _NUMBER_MARK.finditer(folded)}
    letters = (
        character
        for position, character in enumerate(folded)
        if position in kept or not unicodedata.category(character).startswith("P")
    )
    return " ".join("".join(letters).split())


@scorer("exact", "Exact match")
def exact(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer equals the expected one, character for character.

    Measures: 1 if both are equal after Unicode NFC and without blanks at the ends, else 0.

    Traps: capitals, a final full stop, two spaces for one and any "Sure, here it is" make it 0.

    Example: "Paris" and " Paris\\n" give 1; "Paris" and "paris" give 0.
    """
    return [_compared("exact", strip_form(expected), strip_form(answer))]


@scorer("normalised", "Normalised match")
def normalised(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer equals the expected one apart from case, punctuation and spacing.

    Measures: 1 if both are equal after NFKC, casefold, one form of quotes and dashes, without
    punctuation and with single blanks, else 0. `.` and `,` between digits and `-` before a digit
    are kept: 1.5 is not 15 and -3 is not 3. If nothing is left of the expected answer, both are
    compared as `exact` does.

    Traps: % and & are punctuation, so "5 %" equals "5"; $ and + are not. Articles and word order
    count. "1,000" and "1000" differ.

    Example: "The Eiffel Tower." and "the eiffel tower" give 1; "Eiffel Tower" gives 0.
    """
    wanted = normalise(expected)
    if not wanted:
        return [_compared("normalised", strip_form(expected), strip_form(answer))]
    return [_compared("normalised", wanted, normalise(answer))]


def _compared(name: str, wanted: str, got: str) -> Score:
    if got == wanted:
        return Score(name, 1.0, f"equal: {shown(wanted)}", extracted=got)
    if not got:
        return Score(name, 0.0, f"empty: expected {shown(wanted)}")
    return Score(name, 0.0, f"different: expected {shown(wanted)}, got {shown(got)}", extracted=got)
