"""Rows in, flags out."""

from __future__ import annotations

import json

import pytest

from curation import checks, importing
from curation.task import Task


@pytest.fixture
def flags(opened, tmp_path):
    """Import chats, run one check, return its flags: row, severity, turn, marked text, message."""

    def look(name, rows, task=None):
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
        importing.import_file(opened, path, who="ann")
        checks.run(opened, task or Task(), only=[name])
        found = opened.rows(
            """
            select e.line - 1, f.severity, f.turn, turn_texts(c.messages)[f.turn + 1], f.span_start, f.span_end,
                f.message
            from open_flag f
            join example e using (seq)
            join content c using (seq)
            where f.check_name = ?
            order by e.line, f.turn, f.span_start, f.message
            """,
            [name],
        )
        return [
            (row, severity, turn, None if start is None else text[start:end], message)
            for row, severity, turn, text, start, end, message in found
        ]

    return look
