"""Several files from the app: all of them come in, or the project stays as it was."""

from __future__ import annotations

import json
import time

import pytest

from curation import project, store
from workbench import actions, chores


def write(path, *texts):
    rows = [
        {"messages": [{"role": "user", "content": text}, {"role": "assistant", "content": "a"}]}
        for text in texts
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def wait(chore):
    while not chore.ended:
        time.sleep(0.01)
    return chore


@pytest.fixture
def opened(tmp_path):
    with store.create(project.reserve(tmp_path / "p")) as made:
        yield made


def take(opened, files):
    return wait(actions.import_paths(opened, files, form="auto", mappings={}))


def test_several_files_come_in_together(opened, tmp_path):
    done = take(opened, [write(tmp_path / "a.jsonl", "x", "y"), write(tmp_path / "b.jsonl", "y", "z")])
    assert [(one.examples, one.repeated) for one in done.result] == [(2, 0), (1, 1)]


def test_one_that_cannot_be_read_keeps_all_of_them_out(opened, tmp_path):
    bad = tmp_path / "b.jsonl"
    bad.write_text("{broken\n", "utf-8")
    done = take(opened, [write(tmp_path / "a.jsonl", "x"), bad])
    assert done.error is not None and opened.value("select count(*) from source") == 0


def test_cancel_leaves_the_project_as_it_was(opened, tmp_path, monkeypatch):
    stage = chores._Watched.stage

    def cancelled(self, name, total=None):
        self.chore.stopping = name == "Storing"
        stage(self, name, total)

    monkeypatch.setattr(chores._Watched, "stage", cancelled)
    done = take(opened, [write(tmp_path / "a.jsonl", "x")])
    assert "Nothing of this was kept" in done.error.message
    assert [opened.value(f"select count(*) from {t}") for t in ("source", "example", "batch")] == [0, 0, 0]
