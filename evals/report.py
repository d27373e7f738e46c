"""The report of one evaluation: gathered from its folder alone, with the figures of the app and of `verdict`.

On validation it is a progress report without a verdict. Answers to the sealed test rows are shown only
once a verdict has opened them.
"""

from __future__ import annotations

import importlib.metadata
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation import jobs
from curation.errors import BadInput, NotReady
from curation.files import read_json, read_yaml
from curation.project import Project
from evals import compare, looks, page, rule, scorers, spec, stored, wording
from evals import verdict as verdicts
from evals.candidates import SCHEMA
from evals.case import Case, margin_of, opponents
from evals.compare import Quadrant
from evals.page import Fact, Page, Scored
from evals.rule import Comparison, Terms
from evals.spec import Evaluation
from evals.verdict import Verdict

ROWS = 20
"""Rows that changed hands on one report, lost and won together."""

TONES: dict[verdicts.Outcome, str] = {
    "ship": "good",
    "do_not_ship": "bad",
    "not_enough_evidence": "warn",
    "withheld": "bad",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a verdict was asked, so that the report gives the same one. Fields as in `verdict.judge`."""

    candidate: str | None = None
    against: tuple[str, ...] | None = None
    match: tuple[str, ...] = ()
    margin: float | None = None
    saving: str = ""

    def command(self, project: Path, candidate: str, version: str) -> str:
        """The command line that gives the verdict again."""
        words = ["workbench", "verdict", str(project), "--candidate", candidate]
        for one in self.against or ():
            words += ["--against", one]
        for one in self.match:
            words += ["--match", one]
        if self.margin is not None:
            words += ["--margin", f"{self.margin:g}"]
        if self.saving:
            words += ["--saving", self.saving]
        return shlex.join([*words, "--version", version])


def choose(project: Project, evaluation: str | None = None) -> Path:
    """The evaluation of that id, else the newest one a verdict has opened, else the newest on validation.

    Raises:
        BadUsage: there is none of that id.
        NotReady: nothing has been evaluated yet.
    """
    if evaluation is not None:
        return jobs.find(project.evals, evaluation)
    done: dict[str, Path] = {}
    for folder in jobs.all_jobs(project.evals):
        try:
            made = spec.load(folder)
        except BadInput:
            continue
        if jobs.state(folder).state == "done" and (made.split == "validation" or opened(folder)):
            done[made.split] = folder
    found = done.get("test") or done.get("validation")
    if found is None:
        raise NotReady(
            "Nothing has been evaluated yet.",
            where=str(project.folder),
            hint=f"workbench eval {project.folder} --candidate prompt",
        )
    return found


def opened(folder: Path) -> bool:
    """Whether a verdict has shown the answers of this evaluation."""
    return looks.opened(folder.parent / looks.REGISTER, folder, stored.read(folder).answers_fingerprint)


def gather(folder: Path, asked: Asked | None = None, *, rows: int = ROWS) -> Page:
    """Everything the report of one evaluation says.

    Args:
        folder: the evaluation folder; its project is two folders up.
        asked: who is judged against whom; by default the candidate of the last verdict against every baseline.
        rows: how many rows that changed hands are shown.

    Raises:
        BadUsage: a candidate this evaluation does not hold.
        NotReady: it has not finished, or is on test and no verdict has opened its answers.
        NoBaseline: there is nothing to compare with.
    """
    made = spec.load(folder)
    asked = asked or Asked()
    return (
        _judged(folder, made, asked, rows) if made.split == "test" else _progress(folder, made, asked, rows)
    )


def _judged(folder: Path, made: Evaluation, asked: Asked, most: int) -> Page:
    """The report of a verdict."""
    candidate = asked.candidate or _last_judged(folder, made)
    found = verdicts.judge(
        folder,
        candidate,
        asked.against,
        asked.match,
        margin=asked.margin,
        saving=asked.saving,
        record=False,
    )
    if found.verdict == "withheld":
        return _assembled(folder, made, asked, found, candidate=found.candidate)
    if not opened(folder):
        raise NotReady(
            "Its answers to the sealed test rows have not been opened by a verdict.",
            where=folder.name,
            hint=asked.command(_project(folder), found.candidate, found.version),
        )
    told = rule.telling(found.comparisons, found.verdict)
    return _assembled(
        folder,
        made,
        asked,
        found,
        candidate=found.candidate,
        scored=_scored(folder, made, found.candidate),
        comparisons=found.comparisons,
        rows=_rows(folder, found.candidate, told.baseline, most, graded=told.paired.graded),
    )


def _progress(folder: Path, made: Evaluation, asked: Asked, most: int) -> Page:
    """The report of an evaluation on validation: the figures, no verdict."""
    names = made.names
    candidate = asked.candidate or _default(names)
    comparisons: tuple[Comparison, ...] = ()
    rows: tuple[page.Rows, ...] = ()
    instead = ""
    if len(names) > 1:
        held = stored.read(folder)
        candidate = held.name(candidate)
        against = asked.against or (None if asked.match else tuple(n for n in names if n != candidate))
        modes = opponents(held, candidate, against, asked.match)
        margin = margin_of(held, asked.margin, asked.match)
        case = Case(held, candidate, modes, margin, asked.saving)
        instead = case.instead
        comparisons = tuple(case.compare(Terms(made.task.confidence, made.task.worthwhile, margin)))
        closest = min(comparisons, key=lambda one: one.paired.low)
        rows = _rows(folder, candidate, closest.baseline, most, graded=closest.paired.graded)
    return _assembled(
        folder,
        made,
        asked,
        None,
        candidate=candidate,
        scored=_scored(folder, made, candidate),
        comparisons=comparisons,
        rows=rows,
        instead=instead,
    )


def _assembled(
    folder: Path,
    made: Evaluation,
    asked: Asked,
    found: Verdict | None,
    *,
    candidate: str,
    scored: tuple[Scored, ...] = (),
    comparisons: tuple[Comparison, ...] = (),
    rows: tuple[page.Rows, ...] = (),
    instead: str = "",
) -> Page:
    version = Path(made.version).name
    against = found.against if found else tuple(one.baseline for one in comparisons)
    if found is None:
        closest = min(comparisons, key=lambda one: one.paired.low, default=None)
        headline, sentences = wording.progress(candidate, closest, made.rows)
        sentences += filter(None, [instead])
        commands = (shlex.join(["workbench", "report", str(_project(folder)), "--evaluation", folder.name]),)
    else:
        headline, sentences = found.headline, list(found.sentences)
        commands = (asked.command(_project(folder), candidate, version),)
        sentences += [f"Not measured: {one.name}." for one in found.not_measured]
    return Page(
        kicker=f"Touchstone \u00b7 {'verdict' if found else 'progress on validation'} \u00b7 "
        f"{_project(folder).name} \u00b7 {folder.name} \u00b7 {made.created[:10]}",
        title=f"{candidate} against {wording.listed(against)}" if against else candidate,
        candidate=candidate,
        headline=headline,
        sentences=tuple(sentences),
        tone=TONES[found.verdict] if found else "",
        facts=_facts(made, version),
        scorers=tuple(scorers.get(name).title for name in made.scorers) if scored else (),
        scored=scored,
        comparisons=comparisons,
        decided=found is not None,
        worthwhile=made.task.worthwhile,
        confidence=comparisons[0].paired.confidence if comparisons else None,
        checks=found.checks if found else (),
        rows=rows,
        origin=_origin(folder, made, candidate, found),
        commands=commands,
    )


def _project(folder: Path) -> Path:
    return folder.resolve().parent.parent


def _default(names: Sequence[str]) -> str:
    """Who a progress report is about: the last candidate that is no baseline, else the last one."""
    made = [name for name in names if stored.kind_of(name) in ("run", "answers")]
    return (made or list(names))[-1]


def _last_judged(folder: Path, made: Evaluation) -> str:
    """The candidate of the last verdict on this evaluation, else the one a progress report is about."""
    register = looks.read(folder.parent / looks.REGISTER)
    judged = [one.candidate for one in register if one.evaluation == folder.name]
    return judged[-1] if judged and judged[-1] in made.names else _default(made.names)


def _scored(folder: Path, made: Evaluation, candidate: str) -> tuple[Scored, ...]:
    """Every candidate's scores, as the evaluation summed them up."""
    summed = read_json(folder / "summary.json")["candidates"]
    return tuple(
        Scored(
            name,
            tuple(_score(summed[name]["scorers"][one]) for one in made.scorers),
            _note(summed[name], summed[name]["scorers"][made.primary]["missing"]),
            name == candidate,
        )
        for name in made.names
        if name in summed
    )


def _score(told: Mapping[str, Any]) -> page.Score:
    return page.Score(told["mean"], told["low"], told["high"])


def _note(told: Mapping[str, Any], missing: int) -> str:
    """What else must be said of a candidate's answers."""
    parts = (
        (missing, "missing"),
        (told.get("truncated"), "cut at the token limit"),
        (told.get("empty"), "empty"),
    )
    return ", ".join(f"{n:,} {what}" for n, what in parts if n)


def _rows(folder: Path, candidate: str, baseline: str, most: int, *, graded: bool) -> tuple[page.Rows, ...]:
    """The rows that changed hands between two candidates, lost ones first."""
    counts = compare.quadrants(folder, candidate, baseline)
    lost, won = page.pick(counts.lost, counts.won, most)
    found = []
    shown: tuple[tuple[Quadrant, int], ...] = (("lost", lost), ("won", won))
    for quadrant, n in shown:
        if n:
            rows = compare.rows(folder, candidate, baseline, quadrant=quadrant, limit=n)
            found.append(
                page.rows_of(quadrant, rows, getattr(counts, quadrant), candidate, baseline, graded=graded)
            )
    return tuple(found)


def _facts(made: Evaluation, version: str) -> tuple[Fact, ...]:
    """What was asked, in the words of the task."""
    task, how = made.task, made.generation
    model = task.model.name + (f" at {task.model.revision}" if task.model.revision else "")
    if how is not None:
        model += f", {how.dtype} on {how.device}, at most {how.max_new_tokens} tokens an answer"
    kind = "sealed test" if made.split == "test" else "validation"
    rows = f"{made.rows:,} {kind} rows of version {version}"
    found = [
        Fact("Answer", task.traits.says),
        Fact("Labels", ", ".join(task.labels)),
        Fact("Model", model),
        Fact("Rows", rows + (f", limited to {made.limit:,}" if made.limit else "")),
        Fact("Right means", scorers.get(made.primary).title),
        Fact("Worth it from", f"{wording.setting(task.worthwhile)} points"),
    ]
    return tuple(one for one in found if one.value)


def _origin(folder: Path, made: Evaluation, candidate: str, found: Verdict | None) -> tuple[Fact, ...]:
    """Where the figures come from: audit, fingerprints, recipe, packages."""
    task = made.task
    facts = [
        Fact("Prompt in training", task.system_prompt or "none"),
        Fact("Prompt of baselines", task.system_for_baseline() or "none"),
        Fact("Audit of the version", wording.audited(made.audit)),
        Fact("Version", f"{Path(made.version).name}, fingerprint {made.fingerprint}"),
        Fact("Evaluation", f"{folder.name}, made {made.created}"),
    ]
    if found is not None:
        facts.append(Fact("Stored answers", f"fingerprint {found.answers_fingerprint}"))
    kind, _, name = candidate.removesuffix(SCHEMA).partition(":")
    if made.generation is not None:
        facts.append(Fact("Model weights", f"fingerprint {made.generation.model_fingerprint}"))
        adapter = made.generation.adapters.get(candidate)
        if adapter:
            title = "Its own weights" if kind == "model" else "Adapter"
            facts.append(Fact(title, f"fingerprint {adapter}"))
    run = _project(folder) / "runs" / Path(name).name
    if kind == "run" and (run / "recipe.yaml").is_file():
        recipe = read_yaml(run / "recipe.yaml")
        facts.append(
            Fact("Recipe", ", ".join(f"{key} {value}" for key, value in recipe.items() if value is not None))
        )
    if kind == "run" and (run / "manifest.json").is_file():
        told = read_json(run / "manifest.json")
        packages = {"python": told.get("python"), **told.get("packages", {})}
        facts.append(
            Fact("Packages in training", ", ".join(f"{key} {value}" for key, value in packages.items()))
        )
    return (*facts, Fact("Report", f"touchstone {importlib.metadata.version('touchstone-workbench')}"))
