"""The scorer of answers that are one number.

The task's parse rule decides how freely the number may be given.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple

from evals.scorers.json_answer import code_blocks
from evals.scorers.score import Argument, ParseLevel, Score, ScoringContext, scorer, shown

_NUMBER = re.compile(r"(?<![\w.,])[-+]?(?:\d[\d,_]*(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d{1,3})?(?![\d_])")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_AROUND = re.compile(r"^[\s$\u20ac\u00a3\u00a5#*=]*(?P<inside>.*?)[\s%.;*$\u20ac\u00a3\u00a5]*$", re.DOTALL)
_SAME = 1e-9


class _Tolerance(NamedTuple):
    size: float
    relative: bool


class _Reading(NamedTuple):
    number: float | None
    level: ParseLevel
    text: str


def _tolerance(argument: str) -> _Tolerance | None:
    """`0.01` is absolute, `1%` a share of the expected number; None for anything else."""
    try:
        size = float(argument.removesuffix("%"))
    except ValueError:
        return None
    if not 0 <= size < math.inf:
        return None
    return _Tolerance(size / 100, True) if argument.endswith("%") else _Tolerance(size, False)


def _problem(argument: str) -> str:
    return "" if _tolerance(argument) else "the tolerance must be a number of 0 or more, such as 0.01 or 1%"


@scorer("numeric", "Right number", takes=Argument("TOLERANCE", _problem, optional=True))
def numeric(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer is the expected number.

    Measures: 1 if both numbers are equal to nine digits, or differ by at most the TOLERANCE of
    `numeric:0.01` (absolute) or `numeric:1%` (of the expected number), else 0. Rule `strict`: the whole
    answer is the number, a currency sign, % and a full stop apart. `fenced`: or its only code block is.
    `lenient`: or the last number in it. An expected answer without exactly one number cannot be
    judged against.

    Traps: a comma between groups of three digits groups thousands; any other comma is a decimal one, so
    "1,234" is 1234 and "1,5" is 1.5. Signs such as % and $ are not compared. Number words are not read.

    Example: expected "1234.5"; "$1,234.50" gives 1; "The total is 1234.5" gives 1 under `lenient` and 0
    with the reason `format` otherwise.
    """
    wanted = _numbers(expected)
    if len(wanted) != 1:
        reason = f"bad_reference: {len(wanted)} numbers in the expected answer {shown(expected)}"
        return [Score("numeric", None, reason)]
    reading = _read(answer)
    if reading.number is None:
        code = "no_number" if answer.strip() else "empty"
        return [Score("numeric", 0.0, f"{code}: {shown(answer)}", parse_level="none")]
    right = _close(wanted[0], reading.number, _tolerance(context.argument))
    if not context.accepts(reading.level):
        reason = (
            f"format: {reading.text} is {'right' if right else 'wrong'}, "
            f"but only the {reading.level} rule reads it from the answer"
        )
        return [Score("numeric", 0.0, reason, extracted=reading.text, parse_level=reading.level)]
    reason = f"right: {reading.text}" if right else f"wrong: expected {wanted[0]:g}, got {reading.text}"
    return [Score("numeric", float(right), reason, extracted=reading.text, parse_level=reading.level)]


def _read(answer: str) -> _Reading:
    """The number of an answer, at the strictest level that finds one."""
    blocks = code_blocks(answer)
    if not blocks and (whole := _whole(answer)) is not None:
        return _Reading(whole, "strict", answer.strip())
    if len(blocks) == 1 and (inside := _whole(blocks[0])) is not None:
        return _Reading(inside, "fenced", blocks[0].strip())
    found = [(match.group(), _value(match.group())) for match in _NUMBER.finditer(_plain(answer))]
    read = [(text, value) for text, value in found if value is not None]
    return _Reading(read[-1][1], "lenient", read[-1][0]) if read else _Reading(None, "none", "")


def _whole(text: str) -> float | None:
    """The number that a text is, signs of money and percent around it apart."""
    match = _AROUND.match(_plain(text))
    inside = match.group("inside") if match else ""
    sign = "-" if inside.startswith("-") and not _NUMBER.fullmatch(inside) else ""
    inside = inside[1:].lstrip(" $\u20ac\u00a3\u00a5") if sign else inside
    return _value(sign + inside) if _NUMBER.fullmatch(inside) else None


def _numbers(text: str) -> list[float]:
    return [
        value for value in (_value(m.group()) for m in _NUMBER.finditer(_plain(text))) if value is not None
    ]


def _plain(text: str) -> str:
    """One form of the minus sign; a hyphen inside a word or between digits is none."""
    return re.sub(r"(?<=\w)-(?=\d)", " ", text.replace("\u2212", "-"))


def _value(text: str) -> float | None:
    digits = text.rstrip(",").replace("_", "")
    if _THOUSANDS.fullmatch(digits):
        digits = digits.replace(",", "")
    elif digits.count(",") == 1 and "." not in digits:
        digits = digits.replace(",", ".")
    try:
        value = float(digits)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _close(wanted: float, got: float, tolerance: _Tolerance | None) -> bool:
    if tolerance is None:
        return math.isclose(wanted, got, rel_tol=_SAME, abs_tol=1e-12)
    allowed = tolerance.size * abs(wanted) if tolerance.relative else tolerance.size
    return abs(wanted - got) <= allowed + _SAME * max(1.0, abs(wanted))
