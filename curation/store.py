"""The one DuckDB connection of a process to a project; it alone executes SQL on the project's database.

Every change is one transaction under one writer lock, so that readers never see half of it. Each call
gets a cursor of its own: the connection object is never shared between threads.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import duckdb

from curation import migrations
from curation.errors import ProjectBusy, TouchstoneError
from curation.example import fold
from curation.project import Project

if TYPE_CHECKING:
    import pyarrow as pa

Row = tuple[Any, ...]


class Store:
    """An open project database. Use `create` or `open_store`; close it, or use it in a `with`."""

    def __init__(self, project: Project, connection: duckdb.DuckDBPyConnection) -> None:
        self.project = project
        self._connection = connection
        self._write = threading.RLock()
        self._transaction: duckdb.DuckDBPyConnection | None = None

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; nothing may use the store afterwards."""
        self._connection.close()

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A cursor of its own for a piece of work with temporary tables or Arrow tables."""
        return self._connection.cursor()

    def rows(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[Row]:
        """All rows of a query."""
        with self._reading() as cursor:
            return self.execute(cursor, sql, parameters).fetchall()

    def row(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> Row | None:
        """The first row of a query, None when there is none."""
        with self._reading() as cursor:
            return self.execute(cursor, sql, parameters).fetchone()

    def value(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> Any:  # noqa: ANN401  SQL
        """The first column of the first row; None when there is no row."""
        row = self.row(sql, parameters)
        return row[0] if row else None

    def dicts(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[dict[str, Any]]:
        """All rows of a query as mappings from column name to value."""
        with self._reading() as cursor:
            done = self.execute(cursor, sql, parameters)
            names = [column[0] for column in done.description or []]
            return [dict(zip(names, row, strict=True)) for row in done.fetchall()]

    def arrow(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> pa.Table:
        """A query's result as an Arrow table."""
        with self._reading() as cursor, _explained(sql):
            return cursor.sql(sql, params=parameters or None).to_arrow_table()

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One change: everything inside is kept, or nothing is. Nested uses join the outer one."""
        with self._write:
            if self._transaction is not None:
                yield self._transaction
                return
            cursor = self._connection.cursor()
            cursor.begin()
            self._transaction = cursor
            try:
                yield cursor
                cursor.commit()
            except BaseException:
                try:
                    cursor.rollback()
                except duckdb.Error:
                    pass  # the failed statement has ended the transaction already
                raise
            finally:
                self._transaction = None
                cursor.close()

    def execute(
        self,
        cursor: duckdb.DuckDBPyConnection,
        sql: str,
        parameters: Sequence[object] | dict[str, object] = (),
    ) -> duckdb.DuckDBPyConnection:
        """Run one statement; a failure names the statement.

        Raises:
            TouchstoneError: with the statement and DuckDB's own words.
        """
        with _explained(sql):
            return cursor.execute(sql, parameters) if parameters else cursor.execute(sql)

    def get(self, key: str) -> str | None:
        """One value of the project's own settings."""
        found: str | None = self.value("select value from meta where key = ?", [key])
        return found

    def put(self, key: str, value: str) -> None:
        """Set one value of the project's own settings."""
        with self.transaction() as cursor:
            self.execute(cursor, "insert or replace into meta values (?, ?)", [key, value])

    @property
    def revision(self) -> int:
        """Counts every change to what the examples say: imports, edits, labels, undo of those."""
        return int(self.get("revision") or 0)

    def touch(self) -> None:
        """Count a change to what the examples say; results computed before are out of date."""
        self.put("revision", str(self.revision + 1))

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The open transaction's cursor for its own thread, so that it sees its own changes; else a new one."""
        if self._transaction is not None and self._write.acquire(blocking=False):
            try:
                if self._transaction is not None:
                    yield self._transaction
                    return
            finally:
                self._write.release()
        cursor = self._connection.cursor()
        try:
            yield cursor
        finally:
            cursor.close()


@contextmanager
def _explained(sql: str) -> Iterator[None]:
    """A refused statement is named in the error."""
    try:
        yield
    except duckdb.Error as error:
        raise TouchstoneError(
            f"The database refused a statement: {error}",
            where=" ".join(sql.split())[:300],
            hint="This is a mistake in Touchstone, not in your data.",
            code="sql",
        ) from error


def create(project: Project) -> Store:
    """Make the database of a reserved folder and open it.

    Raises:
        ProjectBusy: another process was faster.
    """
    unfinished = project.folder / f".project.{os.getpid()}.duckdb"
    connection = duckdb.connect(str(unfinished))
    connection.create_function("fold_unicode", fold, ["VARCHAR"], "VARCHAR")
    connection.begin()
    connection.execute((Path(__file__).with_name("schema.sql")).read_text("utf-8"))
    connection.execute("insert into meta values ('schema', ?)", [str(migrations.NEWEST)])
    connection.commit()
    connection.close()
    os.replace(unfinished, project.database)
    Path(f"{unfinished}.wal").unlink(missing_ok=True)
    return open_store(project)


def open_store(project: Project) -> Store:
    """Open a project's database for this process.

    Raises:
        ProjectBusy: another process holds it; the message names the process.
        TouchstoneError: the file was written by a newer Touchstone, or is no project database.
    """
    try:
        connection = duckdb.connect(str(project.database))
    except duckdb.IOException as error:
        held = re.search(r"PID (\d+)", str(error))
        if held is None and "lock" not in str(error).lower():
            raise TouchstoneError(
                f"The database cannot be opened: {error}", where=str(project.database)
            ) from error
        who = f"Process {held.group(1)}" if held else "Another process"
        raise ProjectBusy(
            f"{who} holds this project's database.",
            where=str(project.folder),
            hint="Close that program, or wait until it is done. If it is the Touchstone app, its app.json "
            "is missing: restart the app.",
        ) from error
    except duckdb.Error as error:
        raise TouchstoneError(
            f"This is not a project database: {error}", where=str(project.database)
        ) from error
    connection.execute("set memory_limit = '4GB'")
    connection.execute("set temp_directory = ?", [str(project.folder / ".spill")])
    connection.create_function("fold_unicode", fold, ["VARCHAR"], "VARCHAR")
    store = Store(project, connection)
    try:
        migrations.migrate(store)
    except BaseException:
        store.close()
        raise
    return store
