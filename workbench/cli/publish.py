"""The command that hands a run on: publish."""

from __future__ import annotations

from dataclasses import asdict

import click

from training import publish as publishing
from workbench.cli.options import json_option, project_argument
from workbench.cli.session import Session


@click.command("publish")
@project_argument
@click.argument("run")
@click.option("--to", "to", required=True, metavar="FOLDER", help="A new folder.")
@click.option("--merged", is_flag=True, help="One model, the adapter merged into the base.")
@click.option(
    "--rows",
    type=click.IntRange(0, 1000),
    default=publishing.ROWS,
    show_default=True,
    metavar="N",
    help="Validation rows on which a merged model is held against the adapter.",
)
@json_option
@click.pass_obj
def publish(session: Session, project: str, run: str, to: str, merged: bool, rows: int) -> None:
    """Write a finished run as a folder to serve: the adapter or one model, with its card and its verdict."""
    done = publishing.publish(
        session.project(project),
        run,
        session.path(to),
        form="merged" if merged else "adapter",
        rows=rows,
        progress=session.progress(),
    )
    session.say(f"{run} is in {done.folder}: {', '.join(done.files)}")
    if done.asked:
        session.say(f"Merged, {done.same_answers:,} of {done.asked:,} answers are the same as the adapter's.")
    session.say(done.verdict.headline if done.verdict else "No verdict has been given on this run.")
    session.say(done.serves.replace("FOLDER", str(done.folder)))
    told = asdict(done) | {
        "folder": str(done.folder),
        "verdict": done.verdict.as_json() if done.verdict else None,
    }
    session.emit(told)


COMMANDS = (publish,)
