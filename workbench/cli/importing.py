"""Commands that bring data in: import, task."""

from __future__ import annotations

import click

from curation import formats, importing
from curation import task as tasks
from workbench.cli.options import json_option, project_argument
from workbench.cli.session import Session


@click.command("import")
@project_argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--format", "form", default="auto", show_default=True, help="auto, messages or columns.")
@click.option(
    "--map", "pairs", multiple=True, metavar="FIELD=COLUMN", help=f"Fields: {', '.join(formats.FIELDS)}."
)
@json_option
@click.pass_obj
def import_(
    session: Session, project: str, files: tuple[str, ...], form: str, pairs: tuple[str, ...]
) -> None:
    """Import files: examples, quarantine, and counts that add up."""
    mapping = formats.parse_mapping(pairs)
    with session.store(project) as store:
        had_task = store.project.task_path.exists()
        reports = [
            importing.import_file(
                store,
                session.path(file),
                format=form,
                mapping=mapping,
                who=session.who,
                progress=session.progress(),
            )
            for file in files
        ]
        guessed = None if had_task else tasks.load(store.project.task_path)
    for report in reports:
        used = ", ".join(f"{field}={column}" for field, column in report.mapping.items())
        session.say(f"{report.source}  ({report.format}: {used})")
        session.say(
            f"  {report.rows:,} rows = {report.examples:,} examples + {report.quarantined:,} quarantined "
            f"+ {report.repeated:,} repeated"
        )
        if report.already_imported:
            session.say("  This very file was imported before: nothing was added.")
        if report.quarantined:
            session.say(f"  See what could not be read: workbench rows {project} --quarantine")
    if guessed:
        session.say(
            f"The task was guessed: {guessed.kind} ({guessed.traits.says}). Look at task.yaml, or: "
            f"workbench task {project}"
        )
    total = {
        key: sum(getattr(report, key) for report in reports)
        for key in ("rows", "examples", "quarantined", "repeated")
    }
    session.emit({**total, "sources": [report.as_json() for report in reports]})


@click.command("task")
@project_argument
@click.option("--approve", is_flag=True, help="Take the guessed task as it is.")
@click.option("--set", "file", metavar="FILE", help="Replace the task by this YAML file.")
@json_option
@click.pass_obj
def task(session: Session, project: str, approve: bool, file: str | None) -> None:
    """Show the task, approve the guess, or replace it."""
    place = session.project(project)
    if file:
        tasks.save(tasks.load(session.path(file)), place.task_path)
    shown = tasks.load(place.task_path)
    if approve and shown.guessed:
        shown = shown.model_copy(update={"guessed": False})
        tasks.save(shown, place.task_path)
    session.say(place.task_path.read_text("utf-8").rstrip())
    session.emit(shown.model_dump(mode="json"))


COMMANDS = (import_, task)
