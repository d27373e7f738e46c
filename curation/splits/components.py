"""The rows of a split and what ties them together.

A group is a connected component of duplicate clusters and group fields, named after its smallest id, so that
the same rows give the same splits in whatever order they were imported.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from curation.allocation import Group
from curation.errors import unknown
from curation.groups import NO_GROUP, group_values

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store
    from curation.task import Task


def checked_group(store: Store, name: str | None) -> str | None:
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


def usable(
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
        from ({group_values(group)})
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


def components(
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
