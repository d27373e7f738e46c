"""Did it get better? Every finished evaluation of a project, over versions and runs, as points in time.

Scores on different held-out rows do not compare: a point says which rows it rests on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curation import jobs
from curation.errors import TouchstoneError
from curation.files import canonical_json, read_json, sha256
from curation.project import Project
from evals import evaluation, report, stored


@dataclass(frozen=True, slots=True)
class Point:
    """One candidate's score in one evaluation, with its 95 % interval; fractions.

    `held_out` names the rows: the same name, the same rows and expected answers.
    """

    at: str
    evaluation: str
    version: str
    split: str
    candidate: str
    scorer: str
    rows: int
    mean: float
    low: float
    high: float
    held_out: str


def points(project: Project) -> list[Point]:
    """Oldest first; answers to test rows only where a verdict has opened them.

    An evaluation that cannot be read is passed over.
    """
    found: list[Point] = []
    for folder in jobs.all_jobs(project.evals):
        try:
            found += _of(folder)
        except TouchstoneError:
            continue
    return sorted(found, key=lambda one: (one.at, one.evaluation))


def _of(folder: Path) -> list[Point]:
    made = evaluation.load(folder)
    if jobs.state(folder).state != "done" or (made.split == "test" and not report.opened(folder)):
        return []
    with stored.connect(folder) as connection:
        rows = connection.execute("select id, expected from examples order by id").fetchall()
    held_out = sha256(canonical_json([list(row) for row in rows]))[:12]
    summary = read_json(folder / "summary.json")["candidates"]
    return [
        Point(
            made.created, folder.name, Path(made.version).name, made.split, name, made.primary,
            told["n"], told["mean"], told["low"], told["high"], held_out,
        )
        for name, one in summary.items()
        if (told := one["scorers"][made.primary])["mean"] is not None
    ]  # fmt: skip
