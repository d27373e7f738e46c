"""The evaluation on the sealed test split that a verdict is given from: the newest that fits, or a new one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from curation.project import Project
from curation.task import Task
from evals import admission, evaluation


class Sealed(NamedTuple):
    """An evaluation on test; `made` when it has just been made and must still run."""

    folder: Path
    made: bool


def find_or_make(
    project: Project,
    version: Path,
    task: Task,
    candidate: str,
    *,
    against: Sequence[str] | None = None,
    match: Sequence[str] = (),
    after: Sequence[Path] = (),
    max_cost: float | None = None,
) -> Sealed:
    """Find a finished evaluation of these candidates on all test rows of this version, else make one.

    Args:
        project: where evaluations live.
        version: folder of the frozen version.
        task: names the cheap baselines of its kind.
        candidate: SPEC of who is judged.
        against: baselines to be beaten; None takes `prompt` and the cheap ones when one has to be made.
        match: baselines to be matched.
        after: jobs that must be done first, where one has to be made.
        max_cost: the most that answers at endpoints may cost, where one has to be made.

    Raises:
        BadUsage: an unknown candidate or prompt.
        NotReady: a run that has not finished.
    """
    named = [candidate, *(against or ()), *match]
    asked = admission.named(named, project)
    found = evaluation.newest_on_test(project, version, [one.name for one in asked])
    if found is not None:
        held = evaluation.load(found)
        same = (
            admission.contents_of(asked, task, admission.passages_for(asked, project, task)).items()
            <= held.contents.items()
        )
        if same and (named[1:] or len(held.names) > 1):
            return Sealed(found, made=False)
    others = named[1:] or ["prompt", *task.traits.cheap_baselines]
    everyone = list(dict.fromkeys([*others, candidate]))
    folder = evaluation.create(
        project, version, task, candidates=everyone, split="test", after=tuple(after), max_cost=max_cost
    )
    return Sealed(folder, made=True)
