"""A tiny project with one frozen version."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation import task as tasks
from curation.project import Project
from curation.task import Task
from tests.evals.frozen import WORDS, freeze, rows


@pytest.fixture
def task() -> Task:
    """Three labels."""
    return Task(kind="classification", labels=list(WORDS), system_prompt="Sort customer messages.")


@pytest.fixture
def project(tmp_path: Path, task: Task) -> Project:
    """An empty project folder with a task."""
    made = Project(tmp_path / "project")
    made.folder.mkdir()
    tasks.save(task, made.task_path)
    return made


@pytest.fixture
def version(project: Project) -> Path:
    """40 training, 12 validation and 15 test rows."""
    return freeze(
        project,
        {
            "train": rows("train", 40),
            "validation": rows("validation", 12, 100),
            "test": rows("test", 15, 200),
        },
    )


@pytest.fixture
def answers_file(tmp_path: Path) -> Callable[[list[dict[str, Any]]], Path]:
    """Writes lines of answers made elsewhere."""

    def write(lines: list[dict[str, Any]], name: str = "mine.jsonl") -> Path:
        path = tmp_path / name
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def cache_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder apart from the user's, so that no test waits for the device of a real job."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def own_cache(cache_of_tests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use the tests' cache folder, here and in child processes."""
    monkeypatch.setenv("TOUCHSTONE_CACHE", str(cache_of_tests))
