"""Making a split: one batch of the decision log, or nothing where the sizes cannot be given."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from curation import decisions, groups, versions
from curation import owned as files
from curation.allocation import Group, allocate
from curation.dedup import run as dedup
from curation.errors import BadUsage, NotReady, TouchstoneError, unknown
from curation.progress import SILENT, Progress
from curation.splits.alike import ties_by_meaning
from curation.splits.components import components, usable
from curation.splits.owned import cure
from curation.splits.report import SplitReport, report

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store
    from curation.task import Task

SHARE = 0.2
MOST = {"test": 500, "validation": 200}


def make(
    store: Store,
    task: Task,
    *,
    test: float | None = None,
    validation: float | None = None,
    group: str | Sequence[str] | None = None,
    stratify: str | None = None,
    time: str | None = None,
    semantic: float | None = None,
    seed: int = 0,
    who: str,
    progress: Progress = SILENT,
) -> SplitReport:
    """Give every usable example a split; one batch of the decision log.

    Usable is what a freeze would take: present, not dropped, without an open flag of severity block. Rows
    that a version froze keep their split; new groups go to train unless a held-out split is short.
    Rows that a file gives a split stay in it, and what would leak into such a held-out set is left out.

    Args:
        store: the open project.
        task: names the default group and stratum.
        test: rows (1 or more) or a share (below 1); default: as frozen before, else 20 % and at most 500.
        validation: the same; default at most 200.
        group: fields whose values keep rows together: metadata columns, `group` for the one mapped on import,
            `external_id`, one of `groups.COMPUTED`, or `none`; default: the task's, else the
            mapped one.
        stratify: `label`, `source`, or `answer.NAME`; default: the task's.
        time: a metadata column; the newest rows are test, the next ones validation, and groups that straddle
            a cut stay in train. Whole groups may give a few rows less than asked for.
        semantic: rows of this cosine and more stay together; only where duplicates by meaning were looked for.
        seed: decides between groups that fit equally well.
        who: the person.
        progress: told in stages.

    Raises:
        BadUsage: a negative size, a cosine out of range, or a field that does not exist.
        NotReady: nothing to split, or duplicates by meaning were not looked for.
        TouchstoneError: the sizes cannot be given or leave no training row; nothing was changed.
    """
    _check_sizes({"test": test, "validation": validation})
    chosen_group = groups.checked(store, _names(group) or _names(task.group))
    if time is not None and time not in groups.metadata_fields(store):
        raise unknown("field to split by time", time, groups.metadata_fields(store))
    chosen_stratum = stratify or task.stratify
    if not dedup.is_current(store):
        dedup.deduplicate(store, dedup.near_setting(store), progress)
    alike = ties_by_meaning(store, semantic, progress) if semantic is not None else None
    progress.stage("Splitting")
    frozen = versions.frozen_splits(store.project)
    owned = files.splits(store)
    given = frozen | owned
    with store.transaction() as cursor:
        usable(cursor, store, task, chosen_group, chosen_stratum, frozen, time, alike)
        if time is not None and not store.value("select count(*) from usable where time > 0"):
            raise BadUsage(
                f"No example has a date or time in {time}.", hint="Write 2026-05-31 or seconds since 1970."
            )
        if stratify not in (None, "source") and not store.value(
            "select count(*) from usable where stratum <> ''"
        ):
            raise BadUsage(
                f"No example has a value for {stratify}.", hint="Known: label, source, answer.NAME."
            )
        ids, strata, parts = components(cursor, given)
        if not len(ids):
            raise NotReady(
                "There is no example to split.",
                where=store.project.name,
                hint=f"Import some: workbench import {store.project.folder} FILE",
            )
        parts, cured = cure(parts, ids, given, owned)
        sizes = _sizes(store, len(ids), test, validation) | _owned_sizes(
            parts, ids, owned, {"test": test, "validation": validation}
        )
        allocation = allocate(parts, strata, sizes, seed, by_time=time is not None)
        _refuse_impossible(
            allocation.splits,
            sizes,
            dict.fromkeys(sizes) if time is not None else {"test": test, "validation": validation},
            store.project.name,
        )
        settings = {
            "test": sizes["test"],
            "validation": sizes["validation"],
            "group": chosen_group,
            "stratify": chosen_stratum,
            "seed": seed,
            **({"time": time} if time is not None else {}),
            **({"semantic": semantic} if semantic is not None else {}),
            **({"masked": task.labels} if "template" in groups.fields_of(chosen_group) else {}),
        }
        _record(store, cursor, ids, allocation.splits, settings, who)
    kept = sum(one in frozen and one not in owned for one in ids)
    return report(ids, strata, allocation, parts, kept, settings, sum(one in owned for one in ids), cured)


def _names(group: str | Sequence[str] | None) -> list[str]:
    return [group] if isinstance(group, str) else list(group or ())


def _check_sizes(sizes: dict[str, float | None]) -> None:
    for name, size in sizes.items():
        if size is not None and size < 0:
            raise BadUsage(f"The size of {name} cannot be negative, got {size}.")
        if size is not None and not (size < 1 or (size < math.inf and size == int(size))):
            raise BadUsage(f"The size of {name} is a share below 1 or a whole number of rows, got {size}.")


def _sizes(store: Store, rows: int, test: float | None, validation: float | None) -> dict[str, int]:
    """Rows wanted in each held-out split."""
    newest = versions.newest(store.project)
    sizes = {}
    for name, wanted in (("test", test), ("validation", validation)):
        if wanted is None:
            before = newest.manifest.settings["split"].get(name) if newest else None
            sizes[name] = before if before is not None else min(MOST[name], _rounded(SHARE * rows))
        else:
            sizes[name] = int(wanted) if wanted >= 1 else _rounded(wanted * rows)
    return sizes


def _owned_sizes(
    groups: Sequence[Group], ids: Sequence[str], owned: dict[str, str], asked: dict[str, float | None]
) -> dict[str, int]:
    """A held-out set that a file brings is as large as it is, unless more is asked for."""
    placed = [(ids[row], split) for group in groups for row, split in group.frozen]
    return {
        name: sum(split == name for _, split in placed)
        for name, wanted in asked.items()
        if wanted is None and any(split == name and one in owned for one, split in placed)
    }


def _rounded(rows: float) -> int:
    return int(rows + 0.5)


def _refuse_impossible(
    splits: Sequence[str], sizes: dict[str, int], asked: dict[str, float | None], where: str
) -> None:
    """Refuse a split that misses a number of rows asked for, or leaves nothing to train on."""
    counts = Counter(splits)
    for name, wanted in asked.items():
        exact = wanted is not None and wanted >= 1
        if counts[name] != sizes[name] if exact else (sizes[name] and not counts[name]):
            raise TouchstoneError(
                f"{sizes[name]:,} {name} rows cannot be given: {counts[name]:,} are possible, as copies and groups "
                "stay together and frozen rows stay where they are.",
                where=where,
                hint=f"Ask for --{name} {counts[name]}. Nothing was changed.",
                code="impossible-split",
            )
    if not counts["train"]:
        raise TouchstoneError(
            f"This leaves no training row: {len(splits):,} rows are usable, {sizes['test']:,} were asked for as test "
            f"and {sizes['validation']:,} as validation.",
            where=where,
            hint="Ask for less. Nothing was changed.",
            code="impossible-split",
        )


def _record(
    store: Store,
    cursor: duckdb.DuckDBPyConnection,
    ids: Sequence[str],
    splits: Sequence[str],
    settings: dict[str, Any],
    who: str,
) -> None:
    import pyarrow as pa

    cursor.register("chosen", pa.table({"id": list(ids), "split": list(splits)}))
    store.execute(
        cursor,
        """
        create or replace temp table new_split as
        select u.seq, c.split
        from usable u
        join chosen c using (id)
        union all
        select seq, null
        from live
        where split is not null and seq not in (select seq from usable union all select seq from anchored)
        """,
    )
    cursor.unregister("chosen")
    counts = Counter(splits)
    summary = (
        f"Split: {counts['train']:,} train, {counts['validation']:,} validation, {counts['test']:,} test"
    )
    batch = decisions.record_splits(store, "new_split", who=who, summary=summary)
    store.put(f"{versions.SPLIT_KEY}{batch.batch}", json.dumps(settings))
