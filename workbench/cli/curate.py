"""Commands that look for what is wrong: check, flags, fix, dedup."""

from __future__ import annotations

from dataclasses import asdict

import click

from curation import checks, filters, lengths, meaning
from curation import task as tasks
from curation.checks import fixes
from curation.checks.precision import Judged, judged
from curation.dedup import run as dedup
from curation.dedup import semantic
from curation.errors import unknown
from curation.store import Store
from evals.significance import wilson
from evals.wording import counted
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session

_SHOWN = 20  # examples of a repair


@click.command("check")
@project_argument
@click.option("--only", multiple=True, metavar="NAME", help="Run just these checks.")
@json_option
@click.pass_obj
def check(session: Session, project: str, only: tuple[str, ...]) -> None:
    """Run the checks on what has changed since the last time."""
    with session.store(project) as store:
        task = tasks.load(store.project.task_path)
        progress = session.progress()
        found = checks.run(store, task, only=only, progress=progress)
        measured = lengths.count(store, task, progress)
        if measured and "token_length" in found:
            found |= checks.run(store, task, only=["token_length"], progress=progress)
        severities: dict[str, int] = dict(
            store.rows("select severity, count(distinct seq) from open_flag group by all")
        )
    session.say(table([(name, n) for name, n in found.items()], ("check", "flags")))
    if measured is None and "token_length" in found:
        session.say(
            f"Tokens are not counted, so token_length finds nothing: {task.model.name} is not ready on this machine."
        )
    blocked = severities.get("block", 0)
    if blocked:
        session.say(
            f"{counted(blocked, 'example')} cannot be trained on as is and would be left out of a version."
        )
    session.emit({"flags": found, "examples_by_severity": severities})


@click.command("flags")
@project_argument
@click.option("--check", "name", metavar="NAME", help="Only this check's flags.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1))
@json_option
@click.pass_obj
def flags(session: Session, project: str, name: str | None, limit: int) -> None:
    """List what the checks found."""
    if name and name not in {one.name for one in checks.CHECKS} | {"by hand"}:
        raise unknown("check", name, [one.name for one in checks.CHECKS])
    with session.store(project) as store:
        total = store.value("select count(*) from open_flag where ? is null or check_name = ?", [name, name])
        rows = store.dicts(
            """
            select
                e.id, f.check_name as check, f.severity, f.turn, f.span_start as start, f.span_end as end,
                f.message
            from open_flag f
            join example e using (seq)
            where ? is null or f.check_name = ?
            order by e.seq, f.turn, f.span_start
            limit ?
            """,
            [name, name, limit],
        )
        known = [one for one in judged(store) if name in (None, one.check)]
    session.say(
        table(
            [
                (r["id"], r["check"], r["severity"], "" if r["turn"] is None else r["turn"], r["message"])
                for r in rows
            ],
            ("id", "check", "severity", "turn", "found"),
        )
    )
    if total > len(rows):
        session.say(f"{len(rows):,} of {total:,} flags; --limit shows more.")
    precision = {one.check: _precision(one) for one in known}
    for one in known:
        told = precision[one.check]
        session.say(
            f"{one.check}: {one.dropped:,} of {one.rows:,} flagged rows decided one by one were dropped, "
            f"{told['rate']:.0%} ({told['low']:.0%} to {told['high']:.0%})."
        )
    session.emit({"total": total, "flags": rows, "precision": precision})


def _precision(told: Judged) -> dict[str, float]:
    low, high = wilson(told.dropped, told.rows)
    return {
        "dropped": told.dropped,
        "rows": told.rows,
        "rate": told.dropped / told.rows,
        "low": low,
        "high": high,
    }


@click.command("fix")
@project_argument
@click.argument("name", metavar="CHECK")
@click.option("--where", "text", metavar="FILTER", help="Only examples of this filter.")
@click.option("--dry-run", is_flag=True, help="Show what would change and change nothing.")
@json_option
@click.pass_obj
def fix(session: Session, project: str, name: str, text: str | None, dry_run: bool) -> None:
    """Repair what a check found where that is safe; one undo takes it back."""
    with session.store(project) as store:
        chosen = filters.view(store, filters.parse(text)) if text else None
        mended = fixes.preview(store, name, chosen)
        batch = None if dry_run else fixes.apply(store, name, chosen, who=session.who)
    session.say(fixes.FIXES[name].says)
    for one in mended[:_SHOWN] if dry_run else []:
        session.say(f"{one.id}  {len(one.before)} turns -> {len(one.after)}")
    if dry_run:
        session.say(f"{counted(len(mended), 'example')} would change.")
    elif mended:
        session.say(f"{counted(len(mended), 'example')} changed; workbench undo {project} takes it back.")
    else:
        session.say("No example can be repaired this way, so nothing changed.")
    session.emit(
        {
            "fix": name,
            "changed": 0 if dry_run else len(mended),
            "batch": batch.batch if batch else None,
            "examples": [{"id": one.id, "before": one.before, "after": one.after} for one in mended[:_SHOWN]],
            "total": len(mended),
        }
    )


@click.command("dedup")
@project_argument
@click.option(
    "--near", type=click.FloatRange(0, 1, min_open=True), help="Least similarity, in place of the defaults."
)
@click.option(
    "--semantic",
    "cosine",
    type=click.FloatRange(0.5, 1, min_open=True),
    help="Also find rows that ask the same in other words, of at least this cosine (0.95).",
)
@json_option
@click.pass_obj
def dedup_(session: Session, project: str, near: float | None, cosine: float | None) -> None:
    """Find exact and near duplicates and their clusters; nothing is dropped."""
    with session.store(project) as store:
        found = dedup.deduplicate(store, near, session.progress())
        by_meaning = _by_meaning(session, store, cosine) if cosine else None
    pairs = (
        f"{found.near_pairs:,}" if found.near_pairs is not None else f"at least {found.near_pairs_at_least:,}"
    )
    session.say(
        f"{found.exact_groups:,} groups of equal conversations, {pairs} near pairs "
        f"({found.settings['shingle']}, similarity {found.settings['threshold_short']} for short texts, "
        f"{found.settings['threshold']} else)"
    )
    session.say(
        f"{found.clusters:,} clusters hold {found.clustered:,} examples; a split keeps each one together."
    )
    session.say(f"{found.proposed:,} could be dropped: workbench decide {project} drop --duplicates")
    if by_meaning:
        cut = f"; {by_meaning.cut:,} chains were cut" if by_meaning.cut else ""
        session.say(
            f"{by_meaning.groups:,} groups of {by_meaning.grouped:,} examples ask the same in other words "
            f"(cosine {by_meaning.threshold}{cut}). None is proposed to be dropped without a look."
        )
    session.emit({**found.as_json(), **({"semantic": asdict(by_meaning)} if by_meaning else {})})


def _by_meaning(session: Session, store: Store, threshold: float) -> semantic.SemanticReport:
    task = tasks.load(store.project.task_path)
    standing = semantic.representatives(store)
    session.note(meaning.estimate(store, task.embedder, standing).sentence)
    if foreign := meaning.foreign(store, task.embedder):
        session.note(foreign)
    return semantic.find(store, threshold, task.embedder, session.progress())


COMMANDS = (check, flags, fix, dedup_)
