"""Prompt, retrieval or fine-tune: the advice that the answers measured on validation support.

Reads stored answers alone and chooses on validation, never on test. The rules stand in the order in which
they are asked; their thresholds are this project's own defaults, not published ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from curation import jobs
from curation.project import Project
from curation.task import Task
from evals import evaluation, examples, scorers, stored
from evals.candidates import CHEAP
from evals.examples import Example
from evals.scorers import ScoringContext
from evals.significance import Interval, minimum_detectable_effect, paired, wilson
from evals.stored import Outcome, kind_of
from evals.wording import counted, setting, signed

Choice = Literal[
    "measure", "collect", "prompt", "classical", "labels", "format", "retrieval", "fine_tune", "none"
]
Cause = Literal["format", "knowledge", "ambiguous", "behaviour"]

LEAST_ROWS, ENOUGH_ROWS = 50, 100
"""Fewer validation rows than the first give no advice; fewer than the second give it with a warning."""
LEAST_TRAIN = 200
AMBIGUOUS, FORMAT, KNOWLEDGE, BEHAVIOUR = 0.25, 0.5, 0.4, 0.4
"""Shares of the failures from which a cause decides."""
SHOTS = (2, 8)
PASSAGES = 4
PROMPTS = ("prompt", "few-shot", "retrieval")

CAUSES: dict[Cause, tuple[str, str]] = {
    "format": ("a matter of form", "right when read more leniently"),
    "knowledge": ("missing knowledge", "right once the prompt carries retrieved context"),
    "ambiguous": (
        "disputed",
        "the nearest training row gives that other answer too, so the reference may be wrong",
    ),
    "behaviour": ("behaviour", "the model does not do what the examples show"),
}
IF_WRONG: dict[Choice, str] = {
    "measure": "",
    "collect": "",
    "prompt": "Wrong advice here costs little: a fine-tune stays possible and no look at the test set is spent.",
    "classical": "Wrong advice here costs little: the classifier is served in a day, and new kinds of questions "
    "show up as a falling score.",
    "labels": "Wrong advice here costs the reviewing of these rows, which any later run profits from.",
    "format": "Wrong advice here costs one more evaluation: what stays wrong in the right form is content.",
    "retrieval": "Wrong advice here costs an index to keep fresh; a model trained on facts would age with them.",
    "fine_tune": "Wrong advice here costs one training run: the sealed test set says no to one that is not better.",
    "none": "",
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One candidate on the validation rows, and its difference to the plain prompt on the same rows.

    `rate` and the gain are fractions; `tokens` is the mean of an answer, in and out, None where it was not
    measured; `gain` is None for the prompt itself.
    """

    name: str
    right: int
    rate: float
    interval: Interval
    gain: float | None
    gain_interval: Interval | None
    tokens: float | None


class Failures(NamedTuple):
    """The rows that the best prompt gets wrong for one cause; `share` is of all its failures."""

    cause: Cause
    ids: tuple[str, ...]
    share: float
    interval: Interval

    @property
    def says(self) -> str:
        """What the cause means."""
        return ": ".join(CAUSES[self.cause])


@dataclass(frozen=True, slots=True)
class Advice:
    """What to do, why, and the figures it rests on.

    `missing` are candidates that were not measured and could change the advice; `detectable` is the smallest
    true gain that these rows find four times out of five, None until two prompts were measured.
    """

    choice: Choice
    headline: str
    because: tuple[str, ...]
    if_wrong: str
    measured: tuple[Measured, ...]
    best: str
    failures: tuple[Failures, ...]
    missing: tuple[str, ...]
    rows: int
    train_rows: int
    version: str
    detectable: float | None


def advise(project: Project, version: Path, task: Task, *, target: float | None = None) -> Advice:
    """Read every finished evaluation on all validation rows of `version` and give advice.

    Args:
        project: where the evaluations are.
        version: folder of the frozen version.
        task: says what is worthwhile and which cheap candidates there can be.
        target: share of right answers that is good enough, 0...1; without it only a perfect prompt is.

    Raises:
        BadInput: an evaluation or the version cannot be read.
    """
    rows = examples.of_split(version, "validation")[0]
    train_rows = len(examples.of_split(version, "train")[0])
    evidence = _gather(project, version, task, rows)
    ruling, failures = _ruling(evidence, train_rows, target)
    return Advice(
        choice=ruling.choice,
        headline=ruling.headline,
        because=ruling.because,
        if_wrong=IF_WRONG[ruling.choice],
        measured=tuple(evidence.measured(name) for name in evidence.best_first(*CHEAP, *PROMPTS, "run")),
        best=next(iter(evidence.best_first(*PROMPTS)), ""),
        failures=failures,
        missing=tuple(evidence.missing()),
        rows=len(rows),
        train_rows=train_rows,
        version=version.name,
        detectable=evidence.detectable(),
    )


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Candidate → its newest answers to the validation rows, in the order of `rows`."""

    task: Task
    rows: Sequence[Example]
    primary: str
    outcomes: Mapping[str, Sequence[Outcome | None]]

    def right(self, name: str) -> list[bool]:
        """Right or not; a missing answer is not right."""
        return [bool(one and one.right) for one in self.outcomes[name]]

    def rate(self, name: str) -> float:
        return sum(self.right(name)) / max(1, len(self.rows))

    def best_first(self, *kinds: str) -> list[str]:
        """The measured candidates of these kinds."""
        return sorted((n for n in self.outcomes if kind_of(n) in kinds), key=lambda n: (-self.rate(n), n))

    def tokens(self, name: str) -> float | None:
        given = [one.tokens for one in self.outcomes[name] if one is not None and one.tokens]
        return sum(given) / len(given) if given else None

    def gain(self, name: str, over: str = "prompt") -> tuple[float, Interval]:
        """The difference on the same rows, with Tango's interval."""
        found = paired(self.right(name), self.right(over))
        return found.difference, Interval(found.low, found.high)

    def measured(self, name: str) -> Measured:
        right = sum(self.right(name))
        compared = name != "prompt" and "prompt" in self.outcomes and bool(self.rows)
        gain, interval = self.gain(name) if compared else (None, None)
        return Measured(
            name,
            right,
            self.rate(name),
            wilson(right, max(1, len(self.rows))),
            gain,
            interval,
            self.tokens(name),
        )

    def missing(self) -> list[str]:
        """The prompt, the cheap ones, two numbers of shots and retrieved context, where not measured."""
        wanted = ["prompt", *self.task.traits.cheap_baselines]
        if len(self.best_first("few-shot")) < len(SHOTS):
            wanted += [f"few-shot:{k}" for k in SHOTS]
        if not self.best_first("retrieval"):
            wanted.append(f"retrieval:{PASSAGES}")
        return [name for name in wanted if name not in self.outcomes]

    def detectable(self) -> float | None:
        """From the discordance of the two best prompts."""
        names = self.best_first(*PROMPTS)[:2]
        if len(names) < 2 or not self.rows:
            return None
        apart = sum(a != b for a, b in zip(*map(self.right, names), strict=True)) / len(self.rows)
        return minimum_detectable_effect(len(self.rows), apart) if apart else None


def _gather(project: Project, version: Path, task: Task, rows: Sequence[Example]) -> _Evidence:
    """The newest answers of each candidate, from evaluations that asked what the task asks now."""
    named = evaluation.resolve_scorers(task, None)
    primary = next((name for name in named if scorers.get(name).binary), named[0])
    asked = evaluation.asked_by(task)
    found: dict[str, Sequence[Outcome | None]] = {}
    for folder in reversed(jobs.all_jobs(project.evals)):
        made = evaluation.load(folder)
        of_version = (folder / made.version).resolve() == version.resolve() and made.split == "validation"
        if not of_version or made.limit is not None or made.asked != asked or primary not in made.scorers:
            continue
        if jobs.state(folder).state == "done":
            for name, given in stored.outcomes(folder, primary).items():
                found.setdefault(name, [given.get(row.id) for row in rows])
    return _Evidence(task, rows, primary, found)


class _Ruling(NamedTuple):
    choice: Choice
    headline: str
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Case:
    """What the rules look at."""

    evidence: _Evidence
    train_rows: int
    target: float | None
    best: str
    causes: Mapping[Cause, Failures]

    @property
    def worthwhile(self) -> float:
        return self.evidence.task.worthwhile

    def share(self, cause: Cause) -> float:
        return self.causes[cause].share if cause in self.causes else 0.0

    def counts(self, cause: Cause) -> str:
        failed = sum(len(one.ids) for one in self.causes.values())
        name, means = CAUSES[cause]
        return (
            f"{len(self.causes[cause].ids):,} of the {failed:,} failures of {self.best} are {name}: {means}."
        )

    def lift(self, kind: str) -> tuple[str, float, Interval] | None:
        """The best candidate of a kind with its gain over the plain prompt."""
        names = self.evidence.best_first(kind)
        return (names[0], *self.evidence.gain(names[0])) if names else None


def _ruling(
    evidence: _Evidence, train_rows: int, target: float | None
) -> tuple[_Ruling, tuple[Failures, ...]]:
    """The first rule that applies, and why the best prompt fails where it fails."""
    n = len(evidence.rows)
    if "prompt" not in evidence.outcomes:
        why = ("What a fine-tune must beat is the untrained model, and that has not been asked yet.",)
        return _Ruling("measure", "Measure the plain prompt first.", why), ()
    best = evidence.best_first(*PROMPTS)[0]
    failures = _failures(evidence, best)
    if n < LEAST_ROWS:
        why = (f"{counted(n, 'validation row')} cannot tell candidates apart; {LEAST_ROWS} is the least.",)
        return _Ruling("collect", "Collect more examples first.", why), failures
    case = _Case(evidence, train_rows, target, best, {one.cause: one for one in failures})
    ruling = next(found for rule in _RULES if (found := rule(case)) is not None)
    if n < ENOUGH_ROWS:
        warning = f"Only {counted(n, 'validation row')}: take it as a direction, not as proof."
        ruling = ruling._replace(because=(*ruling.because, warning))
    return ruling, failures


def _good_enough(case: _Case) -> _Ruling | None:
    rate, w = case.evidence.rate(case.best), case.worthwhile
    low = wilson(sum(case.evidence.right(case.best)), len(case.evidence.rows)).low
    if case.target is not None and low > case.target - w:
        why = f"It gets {rate:.0%} right, and the target is {case.target:.0%}."
        return _Ruling("prompt", f"Stay with the prompt: {case.best} is good enough.", (why,))
    if rate > 1 - w:
        why = f"It gets {rate:.0%} right; a gain of {setting(w)} points does not fit above that."
        return _Ruling("prompt", f"Stay with the prompt: {case.best} leaves nothing worth gaining.", (why,))
    return None


def _classical(case: _Case) -> _Ruling | None:
    evidence = case.evidence
    cheap = [name for name in evidence.best_first(*CHEAP) if name != "majority"]
    rivals = [case.best, *evidence.best_first("run")[:1]]
    if not cheap or evidence.rate(cheap[0]) < max(map(evidence.rate, rivals)) - case.worthwhile:
        return None
    figures = ", ".join(f"{name} {evidence.rate(name):.0%}" for name in (cheap[0], *rivals))
    why = f"Right answers: {figures}. A difference counts from {setting(case.worthwhile)} points on."
    return _Ruling("classical", f"Serve {cheap[0]}: this needs no language model.", (why,))


def _unsettled(case: _Case) -> _Ruling | None:
    if case.share("ambiguous") < AMBIGUOUS:
        return None
    headline = "Settle the labels first: no method beats a reference that contradicts itself."
    return _Ruling("labels", headline, (case.counts("ambiguous"),))


def _wrong_form(case: _Case) -> _Ruling | None:
    if case.share("format") < FORMAT:
        return None
    return _Ruling(
        "format",
        "Fix the form first: a stricter prompt or constrained decoding, then measure again.",
        (case.counts("format"), "Fine-tune for form only where the longer prompt costs too many tokens."),
    )


def _missing_facts(case: _Case) -> _Ruling | None:
    lift = case.lift("retrieval")
    if case.share("knowledge") < KNOWLEDGE or lift is None or lift[2].low <= 0:
        return None
    name, gain, _ = lift
    why = f"{name} gains {signed(gain)} points over the plain prompt."
    headline = "Use retrieval: the model lacks facts, not skill."
    return _Ruling("retrieval", headline, (case.counts("knowledge"), why))


def _behaviour(case: _Case) -> _Ruling | None:
    if case.share("behaviour") < BEHAVIOUR:
        return None
    if case.train_rows < LEAST_TRAIN:
        why = f"{counted(case.train_rows, 'training row')}; from {LEAST_TRAIN} on a run is worth its time."
        return _Ruling(
            "collect", "Collect more training rows, then fine-tune.", (case.counts("behaviour"), why)
        )
    because = [case.counts("behaviour"), *_signs(case)]
    return _Ruling("fine_tune", "Fine-tune: this is behaviour that examples teach.", tuple(because))


def _signs(case: _Case) -> list[str]:
    """What makes the advice to fine-tune stronger, or has already tested it."""
    evidence, said = case.evidence, []
    shots = sorted(evidence.best_first("few-shot"), key=_shots)
    if len(shots) > 1:
        gain, interval = evidence.gain(shots[-1], shots[-2])
        rising = "still rises" if interval.low > 0 else "no longer rises clearly"
        said.append(f"The score {rising} from {shots[-2]} to {shots[-1]} ({signed(gain)} points).")
    bare, full = evidence.tokens("prompt"), evidence.tokens(case.best)
    if bare and full and full > 2 * bare:
        said.append(f"{case.best} costs {full / bare:.1f} times the tokens of the plain prompt.")
    for run in evidence.best_first("run")[:1]:
        gain, interval = evidence.gain(run, case.best)
        low, high = signed(interval.low), signed(interval.high)
        said.append(f"{run} has tried it: {signed(gain)} points against {case.best} ({low} to {high}).")
    return said


def _shots(name: str) -> int:
    digits = name.partition(":")[2].partition("@")[0].partition("~")[0]
    return int(digits) if digits.isdecimal() else 0


def _no_method(case: _Case) -> _Ruling:
    largest = max(case.causes.values(), key=lambda one: len(one.ids))
    return _Ruling(
        "none",
        "No single method: the failures are mixed. Read the largest group first.",
        (case.counts(largest.cause), "A fine-tune on prompts that carry retrieved context can do both."),
    )


_RULES: tuple[Callable[[_Case], _Ruling | None], ...] = (
    _good_enough,
    _classical,
    _unsettled,
    _wrong_form,
    _missing_facts,
    _behaviour,
    _no_method,
)


def _failures(evidence: _Evidence, best: str) -> tuple[Failures, ...]:
    """The failures of the best prompt by their first cause, in the order of `CAUSES`."""
    retrieved = next((n for n in evidence.best_first("retrieval") if n != best), None)
    helped = evidence.right(retrieved) if retrieved else [False] * len(evidence.rows)
    nearest = evidence.outcomes.get("nearest", [None] * len(evidence.rows))
    causes: dict[Cause, list[str]] = {cause: [] for cause in CAUSES}
    for row, given, with_context, near in zip(
        evidence.rows, evidence.outcomes[best], helped, nearest, strict=True
    ):
        if given is not None and given.right:
            continue
        if given is not None and _right_leniently(evidence, row, given):
            causes["format"].append(row.id)
        elif with_context:
            causes["knowledge"].append(row.id)
        elif given is not None and near is not None and given.extracted and given.extracted == near.extracted:
            causes["ambiguous"].append(row.id)
        else:
            causes["behaviour"].append(row.id)
    failed = sum(map(len, causes.values()))
    return tuple(
        Failures(cause, tuple(ids), len(ids) / failed, wilson(len(ids), failed))
        for cause, ids in causes.items()
        if ids
    )


def _right_leniently(evidence: _Evidence, row: Example, given: Outcome) -> bool:
    context = replace(ScoringContext.of(evidence.task, finish=given.finish), parse="lenient")
    return scorers.get(evidence.primary).score(row.expected, given.answer, context)[0].value == 1
