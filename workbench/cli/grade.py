"""What people say of answers and rows: grade, notes."""

from __future__ import annotations

import json
from dataclasses import asdict
from uuid import uuid4

import click

from curation import jobs
from curation.errors import BadInput
from curation.files import write_atomic
from evals import grading, notes
from evals.grading import TITLES, Kind
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session


@click.command("grade")
@project_argument
@click.argument("evaluation_id", metavar="EVALUATION")
@click.option("--kind", type=click.Choice(list(TITLES)), default="pair", show_default=True)
@click.option("--candidate", default="", metavar="SPEC", help="Whose answers; for pairs and single answers.")
@click.option("--against", default="", metavar="SPEC", help="The other one of a pair.")
@click.option("--ask", metavar="FILE", help="Write your open questions, names hidden, as JSONL.")
@click.option("--answers", metavar="FILE", help='Read judgements: {"key", "said"} a line.')
@json_option
@click.pass_obj
def grade(
    session: Session,
    project: str,
    evaluation_id: str,
    kind: Kind,
    candidate: str,
    against: str,
    ask: str | None,
    answers: str | None,
) -> None:
    """Judge answers blind, or see what the judgements add up to.

    The app asks one question at a time; here the questions go out as a file and come back judged.
    """
    folder = jobs.find(session.project(project).evals, evaluation_id)
    asked = grading.questions(folder, kind, session.who, candidate=candidate, baseline=against)
    if answers:
        known = {one.key: one for one in asked}
        path = session.path(answers)
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
            try:
                told = json.loads(line)
                question, said = known[told["key"]], str(told["said"])
            except (ValueError, TypeError, KeyError) as error:
                raise BadInput(
                    f"Line {number} is not a judgement of these questions.", where=str(path)
                ) from error
            grading.record(folder, question, kind, said, who=session.who, op=f"{session.who}:{line}")
    if ask:
        done = {one.key for one in grading.read(folder) if one.who == session.who}
        left = [
            {
                "key": one.key,
                "prompt": one.prompt,
                **dict(zip(("left", "right") if kind == "pair" else ("answer",), one.sides, strict=False)),
                **({"expected": one.expected} if one.expected is not None else {}),
                "choices": grading.CHOICES[kind],
            }
            for one in asked
            if one.key not in done
        ]
        write_atomic(session.path(ask), "".join(json.dumps(one, ensure_ascii=False) + "\n" for one in left))
        session.say(f"{TITLES[kind]} {len(left):,} questions in {ask}")
    found = grading.tally(folder, kind, candidate=candidate, baseline=against)
    for sentence in grading.sentences(found, candidate, against):
        session.say(sentence)
    session.emit({"asked": len(asked), **asdict(found)})


@click.command("notes")
@project_argument
@click.argument("example", required=False)
@click.argument("words", required=False)
@json_option
@click.pass_obj
def note(session: Session, project: str, example: str | None, words: str | None) -> None:
    """List the notes on held-out rows, or write one: EXAMPLE TEXT; an empty text takes it back."""
    file = session.project(project).evals / notes.FILE
    if example is not None and words is not None:
        notes.write(file, example, words, who=session.who, op=uuid4().hex)
    found = [one for one in notes.read(file).values() if example in (None, one.id)]
    session.say(table([(one.id, one.text, one.who) for one in found], ("example", "note", "who")))
    session.emit({"notes": [{**asdict(one), "tags": one.tags} for one in found]})


COMMANDS = (grade, note)
