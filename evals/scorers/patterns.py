"""Scorers that look for something in the answer: a text, or a pattern that a person wrote.

A pattern comes from the command line or the task, never from a row.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from evals.scorers.exact import normalise, strip_form
from evals.scorers.score import Argument, Score, ScoringContext, scorer, shown

_SECONDS = 2.0
"""A pattern that takes longer on one answer cannot be judged by; most take microseconds."""


def _any_text(text: str) -> str:
    return "" if text.strip() else "name the text to look for"


def _pattern_problem(text: str) -> str:
    import regex

    try:
        regex.compile(text)
    except regex.error as error:
        return f"not a regular expression: {error}"
    return ""


@scorer("contains", "Contains the text", takes=Argument("TEXT", _any_text, optional=True))
def contains(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer contains the expected one, or the TEXT of `contains:TEXT`.

    Measures: 1 if it does, apart from case, punctuation and spacing (as `normalised` compares), else 0.
    Without a TEXT, an empty expected answer is contained in nothing and is not judged.

    Traps: "cat" is contained in "category", and "not a refund" contains "refund". An answer that lists
    everything contains everything.

    Example: expected "Paris"; "It is Paris, of course." gives 1.
    """
    text = context.argument or expected
    wanted, given = normalise(text), normalise(answer)
    if not wanted:
        wanted, given = strip_form(text), strip_form(answer)
    if not wanted:
        return [Score("contains", None, "bad_reference: the expected answer is empty")]
    if wanted in given:
        return [Score("contains", 1.0, f"found: {shown(text)}", extracted=text)]
    code = "not_found" if given else "empty"
    return [Score("contains", 0.0, f"{code}: {shown(text)} does not occur", extracted=answer)]


@scorer("regex", "Matches the pattern", takes=Argument("PATTERN", _pattern_problem))
def regex(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer matches a regular expression somewhere.

    Measures: 1 if PATTERN of `regex:PATTERN` is found in the answer, else 0; `^` and `$` are its two ends.
    The expected answer plays no part. A pattern that takes over two seconds is not judged.

    Traps: `.` does not match a line break; begin with `(?s)` where it should, with `(?i)` where case
    should not count.

    Example: `regex:^NW-[0-9]{5}$`; "NW-48213" gives 1, "It is NW-48213" gives 0.
    """
    if not context.argument:
        return [Score("regex", None, "no_pattern: name one as regex:PATTERN")]
    try:
        match = _compiled(context.argument).search(answer.strip(), timeout=_SECONDS)
    except TimeoutError:
        return [Score("regex", None, f"timeout: the pattern took over {_SECONDS:.0f} seconds")]
    if match is None:
        reason = f"no_match: {shown(context.argument)} is not in {shown(answer)}"
        return [Score("regex", 0.0, reason if answer.strip() else f"empty: {reason}")]
    return [Score("regex", 1.0, f"match: {shown(match.group())}", extracted=match.group())]


@lru_cache(maxsize=32)
def _compiled(pattern: str) -> Any:  # noqa: ANN401  a pattern of the package regex
    import regex

    return regex.compile(pattern)
