from __future__ import annotations

import json
import random

import pytest

from curation import decisions, importing, splits, task, versions
from curation.errors import BadUsage, TouchstoneError
from tests.curation.conftest import chat, write_jsonl

TASK = task.Task(kind="classification", labels=["red", "green", "blue"])


def different(i):
    """A sentence that resembles no other one."""
    rng = random.Random(i)
    return " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(8))


@pytest.fixture
def labelled(opened, tmp_path):
    rows = [
        {"messages": chat(different(i), TASK.labels[i % 3]), "customer": f"c{i // 3}"} for i in range(120)
    ]
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
    return opened


def state(opened):
    return dict(opened.rows("select id, split from example"))


def test_sizes_are_rows_or_shares_and_default_to_a_fifth(labelled):
    report = splits.make(labelled, TASK, who="ann")
    assert (report.train, report.validation, report.test) == (72, 24, 24)
    report = splits.make(labelled, TASK, test=10, validation=0.1, who="ann")
    assert (report.train, report.validation, report.test) == (98, 12, 10)
    assert report.imbalance < 0.1 and set(report.balance) == set(TASK.labels)


def test_the_same_seed_gives_the_same_split_and_undo_takes_it_back(labelled):
    splits.make(labelled, TASK, seed=3, who="ann")
    first = state(labelled)
    decisions.undo(labelled, who="ann")
    assert set(state(labelled).values()) == {None}
    splits.make(labelled, TASK, seed=3, who="ann")
    assert state(labelled) == first


def test_rows_of_one_group_stay_together(labelled):
    report = splits.make(labelled, TASK, group="customer", test=30, validation=30, who="ann")
    assert report.group == "customer"
    rows = labelled.rows("select o.metadata, e.split from occurrence o join example e using (seq)")
    sides = {}
    for metadata, split in rows:
        sides.setdefault(json.loads(metadata)["customer"], set()).add(split)
    assert all(len(one) == 1 for one in sides.values())


def test_duplicates_stay_together(labelled, tmp_path):
    copies = [{"messages": chat(different(i) + "!", TASK.labels[i % 3])} for i in range(60)]
    importing.import_file(labelled, write_jsonl(tmp_path / "copies.jsonl", copies), who="ann")
    splits.make(labelled, TASK, who="ann")
    crossing = labelled.value(
        "select count(*) from (select cluster from example where cluster is not null group by cluster "
        "having count(distinct split) > 1)"
    )
    assert labelled.value("select count(*) from duplicate") >= 120
    assert crossing == 0


def test_dropped_and_blocked_rows_get_no_split(labelled):
    decisions.decide(labelled, [1, 2, 3], "decision", "drop", who="ann")
    report = splits.make(labelled, TASK, who="ann")
    assert report.train + report.validation + report.test == 117
    assert labelled.value("select count(*) from example where seq <= 3 and split is null") == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"test": 200}, "cannot be given|no training row"),
        ({"test": 60, "validation": 60}, "no training row"),
    ],
)
def test_a_split_that_cannot_be_given_says_so_and_changes_nothing(labelled, options, message):
    before, log = state(labelled), labelled.value("select count(*) from batch")
    with pytest.raises(TouchstoneError, match=message) as error:
        splits.make(labelled, TASK, who="ann", **options)
    assert error.value.exit_code == 1
    assert state(labelled) == before and labelled.value("select count(*) from batch") == log


@pytest.mark.parametrize("options", [{"test": -1}, {"group": "custmer"}, {"stratify": "colour"}])
def test_what_cannot_be_meant_is_bad_usage(labelled, options):
    with pytest.raises(BadUsage):
        splits.make(labelled, TASK, who="ann", **options)


def test_frozen_rows_keep_their_split_and_new_ones_go_to_train(labelled, tmp_path):
    splits.make(labelled, TASK, who="ann")
    first = versions.freeze(labelled, TASK, who="ann")
    before = state(labelled)
    more = [{"messages": chat(different(1000 + i), TASK.labels[i % 3])} for i in range(30)]
    importing.import_file(labelled, write_jsonl(tmp_path / "more.jsonl", more), who="ann")
    report = splits.make(labelled, TASK, who="ann")
    after = state(labelled)
    assert {one: after[one] for one in before} == before
    assert report.kept == 120 and report.train == 72 + 30
    report = splits.make(labelled, TASK, test=30, who="ann")
    after = state(labelled)
    assert report.test == 30 and {one: after[one] for one in before} == before
    assert versions.freeze(labelled, TASK, who="ann").name != first.name


@pytest.mark.slow
def test_a_new_row_that_ties_two_frozen_splits_is_refused_and_listed(labelled, tmp_path):
    splits.make(labelled, TASK, group="customer", who="ann")
    versions.freeze(labelled, TASK, who="ann")
    found = labelled.rows(
        "select e.split, o.metadata ->> '$.customer' from example e join occurrence o using (seq) order by e.seq"
    )
    train = next(customer for split, customer in found if split == "train")
    test = next(customer for split, customer in found if split == "test")
    bridge = {"messages": chat(different(5000), "red")}
    rows = [{**bridge, "customer": train}, {**bridge, "customer": test}]
    importing.import_file(labelled, write_jsonl(tmp_path / "bridge.jsonl", rows), who="ann")
    report = splits.make(labelled, TASK, group="customer", who="ann")
    assert len(report.refused) == 1
    version = versions.freeze(labelled, TASK, who="ann")
    assert version.name == "v001" and version.manifest.audit.clean
    more = [{"messages": chat(different(6000), "blue"), "customer": "new"}]
    importing.import_file(labelled, write_jsonl(tmp_path / "more.jsonl", more), who="ann")
    splits.make(labelled, TASK, group="customer", who="ann")
    version = versions.freeze(labelled, TASK, who="ann")
    assert version.manifest.counts.refused == 1 and version.manifest.audit.clean
