"""Guarantee 4: a version never changes; the same state has the same fingerprint on any machine."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import decisions, importing, project, splits, store, versions
from curation.dedup import run as dedup
from curation.files import sha256_file
from curation.task import Task
from curation.versions import freezing
from tests.curation.conftest import chat, write_jsonl

pytestmark = pytest.mark.slow

TASK = Task(kind="classification", labels=["red", "green", "blue"])


def rows(seed=0, n=50):
    """Chats with near copies among them; some come twice, with another customer and other metadata."""
    rng = random.Random(seed)
    made = []
    for i in range(n):
        text = " ".join("".join(rng.choices("abcdefghij", k=6)) for _ in range(8))
        if made and rng.random() < 0.2:
            text = rng.choice(made)["messages"][0]["content"] + " again"
        made.append(
            {"messages": chat(text, TASK.labels[i % 3]), "customer": f"c{rng.randint(0, 99)}", "n": i}
        )
    for row in rng.sample(made, 6):
        made.append({**row, "customer": f"c{rng.randint(0, 99)}", "n": -1})
    return made


def frozen(folder, files, **options):
    """The version of a new project in `folder` with these files of rows, imported in their order."""
    folder.mkdir(parents=True, exist_ok=True)
    with store.create(project.reserve(folder / "project")) as opened:
        for number, some in enumerate(files):
            importing.import_file(opened, write_jsonl(folder / f"file{number}.jsonl", some), who="ann",
                                  mapping={"group": "customer"})  # fmt: skip
        splits.make(opened, TASK, who="ann", **options)
        return versions.freeze(opened, TASK, who="ann")


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 1000), st.randoms(use_true_random=False))
def test_order_files_and_folders_do_not_matter(seed, rng):
    straight, mixed = rows(seed), rows(seed)
    rng.shuffle(mixed)
    cut = rng.randint(1, len(mixed) - 1)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        first = frozen(Path(one), [straight])
        second = frozen(Path(two) / "deep" / "er", [mixed[:cut], mixed[cut:]])
    assert first.manifest.fingerprint == second.manifest.fingerprint


def test_another_process_with_other_hashes_and_threads_has_the_same_fingerprint(tmp_path):
    here = frozen(tmp_path / "here", [rows()]).manifest.fingerprint
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, '.')\n"
        "from tests.guarantees.test_4_versions_never_change import frozen, rows\n"
        "print(frozen(Path(sys.argv[1]), [rows()]).manifest.fingerprint)"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "there")], cwd=root, text=True, capture_output=True, check=True,
        env={**os.environ, "PYTHONHASHSEED": "77", "TZ": "Asia/Tokyo", "LC_ALL": "C"},
    )  # fmt: skip
    assert done.stdout.strip() == here


def test_whatever_is_part_of_the_state_changes_the_fingerprint(tmp_path):
    base = rows()
    edited = [*base[:7], {**base[7], "messages": chat("something else was asked here", "red")}, *base[8:]]
    regrouped = [*base[:7], {**base[7], "customer": "somebody else"}, *base[8:]]
    renoted = [*base[:7], {**base[7], "n": 1000}, *base[8:]]
    made = [
        frozen(tmp_path / "base", [base]),
        frozen(tmp_path / "edited", [edited]),
        frozen(tmp_path / "regrouped", [regrouped]),
        frozen(tmp_path / "renoted", [renoted]),
        frozen(tmp_path / "fewer", [base[1:]]),
        frozen(tmp_path / "seed", [base], seed=1),
        frozen(tmp_path / "size", [base], test=11),
        frozen(tmp_path / "strata", [base], stratify="source"),
        frozen(tmp_path / "groups", [base], group="none"),
    ]
    assert len({one.manifest.fingerprint for one in made}) == len(made)


def test_a_changed_cluster_alone_changes_the_fingerprint(tmp_path):
    version = frozen(tmp_path, [rows()], group="none")
    with store.open_store(project.locate(tmp_path / "project")) as opened:
        before = {split: version.read(split, ("id",)) for split in ("train", "validation", "test")}
        dedup.deduplicate(opened, near=0.999)
        again = versions.freeze(opened, TASK, who="ann")
        assert again.name == "v002" and again.manifest.fingerprint != version.manifest.fingerprint
        assert {split: again.read(split, ("id",)) for split in before} == before


def test_nothing_done_later_changes_a_file_of_a_version(tmp_path):
    version = frozen(tmp_path, [rows()])
    before = {path.name: sha256_file(path) for path in version.folder.iterdir()}
    with store.open_store(project.locate(tmp_path / "project")) as opened:
        decisions.decide(opened, [1], "decision", "drop", who="ann")
        decisions.decide(opened, [2], "messages", chat("a new question", "red"), who="ann")
        decisions.decide(opened, [3], "label", "blue", who="ann")
        importing.import_file(opened, write_jsonl(tmp_path / "more.jsonl", rows(5, 10)), who="ann")
        splits.make(opened, TASK, seed=9, who="ann")
        assert versions.freeze(opened, TASK, who="ann").name == "v002"
        for _ in range(6):
            decisions.undo(opened, who="ann")
    assert {path.name: sha256_file(path) for path in version.folder.iterdir()} == before
    assert all(not path.stat().st_mode & 0o222 for path in version.folder.iterdir())
    versions.verify(version)


@pytest.mark.parametrize("step", ["fingerprint", "_settle", "write_json"])
def test_a_freeze_that_fails_at_any_step_leaves_no_version(tmp_path, monkeypatch, step):
    with store.create(project.reserve(tmp_path / "project")) as opened:
        importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows()), who="ann")
        splits.make(opened, TASK, who="ann")

        def fail(*args, **kwargs):
            raise OSError("the disk is full")

        monkeypatch.setattr(freezing, step, fail)
        with pytest.raises(OSError, match="disk"):
            versions.freeze(opened, TASK, who="ann")
        assert list(opened.project.versions.iterdir()) == [] and versions.newest(opened.project) is None
        monkeypatch.undo()
        assert versions.freeze(opened, TASK, who="ann").name == "v001"


def test_a_manifest_holds_no_path_and_no_name_of_the_machine(tmp_path):
    version = frozen(tmp_path / "somewhere", [rows()])
    told = json.dumps(json.loads((version.folder / "manifest.json").read_text("utf-8")))
    assert "somewhere" not in told and str(tmp_path) not in told
