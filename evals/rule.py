"""The rule for one candidate against its baselines, from the judged answers alone.

Two conditions decide together: Tango's interval and McNemar's mid-p, of graded scores BCa and a sign-flip.
Either alone ships too often where few rows differ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from evals.significance import FEWEST_DIFFERENT, Paired, paired, paired_scores, rows_needed, rows_to_match

Mode = Literal["beat", "match"]
Standing = Literal["better", "matched", "not_worth_it", "worse", "open"]
Outcome = Literal["ship", "do_not_ship", "not_enough_evidence"]

MIN_ROWS = 20
MIN_DISCORDANT = 5
"""Below 5 rows that differ the mid-p cannot fall under 0.05: 4 to 0 gives 0.0625."""
MIN_GRADED_ROWS = 50
"""Of 30 rows with rare large moves every interval covers about 70 %, not 95 (simulated; of 100, 94 by BCa)."""
MIN_SAVING = 0.10
"""A match saves something when an answer takes at least a tenth fewer tokens or seconds."""
MOST_ROWS = 5_000
"""Where more rows than this would be needed, rows will not settle it."""


class Least(NamedTuple):
    """The fewest rows, and rows that differ, that a verdict can rest on."""

    rows: int
    different: int

    @classmethod
    def of(cls, figures: Paired) -> Least:
        """Graded scores need more of both."""
        return cls(MIN_GRADED_ROWS, FEWEST_DIFFERENT) if figures.graded else cls(MIN_ROWS, MIN_DISCORDANT)


@dataclass(frozen=True, slots=True)
class Terms:
    """What every comparison of one verdict is decided by; gains and margins are fractions."""

    confidence: float
    worthwhile: float
    margin: float

    @property
    def alpha(self) -> float:
        """The largest p that still counts."""
        return 1 - self.confidence


@dataclass(frozen=True, slots=True)
class Comparison:
    """The candidate against one baseline, to be beaten, or to be matched for what it saves."""

    baseline: str
    mode: Mode
    paired: Paired
    standing: Standing
    saving: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the gate: what is asked, what was seen, whether it holds.

    `against` names the baseline it is about (empty: the whole verdict) and `short` is the rule without that name.
    """

    rule: str
    value: str
    passed: bool
    against: str = ""
    short: str = ""


@dataclass(frozen=True, slots=True)
class Settle:
    """How many rows find a true gain of `gain` four times in five; at `gain` 0, that it is no loss.

    `more_rows` is None where more than 5,000 in all would be needed.
    """

    gain: float
    more_rows: int | None
    rows_in_all: int


def compare(
    baseline: str,
    mode: Mode,
    right: Sequence[bool] | Sequence[float],
    baseline_right: Sequence[bool] | Sequence[float],
    groups: Sequence[str | None] | None,
    terms: Terms,
    saving: str = "",
    *,
    graded: bool = False,
) -> Comparison:
    """Where the candidate stands against one baseline on the same rows.

    Args:
        baseline: its name.
        mode: whether it is to be beaten or matched.
        right: how the candidate's answers were judged; `baseline_right` those of the baseline, row for row.
        baseline_right: see `right`.
        groups: the group of each row, or None where rows are independent.
        terms: confidence, smallest gain worth shipping, largest loss of a match.
        saving: what a match saves; empty for nothing.
        graded: whether they are scores between 0 and 1, not right and wrong.
    """
    figures = weighed(right, baseline_right, groups, terms.confidence, graded=graded)
    standing = _beating(figures, terms) if mode == "beat" else _matching(figures, terms)
    return Comparison(baseline, mode, figures, standing, saving)


def weighed(
    mine: Sequence[bool] | Sequence[float],
    theirs: Sequence[bool] | Sequence[float],
    groups: Sequence[str | None] | None,
    confidence: float,
    *,
    graded: bool = False,
) -> Paired:
    """The figures of two columns by the statistics that suit them."""
    if graded:
        return paired_scores(mine, theirs, groups, confidence)
    return paired([one >= 1 for one in mine], [one >= 1 for one in theirs], groups, confidence)


def too_little(figures: Paired) -> bool:
    """Whether graded scores of these rows show nothing at all; rows that are all equal do show something."""
    least = Least.of(figures)
    return figures.graded and (figures.n < least.rows or 0 < figures.discordant < least.different)


def _beating(figures: Paired, terms: Terms) -> Standing:
    if too_little(figures):
        return "open"
    if figures.high < 0:
        return "worse"
    if figures.high < terms.worthwhile:
        return "not_worth_it"
    beaten = (
        figures.low > 0
        and figures.p <= terms.alpha
        and figures.difference >= terms.worthwhile
        and figures.n >= Least.of(figures).rows
        and figures.discordant >= Least.of(figures).different
    )
    return "better" if beaten else "open"


def _matching(figures: Paired, terms: Terms) -> Standing:
    if too_little(figures):
        return "open"
    if figures.high < -terms.margin:
        return "worse"
    return "matched" if figures.low > -terms.margin and figures.n >= Least.of(figures).rows else "open"


def checks(one: Comparison, terms: Terms) -> list[Check]:
    """The lines of the gate for one baseline, as rule, value seen, and whether it holds."""
    figures, name = one.paired, one.baseline
    gain, low = f"{100 * figures.difference:+.1f} points", f"{100 * figures.low:+.1f} points"
    least = Least.of(figures)
    lines = [Check(f"at least {least.rows} rows", f"{figures.n:,}", figures.n >= least.rows)]
    if one.mode == "match":
        margin = f"{100 * terms.margin:.4g}"
        lost = f"lower end against {name} above -{margin} points"
        return [
            *lines,
            Check(lost, low, figures.low > -terms.margin, name, f"lower end above -{margin}"),
            Check(
                f"matching {name} saves something",
                one.saving or "nothing shown",
                bool(one.saving),
                name,
                "saves something",
            ),
        ]
    worth = f"{100 * terms.worthwhile:.4g}"
    return [
        *lines,
        Check(
            f"at least {least.different} rows differ from {name}",
            f"{figures.discordant:,}",
            figures.discordant >= least.different,
            name,
            f"rows that differ, {least.different} or more",
        ),
        Check(
            f"a gain of {worth} points over {name} is possible",
            f"up to {100 * figures.high:+.1f} points",
            figures.high >= terms.worthwhile,
            name,
            f"at best, {worth} or more",
        ),
        Check(
            f"gain over {name} of at least {worth} points",
            gain,
            figures.difference >= terms.worthwhile,
            name,
            f"gain, {worth} or more",
        ),
        Check(f"lower end of the gain over {name} above 0", low, figures.low > 0, name, "at least, above 0"),
        Check(
            f"p against {name} at most {terms.alpha:.4g}",
            f"{figures.p:.4f}" if figures.p >= 0.0001 else "under 0.0001",
            figures.p <= terms.alpha,
            name,
            f"{'sign-flip p' if figures.graded else 'mid-p'}, at most {terms.alpha:.4g}",
        ),
    ]


def overall(comparisons: Sequence[Comparison]) -> Outcome:
    """The verdict over all baselines: every one must be beaten or matched, one lost decides."""
    if any(one.standing in ("worse", "not_worth_it") for one in comparisons):
        return "do_not_ship"
    return "ship" if all(holds(one) for one in comparisons) else "not_enough_evidence"


def holds(one: Comparison) -> bool:
    """Whether this comparison lets the candidate ship; a match must also save something."""
    return one.standing == "better" or (one.standing == "matched" and bool(one.saving))


def telling(comparisons: Sequence[Comparison], outcome: Outcome) -> Comparison:
    """The comparison the sentences are about: the one lost, the one open, else the narrowest win."""
    if outcome == "do_not_ship":
        lost = [one for one in comparisons if one.standing in ("worse", "not_worth_it")]
        return min(lost, key=lambda one: one.paired.high)
    if outcome == "not_enough_evidence":
        undecided = [one for one in comparisons if not holds(one)]
        return min(undecided or comparisons, key=lambda one: one.paired.low)
    return min(comparisons, key=lambda one: one.paired.low)


def settle(one: Comparison, terms: Terms) -> tuple[Settle, ...]:
    """How many more rows would settle an open comparison, for the gain seen and for the one worth it.

    The observed gain of an open result is noise-prone: plan on the gain worth shipping. Groups
    multiply the rows by their design effect.
    """
    figures = one.paired
    if one.mode == "match":
        if figures.low > -terms.margin and figures.n >= Least.of(figures).rows:
            return ()
        rows = rows_to_match(terms.margin, figures.discordance, terms.confidence)
        return (_settle(0.0, rows, figures),)
    gains = [figures.difference] if figures.difference > 0 else []
    if terms.worthwhile > 0 and not any(math.isclose(gain, terms.worthwhile) for gain in gains):
        gains.append(terms.worthwhile)
    found = [
        _settle(gain, rows_needed(gain, max(gain, figures.discordance), terms.confidence), figures)
        for gain in gains
    ]
    return tuple(one for one in found if one.more_rows != 0)


def _settle(gain: float, rows: float, figures: Paired) -> Settle:
    in_all = max(Least.of(figures).rows, math.ceil(rows * figures.design_effect))
    return Settle(gain, None if in_all > MOST_ROWS else max(0, in_all - figures.n), in_all)
