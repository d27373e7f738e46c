"""A row that comes back under its id with other content revises its example."""

from __future__ import annotations

import json

import pytest

from curation import decisions, importing, splits, task, versions
from curation.families import family_of
from curation.files import sha256_file
from curation.revisions import ChangedRows
from tests.curation.conftest import chat, write_jsonl

STATE = "select e.*, c.* from example e join content c using (seq) order by seq"


def row(number, answer="yes", **more):
    return {
        "messages": chat(f"question {number} on topic {number * 7}", answer),
        "ticket": f"t{number}",
        **more,
    }


def take(opened, folder, name, rows, **more):
    return importing.import_file(
        opened, write_jsonl(folder / name, rows), who="ann", mapping={"id": "ticket"}, **more
    )


def answers(opened):
    return [
        json.loads(text)[-1]["content"]
        for (text,) in opened.rows("select messages from content join live using (seq) order by seq")
    ]


@pytest.fixture
def first(opened, tmp_path):
    take(opened, tmp_path, "tickets-2026-01.jsonl", [row(i) for i in range(6)])
    return opened


def test_a_changed_row_is_an_edit_of_its_example_and_the_counts_add_up(first, tmp_path):
    ids = first.rows("select id from example order by seq")
    report = take(
        first,
        tmp_path,
        "tickets-2026-02.jsonl",
        [row(0), row(1, "no"), row(2, "no"), row(9), row(10), row(9)],
    )
    assert (report.rows, report.examples, report.quarantined, report.repeated) == (6, 2, 0, 4)
    assert (report.revised, report.kept) == (2, 0)
    assert answers(first) == ["yes", "no", "no", "yes", "yes", "yes", "yes", "yes"]
    assert first.rows("select id from example order by seq")[:6] == ids
    assert first.rows("select seq from example where edited order by seq") == [(2,), (3,)]
    newest = decisions.history(first, 2)[0]
    assert newest.kind == "revised" and newest.after["messages"][-1]["content"] == "no"


def test_the_import_and_its_revisions_are_one_step_back_and_one_forward(first, tmp_path):
    before = first.rows(STATE)
    take(first, tmp_path, "tickets-2026-02.jsonl", [row(1, "no", label="b"), row(7)])
    after = first.rows(STATE)
    decisions.undo(first, who="ann")
    assert [one for one in first.rows(STATE) if one[0] <= 6] == before
    assert first.value("select count(*) from live") == 6
    decisions.redo(first, who="ann")
    assert first.rows(STATE) == after


def test_a_revised_row_that_comes_again_is_only_repeated(first, tmp_path):
    take(first, tmp_path, "tickets-2026-02.jsonl", [row(1, "no")])
    again = take(first, tmp_path, "tickets-2026-03.jsonl", [row(0), row(1, "no")])
    assert (again.examples, again.repeated, again.revised) == (0, 2, 0)
    other = importing.import_file(
        first, write_jsonl(tmp_path / "x.jsonl", [row(1, "no")]), who="ann", mapping={}
    )
    assert (other.examples, other.repeated) == (0, 1)
    back = take(first, tmp_path, "tickets-2026-04.jsonl", [row(1)])
    assert (back.examples, back.revised) == (0, 1) and answers(first) == ["yes"] * 6


def test_an_undone_import_brought_in_again_revises_again(first, tmp_path):
    take(first, tmp_path, "tickets-2026-02.jsonl", [row(1, "no"), row(8)])
    decisions.undo(first, who="ann")
    again = take(first, tmp_path, "tickets-2026-02.jsonl", [row(1, "no"), row(8)])
    assert again.already_imported and again.revised == 1
    assert answers(first) == ["yes", "no", "yes", "yes", "yes", "yes", "yes"]


@pytest.fixture
def edited(first):
    decisions.decide(first, [2], "messages", chat("question 1 on topic 7", "mine"), who="ann")
    return first


CHANGED = [row(1, "theirs"), row(2, "theirs")]


def test_a_row_edited_here_is_not_overwritten_without_a_word(edited, tmp_path):
    before = edited.rows(STATE)
    with pytest.raises(ChangedRows, match="2 changed, 1 of them edited here: choose --changed theirs or"):
        take(edited, tmp_path, "tickets-2026-02.jsonl", CHANGED)
    assert edited.rows(STATE) == before and edited.value("select count(*) from source") == 1


@pytest.mark.parametrize(("choice", "expected", "kept"), [("theirs", "theirs", 0), ("mine", "mine", 1)])
def test_a_person_says_which_side_counts(edited, tmp_path, choice, expected, kept):
    report = take(edited, tmp_path, "tickets-2026-02.jsonl", CHANGED, changed=choice)
    assert (report.revised, report.kept) == (2 - kept, kept)
    assert answers(edited)[1:3] == [expected, "theirs"]
    same = take(edited, tmp_path, "tickets-2026-03.jsonl", [*CHANGED, row(3)])
    assert (same.revised, same.kept, answers(edited)[1]) == (0, 0, expected)


def test_an_edit_here_and_the_same_one_there_need_no_choice(edited, tmp_path):
    report = take(edited, tmp_path, "tickets-2026-02.jsonl", [row(1, "mine")])
    assert (report.examples, report.repeated, report.revised) == (0, 1, 0)


def test_an_edited_row_that_the_file_has_not_changed_keeps_its_edit(edited, tmp_path):
    report = take(edited, tmp_path, "tickets-2026-02.jsonl", [row(1), row(11)])
    assert (report.repeated, report.revised) == (1, 0) and answers(edited)[1] == "mine"


def test_rows_that_only_got_other_numbers_are_known_by_their_content(first, tmp_path):
    down = [{**row(i), "ticket": f"t{i + 1}"} for i in range(6)]
    up = [{**row(i), "ticket": f"t{i - 1}"} for i in range(1, 6)]
    for name, rows in (
        ("tickets-2026-02.jsonl", [{**row(50), "ticket": "t0"}, *down]),
        ("tickets-2026-03.jsonl", up),
    ):
        report = take(first, tmp_path, name, rows)
        assert report.revised == 0 and report.repeated == len(rows) - report.examples
    assert first.value("select count(*) from example") == 7


def test_an_id_that_several_rows_share_names_none_of_them(opened, tmp_path):
    shared = [{**row(i), "ticket": "call_id"} for i in range(3)]
    take(opened, tmp_path, "calls.jsonl", shared)
    report = take(opened, tmp_path, "calls.jsonl", [{**row(7), "ticket": "call_id"}, *shared])
    assert (report.examples, report.repeated, report.revised) == (1, 3, 0)


def test_a_correction_that_makes_two_rows_equal_is_taken(first, tmp_path):
    copy = {**row(4), "ticket": "t5"}
    report = take(first, tmp_path, "tickets-2026-02.jsonl", [row(4), copy])
    assert (report.repeated, report.revised) == (2, 1)
    texts = first.rows("select messages from content where seq in (5, 6)")
    assert texts[0] == texts[1]


def test_a_new_row_may_say_what_a_changed_row_says_now(opened, tmp_path):
    take(opened, tmp_path, "tickets-2026-01.jsonl", [row(1)])
    same = {"messages": chat("a question of its own", "yes")}
    report = take(
        opened,
        tmp_path,
        "tickets-2026-02.jsonl",
        [same | {"ticket": "t1"}, same | {"ticket": "t2"}],
        changed="theirs",
    )
    assert (report.rows, report.examples, report.repeated, report.revised) == (2, 1, 1, 1)
    assert opened.value("select count(*) from live") == 2


def test_an_id_that_was_not_mapped_at_first_is_known_all_the_same(opened, tmp_path):
    rows = [row(i) for i in range(4)]
    importing.import_file(opened, write_jsonl(tmp_path / "t-2026-01.jsonl", rows), who="ann")
    report = take(opened, tmp_path, "t-2026-02.jsonl", [row(0, "no"), row(1)])
    assert (report.examples, report.repeated, report.revised) == (0, 2, 1)


def test_another_set_with_the_same_ids_does_not_overwrite_the_first(opened, tmp_path):
    take(opened, tmp_path, "train.jsonl", [row(i) for i in range(12)])
    other = [
        {"messages": chat(f"wholly different {i * 3 + 100}", "words"), "ticket": f"t{i}"} for i in range(12)
    ]
    with pytest.raises(ChangedRows, match="12 rows have an id that is known here, but hold other texts"):
        take(opened, tmp_path, "train.jsonl", other)
    report = take(opened, tmp_path, "train.jsonl", other, family="another")
    assert (report.examples, report.revised) == (12, 0)


def test_tools_pairs_and_labels_are_revised_with_the_turns_and_come_back(opened, tmp_path):
    pair = {"prompt": "p", "chosen": "good one", "rejected": "bad", "ticket": "t1"}
    take(opened, tmp_path, "pairs.jsonl", [pair])
    before = opened.rows(STATE)
    report = take(opened, tmp_path, "pairs.jsonl", [{**pair, "chosen": "bad", "rejected": "good \u0001 one"}])
    assert report.revised == 1
    assert opened.row("select text_hash from occurrence where source = 2") == opened.row(
        "select text_hash from example"
    )
    decisions.undo(opened, who="ann")
    assert opened.rows(STATE) == before


def test_a_frozen_version_stays_as_it_was(opened, tmp_path):
    take(opened, tmp_path, "tickets.jsonl", [row(i) for i in range(60)])
    chosen = task.load(opened.project.task_path)
    splits.make(opened, chosen, who="ann")
    folder = versions.freeze(opened, chosen, who="ann").folder
    files = {path: sha256_file(path) for path in sorted(folder.iterdir()) if path.is_file()}
    take(opened, tmp_path, "tickets.jsonl", [row(i, "no") for i in range(60)])
    assert {path: sha256_file(path) for path in files} == files
    assert versions.freeze(opened, chosen, who="ann").folder != folder


def test_the_next_file_takes_the_mapping_of_the_first_where_it_fits(opened, tmp_path):
    table = tmp_path / "t-2026-01.csv"
    table.write_text("id,words,kind\n1,one,a\n2,two,b\n3,three,a\n")
    mapping = {"id": "id", "user": "words", "label": "kind"}
    importing.import_file(opened, table, mapping=mapping, split="test", who="ann")
    table = tmp_path / "t-2026-02.csv"
    table.write_text("id,words,kind\n2,two,c\n4,four,b\n")
    report = importing.import_file(opened, table, who="ann")
    assert (report.mapping, report.mapping_from) == (mapping, "t-2026-01.csv")
    assert (report.examples, report.revised) == (1, 1)
    table = tmp_path / "t-2026-03.csv"
    table.write_text("text,label\nfive,a\nsix,a\n")
    report = importing.import_file(opened, table, who="ann")
    assert (report.mapping, report.mapping_from) == ({"user": "text", "label": "label"}, None)
    assert report.drift.columns_gone == ("id", "kind", "words")


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("tickets-2026-01.jsonl.gz", "tickets"),
        ("tickets_20260131.csv", "tickets"),
        ("tickets-2026-02 (1).jsonl", "tickets"),
        ("tickets-v3.jsonl", "tickets"),
        ("tickets", "tickets"),
        ("2026-01.jsonl", "2026-01"),
        ("train-00000-of-00002.parquet", "train-00000-of-00002"),
        ("part-0001.jsonl", "part-0001"),
        ("dev2.jsonl", "dev2"),
        ("org/name:train", "org/name:train"),
    ],
)
def test_files_of_one_family_differ_by_date_edition_and_copy(name, family):
    assert family_of(name) == family
    assert family_of(family) == family
