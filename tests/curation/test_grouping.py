"""Proposed group fields, against counts by brute force."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from itertools import combinations

import pytest

from curation import grouping, groups, importing, splits, versions
from curation.errors import BadUsage
from curation.task import Task
from tests.curation.conftest import chat, write_jsonl

FREE = Task(kind="free_form")


def words(seed, n=8):
    rng = random.Random(seed)
    return " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(n))


@pytest.fixture
def rows():
    """90 chats: customers of three rows answer alike, tickets chain two customers, colours mean nothing."""
    made = []
    for i in range(90):
        customer = i // 3
        made.append(
            {
                "messages": chat(
                    words(i), words(f"answer {customer}", 10) if i % 3 else words(f"own {i}", 10)
                ),
                "customer": f"c{customer}",
                "ticket": f"t{i}" if i % 9 else f"shared{i // 18}",
                "colour": random.Random(i).choice(["red", "green", "blue", "grey", "pink", "black"]),
                "nr": i,
            }
        )
    return made


@pytest.fixture
def filled(opened, tmp_path, rows):
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
    return opened


def parts(values):
    """Components of rows that share any of their values, by repeated merging."""
    sets = [{i} for i in range(len(values))]
    for a, b in combinations(range(len(values)), 2):
        if set(values[a]) & set(values[b]) and sets[a] is not sets[b]:
            merged = sets[a] | sets[b]
            for i in merged:
                sets[i] = merged
    return {frozenset(one) for one in sets}


def test_a_field_whose_rows_answer_alike_is_proposed_and_a_colour_is_not(filled):
    found = {one.field: one for one in grouping.propose(filled, FREE)}
    assert found["customer"].proposed and found["customer"].groups == 30 and found["customer"].rows == 90
    assert found["customer"].moves is None and "by chance" in found["customer"].why
    assert not found["colour"].proposed
    assert "nr" not in found
    assert found["answer"].groups == 30 and found["answer"].rows == 60


def test_the_rows_that_would_change_side_are_those_outside_the_largest_part(filled, rows):
    splits.make(filled, FREE, group="none", test=20, validation=20, who="ann")
    found = {one.field: one for one in grouping.propose(filled, FREE, groups.NO_GROUP)}
    side = [split for (split,) in filled.rows("select split from example order by seq")]
    for field in ("customer", "ticket"):
        moved = 0
        for part in parts([(row[field],) for row in rows]):
            counts = Counter(side[i] for i in part)
            moved += counts.total() - max(counts.values())
        assert found[field].moves == moved
    splits.make(filled, FREE, group="customer", test=21, validation=21, who="ann")
    again = {one.field: one for one in grouping.propose(filled, FREE, "customer")}
    assert "customer" not in again and again["answer"].moves == 0


def test_long_answers_on_both_sides_are_named_with_their_rows(filled, rows):
    splits.make(filled, FREE, group="none", test=20, validation=20, who="ann")
    side = [split for (split,) in filled.rows("select split from example order by seq")]
    answers = defaultdict(list)
    for i, row in enumerate(rows):
        answers[row["messages"][-1]["content"]].append(i)
    across = [some for some in answers.values() if len({side[i] for i in some}) > 1]
    (found,) = grouping.crossings(filled, FREE)
    assert found.values == len(across) and found.rows == sum(map(len, across))
    ids = [one for (one,) in filled.rows("select id from example order by seq")]
    assert set(found.ids) <= {ids[i] for some in across for i in some}
    splits.make(filled, FREE, group="answer", test=20, validation=20, who="ann")
    assert grouping.crossings(filled, FREE) == []


def test_equal_objects_of_a_structured_task_are_no_sign(filled):
    objects = Task(kind="structured")
    splits.make(filled, objects, group="none", test=20, validation=20, stratify="source", who="ann")
    assert grouping.crossings(filled, objects) == [] and grouping.crossings(filled, FREE)
    assert "answer" not in {one.field for one in grouping.propose(filled, objects)}


def test_no_component_of_several_fields_crosses(filled, rows):
    report = splits.make(filled, FREE, group=["customer", "ticket"], test=21, validation=12, who="ann")
    side = [split for (split,) in filled.rows("select split from example order by seq")]
    components = parts([(("c", row["customer"]), ("t", row["ticket"])) for row in rows])
    assert report.groups == len(components) < 30 and report.group == ["customer", "ticket"]
    assert all(len({side[i] for i in part}) == 1 for part in components)
    assert (report.test, report.validation) == (21, 12)
    version = versions.freeze(filled, FREE, who="ann")
    kept = [
        one for split in ("train", "validation", "test") for one in version.read(split)["group"].to_pylist()
    ]
    assert set(kept) == {row["customer"] for row in rows}


def test_shuffled_input_gives_the_same_split(tmp_path, rows):
    from curation import project, store

    found = []
    for number in range(2):
        random.Random(number).shuffle(rows)
        with store.create(project.reserve(tmp_path / f"p{number}")) as opened:
            importing.import_file(opened, write_jsonl(tmp_path / f"{number}.jsonl", rows), who="ann")
            splits.make(opened, FREE, group=["customer", "answer", "template"], who="ann")
            found.append(dict(opened.rows("select id, split from example")))
    assert found[0] == found[1]


def test_a_template_is_the_text_without_what_changes_in_it(opened, tmp_path):
    asked = [
        "Where is my order 4711 since 3 May?",
        "where is my order A-99-x since June",
        'Does the plan "Family Max" include red lines',
        "Does the plan 'Solo' include blue lines?",
        "I don't know what isn't there in the contract",
        "12 34 red",
        "99 11 blue",
        *(words(i) for i in range(30)),
    ]
    made = [{"messages": chat(text, "fine")} for text in asked]
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", made), who="ann")
    keys = dict(opened.rows(groups.group_values("template", ["red", "blue"])))
    assert keys[1] == keys[2] and keys[3] == keys[4] and keys[1] != keys[3]
    assert 6 not in keys and 7 not in keys
    assert len({keys[seq] for seq in range(8, 38)}) == 30 and keys[5] not in (keys[1], keys[3])


def test_a_mask_that_a_fifth_of_the_rows_share_is_no_template(opened, tmp_path):
    made = [{"messages": chat(f"what is the balance of account {i}", "fine")} for i in range(10)]
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", made), who="ann")
    assert opened.rows(groups.group_values("template")) == []


def test_a_field_that_does_not_exist_is_named_with_those_that_do(filled):
    with pytest.raises(BadUsage, match="custmer"):
        splits.make(filled, FREE, group=["customer", "custmer"], who="ann")


def test_the_newest_rows_are_test_and_groups_on_both_sides_stay_in_train(opened, tmp_path):
    made = [
        {
            "messages": chat(words(i), words(f"a {i}")),
            "day": f"2026-03-{1 + i % 28:02d}" if i % 2 else f"2026-03-{1 + i % 28:02d}T10:00:00Z",
            "user": f"u{i % 40}" if i < 50 else f"v{i}",
        }
        for i in range(84)
    ]
    made += [
        {
            "messages": chat(words(900 + i), words(f"b {i}")),
            "day": f"2026-03-{1 + i % 2 * 27:02d}",
            "user": f"w{i // 2}",
        }
        for i in range(10)
    ]
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", made), who="ann")
    report = splits.make(opened, FREE, group="user", time="day", test=9, validation=6, who="ann")
    found = opened.rows(
        "select e.split, o.metadata ->> '$.day', o.metadata ->> '$.user' from example e join occurrence o using (seq)"
    )
    users, oldest = defaultdict(set), {}
    for split, day, user in found:
        users[user].add(split)
        oldest[user] = min(oldest.get(user, day[:10]), day[:10])
    assert all(len(one) == 1 for one in users.values())
    by = {
        name: [oldest[user] for user, one in users.items() if one == {name}]
        for name in ("train", "validation", "test")
    }
    assert report.test == 9 and report.cut[:10] == min(by["test"])
    assert min(by["test"]) >= max(by["validation"]) >= min(by["validation"]) >= max(by["train"])
    newer = [user for split, day, user in found if split == "train" and day[:10] > min(by["validation"])]
    assert len(newer) >= 5 and report.straddling >= len(newer)
    with pytest.raises(BadUsage, match="date or time"):
        splits.make(opened, FREE, time="user", who="ann")
