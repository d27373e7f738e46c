"""Commands to begin with: new, app, demo, doctor."""

from __future__ import annotations

import click

from curation import task as tasks
from curation.project import locate, reserve
from curation.store import create
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session


@click.command("new")
@project_argument
@click.option(
    "--task", "task_file", metavar="FILE", help="A task.yaml to begin with; else it is guessed on import."
)
@json_option
@click.pass_obj
def new(session: Session, project: str, task_file: str | None) -> None:
    """Make an empty project."""
    given = tasks.load(session.path(task_file)) if task_file else None
    made = reserve(session.path(project))
    create(made).close()
    if given:
        tasks.save(given, made.task_path)
    session.say(f"Made the project {made.folder}")
    session.say(f"Next: workbench import {project} FILE")
    session.emit({"project": str(made.folder), "task": given.kind if given else None})


@click.command("app")
@click.argument("project", metavar="[PROJECT]", required=False)
@click.option("--port", type=click.IntRange(1, 65535), help="The port on this machine; 8501 when it is free.")
@click.pass_obj
def app(session: Session, project: str | None, port: int | None) -> None:
    """Open the app in the browser's reach (this machine only)."""
    from workbench.serve import serve

    opened = locate(session.path(project)) if project else None

    def announce(address: str) -> None:
        session.say(f"Touchstone is open at {address}")
        session.stdout.flush()

    serve(opened, port, announce=announce, debug=session.debug)


@click.command("demo")
@project_argument
@click.option(
    "--full", is_flag=True, help="Train the seed recipe on every training row (about half an hour on a CPU)."
)
@click.option(
    "--prepare", is_flag=True, help="Stop after freezing and leave the model's part as queued jobs."
)
@json_option
@click.pass_obj
def demo(session: Session, project: str, full: bool, prepare: bool) -> int:
    """Build the demo project and run the whole loop on it."""
    from workbench import demo as loop

    return loop.run(session, session.path(project), full=full, prepare=prepare)


@click.command("doctor")
@json_option
@click.pass_obj
def doctor(session: Session) -> None:
    """Say what this machine can do."""
    from workbench import doctor as machine

    found = machine.examine()
    for title, rows in found.sections():
        session.say(title)
        session.say("\n".join(f"  {line}" for line in table(rows, ("", "", "")).splitlines()[1:]))
        session.say()
    session.emit(found.as_json())


COMMANDS = (new, app, demo, doctor)
