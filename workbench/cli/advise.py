"""The command that says which way to go: advise."""

from __future__ import annotations

from dataclasses import asdict

import click

from curation import jobs
from curation import task as tasks
from evals import advice, evaluation
from evals.advice import Advice
from evals.wording import signed
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session
from workbench.cli.watch import until_done


@click.command("advise")
@project_argument
@click.option("--target", type=click.FloatRange(0, 1), help="Share of right answers that is good enough.")
@click.option("--measure", is_flag=True, help="First ask the candidates that are not measured yet.")
@click.option("--version", metavar="VERSION", help="A frozen version; the newest when not given.")
@json_option
@click.pass_obj
def advise(session: Session, project: str, target: float | None, measure: bool, version: str | None) -> None:
    """Prompt, retrieval or fine-tune: what the measured answers say.

    Reads the evaluations on validation; the sealed test rows are not looked at.
    """
    place = session.project(project)
    frozen = session.version(place, version)
    task = tasks.load(place.task_path)
    given = advice.advise(place, frozen.folder, task, target=target)
    if measure and given.missing:
        folder = evaluation.create(place, frozen.folder, task, candidates=given.missing)
        jobs.start(folder)
        until_done(session, folder)
        given = advice.advise(place, frozen.folder, task, target=target)
    _say(session, project, given)
    session.emit(asdict(given))


def _say(session: Session, project: str, given: Advice) -> None:
    session.say("\n".join((given.headline, *given.because)))
    if given.measured:
        rows: list[tuple[object, ...]] = [
            (
                one.name,
                f"{one.rate:.1%}",
                f"{one.interval.low:.1%} to {one.interval.high:.1%}",
                "" if one.gain is None else signed(one.gain),
                ""
                if one.gain_interval is None
                else f"{signed(one.gain_interval.low)} to {signed(one.gain_interval.high)}",
                "" if one.tokens is None else f"{one.tokens:,.0f}",
            )
            for one in given.measured
        ]
        session.say(f"\nOn {given.rows:,} validation rows of {given.version}:")
        session.say(
            table(rows, ("candidate", "right", "95 % interval", "points over prompt", "plausibly", "tokens"))
        )
    if given.failures:
        session.say(f"\nWhy {given.best} fails where it fails:")
        session.say(table([(len(one.ids), one.says) for one in given.failures], ("rows", "why")))
    if given.detectable is not None:
        session.say(f"\nThe smallest true gain these rows find: {100 * given.detectable:.1f} points.")
    if given.missing:
        session.say(f"Not measured: {', '.join(given.missing)}. workbench advise {project} --measure")
    if given.if_wrong:
        session.say(given.if_wrong)


COMMANDS = (advise,)
