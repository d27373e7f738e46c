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


def metadata_fields(store: Store) -> list[str]:
    """Names of metadata fields in the first rows, for choosing a group."""
    return [
        name
        for (name,) in store.rows(
            """
            select distinct unnest(json_keys(metadata)) as name
            from (select metadata from occurrence limit 2000)
            order by name
            """
        )
    ]


def has_groups(store: Store) -> bool:
    """Whether the import mapped a group of its own."""
    return bool(store.value("select exists (from occurrence where group_key is not null)"))
