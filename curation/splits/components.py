"""The rows of a split and what ties them together.

A group is a connected component of duplicate clusters and group fields, named after its smallest id, so that
the same rows give the same splits in whatever order they were imported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from curation.allocation import Group
from curation.errors import unknown
from curation.groups import Setting, metadata_path, ties

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from curation.dedup.shingles import Ints
    from curation.store import Store
    from curation.task import Task


def usable(
    cursor: duckdb.DuckDBPyConnection,
    store: Store,
    task: Task,
    group: Setting,
    stratify: str,
    frozen: dict[str, str],
    time: str | None = None,
    alike: pa.Table | None = None,
) -> None:
    """Fill `usable` (seq, id, cluster, stratum, time), `anchored` (the same of frozen rows left out now), `tied`.

    The time of an example is its oldest one, in seconds of UTC; 0: it has none. `alike` are more ties.
    """
    import pyarrow as pa

    store.execute(
        cursor,
        f"""
        create or replace temp table usable as
        select e.seq, e.id, e.cluster, coalesce({_stratum(stratify)}, '') as stratum,
            {_time(time)} as time
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
        select seq, id, cluster, '' as stratum, 0 as time
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
        from ({ties(group, task.labels)})
        where seq in (select seq from usable union all select seq from anchored)
        """,
    )
    if alike is not None:
        cursor.register("alike", alike)
        store.execute(
            cursor,
            """
            insert into tied
            select seq, group_key
            from alike
            where seq in (select seq from usable union all select seq from anchored)
            """,
        )
        cursor.unregister("alike")


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


def _time(field: str | None) -> str:
    """SQL for the seconds of a metadata column: a date, a date with time, or seconds since 1970."""
    if field is None:
        return "0"
    value = f"json_extract_string(o.metadata, {metadata_path(field)})"
    seconds = f"coalesce(epoch(try_cast({value} as timestamp)), try_cast({value} as double))"
    return f"coalesce((select min({seconds}) from occurrence o where o.seq = e.seq), 0)"


def connected(n: int, ties: Sequence[tuple[Ints, Ints]]) -> Ints:
    """The component of each of n rows.

    Args:
        n: rows.
        ties: pairs of arrays: row numbers, and the code (0, 1, …) of what ties each to the others of that code.
    """
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    size, rows, nodes = n, [np.arange(0)], [np.arange(0)]
    for row, code in ties:
        rows.append(row)
        nodes.append(size + code)
        size += int(code.max(initial=-1)) + 1
    a, b = np.concatenate(rows), np.concatenate(nodes)
    graph = csr_matrix((np.ones(len(a), dtype=np.int8), (a, b)), shape=(size, size))
    found: Ints = connected_components(graph, directed=False)[1][:n]
    return found


def components(
    cursor: duckdb.DuckDBPyConnection, frozen: dict[str, str]
) -> tuple[list[str], list[str], list[Group]]:
    """Ids in order, the stratum of each, and the groups: components of clusters and shared group values."""
    read = "select id, stratum, coalesce(cluster, -seq), seq, time from {} order by id"
    rows = cursor.execute(read.format("usable")).fetchall()
    everything = rows + cursor.execute(read.format("anchored")).fetchall()
    position = {seq: i for i, (*_, seq, _) in enumerate(everything)}
    found = cursor.execute("select seq, group_key from tied").fetchall()
    n = len(everything)
    tied = np.array([position[seq] for seq, _ in found], dtype=np.int64)
    part_of = connected(
        n,
        [
            (np.arange(n), codes([row[2] for row in everything])),
            (tied, codes([key for _, key in found])),
        ],
    )
    ids = [row[0] for row in everything]
    members: defaultdict[int, list[int]] = defaultdict(list)
    anchors: defaultdict[int, set[str]] = defaultdict(set)
    for place, part in enumerate(part_of.tolist()):
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
            (min(rows[place][4] for place in places), max(rows[place][4] for place in places)),
        )
        for part, places in members.items()
    ]
    return ids[: len(rows)], [row[1] for row in rows], groups


def codes(values: Sequence[object]) -> Ints:
    """Each value as a number from 0 on, equal values alike."""
    found: Ints = np.unique(np.asarray(values), return_inverse=True)[1].reshape(-1).astype(np.int64)
    return found
