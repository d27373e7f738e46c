"""Running checks: only what no check of this edition has looked at, in portions that are kept one by one.

A finding is stored with the hash of the text it is about and the edition of the check; where either has
changed since, it is not shown, and the next run looks again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from curation import lengths
from curation.checks.check import Check, Rows
from curation.errors import BadUsage, unknown
from curation.progress import SILENT, Progress
from curation.task import Task

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store

PORTION = 50_000  # rows


@dataclass(frozen=True, slots=True)
class Checking:
    """The checks there are, and what can be asked of them."""

    checks: tuple[Check, ...]

    def run(
        self, store: Store, task: Task, only: Sequence[str] = (), progress: Progress = SILENT
    ) -> dict[str, int]:
        """Look at what is new, changed, or was last looked at under another task.

        Args:
            store: the open project.
            task: as it is now.
            only: names of checks; empty: all that apply.
            progress: told in rows; a stopped run keeps the portions it finished.

        Returns:
            Open flags of each check that was asked for.

        Raises:
            BadUsage: a name in `only` that does not exist, is turned off, or does not fit the kind of task.
            BadTask: task.yaml names a check or an option that does not exist.
        """
        chosen = self._choose(task, only)
        self.announce(store, task)
        states = _states(store, task, chosen)
        due = [check for check in chosen if store.get(f"check:{check.name}") != states[check.name]]
        rowwise = [check for check in due if not check.whole_set]
        if rowwise:
            _look_at_rows(store, task, rowwise, states, progress)
        for check in due:
            if check.whole_set:
                progress.stage(check.title)
                _look_at_all(store, task, check)
                progress.advance()
        found = self.counts(store)
        return {check.name: found.get(check.name, 0) for check in chosen}

    def active(self, task: Task) -> tuple[Check, ...]:
        """The checks that apply to this kind of task and are not turned off, in their order.

        Raises:
            BadUsage: task.yaml names a check that does not exist.
        """
        for name in task.checks:
            if name not in {check.name for check in self.checks}:
                raise unknown("check", name, [check.name for check in self.checks], where="task.yaml")
        return tuple(
            check
            for check in self.checks
            if task.kind in check.kinds and (check.name not in task.checks or task.checks[check.name].enabled)
        )

    def announce(self, store: Store, task: Task) -> None:
        """Hide the flags that were found under another task; cheap, to be called whenever the task has changed."""
        active = self.active(task)
        editions = {check.name: check.edition(task) if check in active else 0 for check in self.checks}
        if dict(store.rows("select check_name, edition from check_edition")) == editions:
            return
        with store.transaction() as cursor:
            store.execute(cursor, "delete from check_edition")
            cursor.executemany(
                "insert into check_edition values (?, ?)", [list(one) for one in editions.items()]
            )

    def outdated(self, store: Store, task: Task) -> tuple[str, ...]:
        """Names of the active checks whose findings may not be complete any more."""
        states = _states(store, task, self.active(task))
        return tuple(name for name, state in states.items() if store.get(f"check:{name}") != state)

    def counts(self, store: Store) -> dict[str, int]:
        """Open flags by check."""
        return dict(
            store.rows("select check_name, count(*) from open_flag group by check_name order by check_name")
        )

    def _choose(self, task: Task, only: Sequence[str]) -> tuple[Check, ...]:
        active = self.active(task)
        if not only:
            return active
        names = {check.name: check for check in self.checks}
        for name in only:
            if name not in names:
                raise unknown("check", name, names)
            if names[name] not in active:
                off = task.kind in names[name].kinds
                why = "is turned off in task.yaml" if off else f"does not look at {task.kind} tasks"
                raise BadUsage(f"The check {name!r} {why}.")
        return tuple(check for check in active if check.name in only)


def _states(store: Store, task: Task, checks: Sequence[Check]) -> dict[str, str]:
    """What the findings of a whole run of each check depend on: edition, texts, and which rows are there.

    A check that compares rows with each other leaves out those that are dropped.
    """
    revision = store.revision
    rows, all_texts, kept_texts = store.row(
        """
        select count(*), bit_xor(text), bit_xor(text) filter (decision <> 'drop')
        from (select hash(seq, text_hash) as text, decision from live)
        """
    ) or (0, None, None)
    return {
        check.name: json.dumps(
            [
                check.edition(task),
                revision,
                rows,
                kept_texts if check.whole_set else all_texts,
                *(_counts(store, task) if check.counted else ()),
            ]
        )
        for check in checks
    }


def _counts(store: Store, task: Task) -> tuple[bool, int]:
    """Whether the stored token counts are those of this task's model, and how many there are."""
    return lengths.current(store, task), store.value("select count(tokens) from live")


def _look_at_all(store: Store, task: Task, check: Check) -> None:
    """One check over all rows that are not dropped; its findings replace those it had."""
    state = _states(store, task, [check])[check.name]
    cursor = store.cursor()
    try:
        counts = check.counted and lengths.current(store, task)
        cursor.execute(
            f"""
            create or replace temp view rows as
            select *, texts[answer_turn] as answer
            from (
                select c.seq, c.messages, c.tools, c.chosen, c.rejected, e.label, turn_roles(c.messages) as roles,
                    turn_texts(c.messages) as texts, last_assistant(c.messages) as answer_turn,
                    {"e.tokens" if counts else "null::integer"} as tokens
                from content c
                join example e using (seq)
                where e.present and e.decision <> 'drop'
            )
            """
        )
        hashes = cursor.sql("select seq, text_hash from live").to_arrow_table()
        found = check.find(Rows(cursor, task, check.settings(task)))
    finally:
        cursor.close()
    with store.transaction() as writing:
        store.execute(writing, "delete from flag where check_name = ?", [check.name])
        _insert(store, writing, check, task, found, hashes)
        store.put(f"check:{check.name}", state)


def _look_at_rows(
    store: Store, task: Task, checks: Sequence[Check], states: Mapping[str, str], progress: Progress
) -> None:
    first, last, rows = store.row("select min(seq), max(seq), count(*) from live") or (None, None, 0)
    progress.stage("Checking", rows)
    cursor = store.cursor()
    try:
        for start in range(first or 0, (last or 0) + 1 if rows else 0, PORTION):
            _look_at_portion(store, cursor, task, checks, start)
            progress.advance(min(PORTION, rows))
    finally:
        cursor.close()
    with store.transaction():
        for check in checks:
            store.put(f"check:{check.name}", states[check.name])


def _look_at_portion(
    store: Store, cursor: duckdb.DuckDBPyConnection, task: Task, checks: Sequence[Check], start: int
) -> None:
    """Every check over those rows of one range of seqs that it has not looked at, kept in one transaction."""
    editions = pa.table(
        {"name": [one.name for one in checks], "edition": [one.edition(task) for one in checks]}
    )
    cursor.register("edition", editions)
    cursor.execute(
        """
        create or replace temp table due as
        select e.seq, e.text_hash, k.name
        from live e
        cross join edition k
        anti join (select * from checked where seq >= $start and seq < $end) d
            on d.seq = e.seq and d.check_name = k.name and d.check_version = k.edition and d.text_hash = e.text_hash
        where e.seq >= $start and e.seq < $end
        """,
        {"start": start, "end": start + PORTION},
    )
    cursor.execute(
        """
        create or replace temp table looked_at as
        select c.seq, c.messages, c.tools, c.chosen, c.rejected, e.label, turn_roles(c.messages) as roles,
            turn_texts(c.messages) as texts, last_assistant(c.messages) as answer_turn
        from content c
        join example e using (seq)
        semi join due using (seq)
        """
    )
    results = []
    for check in checks:
        due = cursor.sql(
            "select seq, text_hash from due where name = $name", params={"name": check.name}
        ).to_arrow_table()
        if not len(due):
            continue
        cursor.execute(
            f"""
            create or replace temp view rows as
            select *, texts[answer_turn] as answer
            from looked_at
            semi join (select seq from due where name = '{check.name}') using (seq)
            """
        )
        results.append((check, due, check.find(Rows(cursor, task, check.settings(task)))))
    if not results:
        return
    with store.transaction() as writing:
        for check, due, found in results:
            _keep(store, writing, check, task, due, found)


def _keep(
    store: Store, writing: duckdb.DuckDBPyConnection, check: Check, task: Task, due: pa.Table, found: pa.Table
) -> None:
    writing.register("looked_at_now", due)
    for table in ("flag", "checked"):
        store.execute(
            writing,
            f"delete from {table} where check_name = ? and seq in (select seq from looked_at_now)",
            [check.name],
        )
    store.execute(
        writing,
        "insert into checked select seq, ?, ?, text_hash from looked_at_now",
        [check.name, check.edition(task)],
    )
    writing.unregister("looked_at_now")
    _insert(store, writing, check, task, found, due)


def _insert(
    store: Store,
    writing: duckdb.DuckDBPyConnection,
    check: Check,
    task: Task,
    found: pa.Table,
    hashes: pa.Table,
) -> None:
    if not len(found):
        return
    writing.register("found_now", found)
    writing.register("hash_now", hashes)
    store.execute(
        writing,
        """
        insert into flag
        select f.seq, ?, ?, h.text_hash, f.severity, f.turn, f.span_start, f.span_end, f.message, f.score
        from found_now f
        join hash_now h using (seq)
        """,
        [check.name, check.edition(task)],
    )
    writing.unregister("found_now")
    writing.unregister("hash_now")
