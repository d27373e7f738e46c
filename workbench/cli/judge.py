"""A language model's word on two candidates: judge."""

from __future__ import annotations

from dataclasses import asdict

import click

from curation import jobs
from curation import task as tasks
from evals import judge as judging
from evals import judged, prompt_files
from workbench.cli.options import json_option, project_argument
from workbench.cli.session import Session


@click.command("judge")
@project_argument
@click.argument("evaluation_id", metavar="EVALUATION")
@click.option("--candidate", required=True, metavar="SPEC")
@click.option("--against", required=True, metavar="SPEC", help="The other one of each pair.")
@click.option("--endpoint", required=True, metavar="URL#MODEL", help="The judge, OpenAI-compatible.")
@click.option("--rubric", metavar="FILE", help="What makes an answer better, in words.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only N pairs, always the same ones.")
@click.option("--max-cost", type=click.FloatRange(0), metavar="X", help="The most it may cost; see eval.")
@json_option
@click.pass_obj
def judge(
    session: Session,
    project: str,
    evaluation_id: str,
    candidate: str,
    against: str,
    endpoint: str,
    rubric: str | None,
    limit: int | None,
    max_cost: float | None,
) -> None:
    """Have a language model compare answers on validation.

    Each pair is asked in both orders, and a win counts only where both agree. What was answered is kept, so the same
    command goes on where it stopped. It never enters a verdict.
    """
    place = session.project(project)
    folder = jobs.find(place.evals, evaluation_id)
    who, name = judging.ask(
        folder,
        tasks.load(place.task_path),
        endpoint,
        candidate=candidate,
        baseline=against,
        rubric=prompt_files.read(session.path(rubric)) if rubric else judging.RUBRIC,
        limit=limit,
        cap=max_cost,
        progress=session.progress(),
    )
    found = judged.tally(folder, who, name, candidate, against)
    for sentence in judged.sentences(found):
        session.say(sentence)
    session.emit({**asdict(found), "length_decides": found.length_decides, "agrees": found.agrees})


COMMANDS = (judge,)
