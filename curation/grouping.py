"""Which fields should keep rows together, read from the data: similar texts do not tell whose they are.

A field is proposed where its values repeat and rows of one value resemble each other more than by chance.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from curation import groups
from curation.dedup import semantic
from curation.progress import SILENT, Progress
from curation.splits.alike import ties_by_meaning
from curation.splits.components import codes, connected

if TYPE_CHECKING:
    from curation.dedup.shingles import Ints
    from curation.store import Store
    from curation.task import Task

MOST_FIELDS = 40
EXCESS = 0.05  # of the rows share an answer with another row of their group, over what chance gives
_NAMED = re.compile(
    r"(^|[_\s-])(id|ids|uuid|user|customer|client|account|author|person|patient|speaker|annotator|session|"
    r"conversation|dialog(ue)?|thread|ticket|case|document|doc|page|url|file|article|context|passage)($|[_\s-])",
    re.IGNORECASE,
)
_SNAKE = re.compile(r"(?<=[a-z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A field that could keep rows together.

    Attributes:
        field: as `split --group` takes it.
        groups: values that two or more rows have.
        rows: rows of these groups.
        largest: rows of the largest one.
        moves: rows that would have to change side in the split as it is; None: there is no split.
        stuck: of these, rows that a version froze; they stay, and the audit lists them.
        why: a sentence.
        proposed: whether the data speak for it.
    """

    field: str
    groups: int
    rows: int
    largest: int
    moves: int | None
    stuck: int
    why: str
    proposed: bool

    @property
    def text(self) -> str:
        """One line: `customer: 412 groups of 1,204 rows; 63 rows would change side`."""
        moved = "" if self.moves is None else f"; {self.moves:,} rows would change side"
        return f"{self.field}: {self.groups:,} groups of {self.rows:,} rows{moved}"

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Crossing:
    """Values that stand in more than one split: what they are, how many, their rows, and some ids to look at."""

    what: str
    values: int
    rows: int
    ids: tuple[str, ...]

    @property
    def text(self) -> str:
        """One line."""
        return f"{self.rows:,} rows in different splits have {self.what} ({self.values:,} in all)"

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Live rows that are not dropped: arrays of equal length, ordered by seq."""

    seq: Ints
    cluster: Ints
    answer: Ints
    split: Ints
    frozen: np.ndarray[Any, np.dtype[np.bool_]]
    tied: tuple[Ints, Ints]


def propose(
    store: Store, task: Task | None, setting: groups.Setting = None, progress: Progress = SILENT
) -> list[Proposal]:
    """Every field whose values repeat, those that the data speak for first.

    Args:
        store: the open project.
        task: its labels are masked in templates.
        setting: what keeps rows together already.
        progress: advances by field.
    """
    masked = task.labels if task else []
    known = {*groups.fields_of(setting), *(["answer"] if _repeats_by_nature(task) else [])}
    names = [name for name in _names(store) if name not in known]
    rows = _rows(store, setting, masked)
    progress.stage("Reading the fields", len(names))
    found = []
    for name in names:
        one = _judge(store, name, rows, masked)
        if one is not None:
            found.append(one)
        progress.advance()
    return sorted(found, key=lambda one: (not one.proposed, -(one.moves or 0), -one.rows, one.field))


def by_meaning(
    store: Store,
    task: Task | None,
    setting: groups.Setting = None,
    threshold: float = semantic.TOGETHER,
    progress: Progress = SILENT,
) -> Proposal | None:
    """What keeping rows of one meaning together would do; None where it was never looked for, or ties no rows."""
    if semantic.last(store) is None:
        return None
    alike = ties_by_meaning(store, threshold, progress)
    rows = _rows(store, setting, task.labels if task else [])
    at, code = _placed(
        alike["seq"].to_numpy().astype(np.int64), codes(alike["group_key"].to_pylist()), rows.seq
    )
    sizes = np.bincount(code) if len(code) else np.zeros(0, dtype=np.int64)
    if not (sizes > 1).any():
        return None
    moves, stuck = _moves(rows, (at, code))
    return Proposal(
        "meaning",
        int((sizes > 1).sum()),
        int(sizes[sizes > 1].sum()),
        int(sizes.max()),
        moves if (rows.split > 0).any() else None,
        stuck,
        f"Rows ask the same in other words: a cosine of {threshold:.2f} or more.",
        moves > 0 or not (rows.split > 0).any(),
    )


def crossings(store: Store, task: Task | None) -> list[Crossing]:
    """Long answers and external ids that stand in more than one split as it is now."""
    found = []
    for field, what in (("answer", "the same long answer"), ("external_id", "the same id in its file")):
        if field == "answer" and _repeats_by_nature(task):
            continue
        values, rows, ids = store.row(
            f"""
            with side as (
                select e.seq, e.id, v.group_key, e.split
                from ({groups.group_values(field)}) v
                join live e using (seq)
                where e.decision <> 'drop' and e.split in ('train', 'validation', 'test')
            ), across as (
                select group_key
                from side
                group by group_key
                having count(distinct split) > 1
            )
            select count(distinct group_key), count(distinct seq), coalesce(list(id order by group_key, id)[:50], [])
            from side
            join across using (group_key)
            """
        ) or (0, 0, [])
        if values:
            found.append(Crossing(what, values, rows, tuple(dict.fromkeys(ids))))
    return found


def _repeats_by_nature(task: Task | None) -> bool:
    """Labels, and the objects of a structured task, are the same for many rows that have nothing in common."""
    return task is not None and task.kind in ("classification", "structured")


def _names(store: Store) -> list[str]:
    columns = groups.metadata_fields(store)[:MOST_FIELDS]
    taken = {groups.MAPPED, "external_id", *groups.COMPUTED}
    named = [f"metadata.{one}" if one in taken else one for one in columns]
    return [groups.MAPPED, "external_id", *named, *groups.COMPUTED]


def _rows(store: Store, setting: groups.Setting, masked: list[str]) -> _Rows:
    read = store.arrow(
        """
        select e.seq, coalesce(e.cluster, -e.seq) as cluster,
            coalesce(hash(normalise(answer_text(c.messages))), 0) as answer,
            coalesce(list_position(['train', 'validation', 'test'], e.split), 0) as split, e.frozen
        from live e
        join content c using (seq)
        where e.decision <> 'drop'
        order by e.seq
        """
    )
    seq = read["seq"].to_numpy().astype(np.int64)
    return _Rows(
        seq,
        codes(read["cluster"].to_numpy()),
        codes(read["answer"].to_numpy()),
        read["split"].to_numpy().astype(np.int64),
        read["frozen"].to_numpy(zero_copy_only=False).astype(bool),
        _tied(store, groups.ties(setting, masked), seq),
    )


def _tied(store: Store, sql: str, seq: Ints) -> tuple[Ints, Ints]:
    """Row numbers and codes of a field, of the rows in `seq` alone."""
    read = store.arrow(f"select seq, dense_rank() over (order by group_key) - 1 as code from ({sql})")
    rows, code = read["seq"].to_numpy().astype(np.int64), read["code"].to_numpy().astype(np.int64)
    return _placed(rows, code, seq)


def _placed(rows: Ints, code: Ints, seq: Ints) -> tuple[Ints, Ints]:
    """Seqs as places in `seq`, with their codes; those that are not in it are left out."""
    at = np.searchsorted(seq, rows)
    there = (at < len(seq)) & (seq[np.minimum(at, max(0, len(seq) - 1))] == rows) if len(seq) else at < 0
    return at[there], code[there]


def _judge(store: Store, name: str, rows: _Rows, masked: list[str]) -> Proposal | None:
    """What one field would do; None where no value repeats, or one value holds most rows."""
    at, code = _tied(store, groups.group_values(name, masked), rows.seq)
    sizes = np.bincount(code) if len(code) else np.zeros(0, dtype=np.int64)
    many = sizes > 1
    if not many.any() or sizes.max() > len(rows.seq) / 2:
        return None
    repeats = many[code]
    at, code = at[repeats], code[repeats]
    shares = _sharing(rows.answer[at], code)
    shuffled = [_sharing(one, code) for one in _shuffled(rows.answer[at])]
    chance = float(np.mean(shuffled))
    moves, stuck = _moves(rows, (at, code))
    splits_made = bool((rows.split > 0).any())
    by_name = bool(_NAMED.search(_SNAKE.sub("_", name.removeprefix("metadata."))))
    narrow = int(sizes.max()) <= groups.MOST_OF_ALL * len(rows.seq)
    of_text = name in groups.COMPUTED
    alike = shares - max(shuffled) > EXCESS
    proposed = narrow and (
        (moves > 0 or not splits_made)
        if of_text
        else alike or by_name or name in (groups.MAPPED, "external_id")
    )
    if of_text:
        why = f"Rows share {groups.COMPUTED[name]}."
    elif not narrow:
        why = (
            f"One value holds {sizes.max() / len(rows.seq):.0%} of the rows: more a kind of row than a group."
        )
    else:
        told = f"{shares:.0%} of these rows have the answer of another row of their group, {chance:.0%} by chance"
        why = f"{told}; the name says what a row belongs to." if by_name else f"{told}."
    return Proposal(
        name,
        int(many.sum()),
        len(np.unique(at)),
        int(sizes.max()),
        moves if splits_made else None,
        stuck,
        why,
        proposed,
    )


def _sharing(answer: Ints, code: Ints) -> float:
    """Share of rows whose group holds their answer another time."""
    _, place, many = np.unique(
        code * (int(answer.max()) + 1) + answer, return_inverse=True, return_counts=True
    )
    return float((many[place.reshape(-1)] > 1).mean())


def _shuffled(answer: Ints) -> list[Ints]:
    """The answers dealt to the rows by chance: many times where there are few rows and chance varies."""
    rng = np.random.default_rng(0)
    return [rng.permutation(answer) for _ in range(50 if len(answer) < 10_000 else 3)]


def _moves(rows: _Rows, more: tuple[Ints, Ints]) -> tuple[int, int]:
    """Rows that must leave their split so that no component crosses, and frozen ones among them that cannot."""
    n = len(rows.seq)
    part = connected(n, [(np.arange(n), rows.cluster), rows.tied, more])
    return _away(part, rows.split, rows.split > 0), _away(part, rows.split, (rows.split > 0) & rows.frozen)


def _away(part: Ints, split: Ints, which: np.ndarray[Any, np.dtype[np.bool_]]) -> int:
    """Rows outside the split that most rows of their component are in."""
    if not which.any():
        return 0
    table = np.zeros((int(part.max()) + 1, 4), dtype=np.int64)
    np.add.at(table, (part[which], split[which]), 1)
    return int((table.sum(axis=1) - table.max(axis=1)).sum())
