"""The scorer of classification: is the answer the expected label?

The task's parse rule decides how freely an answer may be phrased; a right label in a form the rule
does not allow scores 0 and says so, so that format and content can be told apart.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from evals.scorers.json_answer import code_blocks
from evals.scorers.score import ParseLevel, Score, ScoringContext, scorer, shown

_EDGES = " \t\n.,;:!?\"'`*_()[]{}<>\u2018\u2019\u201c\u201d\u00ab\u00bb"
_NEGATIONS = frozenset({"not", "no", "never", "neither", "isn't", "wasn't", "cannot", "can't"})
_NEGATION_REACH = 3
_WORD = re.compile(r"[\w'\u2019]+")


class _Reading(NamedTuple):
    label: str | None
    level: ParseLevel
    code: str
    text: str


@scorer("label", "Right label")
def label(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer names the expected label.

    Measures: 1 if the label read from the answer is the expected one, else 0. Rule `strict`: the
    whole answer is a label, apart from case, spacing and surrounding punctuation. `fenced`: or the
    content of its only code block is. `lenient`: or exactly one label occurs in it as a whole word,
    longer labels first; blank, `_` and `-` are the same there.

    Traps: under `lenient`, a label after "not", "no" or "never" (up to three words before) is
    `negated`, and two different labels are `several_labels`; both score 0. Negation is read in
    English only. Languages written without blanks have no word boundaries: use `strict` for them.

    Example: label "refund"; "Refund." gives 1; "I think it is a refund" gives 1 under `lenient`
    and 0 with the reason `format` otherwise.
    """
    wanted = expected.strip()
    labels = context.labels if wanted in context.labels else (*context.labels, wanted)
    reading = _read(answer, labels)
    if reading.label is None:
        return [Score("label", 0.0, f"{reading.code}: {reading.text}", parse_level="none")]
    right = reading.label == wanted
    if not context.accepts(reading.level):
        reason = (
            f"format: {shown(reading.label)} is {'right' if right else 'wrong'}, "
            f"but only the {reading.level} rule reads it from the answer"
        )
        return [Score("label", 0.0, reason, extracted=reading.label, parse_level=reading.level)]
    reason = f"right: {reading.label}" if right else f"wrong: expected {wanted}, got {reading.label}"
    return [Score("label", float(right), reason, extracted=reading.label, parse_level=reading.level)]


def _read(answer: str, labels: tuple[str, ...]) -> _Reading:
    """The label an answer names, at the strictest level that finds one."""
    if not answer.strip():
        return _Reading(None, "none", "empty", "the answer is empty")
    blocks = code_blocks(answer)
    if not blocks and (whole := _whole(answer, labels)) is not None:
        return _Reading(whole, "strict", "", "")
    if len(blocks) == 1 and (inside := _whole(blocks[0], labels)) is not None:
        return _Reading(inside, "fenced", "", "")
    return _mentioned(answer, labels)


def _whole(text: str, labels: tuple[str, ...]) -> str | None:
    """The one label that `text` is, compared folded, then also without surrounding punctuation."""
    for form in (_fold, _bare):
        found = [candidate for candidate in labels if form(candidate) == form(text)]
        if len(found) == 1:
            return found[0]
        if text.strip() in found:
            return text.strip()
    return None


def _fold(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _bare(text: str) -> str:
    return _fold(text).strip(_EDGES) or _fold(text)


def _mentioned(answer: str, labels: tuple[str, ...]) -> _Reading:
    """The only label that occurs in running text as a whole word."""
    text = _fold(answer)
    names = {_loose(candidate): candidate for candidate in labels if candidate}
    if not names:
        return _Reading(None, "none", "no_label", shown(answer))
    pattern = "|".join(_as_words(name) for name in sorted(names, key=len, reverse=True))
    found: set[str] = set()
    negated: set[str] = set()
    for match in re.finditer(rf"(?<!\w)(?:{pattern})(?!\w)", text):
        before = [word.replace("\u2019", "'") for word in _WORD.findall(text[: match.start()])]
        target = negated if _NEGATIONS.intersection(before[-_NEGATION_REACH:]) else found
        target.add(names[_loose(match.group())])
    if len(found | negated) > 1:
        return _Reading(None, "none", "several_labels", ", ".join(sorted(found | negated)))
    if negated:
        return _Reading(None, "none", "negated", f"{', '.join(negated)} follows a negation")
    if not found:
        return _Reading(None, "none", "no_label", shown(answer))
    return _Reading(found.pop(), "lenient", "", "")


def _loose(text: str) -> str:
    return re.sub(r"[\s_-]+", " ", _fold(text))


def _as_words(name: str) -> str:
    return r"[\s_-]+".join(re.escape(part) for part in name.split(" "))
