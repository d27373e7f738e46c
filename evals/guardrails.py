"""Guardrails: slices and scorers that must not get worse, whatever the average says.

Held, broken or unknown; what cannot be shown is said, never taken for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from curation.task import GuardMode, Guardrail
from evals import rule, slices, spec, stored
from evals.candidates import CHEAP
from evals.significance import FEWEST_DIFFERENT, Paired, holm, rows_to_match
from evals.stored import kind_of

if TYPE_CHECKING:
    from evals.case import Case
    from evals.rule import Terms

Standing = Literal["held", "broken", "unknown"]
MOST_UNJUDGED = 0.02
"""With more answers than this share missing or not judged, a guardrail is unknown."""
_WORST_FIRST: tuple[Standing, ...] = ("broken", "unknown", "held")


@dataclass(frozen=True, slots=True)
class Guarded:
    """One guardrail on one slice, against the baseline it stands worst against.

    `slice` is empty for all rows; `paired` is None, and `why` says the reason, where nothing could be compared.
    """

    scorer: str
    slice: str
    mode: GuardMode
    margin: float
    against: str
    standing: Standing
    paired: Paired | None = None
    why: str = ""
    measured: bool = True

    @property
    def name(self) -> str:
        """The slice in words, with the scorer where it is not the one that decides."""
        return self.slice or "all rows"

    @property
    def blocks(self) -> bool:
        """Whether it keeps the candidate from shipping."""
        unproven = self.mode == "prove" or not self.measured
        return self.standing == "broken" or (self.standing == "unknown" and unproven)


def watched(modes: Sequence[str]) -> list[str]:
    """The baselines that guardrails compare with: not the cheap ones, unless there are no others.

    The commonest answer is always right on the slice of that answer; nobody should be held to that.
    """
    serious = [name for name in modes if kind_of(name) not in CHEAP]
    return serious or list(modes)


def watch(case: Case, terms: Terms, best: bool = False) -> tuple[Guarded, ...]:
    """Every guardrail of the task on every slice it names, in their order.

    Args:
        case: the candidate and its baselines.
        terms: the confidence of this verdict; Holm holds it over all slices in mode `harm`.
        best: whether missing answers count for the candidate instead of against it.
    """
    rails = case.held.task.guardrails
    several = [some for rail in rails for some in _of_one(case, rail, terms, best)]
    harm = [(i, k) for i, some in enumerate(several) for k, one in enumerate(some) if one.mode == "harm"]
    p_values = [one.paired.p if (one := several[i][k]).paired else 1.0 for i, k in harm]
    adjusted = dict(zip(harm, holm(p_values), strict=True))
    return tuple(
        min(
            (_judged(one, adjusted.get((i, k)), terms) for k, one in enumerate(some)),
            key=lambda one: (_WORST_FIRST.index(one.standing), one.paired.low if one.paired else -2.0),
        )
        for i, some in enumerate(several)
    )


def lost(case: Case, best: bool = False) -> tuple[str, ...]:
    """The must-pass rows on which the candidate scores below a watched baseline."""
    wanted = set(case.held.task.must_pass)
    if not wanted:
        return ()
    mine = case.column(case.name, best)
    theirs = [case.column(other, best) for other in watched(list(case.modes))]
    return tuple(
        id_
        for i, id_ in enumerate(case.held.ids)
        if id_ in wanted and any(mine[i] < column[i] for column in theirs)
    )


def _of_one(case: Case, rail: Guardrail, terms: Terms, best: bool) -> list[list[Guarded]]:
    """One guardrail: a list for each slice, with one entry for each watched baseline."""
    held, scorer = case.held, rail.scorer or case.held.primary
    baselines = watched(list(case.modes))
    columns = _columns(case, scorer)
    found = []
    for name, positions in _slices(case, rail).items():
        enough = rows_to_match(rail.margin, 0.0, terms.confidence)
        mode: GuardMode = rail.mode or ("prove" if len(positions) >= enough else "harm")
        plain = Guarded(scorer, name, mode, rail.margin, baselines[0], "unknown")
        if not columns:
            why = f"{scorer} was not measured in this evaluation"
            found.append([replace(plain, why=why, measured=False)])
            continue
        if not positions:
            found.append([replace(plain, why="no held-out row is in it")])
            continue
        groups = None if held.grouped is None else [held.grouped[i] for i in positions]
        pairs = _Pairs(columns, case.name, positions, groups, terms, best)
        found.append([pairs.against(replace(plain, against=other)) for other in baselines])
    return found


def _slices(case: Case, rail: Guardrail) -> dict[str, list[int]]:
    """Name → positions of the slices that one guardrail names."""
    ids = case.held.ids
    if not rail.slice:
        return {"": list(range(len(ids)))}
    field, value = slices.split(rail.slice)
    found = slices.members(case.held.folder, ids, field)
    if value is not None:
        return {f"{field}={value}": found.get(value, [])}
    return {f"{field}={one}": positions for one, positions in found.items()} or {field: []}


def _columns(case: Case, scorer: str) -> dict[str, list[float | None]]:
    """Candidate → its scores by row, None where there is none; nothing where the scorer was not used."""
    held = case.held
    if scorer == held.primary:
        return {
            name: [one.value if one else None for one in column] for name, column in held.outcomes.items()
        }
    if scorer not in spec.load(held.folder).scorers:
        return {}
    told = stored.outcomes(held.folder, scorer)
    return {
        name: [one.value if (one := rows.get(id_)) else None for id_ in held.ids]
        for name, rows in told.items()
    }


@dataclass(frozen=True, slots=True)
class _Pairs:
    """The candidate's scores on the rows of one slice, to be compared with a baseline's."""

    columns: dict[str, list[float | None]]
    name: str
    positions: Sequence[int]
    groups: Sequence[str | None] | None
    terms: Terms
    best: bool

    def against(self, one: Guarded) -> Guarded:
        """The guardrail with its figures, or with the reason why there are none."""
        mine, theirs = ([self.columns[name][i] for i in self.positions] for name in (self.name, one.against))
        missing, n = sum(a is None or b is None for a, b in zip(mine, theirs, strict=True)), len(mine)
        if missing > MOST_UNJUDGED * n:
            return replace(one, why=f"{missing:,} of {n:,} answers are missing or could not be judged")
        every = (value for column in self.columns.values() for value in column)
        figures = rule.weighed(
            [float(self.best) if value is None else value for value in mine],
            [float(not self.best) if value is None else value for value in theirs],
            self.groups,
            self.terms.confidence,
            graded=any(value not in (None, 0.0, 1.0) for value in every),
        )
        return replace(one, paired=figures)


def _judged(one: Guarded, adjusted: float | None, terms: Terms) -> Guarded:
    """Held if the lower end is above the margin; broken if a loss is proven; else unknown.

    Under 50 rows an interval of graded scores shows nothing held, but a sign-flip still proves a loss.
    """
    figures = one.paired
    if figures is None:
        return one
    p = figures.p if adjusted is None else adjusted
    resampled = figures.graded and figures.discordant >= FEWEST_DIFFERENT
    shaky = resampled and figures.n < rule.MIN_GRADED_ROWS
    if figures.low > -one.margin and not shaky:
        return replace(one, standing="held")
    if figures.high < 0 and p <= terms.alpha:
        return replace(one, standing="broken")
    if shaky:
        why = f"{figures.n:,} rows, and graded scores need {rule.MIN_GRADED_ROWS} to show anything held"
        return replace(one, why=why)
    return one
