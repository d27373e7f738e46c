"""The command that needs no project: scan."""

from __future__ import annotations

import click

from curation import formats, leakage
from curation.errors import BadUsage, TouchstoneError
from curation.files import write_atomic
from curation.scan import Part, Scan
from workbench.cli.options import json_option, table
from workbench.cli.session import Session

FOUND = 10


@click.command("scan")
@click.argument("train", metavar="TRAIN")
@click.argument("test", metavar="TEST", required=False)
@click.option(
    "-o", "out", default="scan.html", show_default=True, metavar="FILE", help="Where the page is written."
)
@click.option("--format", "form", default="auto", show_default=True, help="auto, messages or columns.")
@click.option(
    "--map", "pairs", multiple=True, metavar="FIELD=COLUMN", help="As for import; holds for both files."
)
@json_option
@click.pass_obj
def scan(session: Session, train: str, test: str | None, out: str, form: str, pairs: tuple[str, ...]) -> int:
    """Report card of one or two files, without a project: leaks, conflicts, broken rows, duplicates.

    A single file with --map split=COLUMN is both, its train rows and its test rows.

    Exit code: 0 nothing found that breaks an evaluation; 10 leaks, conflicting answers or broken rows were
    found; 1 it could not be done; 2 wrong usage.
    """
    from curation import scan as scanning
    from workbench.scan_page import page

    files = [session.path(file) for file in (train, test) if file is not None]
    place = session.path(out)
    if place in files:
        raise BadUsage("The page would overwrite a file that is looked at.", where=out, hint="Change -o.")
    found = scanning.scan(
        *files, format=form, mapping=formats.parse_mapping(pairs), progress=session.progress()
    )
    try:
        write_atomic(place, page(found))
    except OSError as error:
        raise TouchstoneError(f"The page cannot be written: {error.strerror}.", where=out) from error
    _say(session, found)
    session.say(f"The page with everything: {out}")
    session.emit({**found.as_json(), "page": str(place)})
    return FOUND if found.problems else 0


def _say(session: Session, found: Scan) -> None:
    session.say(found.verdict)
    session.say()
    session.say(
        table(
            [_row(part) for part in found.parts],
            ("file", "rows", "unreadable", "blocked", "conflicting", "copies", "similar pairs"),
        )
    )
    if found.leaks:
        session.say()
        session.say(
            table(
                [
                    (says, found.leaks.rows.get(kind, 0), found.leaks.pairs[kind])
                    for kind, says in leakage.KINDS.items()
                    if found.leaks.pairs[kind]
                ]
                or [("nothing", 0, 0)],
                ("test shares with train", "test rows", "pairs"),
            )
        )
    _say_findings(session, found)
    _say_gain(session, found)
    for one in found.not_looked_at:
        session.say(f"Not looked at: {one[0].lower()}{one[1:]}")


def _row(part: Part) -> tuple[object, ...]:
    near = part.repeats.near_pairs
    return (
        part.name,
        part.rows,
        part.rows - part.read,
        part.blocked,
        part.conflicting,
        part.repeats.copies,
        near if near is not None else f"over {part.repeats.near_pairs_at_least:,}",
    )


def _say_findings(session: Session, found: Scan) -> None:
    counts = [{one.check: one.rows for one in part.flagged} for part in found.parts]
    known = {one.check: (one.title, one.severity) for part in found.parts for one in part.flagged}
    session.say()
    if known:
        names = ("train", "test") if found.test else ("rows",)
        session.say(
            table(
                [(*known[check], *(per.get(check, 0) for per in counts)) for check in known],
                ("finding", "grade", *names),
            )
        )
        session.say()


def _say_gain(session: Session, found: Scan) -> None:
    from workbench.scan_page import SHARES, gains

    for one in gains(found):
        shown = ", ".join(
            f"{points:.1f} points where {share:.0%} of the answers differ"
            for share, points in zip(SHARES, one.points, strict=True)
            if points is not None
        )
        session.say(
            f"{one.rows:,} rows ({one.says}) "
            + (f"show a true gain of {shown}." if shown else "are too few to show any gain reliably.")
        )


COMMANDS = (scan,)
