"""The demo: build a project out of the shipped messy set and run the whole loop on it.

The data's part takes seconds and happens in a folder beside, so that a killed demo leaves no half project.
The model's part is a chain of ordinary jobs that the app, or this command, watches.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from curation import checks, decisions, importing, jobs, splits, versions
from curation import task as tasks
from curation.dedup import run as dedup
from curation.errors import NotReady
from curation.files import read_json, shipped
from curation.progress import Progress
from curation.project import Project, locate, reserve
from curation.store import Store, create
from evals import evaluation
from evals import verdict as verdicts
from training import recipe as recipes
from training import runs
from workbench.cli.options import table
from workbench.cli.watch import until_done

if TYPE_CHECKING:
    from workbench.cli.session import Session

WHO = "demo"
TEST_ROWS, VALIDATION_ROWS = 150, 60
BASELINES = ("majority", "nearest", "prompt", "few-shot:4")
# What a person would throw away after a look at the flags; the rest of the flags mark rows worth keeping.
NOISE = ("refusal", "prompt_leakage", "mojibake", "conflicting_answers")


class Chain(NamedTuple):
    """The jobs of the model's part, each waiting for the one before."""

    baseline: Path
    run: Path
    working: Path
    sealed: Path


def run(session: Session, folder: Path, *, full: bool, prepare: bool) -> int:
    """Build the project, run the loop, print the table and the verdict.

    Args:
        session: where to print.
        folder: the new project.
        full: the seed recipe on all rows, in place of the demo recipe.
        prepare: leave the model's part running as jobs, for the app.

    Returns:
        0 when the loop ran to a verdict, whatever it is.
    """
    began = time.monotonic()
    project = build(folder, session.progress(), session.say)
    chain = launch(project, full=full, progress=session.progress())
    if prepare:
        session.say(
            f"The baseline, the training and the evaluations are queued. Watch them: workbench app {folder}"
        )
        session.emit({"project": str(folder), "jobs": [job.name for job in chain]})
        return 0
    for title, job in zip(
        ("Baseline", "Training", "On validation", "On the sealed test set"), chain, strict=True
    ):
        session.note(f"{title}: {job.name}")
        until_done(session, job)
    given = verdicts.judge(chain.sealed, f"run:{chain.run.name}")
    session.say(_results(chain.sealed))
    session.say("\n".join((given.headline, *given.sentences)))
    session.say(f"Done in {(time.monotonic() - began) / 60:.1f} minutes. Look around: workbench app {folder}")
    session.emit({"project": str(folder), "minutes": (time.monotonic() - began) / 60, **given.as_json()})
    return 0


def build(folder: Path, progress: Progress, say: Callable[[str], None]) -> Project:
    """Import, check, deduplicate, curate, split and freeze the shipped set.

    Raises:
        TouchstoneError: there is a project in the folder already.
    """
    target = reserve(folder)
    unfinished = target.folder.with_name(f".{target.folder.name}.building-{os.getpid()}")
    shutil.rmtree(unfinished, ignore_errors=True)
    try:
        with create(reserve(unfinished)) as store:
            _curate(store, progress, say)
        for path in sorted(unfinished.iterdir(), key=lambda path: path.name == "project.duckdb"):
            os.replace(path, target.folder / path.name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return locate(folder)


def _curate(store: Store, progress: Progress, say: Callable[[str], None]) -> None:
    task = tasks.load(shipped("demo", "task.yaml"))
    tasks.save(task, store.project.task_path)
    for path in sorted(shipped("demo").glob("tickets_*.jsonl")):
        report = importing.import_file(
            store, path, who=WHO, progress=progress, mapping={"group": "customer"} if task.group else None
        )
        say(
            f"{report.source}: {report.rows:,} rows = {report.examples:,} examples + "
            f"{report.quarantined:,} quarantined + {report.repeated:,} repeated"
        )
    found = checks.run(store, task, progress=progress)
    say("Flags: " + ", ".join(f"{name} {n:,}" for name, n in found.items() if n))
    duplicates = dedup.deduplicate(store, progress=progress)
    say(
        f"Duplicates: {duplicates.exact_groups:,} groups of copies, {duplicates.near_pairs:,} near pairs, "
        f"{duplicates.clusters:,} clusters"
    )
    proposed = [seq for (seq,) in store.rows("select seq from duplicate where proposed")]
    decisions.decide(store, proposed, "decision", "drop", who=WHO, reason="a copy of another example")
    for name in NOISE:
        flagged = [
            seq for (seq,) in store.rows("select distinct seq from open_flag where check_name = ?", [name])
        ]
        decisions.decide(store, flagged, "decision", "drop", who=WHO, reason=f"flagged: {name}")
    made = splits.make(
        store, task, test=TEST_ROWS, validation=VALIDATION_ROWS, seed=0, who=WHO, progress=progress
    )
    say(made.text)
    frozen = versions.freeze(store, task, who=WHO, progress=progress)
    say(f"Frozen as {frozen.name}, audit {'clean' if frozen.manifest.audit.clean else 'not clean'}")


def launch(project: Project, *, full: bool = False, progress: Progress) -> Chain:
    """Queue baseline, training and both evaluations, and start them; each waits for its turn."""
    task = tasks.load(project.task_path)
    frozen = versions.newest(project)
    if frozen is None:
        raise NotReady("Nothing was frozen in this project.", where=project.name)
    version = frozen.folder
    recipe = "seed" if full else "demo"
    baseline = evaluation.create(project, version, task, candidates=BASELINES)
    jobs.start(baseline)
    run = runs.create(project, version, task, recipes.load(recipe), name=recipe, progress=progress)
    candidate = f"run:{run.name}"
    working = evaluation.create(
        project, version, task, candidates=[*BASELINES, candidate], after=[baseline, run]
    )
    sealed = evaluation.create(
        project,
        version,
        task,
        candidates=[*BASELINES, candidate],
        split="test",
        after=[baseline, run, working],
    )
    chain = Chain(baseline, run, working, sealed)
    for job in chain[1:]:
        jobs.start(job)
    return chain


def _results(folder: Path) -> str:
    primary = evaluation.load(folder).primary
    rows: list[tuple[object, ...]] = []
    for name, found in read_json(folder / "summary.json")["candidates"].items():
        main = found["scorers"][primary]
        rows.append((name, f"{main['mean']:.1%}", f"{main['low']:.1%} to {main['high']:.1%}"))
    return table(rows, ("candidate", "right on test", "95 % interval"))
