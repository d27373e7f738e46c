"""Commands that judge: eval, evals, verdict, trace."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from curation import jobs
from curation import task as tasks
from curation.errors import BadUsage
from curation.files import read_json
from curation.project import Project
from evals import candidates, evaluation, scorers, sealed, slices
from evals import trace as tracing
from evals import trend as trending
from evals import verdict as verdicts
from evals.wording import signed
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session
from workbench.cli.watch import until_done

_SCORER_HELP = f"The first one is primary. {', '.join(one.usage for one in scorers.SCORERS)}."


_COST_HELP = (
    "The most that answers at endpoints may cost, as the task prices them; nothing is asked without it."
)


def _spec(session: Session, spec: str) -> str:
    """The SPEC with the files it may name made absolute."""
    return candidates.parse(spec).from_folder(session.path).spec


def _candidates_help() -> str:
    """The candidates there are, for --help."""
    lines = [f"{candidates.usage(kind)}: {known.says}." for kind, known in candidates.KNOWN.items()]
    prompted = ", ".join(kind for kind, known in candidates.KNOWN.items() if known.prompted)
    own = f"{prompted} may carry a prompt of their own: @NAME of the project's prompts/NAME.md, or @FILE.md. "
    own += "With @schema at the end their answers, and a run's, are held to the task's JSON Schema while written."
    return "\b\nCandidates (SPEC):\n" + "\n".join(f"  {line}" for line in lines) + f"\n\n{own}"


@click.command("eval", epilog=_candidates_help())
@project_argument
@click.option("--version", metavar="VERSION", help="A frozen version; the newest when not given.")
@click.option("--split", type=click.Choice(("validation", "test")), default="validation", show_default=True)
@click.option(
    "--candidate",
    "specs",
    multiple=True,
    required=True,
    metavar="SPEC",
    help="Who answers; see below. May be given several times.",
)
@click.option("--scorer", "scorers", multiple=True, metavar="NAME", help=_SCORER_HELP)
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Only N rows, always the same ones.")
@click.option("--max-cost", type=click.FloatRange(0), metavar="X", help=_COST_HELP)
@click.option("--detach", is_flag=True, help="Return at once with the evaluation's id.")
@json_option
@click.pass_obj
def eval_(
    session: Session,
    project: str,
    version: str | None,
    split: str,
    specs: tuple[str, ...],
    scorers: tuple[str, ...],
    limit: int | None,
    max_cost: float | None,
    detach: bool,
) -> None:
    """Ask candidates and score their answers.

    On validation by default: the test split is sealed until a verdict.
    """
    place = session.project(project)
    frozen = session.version(place, version)
    folder = evaluation.create(
        place,
        frozen.folder,
        tasks.load(place.task_path),
        candidates=[_spec(session, one) for one in specs],
        split="test" if split == "test" else "validation",
        scorers=scorers or None,
        limit=limit,
        max_cost=max_cost,
    )
    jobs.start(folder)
    if detach:
        session.say(folder.name)
        session.emit({"evaluation": folder.name, "state": jobs.state(folder).state})
        return
    until_done(session, folder)
    _summary(session, folder)


def _share(mean: float | None) -> str:
    return "" if mean is None else f"{mean:.1%}"


def _summary(session: Session, folder: Path) -> None:
    summary = read_json(folder / "summary.json")
    made = evaluation.load(folder)
    others = made.scorers[1:]
    rows: list[tuple[object, ...]] = []
    for name, found in summary["candidates"].items():
        main = found["scorers"][made.primary]
        low, high = main.get("low"), main.get("high")
        rows.append(
            (
                name,
                _share(main["mean"]),
                f"{low:.1%} to {high:.1%}" if low is not None else "",
                main["missing"],
                *(_share(found["scorers"][other]["mean"]) for other in others),
            )
        )
    says = "right" if scorers.get(made.primary).binary else "mean"
    session.say(f"{folder.name}: {made.rows:,} rows of {made.split}, scored by {made.primary}")
    session.say(table(rows, ("candidate", says, "95 % interval", "missing", *others)))
    for name, found in summary["candidates"].items():
        if whole := found.get("corpus"):
            session.say(
                f"All answers of {name} together: chrF {whole['chrf']:.1f}, BLEU {whole['bleu']:.1f}."
            )
    session.emit(
        {
            "evaluation": folder.name,
            "state": "done",
            "split": made.split,
            "rows": made.rows,
            "primary": made.primary,
            **summary,
        }
    )


@click.command("evals")
@project_argument
@json_option
@click.pass_obj
def evals(session: Session, project: str) -> None:
    """List the evaluations and how they stand."""
    rows: list[dict[str, Any]] = []
    for folder in jobs.all_jobs(session.project(project).evals):
        made, status = evaluation.load(folder), jobs.state(folder)
        rows.append(
            {
                "evaluation": folder.name,
                "state": status.state,
                "split": made.split,
                "rows": made.rows,
                "version": Path(made.version).name,
                "candidates": made.names,
                "message": status.message,
            }
        )
    session.say(
        table(
            [
                (r["evaluation"], r["state"], r["version"], r["split"], r["rows"], ", ".join(r["candidates"]))
                for r in rows
            ],
            ("evaluation", "state", "version", "split", "rows", "candidates"),
        )
    )
    session.emit({"evaluations": rows})


@click.command("verdict")
@project_argument
@click.option("--candidate", required=True, metavar="SPEC", help="Who is judged, for example run:r001.")
@click.option(
    "--against", multiple=True, metavar="SPEC", help="Baselines to be beaten; else every one measured."
)
@click.option("--match", multiple=True, metavar="SPEC", help="Baselines to be matched within --margin.")
@click.option(
    "--margin", type=click.FloatRange(0, 1), help="Largest loss of a match; the task's worthwhile gain."
)
@click.option("--saving", default="", help="What a match saves, in words.")
@click.option("--version", metavar="VERSION", help="A frozen version; the run's own, else the newest.")
@click.option("--max-cost", type=click.FloatRange(0), metavar="X", help=_COST_HELP)
@json_option
@click.pass_obj
def verdict(
    session: Session,
    project: str,
    candidate: str,
    against: tuple[str, ...],
    match: tuple[str, ...],
    margin: float | None,
    saving: str,
    version: str | None,
    max_cost: float | None,
) -> int:
    """Ship, do not ship, or not enough evidence: from the sealed test split.

    Exit code: 0 ship, 10 do not ship, 11 not enough evidence, 1 no verdict.
    """
    place = session.project(project)
    spec = _spec(session, candidate)
    beaten = [_spec(session, one) for one in against]
    matched = [_spec(session, one) for one in match]
    frozen = session.version(place, version or _version_of(place, spec))
    task = tasks.load(place.task_path)
    found = sealed.find_or_make(
        place, frozen.folder, task, spec, against=beaten, match=matched, max_cost=max_cost
    )
    if found.made:
        session.note(f"Asking the candidates on the sealed test split ({found.folder.name}).")
        jobs.start(found.folder)
        until_done(session, found.folder)
    given = verdicts.judge(found.folder, spec, beaten or None, matched, margin=margin, saving=saving)
    session.say(given.headline)
    for sentence in given.sentences:
        session.say(sentence)
    for missing in given.not_measured:
        session.say(f"Not measured: {missing.name}. {missing.command}")
    session.emit(given.as_json())
    return given.exit_code


def _version_of(project: Project, spec: str) -> str | None:
    """The version a run was trained on; None for any other candidate."""
    one = candidates.parse(spec)
    manifest = project.runs / one.argument / "manifest.json"
    return Path(read_json(manifest)["version"]).name if one.kind == "run" and manifest.is_file() else None


@click.command("trace")
@project_argument
@click.argument("evaluation_id", metavar="EVALUATION")
@click.argument("example")
@click.option("--candidate", metavar="SPEC", help="Whose answer; a failing one when not given.")
@click.option(
    "--gradients", is_flag=True, help="Also weigh the near rows by their gradients: half a minute or more."
)
@json_option
@click.pass_obj
def trace(
    session: Session,
    project: str,
    evaluation_id: str,
    example: str,
    candidate: str | None,
    gradients: bool,
) -> None:
    """Find the training rows behind one failing answer on validation."""
    place = session.project(project)
    folder = jobs.find(place.evals, evaluation_id)
    found = tracing.trace(
        folder, example, candidate, gradients=gradients, cache=place.vectors, progress=session.progress()
    )
    session.say(found.summary)
    session.say(
        table(
            [
                (row.id, f"{row.cosine:.2f}", "" if row.push is None else f"{row.push:+.2f}", row.reason)
                for row in found.rows
            ],
            ("training row", "cosine", "push", "why"),
        )
    )
    session.emit(asdict(found))


@click.command("slices")
@project_argument
@click.argument("evaluation_id", metavar="EVALUATION")
@click.option("--candidate", required=True, metavar="SPEC")
@click.option("--against", required=True, metavar="SPEC")
@click.option("--by", "wanted", multiple=True, metavar="FIELD", help="Only this field; else all worth it.")
@json_option
@click.pass_obj
def slices_(
    session: Session, project: str, evaluation_id: str, candidate: str, against: str, wanted: tuple[str, ...]
) -> None:
    """See where a candidate does worse than another on validation, slice by slice."""
    folder = jobs.find(session.project(project).evals, evaluation_id)
    if evaluation.load(folder).split == "test":
        raise BadUsage(
            "Test answers are sealed.", hint="Look at slices on validation; guardrails watch the test."
        )
    found = slices.compared(folder, candidate, against, list(wanted) or None)
    session.say(
        table(
            [
                (
                    one.name,
                    one.figures.n,
                    one.figures.only_candidate,
                    one.figures.only_baseline,
                    signed(one.figures.difference),
                    f"{signed(one.figures.low)} to {signed(one.figures.high)}",
                    one.proven,
                )
                for one in found
            ],
            ("slice", "rows", "won", "lost", "points", "plausibly", "proven"),
        )
    )
    session.emit({"slices": [{**asdict(one), "name": one.name, "proven": one.proven} for one in found]})


@click.command("trend")
@project_argument
@json_option
@click.pass_obj
def trend(session: Session, project: str) -> None:
    """Did it get better: every measured score, oldest first; only the same held-out rows compare."""
    found = trending.points(session.project(project))
    rows: list[tuple[object, ...]] = [
        (
            one.evaluation,
            one.version,
            f"{one.rows:,} {one.split} ({one.held_out[:6]})",
            one.candidate,
            one.scorer,
            f"{one.mean:.1%}",
            f"{one.low:.1%} to {one.high:.1%}",
        )
        for one in found
    ]
    session.say(
        table(rows, ("evaluation", "version", "rows", "candidate", "scorer", "score", "95 % interval"))
    )
    session.emit({"points": [asdict(one) for one in found]})


COMMANDS = (eval_, evals, trend, slices_, verdict, trace)
