"""What has been measured: runs and evaluations read from their folders, in the words of the screens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import combinations
from pathlib import Path
from typing import Any

from curation import jobs
from curation.errors import TouchstoneError
from curation.files import read_json
from curation.project import Project
from curation.task import Task
from curation.versions import Version
from evals import advice as advising
from evals import compare, evaluation, prompt_files
from evals import trend as trending
from evals.advice import Advice
from evals.evaluation import Evaluation
from evals.trend import Point
from training import runs
from workbench.widgets.figures import percent

ScoreOf = tuple[str, float, float, float]


@dataclass(frozen=True, slots=True)
class Scores:
    """The primary scores of one finished evaluation: (candidate, mean, low, high), in the order asked."""

    folder: Path
    split: str
    version: str
    scorer: str
    rows: int
    scores: tuple[ScoreOf, ...]


def all_evaluations(project: Project) -> list[tuple[Path, Evaluation, jobs.Status]]:
    """Every evaluation that can be read, newest first."""
    found = []
    for folder in reversed(jobs.all_jobs(project.evals)):
        try:
            found.append((folder, evaluation.load(folder), jobs.state(folder)))
        except TouchstoneError:
            continue
    return found


def rivals(project: Project, candidate: str) -> list[str]:
    """The baselines that were asked for answers to the sealed test rows together with this candidate."""
    for _, made, _ in all_evaluations(project):
        if made.split == "test" and candidate in made.names:
            return [
                name for name in made.names if name != candidate and not name.startswith(("run:", "answers:"))
            ]
    return []


def summary(folder: Path) -> Mapping[str, Any]:
    """Candidate → figures, as the evaluation wrote them; empty while it is at work."""
    try:
        found = read_json(folder / "summary.json")["candidates"]
    except TouchstoneError:
        return {}
    return {name: {**one, **one["scorers"]} for name, one in found.items()}


def scores(folder: Path, made: Evaluation) -> Scores:
    """The primary scores of a finished evaluation."""
    figures = summary(folder)
    known = [(name, figures[name][made.primary]) for name in made.names if name in figures]
    return Scores(
        folder,
        made.split,
        Path(made.version).name,
        made.primary,
        made.rows,
        tuple((name, one["mean"], one["low"], one["high"]) for name, one in known if one["mean"] is not None),
    )


def newest_scores(project: Project) -> Scores | None:
    """Each candidate's newest score on validation, of the newest version that was measured at all."""
    found: Scores | None = None
    merged: dict[str, ScoreOf] = {}
    for folder, made, status in all_evaluations(project):
        if status.state != "done" or made.split != "validation":
            continue
        here = scores(folder, made)
        if found is None:
            found = here
        if (here.version, here.scorer, here.rows) == (found.version, found.scorer, found.rows):
            merged = {**{one[0]: one for one in here.scores}, **merged}
    if found is None:
        return None
    ordered = tuple(sorted(merged.values(), key=lambda one: -one[1]))
    return Scores(found.folder, found.split, found.version, found.scorer, found.rows, ordered)


def advice(project: Project, version: Version, task: Task) -> Advice:
    """What the evaluations on validation advise; read again only when one has finished or the task changed."""
    done = tuple(folder.name for folder in jobs.all_jobs(project.evals) if jobs.state(folder).state == "done")
    return _advice(project.folder, version.folder, task.model_dump_json(), done)


@lru_cache(maxsize=8)
def _advice(project: Path, version: Path, task: str, done: tuple[str, ...]) -> Advice:
    return advising.advise(Project(project), version, Task.model_validate_json(task))


def trend(project: Project) -> list[Point]:
    """Every measured score over time, of the scorer that was asked for last."""
    found = trending.points(project)
    return [one for one in found if one.scorer == found[-1].scorer]


def best_score(project: Project) -> tuple[str, str] | None:
    """Who scores highest on validation, and its score in words."""
    found = newest_scores(project)
    return (found.scores[0][0], percent(found.scores[0][1])) if found and found.scores else None


def last_run(project: Project) -> str:
    """The newest run in a few words."""
    folders = jobs.all_jobs(project.runs)
    if not folders:
        return "none trained yet"
    status = jobs.state(folders[-1])
    return f"{status.id} {'is ' if not status.ended else ''}{status.state}"


def unmeasured_run(project: Project) -> str | None:
    """The newest finished run that no evaluation holds, finished or at work."""
    named = {name for _, made, _ in all_evaluations(project) for name in made.names}
    for folder in reversed(jobs.all_jobs(project.runs)):
        if f"run:{folder.name}" not in named and jobs.state(folder).state == "done":
            return folder.name
    return None


def finished_runs(project: Project) -> list[str]:
    """Candidates that finished runs make, newest first."""
    return [f"run:{f.name}" for f in reversed(jobs.all_jobs(project.runs)) if jobs.state(f).state == "done"]


def candidates(project: Project, task: Task | None) -> list[str]:
    """The candidates worth offering: prompts first, the project's own beside the task's."""
    own = [f"@{name}" for name in prompt_files.names(project)]
    cheap = task.traits.cheap_baselines if task else ()
    prompts = [f"{kind}{prompt}" for kind in ("prompt", "few-shot:2", "few-shot:4") for prompt in ("", *own)]
    return [*prompts, *cheap, *finished_runs(project)]


def specs(project: Project, names: Sequence[str]) -> list[str]:
    """SPECs that ask measured candidates again: each with the files that its newest evaluation kept."""
    own, found = set(prompt_files.names(project)), dict[str, str]()
    for folder, made, _ in all_evaluations(project):
        for one in made.parsed:
            if one.prompt_name in own:
                one = replace(one, prompt_file=Path(one.prompt_name))
            found.setdefault(one.name, one.from_folder(partial(Path, folder)).spec)
    return [found.get(name, name) for name in names]


def discordance(project: Project) -> tuple[str, str, float] | None:
    """The two measured baselines that disagree most: the share of validation rows that only one gets right."""
    for folder, made, status in all_evaluations(project):
        plain = tuple(name for name in made.names if not name.startswith(("run:", "answers:")))
        if status.state == "done" and made.split == "validation" and len(plain) > 1:
            return _most_apart(folder, plain)
    return None


@lru_cache(maxsize=8)
def _most_apart(folder: Path, names: tuple[str, ...]) -> tuple[str, str, float] | None:
    found = []
    for one, other in combinations(names, 2):
        counts = compare.quadrants(folder, other, one)
        if counts.n:
            found.append((one, other, (counts.won + counts.lost) / counts.n))
    return max(found, key=lambda pair: pair[2], default=None)


def title(folder: Path) -> str:
    """A job as a person knows it."""
    try:
        if folder.parent.name == "runs":
            return f"{folder.name} · training with {runs.describe(folder).recipe_name}"
        made = evaluation.load(folder)
        return f"{folder.name} · measuring {', '.join(made.names)} on {made.rows:,} {made.split} rows"
    except TouchstoneError:
        return folder.name
