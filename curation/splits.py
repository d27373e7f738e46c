"""Splits: whole groups go to train, validation or test, stratified, seeded, and stable when rows are added.

A group is a connected component of duplicate clusters and the group field, named after its smallest id, so
that the same rows give the same splits in whatever order they were imported.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from curation import decisions, versions
from curation.allocation import HELD_OUT, REFUSED, Allocation, Group, allocate
from curation.dedup import run as dedup
from curation.errors import BadUsage, NotReady, TouchstoneError, unknown
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store
    from curation.task import Task

SHARE = 0.2
MOST = {"test": 500, "validation": 200}
NO_GROUP = "none"


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What a split did.

    Args:
        train: rows.
        validation: rows.
        test: rows.
        refused: ids of new rows that would tie two frozen splits together.
        groups: how many groups there are.
        largest_group: rows of the largest one.
        too_large: groups over half the test size, which went to train.
        kept: rows that stayed where an earlier version froze them.
        stratify: the field whose shares are kept.
        group: the field whose rows stay together; None: only duplicates do.
        imbalance: largest absolute difference between a stratum's share in a split and in all rows.
        balance: rows by stratum and split.
    """

    train: int
    validation: int
    test: int
    refused: tuple[str, ...]
    groups: int
    largest_group: int
    too_large: int
    kept: int
    stratify: str
    group: str | None
    imbalance: float
    balance: dict[str, dict[str, int]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """The report in a few plain lines."""
        lines = [
            f"{self.train:,} train, {self.validation:,} validation, {self.test:,} test, in {self.groups:,} groups "
            f"(the largest has {self.largest_group:,} rows)",
            f"Shares of {self.stratify} differ by at most {self.imbalance * 100:.1f} points between the splits.",
        ]
        if self.kept:
            lines.append(f"{self.kept:,} rows stayed where an earlier version froze them.")
        if self.too_large:
            lines.append(f"{self.too_large:,} groups are larger than half the test set and went to train.")
        if self.refused:
            lines.append(
                f"{len(self.refused):,} new rows tie two frozen splits together and are refused: "
                + ", ".join(self.refused[:10])
            )
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return asdict(self)


def make(
    store: Store,
    task: Task,
    *,
    test: float | None = None,
    validation: float | None = None,
    group: str | None = None,
    stratify: str | None = None,
    seed: int = 0,
    who: str,
    progress: Progress = SILENT,
) -> SplitReport:
    """Give every usable example a split; one batch of the decision log.

    Usable is what a freeze would take: present, not dropped, without an open flag of severity block. Rows
    that a version froze keep their split; new groups go to train unless a held-out split is short.

    Args:
        store: the open project.
        task: names the default group and stratum.
        test: rows (1 or more) or a share (below 1); default: as frozen before, else 20 % and at most 500.
        validation: the same; default at most 200.
        group: a metadata field, `group` for the field mapped on import, or `none`; default: the task's,
            else the mapped one.
        stratify: `label`, `source`, or `answer.NAME`; default: the task's.
        seed: decides between groups that fit equally well.
        who: the person.
        progress: told in stages.

    Raises:
        BadUsage: a negative size, or a field that does not exist.
        TouchstoneError: the sizes cannot be given or leave no training row; nothing was changed.
    """
    _check_sizes({"test": test, "validation": validation})
    chosen_group = _checked_group(store, group or task.group)
    chosen_stratum = stratify or task.stratify
    if not dedup.is_current(store):
        dedup.deduplicate(store, dedup.near_setting(store), progress)
    progress.stage("Splitting")
    frozen = versions.frozen_splits(store.project)
    with store.transaction() as cursor:
        _usable(cursor, store, task, chosen_group, chosen_stratum, frozen)
        if stratify not in (None, "source") and not store.value(
            "select count(*) from usable where stratum <> ''"
        ):
            raise BadUsage(
                f"No example has a value for {stratify}.", hint="Known: label, source, answer.NAME."
            )
        ids, strata, groups = _read(cursor, frozen)
        if not len(ids):
            raise NotReady(
                "There is no example to split.",
                where=store.project.name,
                hint=f"Import some: workbench import {store.project.folder} FILE",
            )
        sizes = _sizes(store, len(ids), test, validation)
        allocation = allocate(groups, strata, sizes, seed)
        _refuse_impossible(
            allocation.splits, sizes, {"test": test, "validation": validation}, store.project.name
        )
        settings = {
            "test": sizes["test"],
            "validation": sizes["validation"],
            "group": chosen_group,
            "stratify": chosen_stratum,
            "seed": seed,
        }
        _record(store, cursor, ids, allocation.splits, settings, who)
    return _report(ids, strata, allocation, groups, sum(one in frozen for one in ids), settings)


def _check_sizes(sizes: dict[str, float | None]) -> None:
    for name, size in sizes.items():
        if size is not None and size < 0:
            raise BadUsage(f"The size of {name} cannot be negative, got {size}.")
        if size is not None and not (size < 1 or (size < math.inf and size == int(size))):
            raise BadUsage(f"The size of {name} is a share below 1 or a whole number of rows, got {size}.")


def _checked_group(store: Store, name: str | None) -> str | None:
    """The group field as it is stored: None for the one mapped on import.

    Raises:
        BadUsage: no example has such a field.
    """
    if name in (None, "group", NO_GROUP):
        return name if name == NO_GROUP else None
    known = [
        key for (key,) in store.rows("select distinct unnest(json_keys(metadata)) as key from occurrence")
    ]
    if name in known:
        return name
    mapped = {column for (column,) in store.rows("select mapping ->> '$.group' from source")}
    if name in mapped:
        return None
    raise unknown("field to group by", str(name), ["group", NO_GROUP, *known])


def _usable(
    cursor: duckdb.DuckDBPyConnection,
    store: Store,
    task: Task,
    group: str | None,
    stratify: str,
    frozen: dict[str, str],
) -> None:
    """Fill `usable` (seq, id, cluster, stratum), `anchored` (the same of frozen rows left out now) and `tied`."""
    import pyarrow as pa

    store.execute(
        cursor,
        f"""
        create or replace temp table usable as
        select e.seq, e.id, e.cluster, coalesce({_stratum(stratify)}, '') as stratum
        from live e
        join content c using (seq)
        join source s using (source)
        where e.decision <> 'drop'
            and not exists (from open_flag f where f.seq = e.seq and f.severity = 'block')
        """,
        {"labels": task.labels} if stratify == "label" else {},
    )
    cursor.register("frozen_id", pa.table({"id": pa.array(frozen, pa.string())}))
    store.execute(
        cursor,
        """
        create or replace temp table anchored as
        select seq, id, cluster, '' as stratum
        from live
        semi join frozen_id using (id)
        anti join usable using (seq)
        """,
    )
    cursor.unregister("frozen_id")
    store.execute(
        cursor,
        f"""
        create or replace temp table tied as
        select distinct seq, group_key
        from ({versions.group_values(group)})
        where seq in (select seq from usable union all select seq from anchored)
        """,
    )


def _stratum(name: str) -> str:
    """SQL for the stratum of an example, over `example e`, `content c` and `source s`."""
    if name == "label":
        answer = "answer_text(c.messages)"
        return f"coalesce(e.label, case when list_contains($labels::varchar[], {answer}) then {answer} end)"
    if name == "source":
        return "s.name"
    kind, _, path = name.partition(".")
    if kind != "answer" or not path or any(one in path for one in "\"'"):
        raise unknown("field to stratify by", name, ["label", "source", "answer.NAME"])
    answer = "answer_text(c.messages)"
    return f"case when json_valid({answer}) then json_extract_string({answer}, '$.\"{path}\"') end"


def _read(
    cursor: duckdb.DuckDBPyConnection, frozen: dict[str, str]
) -> tuple[list[str], list[str], list[Group]]:
    """Ids in order, the stratum of each, and the groups: components of clusters and shared group values."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    rows = cursor.execute(
        "select id, stratum, coalesce(cluster, -seq), seq from usable order by id"
    ).fetchall()
    left_out = cursor.execute(
        "select id, stratum, coalesce(cluster, -seq), seq from anchored order by id"
    ).fetchall()
    everything = rows + left_out
    position = {seq: i for i, (*_, seq) in enumerate(everything)}
    _, cluster = np.unique([row[2] for row in everything], return_inverse=True)
    ties = cursor.execute("select seq, group_key from tied").fetchall()
    _, tied = np.unique([key for _, key in ties], return_inverse=True)
    n, clusters = len(everything), int(cluster.max(initial=-1)) + 1
    a = np.concatenate([np.arange(n), np.array([position[seq] for seq, _ in ties], dtype=np.int64)])
    b = np.concatenate([n + cluster, n + clusters + np.asarray(tied, dtype=np.int64)])
    size = n + clusters + len(ties)
    graph = csr_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(size, size))
    _, component = connected_components(graph, directed=False)
    ids = [row[0] for row in everything]
    members: defaultdict[int, list[int]] = defaultdict(list)
    anchors: defaultdict[int, set[str]] = defaultdict(set)
    for place, part in enumerate(component[:n].tolist()):
        if place < len(rows):
            members[part].append(place)
        else:
            anchors[part].add(frozen[ids[place]])
    groups = [
        Group(
            ids[places[0]],
            tuple(places),
            tuple((place, frozen[ids[place]]) for place in places if ids[place] in frozen),
            tuple(sorted(anchors[part])),
        )
        for part, places in members.items()
    ]
    return ids[: len(rows)], [row[1] for row in rows], groups


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


def _report(
    ids: Sequence[str],
    strata: Sequence[str],
    allocation: Allocation,
    groups: Sequence[Group],
    kept: int,
    settings: dict[str, Any],
) -> SplitReport:
    balance: dict[str, Counter[str]] = defaultdict(Counter)
    for stratum, split in zip(strata, allocation.splits, strict=True):
        balance[stratum][split] += 1
    counts = Counter(allocation.splits)
    imbalance = max(
        (
            abs(per[split] / counts[split] - per.total() / len(ids))
            for per in balance.values()
            for split in ("train", *HELD_OUT)
            if counts[split]
        ),
        default=0.0,
    )
    refused = [one for one, split in zip(ids, allocation.splits, strict=True) if split == REFUSED]
    return SplitReport(
        train=counts["train"],
        validation=counts["validation"],
        test=counts["test"],
        refused=tuple(refused),
        groups=len(groups),
        largest_group=max(len(one.rows) for one in groups),
        too_large=allocation.too_large,
        kept=kept,
        stratify=settings["stratify"],
        group=settings["group"],
        imbalance=imbalance,
        balance={name: dict(per) for name, per in sorted(balance.items())},
    )
