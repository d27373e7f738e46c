"""Small projects for the tests of curation."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation import importing, project, store


@pytest.fixture
def opened(tmp_path):
    """An empty open project."""
    with store.create(project.reserve(tmp_path / "project")) as made:
        yield made


def chat(user, answer, system=None):
    turns = [{"role": "system", "content": system}] if system else []
    return [*turns, {"role": "user", "content": user}, {"role": "assistant", "content": answer}]


def write_jsonl(path: Path, rows) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def filled(opened, tmp_path):
    """Forty short labelled chats in an open project."""
    rows = [
        {
            "messages": chat(f"question number {i} about topic {i * 7}", f"label{i % 4}"),
            "customer": f"c{i // 2}",
        }
        for i in range(40)
    ]
    importing.import_file(
        opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann", mapping={"group": "customer"}
    )
    return opened
