"""Freezing: the examples as they are now become a version; an unchanged state gives no new one."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import events, leakage
from curation.errors import NotReady
from curation.files import write_json
from curation.groups import NO_GROUP, fields_of, group_values, quoted
from curation.leakage import SPLITS
from curation.progress import SILENT, Progress
from curation.project import Project
from curation.versions.version import (
    AuditSummary,
    Counts,
    Manifest,
    Version,
    all_versions,
    fingerprint,
    has_groups,
)

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store
    from curation.task import Task

FROZEN_KEY = "frozen:"  # in meta, before the version: the newest batch of the log when it was frozen
SPLIT_KEY = "split:"  # in meta, before the number of the batch that made the split
_FREEZING = threading.Lock()  # one process owns the project, so a lock of threads is enough


def freeze(store: Store, task: Task, *, who: str, progress: Progress = SILENT) -> Version:
    """Freeze every example that is not dropped, refused or blocked by an open flag, as a new version.

    Args:
        store: the open project.
        task: as it is now.
        who: the person, for the log.
        progress: told in stages.

    Returns:
        The new version; the existing one when its rows, splits, clusters and settings are the same.

    Raises:
        NotReady: no split was made, an example has none yet, or there is nothing to freeze.
    """
    with _FREEZING:
        version = _freeze(store, progress)
        _mark_frozen(store, version)
    return version


def _freeze(store: Store, progress: Progress) -> Version:
    from curation.dedup import run as dedup

    if not dedup.is_current(store):
        dedup.deduplicate(store, dedup.near_setting(store), progress)
    found = dedup.last(store)
    settings = {"split": _split_settings(store), "dedup": found.settings if found else {}}
    versions = all_versions(store.project)
    parent = versions[-1] if versions else None
    name = f"v{int(parent.name[1:]) + 1 if parent else 1:03d}"
    unfinished = store.project.versions / f".{name}.{os.getpid()}"
    for left_behind in store.project.versions.glob(".v*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    unfinished.mkdir(parents=True)
    try:
        progress.stage("Writing the rows")
        counts = _write_rows(store, unfinished)
        printed = fingerprint(unfinished, settings["split"])
        version = next((one for one in versions if one.manifest.fingerprint == printed), None)
        if version is None:
            audit = leakage.audit_files(unfinished, settings["dedup"], progress)
            manifest = Manifest(
                version=name,
                fingerprint=printed,
                parent=parent.name if parent else None,
                counts=counts,
                settings=settings,
                audit=AuditSummary(**audit.summary),
                created=events.now(),
            )
            write_json(unfinished / "audit.json", audit.as_json())
            write_json(unfinished / "manifest.json", manifest.model_dump(mode="json"))
            _settle(unfinished)
            os.rename(unfinished, store.project.versions / name)
            _sync(store.project.versions)
            version = Version(name, store.project.versions / name, manifest)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return version


def _split_settings(store: Store) -> dict[str, Any]:
    """The settings of the newest split that is not undone.

    Raises:
        NotReady: there is none.
    """
    stored = store.value(
        f"""
        with last as (
            select root, arg_max(direction, batch) as direction
            from batch
            group by root
        )
        select m.value
        from meta m
        join last l on m.key = '{SPLIT_KEY}' || l.root
        where l.direction <> 'undo'
        order by l.root desc
        limit 1
        """
    )
    if stored is None:
        raise NotReady(
            "No split has been made yet.",
            where=str(store.project.folder),
            hint=f"workbench split {store.project.folder}",
        )
    settings: dict[str, Any] = json.loads(stored)
    return settings


def _write_rows(store: Store, folder: Path) -> Counts:
    """Write the three files from one consistent view of the database.

    Raises:
        NotReady: an example has no split, or there is no row.
    """
    cursor = store.cursor()
    cursor.begin()
    try:
        store.execute(cursor, _STATE)
        counts = Counts(
            **dict(
                store.execute(
                    cursor,
                    """
            unpivot (
                select count(*) filter (fate = 'train') as train, count(*) filter (fate = 'validation') as validation,
                    count(*) filter (fate = 'test') as test, count(*) filter (fate = 'dropped') as dropped,
                    count(*) filter (fate = 'blocked') as blocked, count(*) filter (fate = 'refused') as refused
                from fated
            ) on columns(*) into name name value rows
            """,
                ).fetchall()
            )
        )
        missing = store.execute(cursor, "select count(*) from fated where fate is null").fetchall()[0][0]
        if missing:
            raise NotReady(
                f"{missing:,} example{' has' if missing == 1 else 's have'} no split yet.",
                where=str(store.project.folder),
                hint=f"workbench split {store.project.folder}",
            )
        if not counts.train + counts.validation + counts.test:
            raise NotReady("There is no row to freeze.", where=str(store.project.folder))
        for split in SPLITS:
            _copy(store, cursor, split, folder / f"{split}.parquet")
    finally:
        cursor.rollback()
        cursor.close()
    return counts


_STATE = """
    create or replace temp table fated as
    with blocked as (
        select distinct seq
        from open_flag
        where severity = 'block'
    ), fate as (
        select e.seq, e.id, e.cluster,
            case
                when e.decision = 'drop' then 'dropped'
                when b.seq is not null then 'blocked'
                else e.split end as fate
        from live e
        left join blocked b using (seq)
    )
    select seq, id, fate,
        min(id) over (partition by coalesce(cluster, -seq), fate) as cluster
    from fate
"""
"""What becomes of each example. A cluster is named after its smallest id among the rows of one split, so that the
name depends neither on the order of imports nor on rows that are not frozen."""


def _copy(store: Store, cursor: duckdb.DuckDBPyConnection, split: str, path: Path) -> None:
    """One file. Of several appearances of an example the least group and metadata speak for it, in any order.

    A row that was frozen before keeps its group while it still is one of its own: another appearance under
    another group, imported later, cannot take it out of the group it was split with. Where several fields keep
    rows together, the first one is the group of the file, and its column `groups` holds all of them.
    """
    settings = _split_settings(store)
    fields = fields_of(settings.get("group")) or (NO_GROUP,)
    values = " union all ".join(
        f"select seq, group_key, {number} as number, {quoted(field)} as field "
        f"from ({group_values(field, settings.get('masked', ()))})"
        for number, field in enumerate(fields)
    )
    every = (
        "coalesce(to_json(map_from_entries(g.entries)), '{}')::varchar as groups," if len(fields) > 1 else ""
    )
    store.execute(
        cursor,
        f"""
        copy (
            with frozen as ({_frozen_groups(store.project)}), chosen as (
                select v.seq, v.number, v.field,
                    coalesce(min(v.group_key) filter (v.group_key = f.group_key), min(v.group_key)) as group_key
                from ({values}) v
                join example e using (seq)
                left join frozen f using (id, field)
                group by all
            ), grouped as (
                select seq, min(group_key) filter (number = 0) as group_key,
                    list({{'k': field, 'v': group_key}} order by number) as entries
                from chosen
                group by seq
            ), told as (
                select seq, min(metadata) as metadata
                from occurrence
                group by seq
            )
            select e.id, c.messages, c.tools, c.chosen, c.rejected, e.label, g.group_key as "group", {every}
                f.cluster, f.fate as split, coalesce(t.metadata, '{{}}') as metadata
            from fated f
            join example e using (seq)
            join content c using (seq)
            left join grouped g using (seq)
            left join told t using (seq)
            where f.fate = '{split}'
            order by e.id
        ) to {quoted(str(path))} (format parquet, compression zstd)
        """,
    )


def _frozen_groups(project: Project) -> str:
    """SQL for `id, field, group_key`: the group of each field that each row was last frozen with."""
    parts = []
    for number, version in enumerate(all_versions(project)):
        files = ", ".join(quoted(str(version.path(split))) for split in SPLITS)
        fields = fields_of(version.manifest.settings["split"].get("group"))
        if has_groups(version.folder):
            parts.append(
                f"""
                select id, entry.key as field, entry.value as group_key, {number} as number
                from (
                    select id, unnest(map_entries(groups::json::map(varchar, varchar))) as entry
                    from read_parquet([{files}])
                )
                """
            )
        elif fields:
            parts.append(
                f"""
                select id, {quoted(fields[0])} as field, "group" as group_key, {number} as number
                from read_parquet([{files}])
                """
            )
    if not parts:
        return "select '' as id, '' as field, '' as group_key where false"
    every = " union all ".join(parts)
    return f"select id, field, arg_max(group_key, number) as group_key from ({every}) group by id, field"


def _settle(folder: Path) -> None:
    """Bring every file to the disk and take the right to write from it."""
    for path in folder.iterdir():
        _sync(path)
        path.chmod(0o444)
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mark_frozen(store: Store, version: Version) -> None:
    with store.transaction() as cursor:
        store.execute(
            cursor,
            """
            update example
            set frozen = true
            where not frozen and id in (select id from read_parquet($files))
            """,
            {"files": [str(version.path(split)) for split in SPLITS]},
        )
        newest = store.value("select coalesce(max(batch), 0) from batch")
        store.put(f"{FROZEN_KEY}{version.name}", str(newest))
