"""Held-out sets that others own: they stay as their file has them, and leaks are cured on the side of train."""

from __future__ import annotations

import random

import pytest

from curation import importing, leakage, mending, project, quarantine, splits, store, task, versions
from curation.errors import BadUsage
from tests.curation.conftest import chat, write_jsonl

TASK = task.Task(kind="classification", labels=["red", "green", "blue"])


def different(i):
    """A sentence that resembles no other one."""
    rng = random.Random(i)
    return " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(8))


def rows(numbers, **more):
    return [{"messages": chat(different(i), TASK.labels[i % 3]), **more} for i in numbers]


def ids(opened, source):
    return {
        one
        for (one,) in opened.rows(
            "select e.id from occurrence o join example e using (seq) join source s on s.source = o.source "
            "where s.name = ?",
            [source],
        )
    }


@pytest.fixture
def both(opened, tmp_path):
    """Sixty rows of ours, twenty test rows of theirs; ours repeat one of theirs exactly and one nearly."""
    theirs = rows(range(100, 120))
    near = {"messages": chat(different(101) + " again", "red")}
    exact = {"messages": chat(different(102), "blue")}
    ours = [*rows(range(60)), near, exact]
    importing.import_file(opened, write_jsonl(tmp_path / "ours.jsonl", ours), who="ann")
    importing.import_file(opened, write_jsonl(tmp_path / "theirs.jsonl", theirs), split="test", who="ann")
    return opened


def test_an_owned_test_set_is_the_test_set_and_stays_it(both):
    theirs = ids(both, "theirs.jsonl")
    for seed in (0, 7):
        report = splits.make(both, TASK, seed=seed, who="ann")
        assert {one for (one,) in both.rows("select id from example where split = 'test'")} == theirs
        assert (report.test, report.owned) == (20, 20)


def test_a_leak_into_an_owned_set_is_cured_by_leaving_the_training_row_out_and_it_is_said(both):
    report = splits.make(both, TASK, who="ann")
    assert len(report.left_out) == 2 and not report.refused
    assert not set(report.left_out) & ids(both, "theirs.jsonl")
    assert f"{len(report.left_out):,} rows are left out" in report.text
    version = versions.freeze(both, TASK, who="ann")
    assert leakage.read_audit(version.folder).clean and version.manifest.counts.test == 20


def test_a_row_that_their_test_set_and_our_file_both_hold_is_a_test_row(both):
    splits.make(both, TASK, who="ann")
    shared = ids(both, "theirs.jsonl") & ids(both, "ours.jsonl")
    assert {both.value("select split from example where id = ?", [one]) for one in shared} <= {"test"}


def test_a_column_may_say_the_split_in_the_usual_words(opened, tmp_path):
    file = [
        *rows(range(30), part="Training"),
        *rows(range(30, 36), part="val"),
        *rows(range(40, 48), part="TEST"),
    ]
    path = write_jsonl(tmp_path / "all.jsonl", file)
    importing.import_file(opened, path, mapping={"split": "part"}, who="ann")
    report = splits.make(opened, TASK, who="ann")
    assert (report.train, report.validation, report.test, report.owned) == (30, 6, 8, 44)


def test_their_training_row_leaves_when_it_repeats_their_test_row(opened, tmp_path):
    leak = {"messages": chat(different(40) + " again", "green"), "part": "train"}
    file = [*rows(range(30), part="train"), leak, *rows(range(40, 48), part="test")]
    importing.import_file(
        opened, write_jsonl(tmp_path / "all.jsonl", file), mapping={"split": "part"}, who="ann"
    )
    report = splits.make(opened, TASK, validation=0, who="ann")
    assert len(report.left_out) == 1 and (report.train, report.test) == (30, 8)


def test_a_word_that_is_no_split_is_refused_with_the_words_that_are(opened, tmp_path):
    path = write_jsonl(tmp_path / "all.jsonl", rows(range(3), part="holdout-7"))
    with pytest.raises(BadUsage, match="'holdout-7' is no split") as said:
        importing.import_file(opened, path, mapping={"split": "part"}, who="ann")
    assert "train, validation, test" in said.value.hint
    assert opened.value("select count(*) from source") == 0


def test_a_mended_row_of_an_owned_set_belongs_to_it(opened, tmp_path):
    importing.import_file(opened, write_jsonl(tmp_path / "ours.jsonl", rows(range(40))), who="ann")
    path = write_jsonl(tmp_path / "theirs.jsonl", rows(range(50, 54)))
    path.write_text(path.read_text() + "{broken\n")
    importing.import_file(opened, path, split="test", who="ann")
    text = '{"messages": [{"role": "user", "content": "new"}, {"role": "assistant", "content": "red"}]}'
    done = mending.mend(opened, quarantine.find(opened, 5), text, who="ann")
    splits.make(opened, TASK, who="ann")
    assert opened.value("select split from example where id = ?", [done.id]) == "test"


@pytest.mark.slow
def test_the_fingerprint_is_the_same_in_whatever_order_the_files_came(tmp_path):
    ours = write_jsonl(tmp_path / "ours.jsonl", rows(range(40)))
    theirs = write_jsonl(tmp_path / "theirs.jsonl", rows(range(100, 108)))
    prints = set()
    for name, order in (("a", (ours, theirs)), ("b", (theirs, ours))):
        with store.create(project.reserve(tmp_path / name)) as made:
            for path in order:
                importing.import_file(made, path, split="test" if path is theirs else None, who=name)
            splits.make(made, TASK, who=name)
            prints.add(versions.freeze(made, TASK, who=name).manifest.fingerprint)
    assert len(prints) == 1
