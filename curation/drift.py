"""What is different in a second file of a family: columns, labels, system prompts, lengths, rows not readable.

The new rows as the file has them are compared with the rows of the last file as they are here now, so that a label
renamed here and not there is news too. Something is called gone only where chance would have shown it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from curation.families import Member

_EXPECTED = 5  # rows that a file should hold of something before its absence says anything: exp(-5) < 1 %
_POINTS = 0.05
_ERRORS = 3  # standard errors of the difference of two shares
_LONGER = 1.2
_SHOWN = 6
_SHORT = 60  # characters of a label by answer


@dataclass(frozen=True, slots=True)
class Shift:
    """A label whose share of the labelled rows moved; both are fractions."""

    label: str
    before: float
    now: float


@dataclass(frozen=True, slots=True)
class Drift:
    """A file against the last one of its family; pairs are (before, now).

    `systems` counts distinct system prompts; `system_new` is the share of the new rows whose system prompt (or whose
    lack of one) the last file did not have. Lengths are characters of a whole chat; `quarantined` are shares.
    """

    against: str
    rows: tuple[int, int]
    columns_gone: tuple[str, ...]
    columns_new: tuple[str, ...]
    labels_gone: tuple[str, ...]
    labels_new: tuple[str, ...]
    shifts: tuple[Shift, ...]
    systems: tuple[int, int]
    system_new: float
    median: tuple[int, int]
    p95: tuple[int, int]
    quarantined: tuple[float, float]

    def says(self) -> list[str]:
        """The differences in words, one a line; a single line when there are none."""
        told = _listed("Columns", self.columns_gone, self.columns_new)
        told += _listed("Labels", self.labels_gone, self.labels_new)
        moved = [f"{one.label} {one.before:.0%} to {one.now:.0%}" for one in self.shifts[:_SHOWN]]
        told += [f"Shares that moved: {', '.join(moved)}."] * bool(moved)
        if self.system_new >= 0.01:
            told.append(
                f"{self.system_new:.0%} of the rows have another system prompt ({self.systems[0]:,} different ones "
                f"before, {self.systems[1]:,} now)."
            )
        pairs = (self.median, self.p95)
        if any(max(pair) > _LONGER * max(1, min(pair)) for pair in pairs):
            told.append(
                f"Characters of a chat: median {self.median[0]:,} to {self.median[1]:,}, "
                f"95th percentile {self.p95[0]:,} to {self.p95[1]:,}."
            )
        if abs(self.quarantined[1] - self.quarantined[0]) >= 0.01:
            told.append(f"Not readable: {self.quarantined[0]:.0%} to {self.quarantined[1]:.0%} of the rows.")
        if not told:
            return [f"Like {self.against}: columns, labels, system prompts and lengths are the same."]
        return [f"Against {self.against}:", *told]


def compare(
    cursor: duckdb.DuckDBPyConnection, last: Member, mapping: dict[str, str], *, answers: bool
) -> Drift | None:
    """Compare what waits in `identified` with the last file of its family.

    Args:
        cursor: of the import's transaction.
        last: the last file.
        mapping: of the new file; its columns are columns of the file too.
        answers: where no label is noted, the answer is one.

    Returns:
        None when one of the two has no readable row.
    """
    _sides(cursor, last.source, answers)
    was, now, *facts = cursor.execute(_FACTS).fetchone() or (0, 0)
    if not was or not now:
        return None
    columns = _keys(cursor, last, mapping, was, now)
    labels, shifts = _labels(cursor)
    rows, kept = cursor.execute(
        "select rows, quarantined from source where source = ?", [last.source]
    ).fetchone() or (1, 0)
    total = (cursor.execute("select count(*) from identified").fetchone() or (1,))[0]
    cursor.execute("drop table side")
    median, median_now, p95, p95_now, systems, systems_now, other = facts
    return Drift(
        last.name,
        (was, now),
        *columns,
        *labels,
        shifts,
        (systems, systems_now),
        other / now,
        (int(median), int(median_now)),
        (int(p95), int(p95_now)),
        (kept / max(1, rows), (total - now) / total),
    )


def _sides(cursor: duckdb.DuckDBPyConnection, last: int, answers: bool) -> None:
    system = "case when turn_roles(messages)[1] in ('system', 'developer') then turn_texts(messages)[1] end"
    answer = (
        "case when $answers and length(answer_text(messages)) <= $short then trim(answer_text(messages)) end"
    )
    cursor.execute(
        f"""
        create or replace temp table side as
        with both_sides as (
            select false as now, e.label, c.messages, e.chars
            from occurrence o
            join example e using (seq)
            join content c using (seq)
            where o.source = $last
            union all
            select true, label, messages, list_sum(list_transform(turn_texts(messages), lambda t: length(t)))
            from identified
            where reason is null
        )
        select now, coalesce(label, {answer}) as label, hash({system}) as system, {system} is null as bare, chars
        from both_sides
        """,
        {"last": last, "answers": answers, "short": _SHORT},
    )


_FACTS = """
    select
        count(*) filter (not now),
        count(*) filter (now),
        coalesce(quantile_cont(chars, 0.5) filter (not now), 0),
        coalesce(quantile_cont(chars, 0.5) filter (now), 0),
        coalesce(quantile_cont(chars, 0.95) filter (not now), 0),
        coalesce(quantile_cont(chars, 0.95) filter (now), 0),
        count(distinct system) filter (not now and not bare),
        count(distinct system) filter (now and not bare),
        count(*) filter (now and system not in (select system from side where not now))
    from side
"""


def _keys(
    cursor: duckdb.DuckDBPyConnection, last: Member, mapping: dict[str, str], was: int, now: int
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns gone and new; one that few rows had is not called gone when a few rows lack it."""
    found = cursor.execute(
        """
        with keyed as (
            select false as now, unnest(json_keys(metadata)) as key
            from occurrence
            where source = ?
            union all
            select true, unnest(json_keys(metadata))
            from identified
            where reason is null
        )
        select key, count(*) filter (not now), count(*) filter (now)
        from keyed
        group by key
        order by key
        """,
        [last.source],
    ).fetchall()
    before, after = (
        {name for field, name in used.items() if field != "as"} for used in (last.mapping, mapping)
    )
    here = {key for key, _, n in found if n} | after
    there = {key for key, n, _ in found if n} | before
    often = {key for key, n, _ in found if n * now >= _EXPECTED * was} | before
    return tuple(sorted((often & there) - here)), tuple(sorted(here - there))


def _labels(
    cursor: duckdb.DuckDBPyConnection,
) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], tuple[Shift, ...]]:
    """Labels gone and new, and those whose share moved further than chance moves it, the furthest first."""
    rows = cursor.execute(
        """
        select label, count(*) filter (not now) as was, count(*) filter (now) as now
        from side
        where label is not null
        group by label
        order by count(*) desc, label
        """
    ).fetchall()
    all_was, all_now = sum(row[1] for row in rows), sum(row[2] for row in rows)
    if not all_was or not all_now:
        return ((), ()), ()
    gone = tuple(label for label, was, now in rows if not now and was * all_now >= _EXPECTED * all_was)
    new = tuple(label for label, was, now in rows if not was)
    shifts = []
    for label, was, now in rows:
        before, share = was / all_was, now / all_now
        pooled = (was + now) / (all_was + all_now)
        error = math.sqrt(pooled * (1 - pooled) * (1 / all_was + 1 / all_now))
        if was and now and abs(share - before) >= max(_POINTS, _ERRORS * error):
            shifts.append(Shift(label, before, share))
    shifts.sort(key=lambda one: -abs(one.now - one.before))
    return (gone, new), tuple(shifts)


def _listed(what: str, gone: tuple[str, ...], new: tuple[str, ...]) -> list[str]:
    parts = [
        f"{name}: {', '.join(some[:_SHOWN])}{f' and {len(some) - _SHOWN:,} more' if len(some) > _SHOWN else ''}"
        for name, some in (("gone", gone), ("new", new))
        if some
    ]
    return [f"{what} {'; '.join(parts)}."] if parts else []
