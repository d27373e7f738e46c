"""The SQL macros of schema.sql for a connection that has no project: frozen files, tests, one-off looks.

Normalisation and the views of a chat exist once; whoever reads text by SQL takes them from here.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from curation.example import fold

if TYPE_CHECKING:
    import duckdb

_MACRO = re.compile(r"^create macro .*?;[ \t]*$", re.MULTILINE | re.DOTALL)


@cache
def statements() -> tuple[str, ...]:
    """Every `create macro` of schema.sql, in its order."""
    text = Path(__file__).with_name("schema.sql").read_text("utf-8")
    return tuple(match.group() for match in _MACRO.finditer(text))


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Make `fold`, `normalise` and the views of a chat known to an empty database."""
    connection.create_function("fold_unicode", fold, ["VARCHAR"], "VARCHAR")
    for statement in statements():
        connection.execute(statement)
