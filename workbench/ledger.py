"""What was imported, what could not be read, and how rows are spread: small tables for Import and Splits."""

from __future__ import annotations

from typing import Any

from curation.store import Store


def sources(store: Store) -> list[dict[str, Any]]:
    """Every import, newest first."""
    return store.dicts(
        "select name, format, rows, examples, quarantined, repeated, strftime(made, '%d %b %H:%M') as made "
        "from source order by source desc"
    )


def quarantine_reasons(store: Store) -> list[dict[str, Any]]:
    """How often each reason occurs, most frequent first."""
    return store.dicts(
        "select reason, count(*) as n from quarantine group by reason order by n desc, reason limit 12"
    )


def open_flags(store: Store) -> list[dict[str, Any]]:
    """Examples that are not dropped, by check and severity, worst first."""
    return store.dicts(
        """
        with found as (
            select f.check_name as "check", f.severity, count(distinct f.seq) as n
            from open_flag f
            join example e using (seq)
            where e.decision <> 'drop'
            group by all
        )
        select *
        from found
        order by list_position(['block', 'fix', 'look'], severity), n desc
        """
    )


def balance(store: Store, limit: int = 30) -> list[dict[str, Any]]:
    """Rows of each label in each split, most frequent label first."""
    return store.dicts(
        """
        select coalesce(label, '(none)') as label,
            count(*) filter (split = 'train') as train,
            count(*) filter (split = 'validation') as validation,
            count(*) filter (split = 'test') as test
        from live
        where decision <> 'drop' and split is not null
        group by label
        order by count(*) desc, label
        limit ?
        """,
        [limit],
    )


def spread(store: Store) -> list[dict[str, Any]]:
    """Of label, length and source the value whose share in one split is furthest from its share in all rows."""
    return store.dicts(
        """
        with side as (
            select e.split, coalesce(e.label, '(none)') as label, s.name as source,
                ['shortest', 'second', 'third', 'longest'][ntile(4) over (order by e.chars, e.seq)]
                || ' quarter' as length
            from live e
            join source s using (source)
            where e.decision <> 'drop' and e.split in ('train', 'validation', 'test')
        ), long as (
            unpivot side
            on label, length, source
            into name what value value
        ), size as (
            select split, count(*) as rows
            from side
            group by split
        ), shares as (
            select v.what, v.value, z.split, count(l.value) / z.rows as here,
                v.n / (select count(*) from side) as overall
            from (select what, value, count(*) as n from long group by all) v
            cross join size z
            left join long l on l.what = v.what and l.value = v.value and l.split = z.split
            group by v.what, v.value, v.n, z.split, z.rows
        )
        select what, max(abs(here - overall)) as difference,
            arg_max({'value': value, 'split': split, 'here': here, 'overall': overall}, abs(here - overall)) as worst
        from shares
        group by what
        having count(distinct value) > 1
        order by list_position(['label', 'length', 'source'], what)
        """
    )


def refused(store: Store, most: int) -> tuple[int, list[str]]:
    """Rows that a split refuses because they tie frozen splits together: how many, and the ids of the first."""
    n, ids = store.row(
        """
        select count(*), coalesce(list(id order by id), [])
        from live
        where split = 'refused' and decision <> 'drop'
        """
    ) or (0, [])
    return n, ids[:most]


def has_groups(store: Store) -> bool:
    """Whether the import mapped a group of its own."""
    return bool(store.value("select exists (from occurrence where group_key is not null)"))
