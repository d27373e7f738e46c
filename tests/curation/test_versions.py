from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest

from curation import checks, decisions, importing, leakage, project, splits, store, versions
from curation.errors import BadInput, BadUsage, NotReady
from curation.task import Task
from tests.curation.conftest import chat, write_jsonl

LABELS = Task(kind="classification", labels=["red", "green", "blue"])


def different(i):
    rng = random.Random(i)
    return " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(8))


def rows(n, start=0):
    return [
        {"messages": chat(different(i), LABELS.labels[i % 3]), "customer": f"c{i // 2}"}
        for i in range(start, start + n)
    ]


@pytest.fixture
def split(opened, tmp_path):
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows(60)), who="ann")
    splits.make(opened, LABELS, who="ann")
    return opened


def freeze(opened):
    return versions.freeze(opened, LABELS, who="ann")


def test_a_version_holds_every_row_once_in_the_order_of_ids(split):
    version = freeze(split)
    assert version.name == "v001" and version.folder == split.project.versions / "v001"
    ids = []
    for name in leakage.SPLITS:
        table = version.read(name)
        assert tuple(table.column_names) == versions.COLUMNS
        assert set(table["split"].to_pylist()) == {name}
        assert table["id"].to_pylist() == sorted(table["id"].to_pylist())
        assert len(table) == getattr(version.manifest.counts, name)
        ids += table["id"].to_pylist()
    assert sorted(ids) == sorted(one for (one,) in split.rows("select id from live"))
    first = version.read("train").to_pylist()[0]
    assert json.loads(first["messages"])[0]["role"] == "user" and "customer" in json.loads(first["metadata"])


def test_dropped_and_blocked_rows_are_left_out_and_counted(split):
    decisions.decide(split, [1, 2], "decision", "drop", who="ann")
    decisions.decide(split, [3], "messages", chat("something new altogether", ""), who="ann")
    checks.run(split, LABELS)
    version = freeze(split)
    counts = version.manifest.counts
    assert (counts.dropped, counts.blocked, counts.train + counts.validation + counts.test) == (2, 1, 57)


def test_without_a_split_nothing_can_be_frozen(opened, tmp_path):
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows(20)), who="ann")
    with pytest.raises(NotReady, match="No split") as error:
        freeze(opened)
    assert error.value.exit_code == 1 and not list(opened.project.versions.glob("*"))
    splits.make(opened, LABELS, who="ann")
    decisions.undo(opened, who="ann")
    with pytest.raises(NotReady, match="No split"):
        freeze(opened)


def test_a_row_that_came_after_the_split_has_to_be_split_first(split, tmp_path):
    importing.import_file(split, write_jsonl(tmp_path / "more.jsonl", rows(3, 900)), who="ann")
    with pytest.raises(NotReady, match="3 examples have no split"):
        freeze(split)
    assert versions.all_versions(split.project) == ()


def test_a_row_that_is_taken_back_after_a_new_split_has_to_be_split_too(split):
    decisions.decide(split, [1], "decision", "drop", who="ann")
    splits.make(split, LABELS, seed=5, who="ann")
    decisions.decide(split, [1], "decision", "undecided", who="ann")
    with pytest.raises(NotReady, match="1 example has no split"):
        freeze(split)


def test_an_unchanged_state_gives_the_existing_version(split):
    first = freeze(split)
    assert freeze(split) == first
    decisions.decide(split, [1], "decision", "drop", who="ann")
    second = freeze(split)
    assert (second.name, second.manifest.parent) == ("v002", "v001")
    decisions.undo(split, who="ann")
    assert freeze(split).name == "v001"


def test_freezes_at_the_same_time_make_one_version(split):
    with ThreadPoolExecutor(4) as threads:
        names = {one.name for one in threads.map(lambda _: freeze(split), range(4))}
    assert names == {"v001"} and [one.name for one in split.project.versions.iterdir()] == ["v001"]


def test_the_audit_is_stored_beside_the_manifest(split):
    version = freeze(split)
    stored = leakage.read_audit(version.folder)
    assert stored == leakage.audit(version.folder) and stored.clean
    assert version.manifest.audit.pairs == 0
    assert version.manifest.settings["split"]["test"] == 12
    assert version.manifest.settings["dedup"]["shingle"] == "characters 5"


def test_a_leaking_split_is_frozen_and_says_so(split):
    (train,) = split.row("select seq from example where split = 'train'")
    ((test, text),) = split.rows(
        "select seq, messages from example join content using (seq) where split = 'test' limit 1"
    )
    copied = chat(json.loads(text)[0]["content"] + "!", "red")
    decisions.decide(split, [train], "messages", copied, who="ann")
    version = freeze(split)
    assert not version.manifest.audit.clean and version.manifest.audit.pairs == 1
    (pair,) = leakage.read_audit(version.folder).pairs
    assert {pair.id_a, pair.id_b} == {
        one for (one,) in split.rows("select id from example where seq in (?, ?)", [train, test])
    }


def test_versions_are_found_by_name_and_near_names_are_suggested(split):
    freeze(split)
    assert versions.open_version(split.project, "v001") == versions.newest(split.project)
    with pytest.raises(BadUsage, match="v01.*\n.*v001"):
        versions.open_version(split.project, "v01")
    assert versions.newest(project.Project(split.project.folder / "nowhere")) is None


def test_a_changed_file_is_recognised(split):
    import pyarrow.parquet as pq

    version = freeze(split)
    versions.verify(version)
    table = version.read("test")
    version.path("test").chmod(0o644)
    pq.write_table(table.slice(1), version.path("test"))
    with pytest.raises(BadInput, match="changed"):
        versions.verify(version)


def test_the_difference_between_two_versions_names_each_row(split, tmp_path):
    old = freeze(split)
    decisions.decide(split, [1], "decision", "drop", who="ann")
    decisions.decide(split, [2], "messages", chat("a new question of some length", "red"), who="ann")
    importing.import_file(split, write_jsonl(tmp_path / "more.jsonl", rows(2, 500)), who="ann")
    splits.make(split, LABELS, who="ann")
    found = versions.compare(old, freeze(split))
    names = dict(split.rows("select seq, id from example"))
    assert found.removed == (names[1],) and found.edited == (names[2],) and found.moved == ()
    assert found.added == tuple(sorted((names[61], names[62])))


def test_frozen_rows_are_marked_and_what_was_left_behind_by_a_killed_freeze_is_cleared(split):
    left = split.project.versions / ".v001.12345"
    left.mkdir(parents=True)
    (left / "train.parquet").write_text("half")
    freeze(split)
    assert [one.name for one in split.project.versions.iterdir()] == ["v001"]
    assert split.value("select count(*) from example where not frozen") == 0


def test_the_group_of_a_row_is_that_of_the_split(opened, tmp_path):
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows(60)), who="ann")
    splits.make(opened, LABELS, group="customer", who="ann")
    version = freeze(opened)
    for row in version.read("train").to_pylist():
        assert row["group"] == json.loads(row["metadata"])["customer"]


def test_a_project_copied_elsewhere_has_the_same_versions(split, tmp_path):
    import shutil

    version = freeze(split)
    split.close()
    shutil.copytree(split.project.folder, tmp_path / "copy")
    with store.open_store(project.locate(tmp_path / "copy")) as copied:
        again = versions.freeze(copied, LABELS, who="ben")
        assert again.manifest == version.manifest and len(versions.all_versions(copied.project)) == 1
