"""A second file of a family says what is different in it."""

from __future__ import annotations

import pytest

from curation import decisions, importing
from tests.curation.conftest import chat, write_jsonl


def rows(start, count, labels, system="Sort tickets.", **more):
    return [
        {"messages": chat(f"ticket number {i}", "done", system), "label": labels[i % len(labels)], **more}
        for i in range(start, start + count)
    ]


@pytest.fixture
def take(opened, tmp_path):
    def one(name, given, **more):
        return importing.import_file(opened, write_jsonl(tmp_path / name, given), who="ann", **more)

    return one


@pytest.fixture
def first(take):
    report = take("t-2026-01.jsonl", rows(0, 100, ["a", "b", "c", "d"], region="eu", queue="1"))
    assert report.drift is None
    return report


def test_a_file_like_the_last_one_says_so_in_one_line(take, first):
    drift = take("t-2026-02.jsonl", rows(100, 80, ["a", "b", "c", "d"], region="eu", queue="1")).drift
    assert drift.rows == (100, 80) and drift.quarantined == (0, 0)
    assert drift.says() == ["Like t-2026-01.jsonl: columns, labels, system prompts and lengths are the same."]


def test_columns_labels_and_shares_that_differ_are_named(take, first):
    drift = take(
        "t-2026-02.jsonl", rows(100, 100, ["a", "a", "a", "b", "e"], region="eu", priority="2")
    ).drift
    assert (drift.columns_gone, drift.columns_new) == (("queue",), ("priority",))
    assert (drift.labels_gone, drift.labels_new) == (("c", "d"), ("e",))
    assert [(one.label, one.before, one.now) for one in drift.shifts] == [("a", 0.25, 0.6)]
    assert drift.says() == [
        "Against t-2026-01.jsonl:",
        "Columns gone: queue; new: priority.",
        "Labels gone: c, d; new: e.",
        "Shares that moved: a 25% to 60%.",
    ]


def test_a_few_corrected_rows_do_not_make_labels_and_columns_vanish(take, first):
    drift = take("t-2026-02.jsonl", rows(100, 3, ["a"])).drift
    assert (drift.columns_gone, drift.labels_gone, drift.shifts) == ((), (), ())


def test_system_prompts_lengths_and_broken_rows_are_compared(take, tmp_path, opened, first):
    longer = rows(100, 90, ["a", "b", "c", "d"], "Sort the tickets. " + "word " * 20, region="eu", queue="1")
    path = write_jsonl(tmp_path / "t-2026-02.jsonl", longer)
    path.write_text(path.read_text() + "{broken\n" * 10)
    drift = importing.import_file(opened, path, who="ann").drift
    assert (drift.systems, drift.system_new) == ((1, 1), 1.0)
    assert drift.quarantined == (0, 0.1)
    assert drift.median[1] > drift.median[0] + 80
    told = drift.says()
    assert told[1].startswith("100% of the rows have another system prompt")
    assert told[2].startswith("Characters of a chat: median 33 to 139") and told[3].startswith(
        "Not readable: 0% to 10%"
    )


def test_a_label_renamed_here_and_not_there_is_news(take, first, opened):
    seqs = [seq for (seq,) in opened.rows("select seq from example where label = 'a'")]
    decisions.decide(opened, seqs, "label", "alpha", who="ann")
    drift = take("t-2026-02.jsonl", rows(100, 80, ["a", "b", "c", "d"], region="eu", queue="1")).drift
    assert (drift.labels_gone, drift.labels_new) == (("alpha",), ("a",))


def test_a_file_imported_twice_is_not_compared_with_itself(take, first):
    again = take("t-2026-01.jsonl", rows(0, 100, ["a", "b", "c", "d"], region="eu", queue="1"))
    assert again.already_imported and again.drift is None
