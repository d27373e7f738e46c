"""Commands that make the held-out set: split, freeze."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from curation import checks, grouping, groups, splits, versions
from curation import task as tasks
from curation.dedup.semantic import TOGETHER
from curation.errors import BadUsage
from evals.significance import minimum_detectable_effect
from workbench.cli.options import json_option, project_argument
from workbench.cli.session import Session

if TYPE_CHECKING:
    from curation.store import Store


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
@click.option(
    "--group",
    "group",
    multiple=True,
    metavar="FIELD",
    help="Rows with the same value stay together; may be given several times. Besides columns: group, external_id, "
    f"{', '.join(groups.COMPUTED)}, none.",
)
@click.option(
    "--stratify", metavar="FIELD", help="label, source, or answer.NAME: keep its shares in every split."
)
@click.option("--time", metavar="FIELD", help="The newest rows are test, the next ones validation.")
@click.option(
    "--semantic",
    type=float,
    metavar="COSINE",
    help="Rows this close in meaning stay together, such as 0.90; after `dedup --semantic`.",
)
@click.option("--propose", is_flag=True, help="Only list fields that should keep rows together, and why.")
@click.option("--seed", default=0, show_default=True)
@json_option
@click.pass_obj
def split(
    session: Session,
    project: str,
    test: float | None,
    validation: float | None,
    group: tuple[str, ...],
    stratify: str | None,
    time: str | None,
    semantic: float | None,
    propose: bool,
    seed: int,
) -> None:
    """Divide the examples: no duplicate cluster and no group crosses a split."""
    if propose:
        _propose(session, project, group)
        return
    with session.store(project) as store:
        _check_first(session, store)
        made = splits.make(
            store,
            tasks.load(store.project.task_path),
            test=test,
            validation=validation,
            group=group,
            stratify=stratify,
            time=time,
            semantic=semantic,
            seed=seed,
            who=session.who,
            progress=session.progress(),
        )
    session.say(made.text)
    if made.test:
        session.say(_detectable(made.test))
    if isinstance(made.group, list):
        session.say(f"{', '.join(made.group)} tie rows now; rows frozen before stay where they are.")
    session.say(f"Next: workbench freeze {project}")
    session.emit(made.as_json())


def _propose(session: Session, project: str, group: tuple[str, ...]) -> None:
    with session.store(project) as store:
        task = tasks.load(store.project.task_path)
        setting = groups.checked(store, group or ((task.group,) if task.group else ()))
        found = grouping.propose(store, task, setting, session.progress())
        alike = grouping.by_meaning(store, task, setting, progress=session.progress())
        crossing = grouping.crossings(store, task)
    for one in found:
        if one.proposed:
            session.say(one.text)
            session.say(f"  {one.why}")
            session.say(f"  workbench split {project} --group {one.field}")
    if alike is not None:
        session.say(alike.text)
        session.say(f"  {alike.why}")
        session.say(f"  workbench split {project} --semantic {TOGETHER:.2f}")
    others = [one.field for one in found if not one.proposed]
    if len(others) == len(found) and alike is None:
        session.say("No field of this data speaks for keeping its rows together.")
    if others:
        session.say(f"Values repeat in these too, without a sign that it matters: {', '.join(others)}")
    for across in crossing:
        session.say(f"Warning: {across.text}.")
    session.emit(
        {
            "proposals": [one.as_json() for one in [*found, *([alike] if alike else [])]],
            "crossing": [one.as_json() for one in crossing],
        }
    )


def _check_first(session: Session, store: Store) -> None:
    """Run the checks that are out of date: a blocked row must not slip into a split."""
    editions = "select key, value from meta where key like 'check:%'"
    before = set(store.rows(editions))
    unchecked = store.value(
        """
        select count(*)
        from live e
        where not exists (from checked c where c.seq = e.seq and c.text_hash = e.text_hash)
        """
    )
    checks.run(store, tasks.load(store.project.task_path), progress=session.progress())
    renewed = len(set(store.rows(editions)) - before)
    if renewed:
        session.say(
            f"Checked first: {renewed:,} checks were out of date, {unchecked:,} examples new or changed."
        )


def _detectable(rows: int) -> str:
    """The smallest gain that so many test rows show four times in five."""
    shown = [
        f"{gain * 100:.0f} points where two candidates differ on {share:.0%} of the rows"
        for share in (0.1, 0.2, 0.3)
        if (gain := minimum_detectable_effect(rows, share)) is not None
    ]
    if not shown:
        return f"{rows:,} test rows are too few to show any gain reliably. Take more."
    return f"{rows:,} test rows show a true gain of {', '.join(shown)}."


@click.command("freeze")
@project_argument
@json_option
@click.pass_obj
def freeze(session: Session, project: str) -> None:
    """Freeze the splits into a version that never changes; print its id."""
    with session.store(project) as store:
        _check_first(session, store)
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


COMMANDS = (split, freeze)
