"""Changes to the schema since version 1: numbered functions in one list, each tested on a saved old project.

A file written by a newer Touchstone is refused with a message that says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from curation.errors import TouchstoneError

if TYPE_CHECKING:
    from curation.store import Store


def m002_views_suspects_map(store: Store) -> None:
    """Saved views, suspect labels, the map, and the name a file gives its rows."""
    with store.transaction() as cursor:
        for column in ("external_id", "text_hash", "split"):
            cursor.execute(f"alter table occurrence add column {column} varchar")
        cursor.execute("alter table source add column family varchar")
        cursor.execute(r"update source set family = regexp_replace(name, ' \(\d+\)$', '')")
        cursor.execute(
            "create table saved_view (name varchar primary key, filter varchar not null, sort varchar not null)"
        )
        cursor.execute(
            """
            create table suspect (
                seq bigint not null, text_hash varchar not null, score double not null,
                suggested varchar not null, probability double not null, flagged boolean not null,
                neighbours varchar not null
            )
            """
        )
        cursor.execute(
            "create table map_point (seq bigint not null, text_hash varchar not null, x float not null, "
            "y float not null)"
        )


MIGRATIONS: tuple[Callable[[Store], None], ...] = (m002_views_suspects_map,)
NEWEST = 1 + len(MIGRATIONS)


def migrate(store: Store) -> None:
    """Bring a project's database to the schema of this Touchstone.

    Raises:
        TouchstoneError: the file is newer than this Touchstone, or no project database.
    """
    tables = {name for (name,) in store.rows("select table_name from information_schema.tables")}
    if "meta" not in tables:
        raise TouchstoneError(
            "This DuckDB file is not a Touchstone project.", where=str(store.project.database)
        )
    number = int(store.get("schema") or 0)
    if number > NEWEST:
        raise TouchstoneError(
            f"This project was written by a newer Touchstone (schema {number}; this one knows up to {NEWEST}).",
            where=str(store.project.folder),
            hint="Upgrade Touchstone: pip install --upgrade touchstone-workbench",
        )
    for step in MIGRATIONS[number - 1 :]:
        with store.transaction():
            number += 1
            step(store)
            store.put("schema", str(number))
