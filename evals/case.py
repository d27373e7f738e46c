"""One candidate of one evaluation and the baselines it is held against: the rule on stored answers.

A missing answer always counts against the candidate; what hangs on missing or cut answers is open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from curation.errors import BadUsage, NoBaseline
from evals import guardrails, rule, wording
from evals.candidates import CHEAP
from evals.guardrails import Guarded
from evals.rule import Comparison, Mode, Terms
from evals.significance import holm_share
from evals.stored import Stored, kind_of

MOST_MISSING = 0.02
"""A verdict is withheld when more than this share of the rows lacks an answer."""
MOST_CUT = 0.05
"""Above this share of cut answers a baseline must also be beaten without its cut rows."""
_NOT_BASELINES = ("run", "answers")
_SERVABLE = ("nearest", "linear")
"""Cheap candidates that answer what they are asked; the commonest answer alone is no service."""


class Decision(NamedTuple):
    """What the rule says, the comparisons it says it of, and what leaves a clear result open."""

    outcome: rule.Outcome
    comparisons: list[Comparison]
    doubt: str
    guarded: tuple[Guarded, ...] = ()
    lost: tuple[str, ...] = ()

    @property
    def broken(self) -> list[Guarded]:
        """The guardrails that a proven loss has broken."""
        return [one for one in self.guarded if one.standing == "broken"]


@dataclass(frozen=True, slots=True)
class Case:
    """One candidate of one evaluation, who it is held against and on what terms."""

    held: Stored
    name: str
    modes: dict[str, Mode]
    margin: float
    saving: str

    @property
    def rivals(self) -> tuple[str, ...]:
        """The other candidates of the evaluation: neither baselines of this verdict nor cheap."""
        others = (other for other in self.held.outcomes if other != self.name and other not in self.modes)
        return tuple(other for other in others if kind_of(other) not in CHEAP)

    def column(self, name: str, best: bool = False) -> list[float]:
        """The score of each row, a missing answer counted against the candidate, or for it where `best`."""
        return self.held.values(name, missing=float((name in self.modes) != best))

    def compare(self, terms: Terms, best: bool = False) -> list[Comparison]:
        """The candidate against every baseline."""
        mine, groups, graded = self.column(self.name, best), self.held.grouped, self.held.graded
        return [
            rule.compare(
                other, mode, mine, self.column(other, best), groups, terms, self.saved(other), graded=graded
            )
            for other, mode in self.modes.items()
        ]

    def saved(self, other: str) -> str:
        """What matching `other` saves: as declared, else the measured tokens or seconds of an answer."""
        if self.modes[other] == "beat" or self.saving:
            return self.saving
        at_endpoints = {name.startswith("endpoint:") for name in (self.name, other)}
        for unit in ("tokens", "seconds") if len(at_endpoints) == 1 else ():
            mine, theirs = self.held.mean(self.name, unit), self.held.mean(other, unit)
            if mine is not None and theirs and mine <= (1 - rule.MIN_SAVING) * theirs:
                return f"{1 - mine / theirs:.0%} of the {unit} ({mine:.3g} for {theirs:.3g} an answer)"
        return ""

    def beaten_uncut(self, one: Comparison, terms: Terms) -> bool:
        """Whether a won comparison also holds without the rows where its baseline was cut."""
        cut = self.held.cut(one.baseline)
        if sum(cut) <= MOST_CUT * len(cut):
            return True
        kept = [position for position, was_cut in enumerate(cut) if not was_cut]
        if not kept:
            return False
        mine, theirs, groups = self.column(self.name), self.column(one.baseline), self.held.grouped
        again = rule.compare(
            one.baseline,
            one.mode,
            [mine[i] for i in kept],
            [theirs[i] for i in kept],
            None if groups is None else [groups[i] for i in kept],
            terms,
            one.saving,
            graded=self.held.graded,
        )
        return rule.holds(again)

    @property
    def instead(self) -> str:
        """A sentence that names a lookup or a linear model as good as the best other, within `worthwhile`."""
        held = self.held
        right = {name: sum(held.values(name, missing=0.0)) for name in held.outcomes}
        cheap = [name for name in right if kind_of(name) in _SERVABLE]
        others = [name for name in right if kind_of(name) not in CHEAP]
        if not cheap or not others:
            return ""
        small, best = max(cheap, key=right.__getitem__), max(others, key=right.__getitem__)
        short = right[best] - right[small]
        if not right[small] or (short > 0 and short >= held.task.worthwhile * len(held.ids)):
            return ""
        return wording.instead(small, right[small], best, right[best], len(held.ids), held.task.worthwhile)

    def not_computable(self, audited: bool = True) -> list[str]:
        """Why no verdict can be computed; empty when it can. `audited`: whether a version must be clean."""
        held, reasons = self.held, list[str]()
        if not audited:
            pass
        elif held.audit is None:
            reasons.append("the version has never been audited for leaks")
        elif not held.audit.get("clean"):
            reasons.append(wording.leaked(held.audit.get("pairs")))
        if not held.ids:
            return [*reasons, "there are no test rows"]
        if held.strangers:
            reasons.append(f"{held.strangers:,} answers belong to rows that are not in this test set")
        for name in (self.name, *self.modes):
            missing = held.missing(name)
            if missing > MOST_MISSING * len(held.ids):
                lacking = "are missing"
                if unjudged := held.unjudged(name):
                    lacking += f" or could not be judged by {held.primary} ({unjudged:,})"
                reasons.append(f"{missing:,} of {len(held.ids):,} answers of {name} {lacking}")
        return reasons

    def share(self, confidence: float) -> int:
        """What Holm divides the error by for this candidate among its rivals; 1 without rivals.

        A candidate's p is its largest over the baselines to be beaten, 1 where it does not lead. With
        baselines only to be matched there is no p, and all candidates share equally.
        """
        beaten = [other for other, mode in self.modes.items() if mode == "beat"]
        if not beaten:
            return 1 + len(self.rivals)
        p_values = []
        for name in (self.name, *self.rivals):
            mine = self.column(name)
            figures = [
                rule.weighed(mine, self.column(other), self.held.grouped, confidence, graded=self.held.graded)
                for other in beaten
            ]
            p_values.append(max(one.p if one.difference > 0 else 1.0 for one in figures))
        return holm_share(p_values, 0, 1 - confidence)

    def decide(self, terms: Terms) -> Decision:
        """The rule with missing answers counted against the candidate, and its reservations."""
        found = self._plainly(terms)
        if missing := self.held.missing(self.name, *self.modes):
            if self._plainly(terms, best=True).outcome != found.outcome:
                doubt = wording.missing_decide(missing)
                return found._replace(outcome="not_enough_evidence", doubt=doubt)
        if found.outcome == "ship":
            for one in found.comparisons:
                if not self.beaten_uncut(one, terms):
                    doubt = wording.cut_decide(one.baseline, sum(self.held.cut(one.baseline)))
                    return found._replace(outcome="not_enough_evidence", doubt=doubt)
        return found

    def _plainly(self, terms: Terms, best: bool = False) -> Decision:
        """Baselines, guardrails and must-pass rows together: a loss decides before a gain does."""
        comparisons = self.compare(terms, best)
        guarded, lost = guardrails.watch(self, terms, best), guardrails.lost(self, best)
        outcome, doubt = rule.overall(comparisons), ""
        if lost or any(one.standing == "broken" for one in guarded):
            outcome = "do_not_ship"
        elif outcome == "ship" and (unproven := [one for one in guarded if one.blocks]):
            outcome, doubt = "not_enough_evidence", wording.unproven(unproven)
        return Decision(outcome, comparisons, doubt, guarded, lost)


def opponents(
    held: Stored, name: str, against: Sequence[str] | None, match: Sequence[str]
) -> dict[str, Mode]:
    """Who must be beaten and who matched, in the order named."""
    matched = [held.name(spec) for spec in match]
    if against is None:
        beaten = [
            other
            for other in held.outcomes
            if kind_of(other) not in _NOT_BASELINES and other != name and other not in matched
        ]
    else:
        beaten = [held.name(spec) for spec in against]
    if name in beaten or name in matched:
        raise BadUsage(f"{name} cannot be judged against itself.")
    if twice := sorted(set(beaten) & set(matched)):
        raise BadUsage(f"{twice[0]} is named twice: to be beaten and to be matched.")
    if not beaten and not matched:
        others = [other for other in held.outcomes if other != name]
        raise NoBaseline(
            "This evaluation holds no baseline to compare with.",
            where=str(held.folder),
            hint=f"Name one with --against {others[0]}." if others else "Evaluate it together with `prompt`.",
        )
    return {**dict.fromkeys(beaten, "beat"), **dict.fromkeys(matched, "match")}


def margin_of(held: Stored, margin: float | None, match: Sequence[str]) -> float:
    """The largest loss a match may have: as asked, else the smallest gain worth shipping."""
    chosen = held.task.worthwhile if margin is None else margin
    if match and not 0 < chosen < 1:
        raise BadUsage(f"A match needs a margin between 0 and 1, got {chosen:g}.", hint="0.03 is 3 points.")
    return chosen
