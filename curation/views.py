"""Saved views: a filter and an order that a person has given a name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from curation import filters
from curation.errors import BadUsage, unknown

if TYPE_CHECKING:
    from curation.store import Store


@dataclass(frozen=True, slots=True)
class SavedView:
    """A name for a filter (in its own language) and an order."""

    name: str
    filter: str
    sort: str


def saved(store: Store) -> tuple[SavedView, ...]:
    """All views, by name."""
    return tuple(
        SavedView(*row) for row in store.rows("select name, filter, sort from saved_view order by name")
    )


def named(store: Store, name: str) -> SavedView:
    """One view.

    Raises:
        BadUsage: there is none of that name; the message suggests near ones.
    """
    known = {view.name: view for view in saved(store)}
    if name not in known:
        raise unknown("view", name, known, where=str(store.project.folder))
    return known[name]


def save(store: Store, name: str, filter_: str, sort: str = "imported") -> SavedView:
    """Give a filter a name; a view of the same name is replaced.

    Raises:
        BadUsage: no name, a filter that cannot be read, an unknown order.
    """
    if not name.strip():
        raise BadUsage("A view needs a name.")
    if sort not in filters.SORTS:
        raise unknown("order", sort, filters.SORTS)
    view = SavedView(name.strip(), str(filters.parse(filter_)), sort)
    with store.transaction() as cursor:
        store.execute(
            cursor, "insert or replace into saved_view values (?, ?, ?)", [view.name, view.filter, view.sort]
        )
    return view


def delete(store: Store, name: str) -> None:
    """Forget a view.

    Raises:
        BadUsage: there is none of that name.
    """
    named(store, name)
    with store.transaction() as cursor:
        store.execute(cursor, "delete from saved_view where name = ?", [name])
