"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

project_argument = click.argument("project", metavar="PROJECT")


def json_option(command: F) -> F:
    """Add `--json`: one JSON object on stdout instead of text."""

    @wraps(command)
    def with_json(*args: Any, as_json: bool, **kwargs: Any) -> Any:  # noqa: ANN401  click's own calling convention
        click.get_current_context().obj.as_json = as_json
        return command(*args, **kwargs)

    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(with_json)  # type: ignore[return-value]


def table(rows: list[tuple[object, ...]], header: tuple[str, ...]) -> str:
    """Plain columns: numbers to the right, text to the left, two blanks between."""
    texts = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    right = [all(isinstance(row[i], int | float) for row in rows) and bool(rows) for i in range(len(header))]
    widths = [
        max(len(name), *(len(row[i]) for row in texts), 0) if texts else len(name)
        for i, name in enumerate(header)
    ]
    lines = []
    for cells in ([*header], *texts):
        line = "  ".join(
            cell.rjust(w) if r else cell.ljust(w) for cell, w, r in zip(cells, widths, right, strict=True)
        )
        lines.append(line.rstrip())
    return "\n".join(lines)
