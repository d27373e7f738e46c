"""Commands that stand on vectors: vectors, suspects, map."""

from __future__ import annotations

from dataclasses import asdict

import click

from curation import label_errors
from curation import map as maps
from curation import meaning as by_meaning
from curation import task as tasks
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session


@click.command("vectors")
@project_argument
@json_option
@click.pass_obj
def vectors(session: Session, project: str) -> None:
    """Make the vectors that searching by meaning needs."""
    with session.store(project) as store:
        task = tasks.load(store.project.task_path)
        cost = by_meaning.estimate(store, task.embedder)
        session.note(cost.sentence)
        if foreign := by_meaning.foreign(store, task.embedder):
            session.note(foreign)
        by_meaning.read(store, task.embedder, progress=session.progress())
    session.say(f"{cost.rows:,} rows can be searched by meaning:")
    session.say(f"workbench rows {project} --where 'means~\"some words\"'")
    session.emit({"rows": cost.rows, "made": cost.missing})


@click.command("suspects")
@project_argument
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1))
@json_option
@click.pass_obj
def suspects(session: Session, project: str, limit: int) -> None:
    """Rank labels by how strongly the rows like it contradict each; nothing is changed."""
    with session.store(project) as store:
        task = tasks.load(store.project.task_path)
        ranking = label_errors.last(store)
        if (
            ranking is None
            or not label_errors.is_current(store)
            or ranking.field != label_errors.field_of(task)
        ):
            session.note(f"Ranking labels by meaning: {by_meaning.about(label_errors.seconds(store, task))}.")
            if foreign := by_meaning.foreign(store, task.embedder):
                session.note(foreign)
            ranking = label_errors.find(store, task, session.progress())
        found = label_errors.listed(store, limit)
        stop = label_errors.stop(store)
    session.say(
        table(
            [(s.rank, s.id, s.given, s.suggested, f"{s.probability:.2f}", s.reason) for s in found],
            ("rank", "id", ranking.field, "suggested", "p", "why"),
        )
    )
    session.say(f"{ranking.flagged:,} of {ranking.rows:,} labels are contradicted clearly. {stop.sentence}")
    for given, suggested, n in ranking.pairs[:5]:
        session.say(f"{n:>4} × {given} looks like {suggested}")
    if ranking.rare:
        session.say(f"Too rare to learn, judged by neighbours alone: {', '.join(ranking.rare)}")
    session.emit(
        {
            **asdict(ranking),
            "stop": stop._asdict(),
            "suspects": [{**asdict(one), "reason": one.reason} for one in found],
        }
    )


@click.command("map")
@project_argument
@json_option
@click.pass_obj
def map_(session: Session, project: str) -> None:
    """Place all rows in a picture by meaning, shown in Review; a region of it is a filter."""
    with session.store(project) as store:
        embedder = by_meaning.embedder_of(store)
        session.note(f"Making the map: {by_meaning.about(maps.seconds(store, embedder))}.")
        if foreign := by_meaning.foreign(store, embedder):
            session.note(foreign)
        picture = maps.build(store, embedder, session.progress())
    session.say(picture.sentence)
    session.say(f"See it in Review, or select a region: workbench rows {project} --where map=-20,5,10,40")
    session.emit(asdict(picture))


COMMANDS = (vectors, suspects, map_)
