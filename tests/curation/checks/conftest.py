"""Rows in, findings out: a check is a function of rows, so it needs no project."""

from __future__ import annotations

import duckdb
import pytest

from curation import checks, macros
from curation.checks import Rows
from curation.files import canonical_json
from curation.task import Task


@pytest.fixture(scope="session")
def memory():
    """A database that knows the macros and holds nothing."""
    with duckdb.connect() as connection:
        macros.register(connection)
        yield connection


@pytest.fixture
def flags(memory):
    """Run one check on some rows; return its findings: row, severity, turn, marked text, message."""

    def look(name, rows, task=None):
        check = next(one for one in checks.CHECKS if one.name == name)
        task = task or Task(kind=check.kinds[0], labels=["a"] if check.kinds[0] == "classification" else [])
        told = [
            (
                number,
                canonical_json(row["messages"]),
                *(
                    canonical_json(row[name]) if name in row else None
                    for name in ("tools", "chosen", "rejected")
                ),
            )
            for number, row in enumerate(rows)
        ]
        memory.execute(
            "create or replace temp table told "
            "(seq bigint, messages varchar, tools varchar, chosen varchar, rejected varchar)"
        )
        memory.executemany("insert into told values (?, ?, ?, ?, ?)", told)
        memory.execute(
            """
            create or replace temp view rows as
            select *, texts[answer_turn] as answer
            from (
                select seq, messages, tools, chosen, rejected,
                    null::varchar as label, null::integer as tokens,
                    turn_roles(messages) as roles, turn_texts(messages) as texts,
                    last_assistant(messages) as answer_turn
                from told
            )
            """
        )
        found = check.find(Rows(memory, task, check.settings(task))).to_pylist()
        texts = dict(memory.execute("select seq, texts from rows").fetchall())
        marked = [
            (
                one["seq"],
                one["severity"],
                one["turn"],
                None
                if one["span_start"] is None
                else texts[one["seq"]][one["turn"]][one["span_start"] : one["span_end"]],
                one["message"],
            )
            for one in found
        ]
        return sorted(marked, key=lambda one: (one[0], -1 if one[2] is None else one[2]))

    return look
