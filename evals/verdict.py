"""Ship, do not ship, or not enough evidence: the rule, applied to stored answers alone.

The same evaluation folder gives the same verdict to anyone, at any time.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from curation.errors import BadInput
from evals import grading, looks, rule, stored, wording
from evals.case import MOST_MISSING, Case, Decision, margin_of, opponents
from evals.guardrails import Guarded
from evals.rule import Check, Comparison, Settle, Terms
from evals.significance import chance_of_a_false_ship, look_confidence

Outcome = Literal["ship", "do_not_ship", "not_enough_evidence", "withheld"]

EXIT_CODES: dict[Outcome, int] = {"ship": 0, "do_not_ship": 10, "not_enough_evidence": 11, "withheld": 1}
_WEAKEST_LAST: tuple[Outcome, ...] = ("ship", "not_enough_evidence", "do_not_ship", "withheld")
GUARDRAIL = "guardrail"
"""What the lines of the gate are called, in short, that come from guardrails."""
_FIGURES = (
    *("n", "both_right", "only_candidate", "only_baseline", "both_wrong"),
    *("difference", "low", "high", "p"),
)


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """A cheap baseline that this evaluation lacks, with the command that measures it."""

    name: str
    command: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict and everything it rests on.

    Args:
        verdict: what was decided.
        headline: one or two short sentences.
        sentences: the figures in words, then what else a reader must know.
        candidate: who was judged.
        against: every baseline, to be beaten or matched.
        checks: the lines of the gate.
        comparisons: one for each baseline; empty when withheld.
        settle: how many more rows would settle an open result.
        not_measured: cheap baselines this evaluation lacks.
        rivals: other candidates of this evaluation that Holm's correction counts.
        look: the how-manieth verdict on this test set; None when withheld.
        confidence: of the intervals, two-sided; None when withheld.
        worthwhile: smallest gain worth shipping, a fraction.
        scorer: the primary scorer.
        version: name of the frozen version.
        evaluation: name of the evaluation folder.
        answers_fingerprint: SHA-256 of the stored answers and scores it was computed from.
        guardrails: what became of each, on each slice.
        lost_must_pass: ids of the rows that may not be lost and were.
        disputed: ids of the rows whose expected answer people call wrong; this is the weaker of the verdicts with
            and without them.
    """

    verdict: Outcome
    headline: str
    sentences: tuple[str, ...]
    candidate: str
    against: tuple[str, ...]
    checks: tuple[Check, ...]
    comparisons: tuple[Comparison, ...]
    settle: tuple[Settle, ...]
    not_measured: tuple[NotMeasured, ...]
    rivals: tuple[str, ...]
    look: int | None
    confidence: float | None
    worthwhile: float
    scorer: str
    version: str
    evaluation: str
    answers_fingerprint: str
    guardrails: tuple[Guarded, ...] = ()
    lost_must_pass: tuple[str, ...] = ()
    disputed: tuple[str, ...] = ()

    @property
    def exit_code(self) -> int:
        """0 ship, 10 do not ship, 11 not enough evidence, 1 withheld."""
        return EXIT_CODES[self.verdict]

    @property
    def closest(self) -> Comparison | None:
        """The comparison with the smallest lower end."""
        return min(self.comparisons, key=lambda one: one.paired.low, default=None)

    @property
    def text(self) -> str:
        """Headline and sentences as one paragraph."""
        return " ".join((self.headline, *self.sentences))

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`; the figures of the closest comparison stand at the top level.

        `difference`, `low` and `high` are fractions in -1...1, `p` is two-sided; all are null when
        the verdict is withheld.
        """
        figures = self.closest.paired if self.closest else None
        return {**asdict(self), **{name: getattr(figures, name, None) for name in _FIGURES}}


def judge(
    folder: Path,
    candidate: str,
    against: Sequence[str] | None = None,
    match: Sequence[str] = (),
    *,
    margin: float | None = None,
    saving: str = "",
    looks_file: Path | None = None,
    record: bool = True,
) -> Verdict:
    """The verdict on `candidate` from the stored answers of one evaluation on the test split.

    Args:
        folder: the evaluation folder.
        candidate: SPEC or stored name of who is judged.
        against: baselines that must be beaten; None for every baseline of this evaluation.
        match: baselines that need only be matched within `margin`.
        margin: the largest loss of a match, a fraction; the task's `worthwhile` where None.
        saving: what a match saves, in words; not needed where stored tokens or seconds show it.
        looks_file: the register of looks; `looks.jsonl` beside the evaluation folder where None.
        record: False to compute without counting a look.

    Raises:
        BadUsage: a candidate this evaluation does not hold, one held against itself, or a margin
            outside 0...1.
        NoBaseline: there is nothing to compare with.
        BadInput: the evaluation is not on `test`, or a score lies outside 0...1.
        NotReady: the evaluation has not finished.
    """
    held = stored.read(folder)
    if held.split != "test":
        raise BadInput(
            f"This evaluation is on {held.split}; a verdict needs the sealed test split.",
            where=str(folder),
            hint=f"workbench eval PROJECT --split test --candidate {candidate}",
        )
    name = held.name(candidate)
    case = Case(held, name, opponents(held, name, against, match), margin_of(held, margin, match), saving)
    reasons = case.not_computable()
    if reasons:
        return _withheld(case, reasons)
    register = looks_file or folder.parent / looks.REGISTER
    number = looks.take(register, folder, name, held.answers_fingerprint, held.ids, record=record)
    return _undisputed(case, _verdict(case, number), number, record=record)


def _undisputed(case: Case, given: Verdict, look: int, *, record: bool) -> Verdict:
    """The weaker of the verdict and the one without the rows whose expected answer people call wrong."""
    disputed = grading.disputed_here(case.held.folder, case.held.ids, record=record)
    rest = case.held.without(disputed)
    if not disputed or not rest.ids:
        return given
    other = _verdict(replace(case, held=rest), look)
    weaker = max((given, other), key=lambda one: _WEAKEST_LAST.index(one.verdict))
    said = wording.disputed(len(disputed), given.headline, other.headline, weaker.headline)
    return replace(weaker, sentences=(*weaker.sentences, said), disputed=tuple(sorted(disputed)))


def judge_given(case: Case) -> Verdict:
    """The same rule for answers that no project stands behind: nothing is audited, no look is counted."""
    reasons = case.not_computable(audited=False)
    if reasons:
        return _withheld(case, reasons, not_measured=())
    confidence = case.held.task.confidence
    return _reached(case, confidence, _gate(case)[1:], wording.unaudited(), not_measured=())


def _withheld(case: Case, reasons: list[str], not_measured: tuple[NotMeasured, ...] | None = None) -> Verdict:
    audit = case.held.audit
    leak = audit is not None and not audit.get("clean")
    headline, sentences = wording.withheld(reasons, leak, case.held.version)
    checks = tuple(Check("a verdict can be computed", reason, passed=False) for reason in reasons)
    return _assembled(case, "withheld", headline, sentences, checks, not_measured=not_measured)


def _verdict(case: Case, look: int) -> Verdict:
    task = case.held.task
    confidence = look_confidence(look, task.looks, task.confidence)
    chance = chance_of_a_false_ship(look, task.looks, task.confidence)
    return _reached(case, confidence, _gate(case), wording.look(look, confidence, chance), look=look)


def _reached(
    case: Case,
    confidence: float,
    gate: list[Check],
    closing: str,
    *,
    look: int | None = None,
    not_measured: tuple[NotMeasured, ...] | None = None,
) -> Verdict:
    """What the rule says at this confidence, in words that end with `closing`."""
    task = case.held.task
    share = case.share(confidence)
    terms = Terms(1 - (1 - confidence) / share, task.worthwhile, case.margin)
    decision = case.decide(terms)
    plainly = rule.overall(decision.comparisons)
    by_guard = decision.outcome == "do_not_ship" != plainly
    shown = rule.telling(decision.comparisons, plainly if by_guard else decision.outcome)
    undecided = decision.outcome == "not_enough_evidence" and not decision.doubt
    needed = rule.settle(shown, terms) if undecided else ()
    match decision.outcome:
        case "ship":
            headline, sentences = wording.ship(case.name, shown, decision.comparisons)
            sentences += wording.guarded(decision.guarded)
        case "do_not_ship" if by_guard:
            headline, sentences = wording.guarded_loss(case.name, shown, decision.lost, decision.broken)
        case "do_not_ship":
            headline, sentences = wording.do_not_ship(shown, terms)
            sentences += wording.losses(case.name, decision.lost, decision.broken)
        case "not_enough_evidence":
            headline, sentences = wording.not_enough(shown, terms, needed)
    remarks = _remarks(case, shown, share)
    return _assembled(
        case,
        decision.outcome,
        headline,
        [*sentences, *filter(None, [decision.doubt]), *remarks, closing],
        # Lines that hold for every baseline alike, such as the number of rows, stand once.
        tuple(
            dict.fromkeys(
                (
                    *gate,
                    *_watched(case, decision),
                    *(c for one in decision.comparisons for c in rule.checks(one, terms)),
                )
            )
        ),
        comparisons=tuple(decision.comparisons),
        settle=needed,
        look=look,
        confidence=terms.confidence,
        not_measured=not_measured,
        decision=decision,
    )


def _watched(case: Case, decision: Decision) -> list[Check]:
    """The lines of the gate for guardrails and must-pass rows."""
    lines = [
        Check(wording.rail(one), wording.seen(one), not one.blocks, short=GUARDRAIL)
        for one in decision.guarded
    ]
    if must := case.held.task.must_pass:
        here = len(set(must) & set(case.held.ids))
        rule_ = f"no loss among the {here:,} must-pass rows of this test set"
        lines.append(Check(rule_, f"{len(decision.lost):,} lost", not decision.lost))
    return lines


def _gate(case: Case) -> list[Check]:
    """The lines of the gate that concern the rows, not one baseline."""
    held = case.held
    missing = max(held.missing(name) for name in (case.name, *case.modes))
    return [
        Check("the audit finds no leak between the splits", "clean", passed=True),
        Check(
            f"at most {MOST_MISSING:.0%} of anyone's answers are missing",
            f"{missing:,} of {len(held.ids):,}",
            passed=True,
        ),
    ]


def _remarks(case: Case, shown: Comparison, share: int) -> list[str]:
    """What a reader must know beside the figures."""
    held = case.held
    remarks = [case.instead]
    remarks += [
        wording.same_text(other, len(held.ids)) for other in case.modes if held.same_answers(case.name, other)
    ]
    if case.rivals:
        remarks.append(wording.rivals(case.rivals, share))
    remarks.append(wording.grouped(shown))
    cut = sum(held.cut(case.name))
    if cut:
        remarks.append(wording.cut(case.name, cut))
    if held.doubtful:
        remarks.append(wording.doubtful(len(held.doubtful)))
    return [remark for remark in remarks if remark]


def _not_measured(case: Case) -> tuple[NotMeasured, ...]:
    """Cheap baselines that suit the task and are not in this evaluation.

    The command measures all of them and names everybody again: answers that exist are not made
    twice, and the next verdict finds everyone in one evaluation.
    """
    held = case.held
    absent = [name for name in held.task.traits.cheap_baselines if name not in held.outcomes]
    project = held.folder.parent.parent if held.folder.parent.name == "evals" else "PROJECT"
    command = ["workbench", "eval", str(project), "--split", "test", "--version", held.version]
    for spec in (*held.specs, *absent):
        command += ["--candidate", spec]
    return tuple(NotMeasured(name, shlex.join(command)) for name in absent)


def _assembled(
    case: Case,
    verdict: Outcome,
    headline: str,
    sentences: Sequence[str],
    checks: tuple[Check, ...],
    *,
    comparisons: tuple[Comparison, ...] = (),
    settle: tuple[Settle, ...] = (),
    look: int | None = None,
    confidence: float | None = None,
    not_measured: tuple[NotMeasured, ...] | None = None,
    decision: Decision | None = None,
) -> Verdict:
    held = case.held
    return Verdict(
        verdict=verdict,
        headline=headline,
        sentences=tuple(sentences),
        candidate=case.name,
        against=tuple(case.modes),
        checks=checks,
        comparisons=comparisons,
        settle=settle,
        not_measured=_not_measured(case) if not_measured is None else not_measured,
        rivals=case.rivals,
        look=look,
        confidence=confidence,
        worthwhile=held.task.worthwhile,
        scorer=held.primary,
        version=held.version,
        evaluation=held.folder.name,
        answers_fingerprint=held.answers_fingerprint,
        guardrails=decision.guarded if decision else (),
        lost_must_pass=decision.lost if decision else (),
    )
