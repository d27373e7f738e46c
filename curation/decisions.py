"""The decision log: who decided what, when; undo and redo are decisions too.

A batch is one action. Its rows hold the field before and after; the current state lives in `example`
and `content` and is changed in the same transaction (by `changes`), so that the two never differ.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from curation import changes
from curation import task as tasks
from curation.changes import TEXTUAL, Kind
from curation.errors import BadInput, BadUsage, TouchstoneError, unknown
from curation.formats.chats import refusal
from curation.history import Batch as Batch
from curation.history import history as history
from curation.history import recent as recent

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

    from curation.store import Store

DECISIONS = ("keep", "drop", "undecided")


def decide(
    store: Store,
    seqs: Sequence[int] | NDArray[np.int64],
    kind: Kind,
    value: Any,  # noqa: ANN401  the field's own type
    *,
    who: str,
    reason: str | None = None,
    op_id: str | None = None,
    summary: str = "",
) -> Batch | None:
    """Set one field of some examples, as one batch that can be undone.

    Args:
        store: the open project.
        seqs: which examples; those where nothing would change are left out.
        kind: the field. `decision` takes keep, drop or undecided; `label` and `group_key` a text or
            None, and where an example's answer alone is its label, `label` changes the answer;
            `split` a split name or None; `messages` a list of turns; `hand_flag` a reason, or
            None to take one's own flags off.
        value: the new value.
        who: the person.
        reason: kept with the decision.
        op_id: the client's operation id; an action that was recorded already is not done again.
        summary: how the log calls it; made from the kind and the count when empty.

    Returns:
        The batch, or None when nothing changed or the operation was known.

    Raises:
        BadUsage: an unknown kind or decision.
        BadInput: messages that cannot be an example.
    """
    ids = np.unique(np.asarray(seqs, dtype=np.int64))
    return _decide(store, ids, kind, [value], who, reason, op_id, summary)


def decide_each(
    store: Store,
    values: Mapping[int, Any],
    kind: Kind,
    *,
    who: str,
    reason: str | None = None,
    op_id: str | None = None,
    summary: str,
) -> Batch | None:
    """Give each example (by seq) a value of its own, as one batch; otherwise as `decide`."""
    ids = np.array(sorted(values), dtype=np.int64)
    return _decide(store, ids, kind, [values[int(seq)] for seq in ids], who, reason, op_id, summary)


def _decide(
    store: Store,
    ids: NDArray[np.int64],
    kind: Kind,
    values: Sequence[Any],
    who: str,
    reason: str | None,
    op_id: str | None,
    summary: str,
) -> Batch | None:
    _valid(kind, values)
    if not len(ids):
        return None
    with store.transaction() as cursor:
        if op_id and cursor.execute("select 1 from batch where op_id = ?", [op_id]).fetchone():
            return None
        parts = [(kind, ids, values)]
        if kind == "label" and len(values) == 1 and values[0] is not None:
            parts = _labelled_by_answer(store, cursor, ids, values[0])
        changed = sum(changes.stage(cursor, some, field, new, who) for field, some, new in parts)
        if not changed:
            return None
        batch = log(cursor, who, summary or _summary(kind, values[0], changed), "do", op_id)
        for field, some, new in parts:
            if len(parts) > 1:
                changes.stage(cursor, some, field, new, who)
            write_changes(cursor, batch, field, reason)
            changes.APPLY[field](cursor)
            if field in TEXTUAL:
                store.touch()
        return logged(cursor, batch)


def _labelled_by_answer(
    store: Store, cursor: duckdb.DuckDBPyConnection, ids: NDArray[np.int64], label: str
) -> list[tuple[Kind, NDArray[np.int64], Sequence[Any]]]:
    """What giving a label means for these rows: where no label is noted and the answer is one, the answer changes."""
    path = store.project.task_path
    known = tasks.load(path).labels if path.is_file() else []
    rows = cursor.execute(
        """
        select e.seq, c.messages
        from example e
        join content c using (seq)
        where e.label is null and list_contains($known::varchar[], trim(answer_text(c.messages)))
            and e.seq in (select unnest($ids::bigint[]))
        order by e.seq
        """,
        {"known": known, "ids": ids.tolist()},
    ).fetchall()
    if not rows:
        return [("label", ids, [label])]
    seqs = np.array([seq for seq, _ in rows], dtype=np.int64)
    edited: list[Any] = [changes.answered(text, label) for _, text in rows]
    rest = np.setdiff1d(ids, seqs)
    noted: list[tuple[Kind, NDArray[np.int64], Sequence[Any]]] = (
        [("label", rest, [label])] if len(rest) else []
    )
    return [*noted, ("messages", seqs, edited)]


def _valid(kind: str, values: Sequence[Any]) -> None:
    if kind not in changes.APPLY:
        raise unknown("decision kind", str(kind), changes.APPLY)
    for value in values:
        if kind == "decision" and value not in DECISIONS:
            raise unknown("decision", str(value), DECISIONS)
        if kind == "messages" and (problem := refusal(value)):
            raise BadInput(f"These turns cannot be an example: {problem}.", hint="Nothing was changed.")


def undo(store: Store, *, who: str, op_id: str | None = None) -> Batch | None:
    """Undo the newest batch of the project that is not undone yet.

    Returns:
        The batch that undid it; None when there is nothing to undo, or the operation was known.
    """
    found = store.row(
        """
        with last as (
            select root, arg_max(direction, batch) as direction
            from batch
            group by root
        )
        select max(root) from last where direction <> 'undo'
        """
    )
    root = found[0] if found else None
    return _replay(store, root, "undo", who, op_id) if root is not None else None


def redo(store: Store, *, who: str, op_id: str | None = None) -> Batch | None:
    """Redo what was undone last; a new decision ends redo.

    Returns:
        The batch that did it again; None when there is nothing to redo, or the operation was known.
    """
    found = store.row(
        """
        with last as (
            select root, arg_max(direction, batch) as direction, max(batch) as batch
            from batch
            group by root
        )
        select min(root)
        from last
        where direction = 'undo'
            and batch > (select coalesce(max(batch), 0) from batch where direction = 'do')
        """
    )
    root = found[0] if found else None
    return _replay(store, root, "redo", who, op_id) if root is not None else None


def record_import(store: Store, source: int, *, who: str, summary: str) -> int:
    """Log an import, inside its transaction, so that it can be undone; returns the number of the batch."""
    with store.transaction() as cursor:
        batch = log(cursor, who, summary, "do", None)
        _write_presence(cursor, batch, source, present=True)
        return batch


def set_present(store: Store, source: int, present: bool, *, who: str, summary: str) -> int:
    """Bring the examples of an import back (or hide them), as a batch of its own; returns its number."""
    with store.transaction() as cursor:
        batch = log(cursor, who, summary, "do", None)
        _write_presence(cursor, batch, source, present=present)
        changes.set_present(cursor, source, present)
        store.touch()
        return batch


def record_splits(store: Store, splits: str, *, who: str, summary: str) -> Batch:
    """Log and apply a new split of many examples.

    Args:
        store: the open project, inside its transaction.
        splits: name of a temporary table (seq bigint, split varchar) with the new splits.
        who: the person.
        summary: how the log calls it.
    """
    with store.transaction() as cursor:
        cursor.execute(
            f"""
            create or replace temp table change as
            select e.seq, to_json(e.split)::varchar as before, to_json(s.split)::varchar as after
            from {splits} s
            join example e using (seq)
            where e.split is distinct from s.split
            """
        )
        batch = log(cursor, who, summary, "do", None)
        write_changes(cursor, batch, "split", None)
        changes.APPLY["split"](cursor)
        return logged(cursor, batch)


def record_change(store: Store, kind: str, *, who: str, summary: str = "", batch: int | None = None) -> Batch:
    """Log and apply what waits in the temporary table `change`, inside the caller's transaction.

    Args:
        store: the open project.
        kind: a name of `changes.APPLY`.
        who: the person.
        summary: how the log calls it.
        batch: the batch it belongs to; None: one of its own.
    """
    with store.transaction() as cursor:
        number = batch or log(cursor, who, summary, "do", None)
        write_changes(cursor, number, kind, None)
        changes.APPLY[kind](cursor)
        if kind in TEXTUAL:
            store.touch()
        return logged(cursor, number)


def record_labels(store: Store, batch: int, before: list[str], after: list[str]) -> None:
    """Log and write the task's new list of labels as part of a batch, inside the caller's transaction."""
    with store.transaction() as cursor:
        cursor.execute(
            "create or replace temp table change as select null::bigint as seq, ? as before, ? as after",
            [json.dumps(before), json.dumps(after)],
        )
        write_changes(cursor, batch, "labels", None)
        _set_labels(store, cursor)


def _set_labels(store: Store, cursor: duckdb.DuckDBPyConnection) -> None:
    before, after = cursor.execute("select before, after from change").fetchone() or ("[]", "[]")
    tasks.relabel(store.project.task_path, json.loads(before), json.loads(after))


def _replay(store: Store, root: int, direction: str, who: str, op_id: str | None) -> Batch | None:
    """Apply a batch once more, backwards for an undo."""
    with store.transaction() as cursor:
        if op_id and cursor.execute("select 1 from batch where op_id = ?", [op_id]).fetchone():
            return None
        kinds = cursor.execute("select distinct kind from decision where batch = ?", [root]).fetchall()
        summary = (cursor.execute("select summary from batch where batch = ?", [root]).fetchone() or ("",))[0]
        batch = log(cursor, who, f"{direction.capitalize()}: {summary}", direction, op_id, root)
        before, after = ("after", "before") if direction == "undo" else ("before", "after")
        for (kind,) in kinds:
            if kind == "present":
                rows = cursor.execute(
                    f"select source, {after} from decision where batch = ? and kind = 'present'", [root]
                ).fetchall()
                for source, present in rows:
                    _write_presence(cursor, batch, source, present=json.loads(present))
                    changes.set_present(cursor, source, json.loads(present))
            else:
                cursor.execute(
                    f"create or replace temp table change as select seq, {before} as before, {after} as after "
                    "from decision where batch = ? and kind = ?",
                    [root, kind],
                )
                write_changes(cursor, batch, kind, None)
                if kind == "labels":
                    _set_labels(store, cursor)
                else:
                    changes.APPLY[kind](cursor)
            if kind in TEXTUAL:
                store.touch()
        return logged(cursor, batch)


def log(
    cursor: duckdb.DuckDBPyConnection,
    who: str,
    summary: str,
    direction: str,
    op_id: str | None,
    root: int | None = None,
) -> int:
    """Open a batch of the log inside a transaction; its number."""
    number: int = (cursor.execute("select coalesce(max(batch), 0) + 1 from batch").fetchone() or (1,))[0]
    cursor.execute(
        "insert into batch values (?, ?, utc_now(), ?, ?, ?, ?)",
        [number, op_id or uuid.uuid4().hex, who, summary, root or number, direction],
    )
    return number


def logged(cursor: duckdb.DuckDBPyConnection, number: int) -> Batch:
    """A batch as the log has it."""
    row = cursor.execute(
        """
        select
            b.batch, b.summary, b.who, b.made,
            (select count(coalesce(d.seq, d.source)) from decision d where d.batch = b.batch),
            b.direction
        from batch b
        where b.batch = ?
        """,
        [number],
    ).fetchone()
    if row is None:
        raise TouchstoneError(f"Batch {number} is not in the log.", code="log")
    return Batch(*row)


def _summary(kind: str, value: Any, changed: int) -> str:  # noqa: ANN401  the field's own type
    count = f"{changed:,} example{'s' if changed != 1 else ''}"
    if kind == "decision":
        return f"{str(value).capitalize() if value != 'undecided' else 'Undecide'} {count}"
    if kind == "messages":
        return f"Edit {count}"
    if kind == "hand_flag":
        return f"Flag {count}: {value}" if value else f"Take the flag off {count}"
    name = {"label": "Label", "group_key": "Group", "split": "Split"}[kind]
    return f"{name} {count}: {value if value is not None else 'none'}"


def _write_presence(cursor: duckdb.DuckDBPyConnection, batch: int, source: int, *, present: bool) -> None:
    cursor.execute(
        """
        insert into decision
        select coalesce(max(n), 0) + 1, ?, null, ?, 'present', ?, ?, null
        from decision
        """,
        [batch, source, json.dumps(not present), json.dumps(present)],
    )


def write_changes(cursor: duckdb.DuckDBPyConnection, batch: int, kind: str, reason: str | None) -> None:
    """Log what waits in `change` as lines of a batch."""
    cursor.execute(
        """
        insert into decision
        select
            row_number() over (order by seq) + (select coalesce(max(n), 0) from decision),
            ?, seq, null, ?, before, after, ?
        from change
        """,
        [batch, kind, reason],
    )


def find(store: Store, ids: Sequence[str]) -> list[int]:
    """The `seq` of each content id; a prefix of at least 6 digits will do when it is unique.

    Raises:
        BadUsage: an id that does not exist, or a prefix of several.
    """
    found = []
    for one in ids:
        rows = store.rows(
            "select seq from live where id = ? or (length(?) >= 6 and starts_with(id, ?)) limit 2",
            [one, one, one],
        )
        if len(rows) != 1:
            raise BadUsage(f"{'Several examples have' if rows else 'No example has'} the id {one!r}.")
        found.append(int(rows[0][0]))
    return found
