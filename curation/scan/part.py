"""One part of a scan: a file, or the rows of one split of a file, out of a project that was made for it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from curation import checks
from curation.dedup import run as dedup
from curation.dedup.run import DedupReport
from curation.importing import ImportReport
from curation.progress import Progress
from curation.scan.report import Excerpt, Finding, Flagged, Pair, Part, Refused, Repeats
from curation.task import Task

if TYPE_CHECKING:
    from curation.store import Store

PROMPT, ANSWER = 1_200, 600  # characters of an excerpt
_EXAMPLES, _REASONS, _PAIRS, _AROUND = 3, 12, 8, 90
_GUESSED = ("answer_schema", "label_set")  # they hold rows against a task that is only guessed here
_MASKED = ("pii", "secrets")  # their messages mask what they found, and a page is passed on
_SEVERITIES = ("block", "fix", "look")
_HERE = "select o.seq, o.line from occurrence o where $split is null or o.split = $split"
"""The rows of the part: of a file all of them, or those of one of its splits."""


def write(store: Store, split: str | None, path: Path, *, empty: bool = False) -> None:
    """The rows as the leakage audit reads them, or none of them; their id begins with the line."""
    where = "'" + str(path).replace("'", "''") + "'"
    with store.transaction() as cursor:
        store.execute(
            cursor,
            f"""
            copy (
                select o.line || '-' || o.seq as id, null::varchar as split, o.group_key as "group", c.messages
                from occurrence o
                join content c using (seq)
                where {not empty} and {"true" if split is None else f"o.split = '{split}'"}
                order by o.line
            ) to {where} (format parquet)
            """,
        )


def describe(store: Store, report: ImportReport, task: Task, split: str | None, found: DedupReport) -> Part:
    """Everything that can be said of the part alone; checks and deduplication have been run."""
    here: dict[str, object] = {"split": split}
    read = int(store.value(f"select count(*) from ({_HERE})", here) or 0)
    identical = read - int(store.value(f"select count(distinct seq) from ({_HERE})", here) or 0)
    broken = report.quarantined if split in (None, "train") else 0
    return Part(
        name=report.source if split is None else f"{report.source}, {split}",
        form=" + ".join(report.forms) or report.format,
        mapping=report.mapping,
        rows=read + broken,
        read=read,
        identical=identical,
        refused=_refused(store) if broken else (),
        flagged=_flagged(store, split),
        blocked=_flagged_rows(store, split, f"severity = 'block' and check_name not in {_GUESSED}"),
        conflicting=_flagged_rows(store, split, "check_name = 'conflicting_answers'"),
        repeats=_repeats(store, split, found),
        labels=_labels(store, task, split),
    )


def _refused(store: Store) -> tuple[Refused, ...]:
    rows = store.rows(
        f"""
        select reason, count(*), list(line order by line)[:5], arg_min(left(raw, 240), line)
        from quarantine
        group by reason
        order by 2 desc, 1
        limit {_REASONS}
        """
    )
    return tuple(Refused(reason, n, tuple(lines), raw) for reason, n, lines, raw in rows)


def _flagged_rows(store: Store, split: str | None, which: str) -> int:
    return int(
        store.value(
            f"""
            select count(*)
            from ({_HERE})
            where seq in (select seq from open_flag where {which})
            """,
            {"split": split},
        )
        or 0
    )


def _flagged(store: Store, split: str | None) -> tuple[Flagged, ...]:
    """The checks that found something, the gravest first."""
    counts = store.rows(
        f"""
        select f.check_name, count(distinct h.line),
            list_min(list(list_position(['block', 'fix', 'look'], f.severity)))
        from open_flag f
        join ({_HERE}) h using (seq)
        group by f.check_name
        """,
        {"split": split},
    )
    known = {check.name: check for check in checks.CHECKS}
    place = {name: number for number, name in enumerate(known)}
    examples = _examples(store, split)
    return tuple(
        Flagged(name, known[name].title, _SEVERITIES[grave - 1], rows, tuple(examples[name]))
        for name, rows, grave in sorted(counts, key=lambda one: (one[2], place[one[0]]))
    )


def _examples(store: Store, split: str | None) -> dict[str, list[Finding]]:
    """The gravest findings of each check, each at its place in the text unless that is private."""
    rows = store.rows(
        f"""
        with ranked as (
            select f.*, h.line,
                row_number() over (
                    partition by f.check_name
                    order by list_position(['block', 'fix', 'look'], f.severity), f.score desc nulls last, h.line
                ) as nth
            from (select *, row_number() over (partition by check_name, seq) as once from open_flag) f
            join (select seq, min(line) as line from ({_HERE}) group by seq) h using (seq)
            where once = 1
        ), placed as (
            select r.*, coalesce(turn_texts(c.messages)[r.turn + 1], '') as text,
                coalesce(r.span_start, 0) as starts, least(coalesce(r.span_end, 0), coalesce(r.span_start, 0) + 400)
                    as ends
            from ranked r
            join content c using (seq)
            where nth <= {_EXAMPLES}
        )
        select check_name, line, message,
            substring(text, greatest(starts - {_AROUND}, 0) + 1, starts - greatest(starts - {_AROUND}, 0)),
            substring(text, starts + 1, ends - starts),
            substring(text, ends + 1, {_AROUND})
        from placed
        order by check_name, nth
        """,
        {"split": split},
    )
    found: dict[str, list[Finding]] = {}
    for name, *rest in rows:
        line, message, *places = rest
        found.setdefault(name, []).append(
            Finding(line, message, *(("", "", "") if name in _MASKED else places))
        )
    return found


def _repeats(store: Store, split: str | None, found: DedupReport) -> Repeats:
    copies, groups = store.row(
        f"""
        select coalesce(sum(n - 1), 0)::bigint, count(*) filter (n > 1)
        from (
            select count(*) as n
            from (
                select md5(normalise(conversation_text(messages))) as text
                from ({_HERE})
                join content using (seq)
                where normalise(conversation_text(messages)) <> ''
            )
            group by text
        )
        """,
        {"split": split},
    ) or (0, 0)
    near, at_least, clusters = found.near_pairs, found.near_pairs_at_least, found.clusters
    if split is not None:
        near, at_least, clusters = None, *_within(store, split)
    return Repeats(copies, groups, near, at_least, clusters, found.settings, _pairs(store, split))


def _within(store: Store, split: str) -> tuple[int, int]:
    """Similar pairs that tie the clusters of one split together, and clusters with two or more of its rows."""
    pairs = store.value(
        f"""
        with here as (select distinct seq from ({_HERE}))
        select count(*)
        from duplicate_edge e
        join here a on a.seq = e.a
        join here b on b.seq = e.b
        where e.kind = 'near'
        """,
        {"split": split},
    )
    clusters = store.value(
        f"""
        select count(*)
        from (
            select cluster
            from duplicate
            where seq in (select seq from ({_HERE}))
            group by cluster
            having count(*) > 1
        )
        """,
        {"split": split},
    )
    return int(pairs or 0), int(clusters or 0)


def _pairs(store: Store, split: str | None) -> tuple[Pair, ...]:
    """The largest clusters of similar conversations, each as its representative and the member least like it."""
    rows = store.rows(
        f"""
        with here as (
            select seq, min(line) as line
            from ({_HERE})
            group by seq
        ), member as (
            select d.*, h.line, count(*) over (partition by d.representative) as company
            from duplicate d
            join here h using (seq)
            where d.conversation
        ), pair as (
            select any_value(company) as company, representative, arg_min(seq, similarity + line / 1e12) as seq
            from member
            where seq <> representative and hops = 0
            group by representative
        )
        select case when m.exact then 'exact' else 'near' end, m.similarity,
            r.line, left(user_text(a.messages), {PROMPT}), left(coalesce(answer_text(a.messages), ''), {ANSWER}),
            h.line, left(user_text(b.messages), {PROMPT}), left(coalesce(answer_text(b.messages), ''), {ANSWER})
        from pair p
        join member m on m.seq = p.seq
        join here h on h.seq = p.seq
        join here r on r.seq = p.representative
        join content a on a.seq = p.representative
        join content b on b.seq = p.seq
        order by p.company desc, r.line
        limit {_PAIRS}
        """,
        {"split": split},
    )
    return tuple(Pair(row[0], row[1], Excerpt(*row[2:5]), Excerpt(*row[5:8])) for row in rows)


def _labels(store: Store, task: Task, split: str | None) -> dict[str, int]:
    """Rows by label, the commonest first; the answer is the label where the task is to name one."""
    label = "e.label"
    if task.kind == "classification":
        label = "coalesce(e.label, left(trim(answer_text(c.messages)), 80))"
    return dict(
        store.rows(
            f"""
            select {label} as label, count(*)
            from ({_HERE}) h
            join example e using (seq)
            join content c using (seq)
            where {label} is not null
            group by 1
            order by 2 desc, 1
            """,
            {"split": split},
        )
    )


def look(store: Store, task: Task, progress: Progress) -> DedupReport:
    """Run the checks and find the duplicates."""
    checks.run(store, task, progress=progress)
    return dedup.deduplicate(store, progress=progress)
