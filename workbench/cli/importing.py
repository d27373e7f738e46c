"""Commands that bring data in: import, mend, task."""

from __future__ import annotations

import sys

import click

from curation import formats, importing, mending, owned, quarantine, revisions
from curation import task as tasks
from curation.errors import BadInput, BadUsage
from curation.importing import ImportReport
from workbench.cli.options import json_option, project_argument
from workbench.cli.session import Session


@click.command("import")
@project_argument
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@click.option("--format", "form", default="auto", show_default=True, help="auto, messages or columns.")
@click.option(
    "--map", "pairs", multiple=True, metavar="FIELD=COLUMN", help=f"Fields: {', '.join(formats.FIELDS)}."
)
@click.option(
    "--as",
    "split",
    type=click.Choice(owned.SPLITS),
    help="The split all rows belong to, for a held-out set that others own.",
)
@click.option(
    "--changed",
    type=click.Choice(revisions.CHOICES),
    default="ask",
    show_default=True,
    help="For rows whose id is known and whose content changed: theirs, the file's content; mine, what was edited "
    "here stays; ask, the file's unless some were edited here.",
)
@click.option(
    "--family",
    metavar="NAME",
    help="The files these follow, when their names do not tell; default: the name without date and edition.",
)
@json_option
@click.pass_obj
def import_(
    session: Session,
    project: str,
    files: tuple[str, ...],
    form: str,
    pairs: tuple[str, ...],
    split: str | None,
    changed: revisions.Choice,
    family: str | None,
) -> None:
    """Import files: examples, quarantine, and counts that add up.

    FILE may be a data set of the hub, ORG/NAME[/CONFIG][:SPLIT], when there is no file of that name.
    """
    mapping = formats.parse_mapping(pairs) or None
    with session.store(project) as store:
        had_task = store.project.task_path.exists()
        reports = [
            importing.import_file(
                store,
                session.data(file),
                format=form,
                mapping=mapping,
                who=session.who,
                split=split,
                changed=changed,
                family=family,
                progress=session.progress(),
            )
            for file in files
        ]
        guessed = None if had_task else tasks.load(store.project.task_path)
    for report in reports:
        _tell(session, project, report)
    if guessed:
        session.say(
            f"The task was guessed: {guessed.kind} ({guessed.traits.says}). Look at task.yaml, or: "
            f"workbench task {project}"
        )
    total = {
        key: sum(getattr(report, key) for report in reports)
        for key in ("rows", "examples", "quarantined", "repeated", "revised", "kept")
    }
    session.emit({**total, "sources": [report.as_json() for report in reports]})


def _tell(session: Session, project: str, report: ImportReport) -> None:
    """What one import did, in a few lines."""
    used = ", ".join(f"{field}={column}" for field, column in report.mapping.items())
    read_as = " + ".join(report.forms) or report.format
    session.say(f"{report.source}  ({read_as}{f': {used}' if used else ''})")
    if report.mapping_from:
        session.say(f"  The mapping is that of {report.mapping_from}; --map gives another.")
    session.say(
        f"  {report.rows:,} rows = {report.examples:,} examples + {report.quarantined:,} quarantined "
        f"+ {report.repeated:,} repeated"
    )
    for line in (*report.revisions(), *report.drifted()):
        session.say(f"  {line}")
    if report.already_imported and not report.revised:
        session.say("  This very file was imported before: nothing was added.")
    if report.quarantined:
        session.say(f"  See what could not be read: workbench rows {project} --quarantine")
        session.say(f"  Mend a row in place: workbench mend {project} LINE --file -")


@click.command()
@project_argument
@click.argument("line", type=click.IntRange(1))
@click.option("--source", metavar="NAME", help="The source, when several keep such a line aside.")
@click.option("--file", required=True, metavar="FILE", help="The corrected row; - reads it from stdin.")
@json_option
@click.pass_obj
def mend(session: Session, project: str, line: int, source: str | None, file: str) -> None:
    """Read a row that was kept aside once more, with its text corrected."""
    text = _text(session, file)
    with session.store(project) as store:
        done = mending.mend(store, quarantine.find(store, line, source), text, who=session.who)
    what = "It was there already" if done.repeated else "It is an example now"
    session.say(f"Line {done.line:,} of {done.source} can be read. {what}: {done.id}")
    session.emit(done.as_json())


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


def _text(session: Session, file: str) -> str:
    """The text of a file, or of stdin where there is one."""
    if file == "-" and session.held is not None:
        raise BadUsage(
            "The app has this project open, and no pipe reaches it.", hint="Put the row in a file."
        )
    if file == "-":
        return sys.stdin.read()
    try:
        return session.path(file).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The file cannot be read: {error}", where=file) from error


COMMANDS = (import_, mend, task)
