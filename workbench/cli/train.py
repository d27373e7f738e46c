"""Commands on runs: train, runs, stop, resume."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from curation import jobs
from curation import task as tasks
from curation.errors import unknown
from curation.project import Project
from training import recipe as recipes
from training import runs as training_runs
from training.preflight import Preflight
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session
from workbench.cli.watch import until_done


@click.command("train")
@project_argument
@click.argument("recipe", default="seed")
@click.option("--version", metavar="VERSION", help="A frozen version; the newest when not given.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Change one field of the recipe.")
@click.option("--dry-run", is_flag=True, help="Show the preflight and start nothing.")
@click.option("--detach", is_flag=True, help="Return at once with the run's id.")
@json_option
@click.pass_obj
def train(
    session: Session,
    project: str,
    recipe: str,
    version: str | None,
    settings: tuple[str, ...],
    dry_run: bool,
    detach: bool,
) -> None:
    """Fine-tune by a recipe: a YAML file, or a shipped one (seed, qlora, full, dpo, demo)."""
    place = session.project(project)
    frozen = session.version(place, version)
    given: str | Path = recipe if recipe in recipes.shipped_names() else session.path(recipe)
    chosen = recipes.load(given, settings)
    task = tasks.load(place.task_path)
    if dry_run:
        found = training_runs.look_ahead(place, frozen.folder, task, chosen, progress=session.progress())
        _preflight(session, found)
        return
    run = training_runs.create(
        place, frozen.folder, task, chosen, name=Path(recipe).stem, progress=session.progress()
    )
    jobs.start(run)
    if detach:
        session.say(run.name)
        session.emit({"run": run.name, "state": jobs.state(run).state})
        return
    session.note(f"Training {run.name} on {frozen.name}. Ctrl-C stops it so that it can be resumed.")
    until_done(session, run)
    _told(session, project, run)


def _preflight(session: Session, found: Preflight) -> None:
    session.say(
        f"{found.read:,} training examples read: {len(found.train.ids):,} trained on, "
        f"{len(found.left_out):,} left out"
    )
    session.say(
        f"{found.tokens:,} tokens a pass, {found.labelled_tokens:,} carry loss; {found.steps:,} steps on "
        f"{found.device} in {found.dtype}: {found.device_reason}"
    )
    if found.estimate:
        session.say(
            f"About {found.estimate.seconds / 60:.1f} minutes and {found.estimate.memory / 2**30:.1f} GiB at the peak"
        )
    if found.template:
        session.say(found.template)
    for finding in found.findings:
        session.say(f"{finding.severity}: {finding.message} {finding.hint}".rstrip())
    session.emit(
        {
            "read": found.read,
            "trained": len(found.train.ids),
            "left_out": [asdict(one) for one in found.left_out],
            "tokens": found.tokens,
            "labelled_tokens": found.labelled_tokens,
            "steps": found.steps,
            "device": found.device,
            "dtype": found.dtype,
            "digest": found.train.digest,
            "template": found.template,
            "findings": [asdict(one) for one in found.findings],
        }
    )


def _told(session: Session, project: str, run: Path) -> None:
    summary = training_runs.describe(run)
    loss = f"{summary.loss:.4f}" if summary.loss is not None else "none"
    session.say(f"{run.name} is done: {summary.step:,} steps, last loss {loss}.")
    if summary.note:
        session.say(summary.note)
    session.say(f"Next: workbench verdict {project} --candidate run:{run.name}")
    session.emit(
        {
            "run": run.name,
            "state": "done",
            "steps": summary.step,
            "loss": summary.loss,
            "result": summary.result,
        }
    )


@click.command("runs")
@project_argument
@json_option
@click.pass_obj
def runs(session: Session, project: str) -> None:
    """List the runs and how they stand."""
    found = training_runs.all_runs(session.project(project))
    session.say(
        table(
            [
                (
                    r.id,
                    r.status.state,
                    r.recipe_name,
                    r.version,
                    f"{r.step}/{r.total_steps}",
                    f"{r.loss:.4f}" if r.loss is not None else "",
                    r.status.message,
                )
                for r in found
            ],
            ("run", "state", "recipe", "version", "steps", "loss", ""),
        )
    )
    session.emit({"runs": [{**asdict(r), "status": asdict(r.status)} for r in found]})


@click.command("stop")
@project_argument
@click.argument("job", metavar="RUN")
@json_option
@click.pass_obj
def stop(session: Session, project: str, job: str) -> None:
    """Ask a run or an evaluation to stop after the step at hand; it can be resumed."""
    folder = _job(session.project(project), job)
    jobs.stop(folder)
    session.say(
        f"{folder.name} will stop after the step at hand. Go on with: workbench resume {project} {job}"
    )
    session.emit({"job": folder.name, "state": jobs.state(folder).state})


@click.command("resume")
@project_argument
@click.argument("job", metavar="RUN")
@click.option("--detach", is_flag=True, help="Return at once.")
@json_option
@click.pass_obj
def resume(session: Session, project: str, job: str, detach: bool) -> None:
    """Go on with a run or an evaluation that was stopped, failed or lost."""
    place = session.project(project)
    folder = _job(place, job)
    if folder.parent == place.runs:
        training_runs.resume(place, job)
    else:
        jobs.resume(folder)
    if not detach:
        until_done(session, folder)
    session.say(f"{folder.name} is {jobs.state(folder).state}.")
    session.emit({"job": folder.name, "state": jobs.state(folder).state})


def _job(project: Project, name: str) -> Path:
    """The run or evaluation of that name."""
    known = {folder.name: folder for root in (project.runs, project.evals) for folder in jobs.all_jobs(root)}
    if name not in known:
        raise unknown("run or evaluation", name, known)
    return known[name]


COMMANDS = (train, runs, stop, resume)
