"""Labels that are probably wrong: a ranking stored in the project, the worst first, with what explains each.

A suggestion never changes a row; the ranking is of the texts as they were and says when it is out of date.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from curation import meaning, noise
from curation.dedup import run as dedup
from curation.errors import NotReady
from curation.progress import SILENT, Progress
from curation.task import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curation.store import Store

_KEY = "suspects"
_EXPLAIN = 5
LAST, MOST_ERRORS = 20, 1  # stop when so many in a row held so few errors
_SECONDS_A_ROW = 0.003  # 10,003 rows with 77 labels took 14 CPU seconds, 15,000 with 150 took 32


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a run found.

    Attributes:
        field: what was taken as the label: `label` or `answer.NAME`.
        rows: how many were ranked; those without a label are not.
        flagged: how many labels are contradicted clearly.
        pairs: how often flagged rows of one label look like another: (given, suggested, rows), most first.
        rare: labels with under five rows, judged by their neighbours alone.
        revision: of the project, when it was made.
        batch: the newest action before it.
    """

    field: str
    rows: int
    flagged: int
    pairs: tuple[tuple[str, str, int], ...]
    rare: tuple[str, ...]
    revision: int
    batch: int


@dataclass(frozen=True, slots=True)
class Suspect:
    """One row of the ranking; `rank` from 1, `neighbours` as {id, label, similarity}, nearest first."""

    rank: int
    seq: int
    id: str
    given: str
    suggested: str
    probability: float
    score: float
    flagged: bool
    rare: bool
    neighbours: tuple[dict[str, Any], ...]

    @property
    def reason(self) -> str:
        """Why the label is doubted: `4 of 5 nearest say refund`."""
        n = sum(one["label"] == self.suggested for one in self.neighbours)
        few = f"; fewer than {noise.FEW} rows have the given label" if self.rare else ""
        return f"{n} of {len(self.neighbours)} nearest say {self.suggested}{few}"


class Stop(NamedTuple):
    """How the last reviewed rows of the ranking went; `enough` when going on finds little more."""

    reviewed: int
    errors: int
    last: int
    last_errors: int
    enough: bool

    @property
    def sentence(self) -> str:
        """What a person reads above the ranking."""
        if not self.reviewed:
            return "None of these was reviewed since the ranking was made."
        told = f"{self.errors:,} of {self.reviewed:,} reviewed were wrong"
        told = f"{told}; {self.last_errors} of the last {self.last}."
        return f"{told} You can stop here: the rest of the ranking is mostly right." if self.enough else told


class _Labelled(NamedTuple):
    seqs: NDArray[np.int64]
    ids: list[str]
    labels: list[str]
    clusters: NDArray[np.int64]
    hashes: list[str]


def field_of(task: Task) -> str:
    """What counts as the label: `label`, or a field of the answer with few values, `answer.NAME`.

    Raises:
        NotReady: answers of this task have no such field.
    """
    if task.stratify == "source":
        raise NotReady(
            "This task has no label, so no label can be wrong.",
            where="task.yaml",
            hint="Name a field of the answer with few values in `slices`, for example: slices: [intent]",
        )
    return task.stratify


def seconds(store: Store, task: Task) -> float:
    """What `find` will take, vectors included."""
    cost = meaning.estimate(store, task.embedder)
    return cost.seconds + cost.rows * _SECONDS_A_ROW


def find(store: Store, task: Task, progress: Progress = SILENT) -> Ranking:
    """Rank all labelled examples by how strongly the others contradict their labels, and store the ranking.

    Dropped rows neither are ranked nor vote.

    Raises:
        NotReady: the task has no label, or fewer than two different ones are in use.
    """
    field = field_of(task)
    if not dedup.is_current(store):  # copies of a row must not vouch for it
        dedup.deduplicate(store, dedup.near_setting(store), progress)
    found = _labelled(store, task, field)
    names, given = np.unique(np.array(found.labels, dtype=object).astype(str), return_inverse=True)
    if len(names) < 2:
        raise NotReady(f"{field} has {len(names)} different values; comparing needs two.", where=field)
    revision, batch = store.revision, int(store.value("select coalesce(max(batch), 0) from batch"))
    known = meaning.read(store, task.embedder, found.seqs.tolist(), progress)
    vectors = known.vectors[np.searchsorted(known.seqs, found.seqs)]
    judged = noise.judge(vectors, given.astype(np.int64), found.clusters, len(names), progress=progress)
    near, cosine = noise.nearest(vectors, found.clusters, _EXPLAIN, progress)
    rare = np.bincount(given, minlength=len(names)) < noise.FEW
    pairs, n = np.unique(
        np.stack([given[judged.flagged], judged.suggested[judged.flagged]], axis=1),
        axis=0,
        return_counts=True,
    )
    counted = sorted(
        ((str(names[a]), str(names[b]), int(k)) for (a, b), k in zip(pairs, n, strict=True)),
        key=lambda pair: (-pair[2], pair),
    )
    ranking = Ranking(
        field, len(given), int(judged.flagged.sum()), tuple(counted), tuple(map(str, names[rare])), revision, batch
    )  # fmt: skip
    _write(store, found, names, judged, near, cosine, ranking)
    return ranking


def last(store: Store) -> Ranking | None:
    """The newest ranking, current or not."""
    stored = store.get(_KEY)
    if stored is None:
        return None
    read = json.loads(stored)
    return Ranking(**{**read, "pairs": tuple(map(tuple, read["pairs"])), "rare": tuple(read["rare"])})


def is_current(store: Store) -> bool:
    """Whether the ranking is of the texts and labels as they are now."""
    found = last(store)
    return found is not None and found.revision == store.revision


def listed(store: Store, limit: int = 50, seqs: list[int] | None = None) -> list[Suspect]:
    """The top of the ranking without rows that changed since; `seqs`: these rows alone."""
    found = last(store)
    if found is None:
        return []
    rows = store.dicts(
        f"""
        with ranked as (
            select s.*, row_number() over (order by s.score desc, s.seq) as rank
            from suspect s
        )
        select r.rank, r.seq, e.id, {value_of(found.field)} as given, r.suggested, r.probability, r.score, r.flagged,
            r.neighbours
        from ranked r
        join example e on e.seq = r.seq and e.text_hash = r.text_hash
        join content c on c.seq = r.seq
        where e.present and ($all or r.seq in (select unnest($seqs::bigint[])))
        order by r.rank
        limit $limit
        """,
        {"all": seqs is None, "seqs": seqs or [], "limit": limit},
    )
    return [
        Suspect(
            rare=row["given"] in found.rare,
            neighbours=tuple(json.loads(row.pop("neighbours"))),
            **row,
        )
        for row in rows
    ]


def order(store: Store) -> list[int]:
    """The `seq` of all ranked rows that have not changed since, the most doubtful first."""
    rows = store.rows(
        """
        select s.seq
        from suspect s
        join live e on e.seq = s.seq and e.text_hash = s.text_hash
        order by s.score desc, s.seq
        """
    )
    return [seq for (seq,) in rows]


def stop(store: Store) -> Stop:
    """Whether reviewing the ranking still finds wrong labels.

    A row counts as reviewed when something was decided about it since the ranking was made and it is now kept,
    dropped or changed; it was an error when it is dropped or changed.
    """
    found = last(store)
    rows = store.rows(
        """
        select e.text_hash <> s.text_hash or e.decision = 'drop' as error
        from suspect s
        join example e using (seq)
        where s.seq in (select d.seq from decision d where d.batch > $batch)
            and (e.text_hash <> s.text_hash or e.decision in ('keep', 'drop'))
        order by s.score desc, s.seq
        """,
        {"batch": found.batch if found else 0},
    )
    errors = [bool(error) for (error,) in rows]
    newest = errors[-LAST:]
    return Stop(
        len(errors), sum(errors), len(newest), sum(newest), len(newest) == LAST and sum(newest) <= MOST_ERRORS
    )


def value_of(field: str) -> str:
    """SQL for the label over `example e` and `content c`; the field's name comes from the task's own schema."""
    answer = "answer_text(c.messages)"
    if field == "label":
        return f"coalesce(e.label, nullif(trim({answer}, ' \t\n\r'), ''))"
    path = field.removeprefix("answer.").replace("'", "''").replace('"', "")
    return f"case when json_valid({answer}) then json_extract_string({answer}, '$.\"{path}\"') end"


def _labelled(store: Store, task: Task, field: str) -> _Labelled:
    listed = field == "label"
    rows = store.rows(
        f"""
        with valued as (
            select e.seq, e.id, {value_of(field)} as value, e.label, coalesce(e.cluster, -e.seq - 1) as cluster,
                e.text_hash
            from live e
            join content c using (seq)
            where e.decision <> 'drop' and trim(user_text(c.messages)) <> ''
        )
        select seq, id, value, cluster, text_hash
        from valued
        where value is not null
            {"and (label is not null or list_contains($labels::varchar[], value))" if listed else ""}
        order by seq
        """,
        {"labels": task.labels} if listed else {},
    )
    seqs, ids, labels, clusters, hashes = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return _Labelled(
        np.array(seqs, np.int64), list(ids), list(labels), np.array(clusters, np.int64), list(hashes)
    )


def _write(
    store: Store,
    found: _Labelled,
    names: NDArray[Any],
    judged: noise.Judged,
    near: NDArray[np.int64],
    cosine: NDArray[np.float32],
    ranking: Ranking,
) -> None:
    import pyarrow as pa

    neighbours = [
        json.dumps(
            [
                {"id": found.ids[at], "label": found.labels[at], "similarity": round(float(value), 3)}
                for at, value in zip(row, values, strict=True)
                if value > -1
            ],
            ensure_ascii=False,
        )
        for row, values in zip(near.tolist(), cosine, strict=True)
    ]
    table = pa.table(
        {
            "seq": found.seqs,
            "text_hash": found.hashes,
            "score": judged.score,
            "suggested": [str(names[at]) for at in judged.suggested],
            "probability": judged.probability.astype(np.float64),
            "flagged": judged.flagged,
            "neighbours": neighbours,
        }
    )
    with store.transaction() as cursor:
        cursor.register("ranked", table)
        store.execute(cursor, "delete from suspect")
        store.execute(cursor, "insert into suspect by name select * from ranked")
        cursor.unregister("ranked")
        store.put(_KEY, json.dumps(asdict(ranking)))
