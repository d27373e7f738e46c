"""What a file itself says about its rows: the name of each row, and the split it belongs to.

Both are read out of the fields that every format keeps as metadata, so that no format needs to know of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curation.errors import BadUsage, unknown

if TYPE_CHECKING:
    import duckdb

    from curation.store import Store

FIELDS = ("id", "split")  # of a mapping, beside those of the formats
AS = "as"  # in the stored mapping: the split a person named for the whole file
SPLITS = ("train", "validation", "test")
_SPELLINGS = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def without(mapping: dict[str, str]) -> dict[str, str]:
    """The part of a mapping that a format reads."""
    return {field: column for field, column in mapping.items() if field not in (*FIELDS, AS)}


def only(mapping: dict[str, str]) -> dict[str, str]:
    """The part of a mapping that is read here."""
    return {field: column for field, column in mapping.items() if field in (*FIELDS, AS)}


def fill(cursor: duckdb.DuckDBPyConnection, mapping: dict[str, str], where: str) -> None:
    """Give `staged` the columns `external_id` and `split_as`.

    Args:
        cursor: holds the filled temporary table `staged`.
        mapping: `id` and `split` name columns; `as` is a split.
        where: the file, for errors.

    Raises:
        BadUsage: no row has such a column, or a value that names no split.
    """
    for name, field in (("external_id", "id"), ("split_as", "split")):
        column = mapping.get(field)
        if column is not None:
            _known(cursor, column, where)
        cursor.execute(f"alter table staged add column {name} varchar")
        if column is not None:
            cursor.execute(
                f"update staged set {name} = nullif(trim(json_extract_string(metadata, ?)), '')",
                [place(column)],
            )
    if AS in mapping:
        cursor.execute("update staged set split_as = ?", [mapping[AS]])
    values = cursor.execute("select distinct split_as from staged where split_as is not null").fetchall()
    for (value,) in values:
        split = _SPELLINGS.get(value.lower())
        if split is None:
            raise BadUsage(
                f"{value!r} is no split.",
                where=f"{where}, column {mapping.get('split')}",
                hint=f"A row is in {', '.join(SPLITS)}, or the cell is empty. Nothing was changed.",
            )
        cursor.execute("update staged set split_as = ? where split_as = ?", [split, value])


def place(column: str) -> str:
    """The JSON path of a column in the metadata of a row."""
    return '$."' + column.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _known(cursor: duckdb.DuckDBPyConnection, column: str, where: str) -> None:
    names = {
        name
        for (name,) in cursor.execute(
            "select distinct unnest(json_keys(metadata)) from (select metadata from staged limit 20000)"
        ).fetchall()
    }
    if names and column not in names:
        raise unknown("column", column, names, where=where)


def splits(store: Store) -> dict[str, str]:
    """The split that files give their rows, by content id; a row that two files place differently is held out."""
    return dict(
        store.rows(
            """
            select e.id, max_by(o.split, list_position(['train', 'validation', 'test'], o.split))
            from occurrence o
            join example e using (seq)
            join source s on s.source = o.source
            where o.split is not null and s.present
            group by e.id
            """
        )
    )
