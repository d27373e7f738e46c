"""A verdict in plain words: gains in points, rows in counts, no p in a headline."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evals.guardrails import Guarded
from evals.rule import Comparison, Least, Settle, Terms
from evals.significance import MIN_GROUPS, rows_to_match

_MOST_UNKNOWN = 3


def points(fraction: float) -> str:
    """A difference in percentage points without its sign: whole from 1 on, finer below."""
    size = abs(100 * fraction)
    if size >= 0.95 or size == 0:
        return str(math.floor(round(size, 3) + 0.5))
    return f"{size:.1f}" if size >= 0.05 else f"{size:.1g}"


def signed(fraction: float) -> str:
    """A difference in points with its sign, a true minus where it is a loss."""
    sign = "" if fraction == 0 else "+" if fraction > 0 else "\u2212"
    return sign + points(fraction)


def setting(fraction: float) -> str:
    """A threshold that a person has set, in points, as exact as it was set."""
    return f"{100 * fraction:.4g}"


def span(one: Comparison) -> str:
    """The interval in signed points: `\u22122 to +10`."""
    return f"{signed(one.paired.low)} to {signed(one.paired.high)}"


def planned(count: int) -> str:
    """A planned number of rows to two digits: 583 is 580, 1193 is 1,200."""
    unit = 10 ** max(0, len(str(count)) - 2)
    return f"{round(count / unit) * unit:,}"


def listed(names: Sequence[str]) -> str:
    """Names joined as in a sentence."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def counted(count: int, noun: str) -> str:
    """A count with its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def ship(name: str, one: Comparison, comparisons: Sequence[Comparison]) -> tuple[str, list[str]]:
    """Headline and sentences of a candidate that ships; `one` is its narrowest comparison."""
    figures = one.paired
    headline = f"Ship. Out of {figures.n:,} held-out rows {won(name, one)}."
    if one.mode == "beat":
        low, high = points(figures.low), points(figures.high)
        sentences = [f"Gain {points(figures.difference)} points, plausibly {low} to {high}."]
    else:
        sentences = [f"Difference {signed(figures.difference)} points, plausibly {span(one)}."]
    sentences += [f"It matches {c.baseline} and saves {c.saving}." for c in comparisons if c.mode == "match"]
    also = [c.baseline for c in comparisons if c is not one and c.mode == "beat"]
    return headline, [*sentences, *([f"It also beats {listed(also)}."] if also else [])]


def won(name: str, one: Comparison) -> str:
    """What the candidate won of a baseline and lost to it, in rows: the middle of a sentence."""
    figures = one.paired
    if figures.graded:
        return (
            f"{name} scored higher than {one.baseline} in {figures.only_candidate:,} and lower in "
            f"{figures.only_baseline:,}"
        )
    return (
        f"{name} got {figures.only_candidate:,} right that {one.baseline} got wrong, and lost "
        f"{figures.only_baseline:,}"
    )


def moved(one: Comparison) -> str:
    """The same in a few words: `20 rows gained, 12 lost`."""
    figures = one.paired
    up, down = ("better", "worse") if figures.graded else ("gained", "lost")
    return f"{counted(figures.only_candidate, 'row')} {up}, {figures.only_baseline:,} {down}"


def do_not_ship(one: Comparison, terms: Terms) -> tuple[str, list[str]]:
    """Headline and sentences of a candidate that is worse than `one`, or not enough better."""
    figures = one.paired
    if one.standing == "worse":
        headline = f"Do not ship. It is worse than {one.baseline}: {moved(one)}."
        return headline, [f"Between {points(figures.high)} and {points(figures.low)} points down."]
    worth = f"Any gain is under the {setting(terms.worthwhile)} points set as worth it."
    return f"Do not ship. Against {one.baseline} {moved(one)}.", [worth]


def losses(name: str, ids: Sequence[str], rails: Sequence[Guarded]) -> list[str]:
    """A sentence for the must-pass rows that were lost, and one for each broken guardrail."""
    shown = ", ".join(ids[:5]) + (f" and {len(ids) - 5:,} more" if len(ids) > 5 else "")
    told = [f"{name} lost {counted(len(ids), 'must-pass row')} ({shown})"] if ids else []
    return [f"{one}." for one in (*told, *map(_worse, rails))]


def guarded_loss(
    name: str, one: Comparison, ids: Sequence[str], rails: Sequence[Guarded]
) -> tuple[str, list[str]]:
    """Headline and sentences of a candidate whose average would do; `one` is its closest comparison."""
    first, *others = losses(name, ids, rails)
    gain = one.paired.difference
    if gain > 0:
        first = f"Better on average ({signed(gain)}), but {first}"
    return f"Do not ship. {first}", others


def _worse(rail: Guarded) -> str:
    figures = rail.paired
    if figures is None:
        return f"{rail_name(rail)} got worse"
    up, down = ("better", "worse") if figures.graded else ("gained", "lost")
    return (
        f"{rail_name(rail)} got worse than {rail.against}: {figures.only_candidate:,} {up}, "
        f"{figures.only_baseline:,} {down} of {figures.n:,} (between {points(figures.high)} and "
        f"{points(figures.low)} points down)"
    )


def guarded(rails: Sequence[Guarded]) -> list[str]:
    """What a candidate that ships does to what is guarded; the widest unknowns first."""
    if not rails:
        return []
    unknown = [rail for rail in rails if rail.standing == "unknown"]
    if not unknown:
        return ["Nothing guarded got worse."]
    return ["Nothing guarded is proven to have got worse.", f"{_several(unknown)}."]


def unproven(rails: Sequence[Guarded]) -> str:
    """Why a gain is not enough: what must be shown not to have got worse is open."""
    open_ = f"It is better, but whether something guarded got worse is open: {_several(rails)}."
    more = [
        rows_to_match(rail.margin, figures.discordance, figures.confidence) * figures.design_effect
        - figures.n
        for rail in rails
        if (figures := rail.paired) is not None
    ]
    if not more or max(more) < 1:
        return open_
    return f"{open_} About {planned(math.ceil(max(more)))} more such rows would show that it did not."


def _several(rails: Sequence[Guarded]) -> str:
    """What may be hidden, the most first, three at most."""
    ordered = sorted(rails, key=lambda rail: rail.paired.low if rail.paired else -1.0)
    more = len(rails) - _MOST_UNKNOWN
    return "; ".join(map(_hidden, ordered[:_MOST_UNKNOWN])) + (f"; and {more:,} more" if more > 0 else "")


def _hidden(rail: Guarded) -> str:
    figures = rail.paired
    if figures is None or figures.low >= 0:
        return f"{rail_name(rail)}: {rail.why}"
    lost = points(figures.low)
    return f"{rail_name(rail)} could hide a loss of up to {lost} points ({counted(figures.n, 'row')})"


def rail_name(rail: Guarded) -> str:
    """What is guarded, in words."""
    return f"{rail.slice or 'the whole set'} by {rail.scorer}"


def rail(one: Guarded) -> str:
    """A guardrail as a line of the gate."""
    return f"{rail_name(one)} at most {setting(one.margin)} points worse ({one.mode})"


def seen(one: Guarded) -> str:
    """What became of a guardrail, for the gate."""
    figures = one.paired
    if figures is None:
        return f"{one.standing}: {one.why}"
    span = f"{signed(figures.low)} to {signed(figures.high)} points against {one.against}"
    return f"{one.standing}: {span}, {counted(figures.n, 'row')}"


def not_enough(one: Comparison, terms: Terms, needed: Sequence[Settle]) -> tuple[str, list[str]]:
    """Headline and sentences of the open comparison `one`, with what would settle it."""
    headline = f"Not enough evidence. Against {one.baseline} {moved(one)}."
    return headline, [_why_open(one, terms), *_too_few(one), *_more_rows(needed, terms)]


def _why_open(one: Comparison, terms: Terms) -> str:
    figures = one.paired
    if one.standing == "matched":
        return (
            f"It matches {one.baseline} within {setting(terms.margin)} points, but nothing shows what "
            f"that saves: name the saving in tokens, price or latency."
        )
    if one.standing == "better":
        return f"{signed(figures.difference)} points, plausibly {span(one)}."
    if one.mode == "beat" and figures.low > 0 and figures.difference < terms.worthwhile:
        return (
            f"{signed(figures.difference)} points, plausibly {span(one)}: whether it reaches the "
            f"{setting(terms.worthwhile)} points set as worth it is open."
        )
    low, high = signed(figures.low), signed(figures.high)
    return f"{signed(figures.difference)} points, but from {low} to {high} would fit."


def _too_few(one: Comparison) -> list[str]:
    figures, least, told = one.paired, Least.of(one.paired), []
    if figures.n < least.rows:
        graded = " with graded scores" if figures.graded else ""
        told.append(f"Fewer than {least.rows} rows decide nothing{graded}, and there are {figures.n}.")
    if one.mode == "beat" and figures.discordant < least.different:
        told.append(
            f"Only {counted(figures.discordant, 'row')} differ; below {least.different} nothing can be shown."
        )
    return told


def _more_rows(needed: Sequence[Settle], terms: Terms) -> list[str]:
    told = []
    for one in needed:
        wish = "a match" if one.gain == 0 else f"a true gain of {points(one.gain)} points"
        if one.gain == terms.worthwhile:
            wish = f"a true gain of the {setting(one.gain)} points set as worth it"
        if one.more_rows is None:
            told.append(f"For {wish} it would take over 5,000 rows: rows will not settle it.")
        else:
            told.append(f"About {planned(one.more_rows)} more rows would settle {wish}.")
    return told


def withheld(reasons: Sequence[str], leak: bool, version: str) -> tuple[str, list[str]]:
    """Headline and sentences of a verdict that cannot be computed, with the way out of a leak."""
    way_out = (
        f"`workbench audit PROJECT {version}` lists them; freeze a version without those rows and "
        f"evaluate on that."
    )
    also = [f"Also, {reason}." for reason in reasons[1:]]
    return f"No verdict: {reasons[0]}.", [*([way_out] if leak else []), *also]


def leaked(pairs: object) -> str:
    """Why a version with a leak cannot be judged on."""
    if not isinstance(pairs, int):
        return "the audit of the version is not clean: held-out rows have copies in training"
    are = "1 pair of rows is" if pairs == 1 else f"{pairs:,} pairs of rows are"
    return f"{are} in two splits at once, as copies or in one group"


def missing_decide(count: int) -> str:
    """Why a ship that hangs on missing answers is open."""
    return f"{counted(count, 'missing answer')} decide this: complete them and ask again."


def cut_decide(baseline: str, count: int) -> str:
    """Why a ship that hangs on cut baseline answers is open."""
    return (
        f"{baseline} was cut at the token limit in {counted(count, 'row')}, and without them it is not "
        f"beaten: raise max_new_tokens and evaluate again."
    )


def look(number: int, confidence: float, chance: float) -> str:
    """Which verdict on this test set it is, and what that costs."""
    return (
        f"This is verdict {number} on this test set, at {100 * confidence:.4g} % confidence; the chance that "
        f"at least one of them ships a model that is no better is at most {100 * chance:.3g} %."
    )


def rivals(names: Sequence[str], share: int) -> str:
    """That other candidates were measured on the same rows."""
    return (
        f"{listed(names)} {'was' if len(names) == 1 else 'were'} measured on the same rows, so the error "
        f"allowed is divided by {share} (Holm)."
    )


def grouped(one: Comparison) -> str:
    """How rows of one group were counted; empty where rows are independent."""
    figures = one.paired
    if not figures.groups:
        return ""
    if figures.groups < MIN_GROUPS:
        many = counted(figures.groups, "group")
        return f"The rows form only {many}: the interval is a t interval over groups."
    worth = round(figures.n / figures.design_effect)
    return f"The {figures.n:,} rows form {figures.groups:,} groups and count as about {worth:,} rows."


def same_text(baseline: str, n: int) -> str:
    """That both gave the same answers, letter for letter."""
    return f"All {n:,} answers equal those of {baseline}: probably the trained weights are not loaded."


def cut(name: str, count: int) -> str:
    """That the candidate's own answers were cut; they are scored as they stand."""
    return f"{counted(count, 'answer')} of {name} ended at the token limit, scored as it stands."


def doubtful(count: int) -> str:
    """That references should be checked."""
    return f"Check the reference of {counted(count, 'row')}: all candidates agree, and not with it."


def disputed(count: int, with_them: str, without: str, kept: str) -> str:
    """What became of the rows whose expected answer people call wrong."""
    rows = f"People call the expected answer of {counted(count, 'row')} wrong."
    if with_them.partition(".")[0] == without.partition(".")[0]:
        return f"{rows} Without {'it' if count == 1 else 'them'} the verdict is the same."
    side = "with" if kept == with_them else "without"
    return f"{rows} With and without them the verdicts differ; the weaker one counts, {side} them."


def progress(candidate: str, one: Comparison | None, rows: int) -> tuple[str, list[str]]:
    """Where a candidate stands on validation against `one`, its closest baseline; nothing is decided there."""
    sealed = "Validation is the working split: it guides choices. Whether to ship is decided on the sealed test rows."
    if one is None:
        return f"{candidate} answered {counted(rows, 'validation row')}.", [sealed]
    figures = one.paired
    headline = f"On {counted(figures.n, 'validation row')} {won(candidate, one)}."
    return headline, [f"{signed(figures.difference)} points, plausibly {span(one)}.", sealed]


def audited(audit: Mapping[str, Any] | None) -> str:
    """What the leakage audit of a version says."""
    if audit is None:
        return "never made"
    if not audit.get("clean"):
        return f"not clean: {leaked(audit.get('pairs'))}"
    return "clean: no row is in two splits, as a copy, a near copy or in one group"


def instead(small: str, right: float, best: str, most: float, rows: int, worthwhile: float) -> str:
    """That a lookup or a linear model does as well as the best of the others; rows right, or sums of scores."""
    what = "a lookup among the training rows" if small == "nearest" else "a linear model"
    head, other = f"{what} got {right:,.0f} of {rows:,} right", f"{most:,.0f}"
    if right != int(right) or most != int(most):
        head, other = f"{what} scored {100 * right / rows:.1f} points", f"{100 * most / rows:.1f}"
    head = f"Serve {small} instead: {head}"
    if right >= most:
        return f"{head}, and the best of the others, {best}, no more than {other}."
    return f"{head} and {best} {other}, less than the {setting(worthwhile)} points set as worth it."


def unaudited() -> str:
    """What is not known of answers that no project stands behind."""
    return (
        "Not checked here: whether the model was trained on copies of these rows, and how often it was "
        "tried on them before."
    )


def unpaired(base_alone: int, base: str, candidate_alone: int, candidate: str) -> str:
    """How many rows stand on one side only."""
    parts = ((base_alone, base), (candidate_alone, candidate))
    told = [f"{n:,} only in {name}" for n, name in parts if n]
    return f"Not paired: {listed(told)}."


def left_out() -> str:
    """That rows which only one side holds were not looked at."""
    return "They were left out."


def counted_missing(both: int) -> str:
    """That rows which only one side holds count as missing, and the way to leave them out."""
    return f"They count as missing answers; --common compares the {both:,} rows that both hold."
