"""Command that tells others: report."""

from __future__ import annotations

from pathlib import Path

import click

from curation.errors import BadUsage
from curation.files import write_atomic
from evals import page
from evals import report as reports
from evals.report import Asked
from workbench.cli.options import json_option, project_argument
from workbench.cli.session import Session


def write_page(path: Path, html: str) -> None:
    """Write a page where the person wants it.

    Raises:
        BadUsage: the path is a folder or cannot be written.
    """
    if path.is_dir():
        raise BadUsage("This is a folder, not a file.", where=str(path), hint=f"-o {path / 'report.html'}")
    try:
        write_atomic(path, html)
        path.chmod(0o644)  # a page is made to be handed on
    except OSError as error:
        raise BadUsage(f"The page cannot be written: {error.strerror}.", where=str(path)) from error


@click.command("report")
@project_argument
@click.option(
    "-o", "--output", default="report.html", show_default=True, metavar="FILE", help="The HTML file."
)
@click.option(
    "--evaluation", metavar="ID", help="The newest one a verdict opened, else the newest on validation."
)
@click.option("--candidate", metavar="SPEC", help="Who is judged; the candidate of the last verdict.")
@click.option("--against", multiple=True, metavar="SPEC", help="Baselines; else every one measured.")
@click.option("--match", multiple=True, metavar="SPEC", help="Baselines to be matched within --margin.")
@click.option(
    "--margin", type=click.FloatRange(0, 1), help="Largest loss of a match; the task's worthwhile gain."
)
@click.option("--saving", default="", help="What a match saves, in words.")
@click.option(
    "--rows",
    type=click.IntRange(0, 1000),
    default=reports.ROWS,
    show_default=True,
    metavar="N",
    help="Lost and won rows shown.",
)
@json_option
@click.pass_obj
def report(
    session: Session,
    project: str,
    output: str,
    evaluation: str | None,
    candidate: str | None,
    against: tuple[str, ...],
    match: tuple[str, ...],
    margin: float | None,
    saving: str,
    rows: int,
) -> None:
    """Write an evaluation as one HTML file that anybody can read.

    The verdict and its figures, lost and won rows side by side, and where everything comes from. On
    validation it reports progress; sealed answers appear only once `verdict` has opened them.
    """
    folder = reports.choose(session.project(project), evaluation)
    asked = Asked(candidate, against or None, match, margin, saving)
    found = reports.gather(folder, asked, rows=rows)
    path = session.path(output)
    write_page(path, page.render(found))
    session.say(found.headline)
    session.say(f"Report on {folder.name}: {path}")
    session.emit(
        {"evaluation": folder.name, "report": str(path), "title": found.title, "headline": found.headline}
    )


COMMANDS = (report,)
