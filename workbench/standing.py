"""Where a project stands: the numbers of the loop, each a quick count, for Overview and the sidebar."""

from __future__ import annotations

from dataclasses import dataclass

from curation import jobs, versions
from curation.store import Store
from curation.task import Task
from curation.versions import Version
from evals import looks
from workbench import rows


@dataclass(frozen=True, slots=True)
class Counts:
    """Examples by state, dropped ones in `dropped` alone. `flagged` have an open flag that blocks or wants a fix."""

    sources: int
    examples: int
    undecided: int
    dropped: int
    edited: int
    quarantined: int
    flagged: int
    blocked: int
    unchecked: int
    clustered: int
    train: int
    validation: int
    test: int
    unassigned: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The whole loop. Evaluations, runs and looks are counted from their folders.

    `changed` counts examples that were edited, labelled or decided after the newest version was frozen.
    """

    counts: Counts
    task: Task | None
    version: Version | None
    changed: int
    evaluations: int
    runs: int
    at_work: tuple[jobs.Status, ...]
    verdicts: int


def measure(store: Store, task: Task | None) -> Standing:
    """Count everything once."""
    project = store.project
    evaluations, runs = jobs.all_jobs(project.evals), jobs.all_jobs(project.runs)
    version = versions.newest(project)
    states = [jobs.state(folder) for folder in (*evaluations, *runs)]
    return Standing(
        counts=_counts(store),
        task=task,
        version=version,
        changed=_changed(store, version) if version else 0,
        evaluations=len(evaluations),
        runs=len(runs),
        at_work=tuple(one for one in states if not one.ended),
        verdicts=len(looks.read(project.evals / looks.REGISTER)),
    )


def _changed(store: Store, version: Version) -> int:
    return int(
        store.value(
            """
            select count(distinct d.seq)
            from decision d
            where d.batch > ?::bigint and d.kind in ('decision', 'label', 'messages', 'revised')
            """,
            [store.get(f"{versions.FROZEN_KEY}{version.name}") or "0"],
        )
    )


_known: tuple[object, Counts] | None = None


def _counts(store: Store) -> Counts:
    """Counted again only when the log, the flags or the clusters have changed."""
    global _known
    mark = rows.mark(store)
    if _known is not None and _known[0] == mark:
        return _known[1]
    row = store.row(
        """
        with bad as (
            select f.seq, bool_or(f.severity = 'block') as blocks
            from open_flag f
            where f.severity in ('block', 'fix')
            group by f.seq
        )
        select
            (select count(*) from source),
            count(*),
            count(*) filter (e.decision = 'undecided'),
            count(*) filter (e.decision = 'drop'),
            count(*) filter (e.edited),
            (select count(*) from quarantine),
            count(*) filter (b.seq is not null and e.decision <> 'drop'),
            count(*) filter (b.blocks and e.decision <> 'drop'),
            $unchecked::bigint,
            (select count(distinct seq) from duplicate),
            count(*) filter (e.split = 'train'),
            count(*) filter (e.split = 'validation'),
            count(*) filter (e.split = 'test'),
            count(*) filter (e.split is null and e.decision <> 'drop' and not coalesce(b.blocks, false))
        from live e
        left join bad b using (seq)
        """,
        {"unchecked": _unchecked(store)},
    )
    counts = Counts(*(row or (0,) * 14))
    _known = (mark, counts)
    return counts


_looked: tuple[object, int] | None = None


def _unchecked(store: Store) -> int:
    """Examples no check has looked at as they are now; asked again only when texts or checks have changed."""
    global _looked
    mark = rows.looked_at(store)
    if _looked is None or _looked[0] != mark:
        found = store.value(
            """
            select count(*)
            from live e
            anti join checked c on c.seq = e.seq and c.text_hash = e.text_hash
            """
        )
        _looked = (mark, int(found))
    return _looked[1]


def badges(standing: Standing) -> dict[str, str]:
    """What the sidebar says beside each screen: our own words only, since it is markdown."""
    counts, found = standing.counts, {}
    if counts.examples:
        found["import"] = f":gray-badge[{counts.examples:,}]"
    if counts.flagged:
        found["review"] = f":orange-badge[{counts.flagged:,}]"
    if standing.version is not None:
        clean = standing.version.manifest.audit.clean
        found["splits"] = (
            f":gray-badge[{standing.version.name}]" if clean else f":red-badge[{standing.version.name}]"
        )
    at_work = [one.folder.parent.name for one in standing.at_work]
    for name, kind, n in (("train", "runs", standing.runs), ("evals", "evals", standing.evaluations)):
        if kind in at_work:
            found[name] = ":blue-badge[at work]"
        elif n:
            found[name] = f":gray-badge[{n}]"
    if standing.verdicts:
        found["verdict"] = f":gray-badge[{standing.verdicts}]"
    if standing.task is None and counts.examples:
        found["settings"] = ":red-badge[mend]"
    elif standing.task is not None and standing.task.guessed:
        found["settings"] = ":orange-badge[guess]"
    return found
