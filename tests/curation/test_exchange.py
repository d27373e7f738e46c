"""Decisions travel as a file: twice adds nothing, two copies merge, the newest wins, the same version comes out."""

from __future__ import annotations

import json

import pytest

from curation import decisions, exchange, importing, labels, project, splits, store, task, versions, views
from curation.errors import BadInput, BadUsage
from curation.filters import parse

COLOURS = ("red", "blue", "green")


def turns(n, answer=None):
    return [
        {"role": "user", "content": f"what is the colour of the object number {n * 7919} in room {n}"},
        {"role": "assistant", "content": answer or COLOURS[n % 3]},
    ]


@pytest.fixture
def make(tmp_path):
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps({"messages": turns(n), "label": COLOURS[n % 3]}) for n in range(60)))
    opened = []

    def build(name):
        made = store.create(project.reserve(tmp_path / name))
        opened.append(made)
        importing.import_file(made, file, mapping={"label": "label"}, who="ann")
        tasks = task.Task(kind="classification", labels=list(COLOURS))
        task.save(tasks, made.project.task_path)
        return made

    yield build
    for one in opened:
        one.close()


def state(opened):
    return opened.rows(
        "select id, decision, label, messages, text_hash, edited from example join content using (seq) order by seq"
    )


def work(opened):
    decisions.decide(opened, [1, 2], "decision", "drop", who="ann")
    decisions.decide(opened, [3], "messages", turns(3, "blue"), who="ann")
    decisions.decide(opened, [4], "label", "green", who="bob")
    decisions.decide(opened, [5], "hand_flag", "odd", who="bob", reason="seen")
    decisions.undo(opened, who="bob")
    decisions.decide(opened, [6], "decision", "keep", who="bob")
    decisions.undo(opened, who="bob")


def frozen(opened):
    current = task.load(opened.project.task_path)
    splits.make(opened, current, test=10, validation=10, seed=3, who="ann")
    return versions.freeze(opened, current, who="ann").manifest.fingerprint


@pytest.mark.slow
def test_sources_and_decisions_make_the_same_version_again(make, tmp_path):
    first, second = make("first"), make("second")
    work(first)
    lines = exchange.export(first, tmp_path / "d.jsonl")
    done = exchange.merge(second, tmp_path / "d.jsonl")
    assert (done.lines, done.changed, done.conflicts, done.unknown) == (lines, lines, 0, 0)
    assert state(second) == state(first)
    assert frozen(second) == frozen(first)


def test_a_file_imported_twice_adds_nothing_and_an_undo_works_on_it(make, tmp_path):
    first, second = make("first"), make("second")
    work(first)
    exchange.export(first, tmp_path / "d.jsonl")
    exchange.merge(second, tmp_path / "d.jsonl")
    log = second.value("select count(*) from batch")
    assert exchange.merge(second, tmp_path / "d.jsonl").changed == 0
    assert second.value("select count(*) from batch") == log
    assert [c.who for c in decisions.history(second, 4)] == ["bob"]
    decisions.undo(second, who="eve")
    assert second.value("select label from example where seq = 4") == COLOURS[0]


def test_two_copies_merge_and_the_newest_of_two_changes_stands_on_both(make, tmp_path):
    first, second = make("first"), make("second")
    decisions.decide(first, [1, 2], "decision", "drop", who="ann")
    decisions.decide(second, [2, 3], "decision", "keep", who="bob")
    for opened, name in ((first, "a"), (second, "b")):
        exchange.export(opened, tmp_path / name)
    into_first = exchange.merge(first, tmp_path / "b")
    into_second = exchange.merge(second, tmp_path / "a")
    assert (into_first.conflicts, into_first.kept) == (1, 0)
    assert (into_second.conflicts, into_second.kept) == (1, 1)
    assert state(first) == state(second)
    assert [row[1] for row in state(first)[:3]] == ["drop", "keep", "keep"]


@pytest.mark.parametrize("line", ["{", "[]", '{"op": "x"}', '{"op":"x","root":"x","at":"now","who":"a"}'])
def test_a_line_that_is_no_decision_changes_nothing_and_is_named(make, tmp_path, line):
    opened = make("first")
    (tmp_path / "bad").write_text(line + "\n")
    with pytest.raises(BadInput, match="Line 1"):
        exchange.merge(opened, tmp_path / "bad")


def test_a_label_is_renamed_in_rows_answers_and_task_and_one_undo_puts_all_back(make):
    opened = make("first")
    before, listed = state(opened), task.load(opened.project.task_path).labels
    done = labels.rename(opened, "red", "crimson", who="ann")
    assert done.changed == 20
    assert task.load(opened.project.task_path).labels == ["crimson", "blue", "green"]
    assert json.loads(state(opened)[0][3])[1]["content"] == "crimson"
    decisions.undo(opened, who="ann")
    assert state(opened) == before and task.load(opened.project.task_path).labels == listed
    decisions.redo(opened, who="ann")
    assert labels.counts(opened)["crimson"] == 20


def test_labels_are_merged_and_split(make):
    opened = make("first")
    labels.merge(opened, ["red", "blue"], "warm", who="ann")
    assert labels.counts(opened) == {"warm": 40, "green": 20}
    labels.split(opened, "warm", parse('text~"room 1"'), "one", who="ann")
    assert task.load(opened.project.task_path).labels == ["warm", "one", "green"]
    assert labels.counts(opened)["one"] + labels.counts(opened)["warm"] == 40
    with pytest.raises(BadUsage, match="already"):
        labels.rename(opened, "one", "green", who="ann")
    with pytest.raises(BadUsage, match="pink"):
        labels.rename(opened, "pink", "rose", who="ann")


def test_a_view_is_saved_found_replaced_and_deleted(make):
    opened = make("first")
    views.save(opened, "reds", "label=red", "longest")
    views.save(opened, "reds", "label = red", "shortest")
    assert views.saved(opened) == (views.SavedView("reds", "label=red", "shortest"),)
    with pytest.raises(BadUsage, match="red"):
        views.named(opened, "redds")
    with pytest.raises(BadUsage):
        views.save(opened, "bad", "colour=red")
    views.delete(opened, "reds")
    assert views.saved(opened) == ()
