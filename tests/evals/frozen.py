"""Labelled rows, a version folder written as the freeze writes it, and a tiny project around it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import models
from curation import task as tasks
from curation.example import content_id
from curation.files import cache_folder, canonical_json, sha256, write_json
from curation.project import Project
from curation.task import DEFAULT_MODEL, Task

WORDS = {
    "refund": ("I want my money back for order {n}.", "Please return what I paid for parcel {n}."),
    "cancel": ("Stop my subscription number {n} today.", "I no longer want plan {n}, end it."),
    "address": ("I moved house, send package {n} elsewhere.", "Change the street on delivery {n}."),
}


def labelled(split: str, text: str, label: str, n: int) -> dict[str, Any]:
    """One row of a version file."""
    messages = canonical_json([{"role": "user", "content": text}, {"role": "assistant", "content": label}])
    return {
        "id": content_id(messages, None, None, None, label), "messages": messages, "tools": None,
        "chosen": None, "rejected": None, "label": label, "group": None, "cluster": n,
        "split": split, "metadata": json.dumps({"n": n}),
    }  # fmt: skip


def rows(split: str, n: int, start: int = 0) -> list[dict[str, Any]]:
    """`n` labelled rows; the numbers in their texts keep them apart from every other split's."""
    made = []
    for i in range(start, start + n):
        label = list(WORDS)[i % 3]
        made.append(labelled(split, WORDS[label][i // 3 % 2].format(n=i), label, i))
    return sorted(made, key=lambda row: str(row["id"]))


def freeze(project: Project, splits: dict[str, list[dict[str, Any]]], name: str = "v001") -> Path:
    """Write a version folder."""
    folder = project.versions / name
    folder.mkdir(parents=True)
    schema = pa.schema([(key, pa.int64() if key == "cluster" else pa.string()) for key in splits["train"][0]])
    for split, some in splits.items():
        pq.write_table(pa.Table.from_pylist(some, schema=schema), folder / f"{split}.parquet")
    write_json(
        folder / "manifest.json",
        {
            "version": name, "fingerprint": sha256(canonical_json(splits)), "parent": None,
            "counts": {split: len(some) for split, some in splits.items()},
            "audit": {"clean": True, "pairs": 0},
        },
    )  # fmt: skip
    return folder


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
    """Use the tests' cache folder and this checkout, here and in child processes."""
    monkeypatch.setenv("TOUCHSTONE_CACHE", str(cache_of_tests))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.fixture
def own_cache_with_model(own_cache: None, cache_of_tests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same, with the user's converted model in it: converting takes half a minute."""
    if (cache_of_tests / "models").exists():
        return
    with monkeypatch.context() as users:
        users.delenv("TOUCHSTONE_CACHE")
        models.resolve(DEFAULT_MODEL)
        (cache_of_tests / "models").symlink_to(cache_folder() / "models")
