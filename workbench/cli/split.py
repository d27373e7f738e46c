"""Commands on the held-out set: split, freeze, versions, audit, export."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from curation import export as exporting
from curation import leakage, splits, versions
from curation import task as tasks
from curation.errors import BadUsage
from evals.significance import minimum_detectable_effect
from workbench.cli.options import json_option, project_argument, table
from workbench.cli.session import Session


class Size(click.ParamType[float]):
    """Rows when 1 or more, a share when under 1."""

    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Read a size; a negative one is bad usage."""
        try:
            size = float(value)
        except (TypeError, ValueError):
            self.fail(f"{value!r} is no number.", param, ctx)
        if size < 0 or (size >= 1 and size != int(size)):
            raise BadUsage(f"A size of {value} cannot be meant: give whole rows, or a share below 1.")
        return size


@click.command("split")
@project_argument
@click.option("--test", type=Size(), help="Rows (1 or more) or share (below 1). Default: 20 %, at most 500.")
@click.option("--validation", type=Size(), help="Likewise. Default: 20 %, at most 200.")
@click.option("--group", metavar="FIELD", help="Rows with the same value stay together.")
@click.option(
    "--stratify", metavar="FIELD", help="label, source, or answer.NAME: keep its shares in every split."
)
@click.option("--seed", default=0, show_default=True)
@json_option
@click.pass_obj
def split(
    session: Session,
    project: str,
    test: float | None,
    validation: float | None,
    group: str | None,
    stratify: str | None,
    seed: int,
) -> None:
    """Divide the examples: no duplicate cluster and no group crosses a split."""
    with session.store(project) as store:
        made = splits.make(
            store,
            tasks.load(store.project.task_path),
            test=test,
            validation=validation,
            group=group,
            stratify=stratify,
            seed=seed,
            who=session.who,
            progress=session.progress(),
        )
    session.say(made.text)
    if made.test:
        low, high = (minimum_detectable_effect(made.test, share) for share in (0.1, 0.3))
        session.say(
            f"{made.test:,} test rows can show a gain of {_points(low)} to {_points(high)} points "
            "(when the two candidates differ on 10 % to 30 % of the rows)."
        )
    session.say(f"Next: workbench freeze {project}")
    session.emit(made.as_json())


def _points(share: float | None) -> str:
    return f"{share * 100:.0f}" if share is not None else "more than can be shown in"


@click.command("freeze")
@project_argument
@json_option
@click.pass_obj
def freeze(session: Session, project: str) -> None:
    """Freeze the splits into a version that never changes; print its id."""
    with session.store(project) as store:
        made = versions.freeze(
            store, tasks.load(store.project.task_path), who=session.who, progress=session.progress()
        )
    counts, audit = made.manifest.counts, made.manifest.audit
    session.say(made.name)
    session.say(
        f"  {counts.train:,} train, {counts.validation:,} validation, {counts.test:,} test; "
        f"left out: {counts.dropped:,} dropped, {counts.blocked:,} blocked by a check, {counts.refused:,} refused"
    )
    session.say(f"  fingerprint {made.manifest.fingerprint}")
    leaks = f"{audit.pairs:,} pairs leak across the splits; see workbench audit {project} {made.name}"
    session.say(f"  audit: {'clean' if audit.clean else leaks}")
    session.emit(
        {
            "version": made.name,
            "fingerprint": made.manifest.fingerprint,
            **counts.model_dump(),
            "audit": audit.model_dump(),
        }
    )


@click.command("versions")
@project_argument
@json_option
@click.pass_obj
def versions_(session: Session, project: str) -> None:
    """List the frozen versions."""
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


@click.command("audit")
@project_argument
@click.argument("version", required=False)
@json_option
@click.pass_obj
def audit(session: Session, project: str, version: str | None) -> int:
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
    session.emit({"version": chosen.name, "clean": found.clean, "pairs": [asdict(p) for p in found.pairs]})
    return 0 if found.clean else 1


@click.command("export")
@project_argument
@click.argument("version", required=False)
@click.option("--to", "folder", required=True, metavar="DIR", help="A new or empty folder.")
@click.option(
    "--format", "form", type=click.Choice(("jsonl", "parquet", "hf")), default="jsonl", show_default=True
)
@json_option
@click.pass_obj
def export(session: Session, project: str, version: str | None, folder: str, form: str) -> None:
    """Write a version for other tools: JSON lines, Parquet, or a datasets folder."""
    chosen = session.version(session.project(project), version)
    place = session.path(folder)
    counts = exporting.export(chosen.folder, place, form)
    session.say(
        f"Wrote {chosen.name} to {place}: " + ", ".join(f"{n:,} {name}" for name, n in counts.items())
    )
    session.emit({"version": chosen.name, "to": str(place), "format": form, "rows": counts})


COMMANDS = (split, freeze, versions_, audit, export)
