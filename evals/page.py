"""One page for a reader who was not there: what was asked, who was right, which rows changed hands.

Plain data in, one self-contained HTML file out: no network, no script, every text of a row escaped.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evals import marked, wording
from evals.compare import Quadrant, Row, Side
from evals.marked import Marked
from evals.rule import Check, Comparison

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST = 4_000
"""Characters of one text that are shown; the rest is counted."""

_LONGEST_NOTE = 300
_TEMPLATE = Path(__file__).parent / "page.html.j2"
_EXTENTS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)


class Fact(NamedTuple):
    """A name and what it is."""

    name: str
    value: str


class Score(NamedTuple):
    """One scorer's figure with its interval, fractions in 0...1; None where nothing was judged."""

    mean: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Scored:
    """A candidate with one score for each scorer of the page, and what else must be said of it."""

    name: str
    scores: tuple[Score, ...]
    note: str = ""
    judged: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it is shown. `tone` is good, bad, or empty where it was not judged."""

    name: str
    shown: Marked
    tone: str
    score: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A row with both answers beside the expected one."""

    id: str
    note: str
    prompt: str
    expected: Marked
    answers: tuple[Answer, Answer]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some of the rows of one quadrant; `total` counts all of them."""

    title: str
    lead: str
    rows: tuple[Shown, ...]
    total: int


class Listed(NamedTuple):
    """Rows named by their ids alone."""

    title: str
    lead: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page, in the order it is read.

    Args:
        kicker: what kind of page it is, in a few words.
        title: who is judged, and against whom.
        candidate: who is judged.
        headline: the verdict's sentence, or where things stand.
        sentences: what else the verdict says.
        tone: good, bad, warn, or empty.
        facts: what was asked.
        scorers: headings of the scores, the primary first.
        scored: one line for each candidate.
        comparisons: against each baseline; `decided` when they carry a verdict.
        worthwhile: smallest gain worth shipping, a fraction.
        confidence: of the paired intervals, two-sided.
        checks: the lines of the gate.
        rows: rows that changed hands.
        listed: rows that are named by their ids alone.
        origin: where the figures come from.
        commands: how to compute it again.
    """

    kicker: str
    title: str
    candidate: str
    headline: str
    sentences: tuple[str, ...]
    tone: str
    facts: tuple[Fact, ...]
    scorers: tuple[str, ...] = ()
    scored: tuple[Scored, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    decided: bool = True
    worthwhile: float = 0.0
    confidence: float | None = None
    checks: tuple[Check, ...] = ()
    rows: tuple[Rows, ...] = ()
    listed: tuple[Listed, ...] = ()
    origin: tuple[Fact, ...] = ()
    commands: tuple[str, ...] = ()

    @property
    def graded(self) -> bool:
        """Whether answers were scored between 0 and 1, not right or wrong."""
        return any(one.paired.graded for one in self.comparisons)

    @property
    def methods(self) -> tuple[str, ...]:
        """How the intervals were made, each with its baselines where they differ."""
        found: dict[str, list[str]] = {}
        for one in self.comparisons:
            found.setdefault(one.paired.method, []).append(one.baseline)
        if len(found) == 1:
            return tuple(found)
        return tuple(f"{method} (against {wording.listed(names)})" for method, names in found.items())

    @property
    def extent(self) -> float:
        """How far the picture of the differences reaches to either side, a fraction."""
        ends = [abs(end) for one in self.comparisons for end in (one.paired.low, one.paired.high)]
        reach = max([*ends, self.worthwhile])
        return next((one for one in _EXTENTS if one >= min(reach, 1.0)), 1.0)


def render(page: Page) -> str:
    """The page as one HTML file."""
    html = _template().render(page=page)
    return html.encode("utf-8", "replace").decode("utf-8")


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "percent": lambda share: f"{100 * share:.1f}",
        "points": lambda difference: f"{100 * difference:+.1f}".replace("-", "\u2212"),
        "setting": wording.setting,
        "clipped": clipped,
        "pieces": _pieces,
        "along": lambda value, extent: f"{50 + 50 * max(-1.0, min(1.0, value / extent)):.2f}%",
        "chance": lambda p: f"{p:.4f}" if p >= 0.0001 else "under 0.0001",
    }
    return environment.from_string(_TEMPLATE.read_text("utf-8"))


def clipped(text: str, longest: int = LONGEST) -> str:
    """A text, cut where it is very long, with the number of characters left out."""
    if len(text) <= longest:
        return text
    return f"{text[:longest]} \u2026 ({len(text) - longest:,} characters more)"


def _pieces(shown: Marked) -> list[tuple[str, str]]:
    """The pieces as (tag, text), cut where they are very long in all."""
    tags = {"equal": "span", "missing": "del", "extra": "ins"}
    found, left = [], LONGEST
    for text, kind in shown.pieces:
        if left <= 0:
            break
        found.append((tags[kind], text[:left]))
        left -= len(text)
    hidden = sum(len(text) for text, _ in shown.pieces) - LONGEST
    return [*found, ("i", f" \u2026 ({hidden:,} characters more)")] if hidden > 0 else found


def pick(lost: int, won: int, most: int) -> tuple[int, int]:
    """How many lost and won rows to show: half and half, a half not needed goes to the other side."""
    half = math.ceil(most / 2)
    first = min(lost, max(half, most - won))
    return first, min(won, most - first)


def rows_of(
    quadrant: Quadrant,
    rows: Sequence[Row],
    total: int,
    candidate: str,
    baseline: str,
    *,
    graded: bool = False,
) -> Rows:
    """The rows of one quadrant as the page shows them."""
    shown = tuple(_shown(row, candidate, baseline, graded) for row in rows)
    return Rows(*heading(quadrant, candidate, baseline, graded=graded), shown, total)


def heading(quadrant: Quadrant, candidate: str, baseline: str, *, graded: bool) -> tuple[str, str]:
    """What rows that changed hands are called, and what that means."""
    lost = quadrant == "lost"
    better, worse = (baseline, candidate) if lost else (candidate, baseline)
    lead = f"{better} scores higher than {worse}" if graded else f"{better} is right, {worse} is not"
    return "Lost" if lost else "Won", lead


def _shown(row: Row, candidate: str, baseline: str, graded: bool) -> Shown:
    """A row; without an expected answer the candidate's is marked where it leaves the baseline's."""
    against = row.expected or row.baseline.answer
    return Shown(
        row.id,
        clipped(" \u00b7 ".join(part for part in (row.label or "", row.group or "") if part), _LONGEST_NOTE),
        row.prompt,
        marked.plain(row.expected),
        (
            _answer(row.expected, baseline, row.baseline, row.expected, graded),
            _answer(row.expected, candidate, row.candidate, against, graded),
        ),
    )


def _answer(expected: str, name: str, side: Side, against: str, graded: bool) -> Answer:
    score, tone = _said(side.value, graded)
    reasons = [] if tone == "good" else marked.reasons(expected, side)
    reasons += ["cut at the token limit"] if side.finish == "length" else []
    shown = marked.marked(against, side.answer) if against else marked.plain(side.answer)
    return Answer(name, shown, tone, score, tuple(reasons))


def _said(value: float | None, graded: bool) -> tuple[str, str]:
    """A score in words, and its tone."""
    if value is None:
        return "not judged", ""
    tone = "good" if value >= 1 else "bad" if value <= 0 else "warn"
    return (f"{value:.2f}" if graded else "right" if value >= 1 else "wrong"), tone
