"""Commands on frozen versions: versions, audit, export."""

from __future__ import annotations

from dataclasses import asdict

import click

from curation import export as exporting
from curation import gauges, leakage, versions
from curation.gauges import Gauges
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session


@click.command("versions")
@project_argument
@click.option(
    "--diff", nargs=2, metavar="OLD NEW", help="Rows in, out, edited, relabelled and moved between two."
)
@json_option
@click.pass_obj
def versions_(session: Session, project: str, diff: tuple[str, str] | None) -> None:
    """List the frozen versions, or what changed between two of them."""
    if diff:
        _difference(session, project, *diff)
        return
    found = versions.all_versions(session.project(project))
    session.say(
        table(
            [
                (
                    v.name,
                    v.manifest.counts.train,
                    v.manifest.counts.validation,
                    v.manifest.counts.test,
                    "clean" if v.manifest.audit.clean else "leaks",
                    v.manifest.fingerprint[:12],
                )
                for v in found
            ],
            ("version", "train", "validation", "test", "audit", "fingerprint"),
        )
    )
    session.emit({"versions": [{"version": v.name, **v.manifest.model_dump(mode="json")} for v in found]})


def _difference(session: Session, project: str, old: str, new: str) -> None:
    place = session.project(project)
    a, b = (versions.open_version(place, name) for name in (old, new))
    changes = asdict(versions.compare(a, b))
    session.say(f"From {a.name} to {b.name}, whose parent is {b.manifest.parent or 'none'}:")
    for what, ids in changes.items():
        shown = ", ".join(ids[:10]) + (" …" if len(ids) > 10 else "")
        session.say(f"  {len(ids):,} {what}" + (f": {shown}" if ids else ""))
    session.emit({"old": a.name, "new": b.name, "parent": b.manifest.parent, **changes})


@click.command("audit")
@project_argument
@click.argument("version", required=False)
@click.option(
    "--gauges",
    "gauged",
    is_flag=True,
    help="Also what test and train share without being copies, and how far they differ; it changes no exit code.",
)
@json_option
@click.pass_obj
def audit(session: Session, project: str, version: str | None, gauged: bool) -> int:
    """Recompute the leakage audit from a version's files alone. Exit 1 when anything leaks."""
    chosen = session.version(session.project(project), version)
    found = leakage.audit(chosen.folder, session.progress())
    session.say(
        f"{chosen.name}: "
        + (
            "clean: no pair of equal, similar or grouped rows crosses a split."
            if found.clean
            else f"{len(found.pairs):,} pairs cross a split."
        )
    )
    session.say(
        table(
            [(p.id_a, p.split_a, p.id_b, p.split_b, p.kind, f"{p.similarity:.2f}") for p in found.pairs[:50]],
            ("example", "in", "example", "in", "kind", "similarity"),
        )
        if found.pairs
        else ""
    )
    plain = {"version": chosen.name, "clean": found.clean, "pairs": [asdict(p) for p in found.pairs]}
    if gauged:
        measured = gauges.measure(chosen.folder, session.progress())
        _say_gauges(session, measured)
        plain["gauges"] = measured.as_json()
    session.emit(plain)
    return 0 if found.clean else 1


def _say_gauges(session: Session, measured: Gauges) -> None:
    for one in measured.readings:
        session.say(one.sentence)
        if one.name == "answers" and measured.answers.shown:
            session.say(
                table(
                    [(v.value[:80], v.test_rows, v.train_questions) for v in measured.answers.shown],
                    ("answer", "test rows", "questions of train"),
                )
            )
    if measured.shift.clear:
        session.say(
            table(
                [
                    (w.word, w.side, f"{100 * w.test:.1f} %", f"{100 * w.train:.1f} %")
                    for w in measured.shift.words
                ],
                ("word", "speaks for", "of test prompts", "of train prompts"),
            )
        )
        session.say(
            table(
                [(r.id, f"{r.chance:.2f}", r.prompt[:80]) for r in measured.shift.rows],
                ("example", "looks like test", "prompt"),
            )
        )


@click.command("export")
@project_argument
@click.argument("version", required=False)
@click.option("--to", "folder", required=True, metavar="DIR", help="A new or empty folder.")
@click.option("--format", "form", type=click.Choice(exporting.FORMATS), default="jsonl", show_default=True)
@json_option
@click.pass_obj
def export(session: Session, project: str, version: str | None, folder: str, form: str) -> None:
    """Write a version for other tools: JSON lines, Parquet, a datasets folder, or the form of a trainer."""
    chosen = session.version(session.project(project), version)
    place = session.path(folder)
    counts = exporting.export(chosen.folder, place, form)
    session.say(
        f"Wrote {chosen.name} to {place}: " + ", ".join(f"{n:,} {name}" for name, n in counts.items())
    )
    session.emit({"version": chosen.name, "to": str(place), "format": form, "rows": counts})


COMMANDS = (versions_, audit, export)
