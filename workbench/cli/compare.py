"""Command without a project: compare."""

from __future__ import annotations

import shlex

import click
from click.core import ParameterSource

from curation.errors import BadUsage
from evals import elsewhere, page
from evals.elsewhere import Sheet, judging, pairing
from evals.elsewhere.pairing import Pair, Terms
from workbench.cli.options import json_option
from workbench.cli.report import write_page
from workbench.cli.session import Session

_LISTED = 10


@click.command("compare")
@click.argument("base_file", metavar="BASE")
@click.argument("candidate_file", metavar="[CANDIDATE]", required=False)
@click.option(
    "--expected",
    metavar="FILE",
    help='Expected answers, rows of {"id", "expected"}, or an exported test.jsonl.',
)
@click.option("--scorer", metavar="NAME", help="One of ours, or the name of a score in both files.")
@click.option("--pass-at", type=float, metavar="X", help="From which score on an answer is right.")
@click.option("--base", metavar="NAME", help="Who is to be beaten, where BASE holds several.")
@click.option("--candidate", metavar="NAME", help="Who is judged, where the file holds several.")
@click.option("--common", is_flag=True, help="Compare only the rows that both hold; the others are listed.")
@click.option(
    "--worthwhile",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.03,
    show_default=True,
    metavar="X",
    help="Smallest gain worth shipping, a fraction.",
)
@click.option("--match", is_flag=True, help="BASE is to be matched, not beaten.")
@click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="X",
    help="Largest loss of a match; the worthwhile gain.",
)
@click.option("--saving", default="", help="What a match saves, in words.")
@click.option("-o", "--output", metavar="FILE", help="Also write one HTML page.")
@json_option
@click.pass_obj
def compare(
    session: Session,
    base_file: str,
    candidate_file: str | None,
    expected: str | None,
    scorer: str | None,
    pass_at: float | None,
    base: str | None,
    candidate: str | None,
    common: bool,
    worthwhile: float,
    match: bool,
    margin: float | None,
    saving: str,
    output: str | None,
) -> int:
    """Judge answers from anywhere: a paired verdict on two files, without a project.

    Reads rows of {"id", "answer"} with "expected" there or in a third file, rows with "pass" or "score",
    results.json of promptfoo and logs of Inspect AI. One file with several candidates is enough.

    Exit code: 0 ship, 10 do not ship, 11 not enough evidence, 1 no verdict.
    """
    if margin is None and match and not worthwhile:
        raise BadUsage("A match needs --margin above 0.")
    terms = Terms(
        scorer=scorer, pass_at=pass_at, common=common, mode="match" if match else "beat",
        worthwhile=worthwhile, margin=worthwhile if margin is None else margin, saving=saving,
    )  # fmt: skip
    pair = _pair(session, base_file, candidate_file, base, candidate, expected, terms)
    found = judging.judge(pair)
    told = {
        **found.as_json(),
        "base": pair.base.name,
        "rows": len(pair.rows),
        "only_in_base": pair.only_base,
        "only_in_candidate": pair.only_candidate,
    }
    for line in (found.headline, *found.sentences):
        session.say(line)
    session.say(f"{len(pair.rows):,} rows, right means {pair.scorer}.")
    for name, ids in ((pair.base.name, pair.only_base), (pair.candidate.name, pair.only_candidate)):
        if ids:
            more = f" and {len(ids) - _LISTED:,} more" if len(ids) > _LISTED else ""
            session.say(f"Only in {name}: {', '.join(ids[:_LISTED])}{more}")
    if output:
        path = session.path(output)
        write_page(path, page.render(judging.page_of(pair, found, _command())))
        session.say(f"Page: {path}")
        told["page"] = str(path)
    session.emit(told)
    return found.exit_code


def _pair(
    session: Session,
    base_file: str,
    candidate_file: str | None,
    base: str | None,
    candidate: str | None,
    expected: str | None,
    terms: Terms,
) -> Pair:
    first = elsewhere.read(session.path(base_file))
    second = first if candidate_file is None else elsewhere.read(session.path(candidate_file))
    one_file = second is first
    judged = _only(second, candidate) if one_file and base is None else None
    beaten = pairing.choose(first, base, "--base", judged)
    chosen = pairing.choose(second, candidate, "--candidate", beaten.name if one_file else None)
    others = [one for one in second if one is not chosen and one is not beaten]
    wanted = None if expected is None else elsewhere.read_expected(session.path(expected))
    return pairing.pair(beaten, chosen, terms, wanted, others)


def _only(sheets: list[Sheet], name: str | None) -> str | None:
    """The name, when the file holds it; a wrong one is refused where it is looked up."""
    return next((one.name for one in sheets if one.name == name), None)


def _command() -> str:
    """This command as it was typed, without where it prints to."""
    context = click.get_current_context()
    words = ["workbench", "compare"]
    for one in context.command.params:
        name = one.name or ""
        typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if not typed or name in ("output", "as_json"):
            continue
        value = context.params[name]
        words += [one.opts[-1]] if isinstance(one, click.Option) else []
        words += [] if value is True else [str(value)]
    return shlex.join(words)


COMMANDS = (compare,)
