"""Commands for what people agree on: views, labels, decisions as a file."""

from __future__ import annotations

import click

from curation import exchange, filters
from curation import labels as labelling
from curation import views as saving
from curation.errors import BadUsage
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session


@click.command("views")
@project_argument
@click.option("--save", metavar="NAME", help="Give the filter of --where this name.")
@click.option("--where", "text", default="", metavar="FILTER")
@click.option("--sort", default="imported", show_default=True, help=f"One of {', '.join(filters.SORTS)}.")
@click.option("--delete", metavar="NAME", help="Forget a view.")
@json_option
@click.pass_obj
def views(session: Session, project: str, save: str | None, text: str, sort: str, delete: str | None) -> None:
    """List saved views, save one or delete one; `rows --view NAME` uses it."""
    if save is not None and delete is not None:
        raise BadUsage("Save a view or delete one, not both at once.")
    with session.store(project) as store:
        if save is not None:
            saving.save(store, save, text, sort)
        if delete is not None:
            saving.delete(store, delete)
        found = saving.saved(store)
    session.say(
        table([(v.name, v.filter or "everything", v.sort) for v in found], ("name", "filter", "order"))
    )
    session.emit({"views": [{"name": v.name, "filter": v.filter, "sort": v.sort} for v in found]})


@click.command("labels")
@project_argument
@click.argument("action", required=False, type=click.Choice(["rename", "merge", "split"]))
@click.argument("names", nargs=-1)
@click.option("--into", metavar="LABEL", help="For merge and split: the label they get.")
@click.option("--where", "text", metavar="FILTER", help="For split: which examples of the label.")
@json_option
@click.pass_obj
def labels(
    session: Session,
    project: str,
    action: str | None,
    names: tuple[str, ...],
    into: str | None,
    text: str | None,
) -> None:
    """Count the labels, or change one: rename OLD NEW, merge A B --into C, split A --where FILTER --into B.

    An answer that is the label changes with it, and so does the list in task.yaml. One undo takes all of it back.
    """
    with session.store(project) as store:
        if action is None:
            counts = labelling.counts(store)
            session.say(table([*counts.items()], ("label", "examples")))
            session.emit({"labels": counts})
            return
        if action == "rename" and len(names) == 2:
            done = labelling.rename(store, names[0], names[1], who=session.who)
        elif action == "merge" and names and into:
            done = labelling.merge(store, names, into, who=session.who)
        elif action == "split" and len(names) == 1 and into and text:
            done = labelling.split(store, names[0], filters.parse(text), into, who=session.who)
        else:
            raise BadUsage(
                f"{action} cannot be done with these names.",
                hint="Write rename OLD NEW, merge A B --into C, or split A --where FILTER --into B.",
            )
    session.say(f"{done.summary}: {done.changed:,} examples. Take it back with: workbench undo {project}")
    session.emit({"changed": done.changed, "batch": done.batch})


@click.command("decisions")
@project_argument
@click.argument("action", type=click.Choice(["export", "import"]))
@click.argument("file", metavar="FILE")
@json_option
@click.pass_obj
def decisions(session: Session, project: str, action: str, file: str) -> None:
    """Write every decision to a JSONL file for git, or take those of a file over; twice adds nothing."""
    with session.store(project) as store:
        if action == "export":
            lines = exchange.export(store, session.path(file))
            session.say(f"{lines:,} decisions in {file}")
            session.emit({"lines": lines})
            return
        done = exchange.merge(store, session.path(file), session.progress())
    session.say(f"{done.changed:,} changes taken over from {done.lines:,} decisions.")
    if done.conflicts:
        session.say(
            f"{done.conflicts:,} fields were changed on both sides: the newest stands, {done.kept:,} times ours."
        )
    if done.unknown:
        session.say(
            f"{done.unknown:,} are about examples that are not in this project: import their files first."
        )
    session.emit(done.as_json())


COMMANDS = (views, labels, decisions)
