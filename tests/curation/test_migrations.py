"""A project of an earlier Touchstone opens in this one and has every table and column of a new one."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from curation import migrations, project, store
from curation.errors import TouchstoneError
from curation.example import fold

OLD = Path(__file__).parent / "old"


def columns(opened):
    return set(
        opened.rows(
            "select table_name, column_name, data_type, is_nullable from information_schema.columns "
            "where table_schema = 'main'"
        )
    )


def write(folder, schema, number):
    folder.mkdir()
    with duckdb.connect(str(folder / "project.duckdb")) as made:
        made.create_function("fold_unicode", fold, ["VARCHAR"], "VARCHAR")
        made.execute(schema)
        made.execute("insert into meta values ('schema', ?)", [str(number)])
    return project.locate(folder)


@pytest.mark.parametrize("old", sorted(OLD.glob("schema_*.sql")), ids=lambda path: path.stem)
def test_a_project_of_an_earlier_schema_gets_everything_a_new_one_has(tmp_path, old):
    number = int(old.stem.removeprefix("schema_"))
    with store.open_store(write(tmp_path / "old", old.read_text(), number)) as opened:
        found = columns(opened)
        assert opened.get("schema") == str(migrations.NEWEST)
    with store.create(project.reserve(tmp_path / "new")) as made:
        assert columns(made) == found


def test_a_project_of_a_newer_touchstone_is_refused_in_words(tmp_path):
    newer = write(tmp_path / "newer", (OLD / "schema_1.sql").read_text(), migrations.NEWEST + 1)
    with pytest.raises(TouchstoneError, match="newer Touchstone"):
        store.open_store(newer)
