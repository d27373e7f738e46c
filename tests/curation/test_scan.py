"""A scan of one or two files: its counts are those of the files, and nothing is left behind."""

from __future__ import annotations

import json
import tempfile

import pytest

from curation.errors import BadUsage
from curation.scan import scan

pytestmark = pytest.mark.slow


def chat(prompt, answer):
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}


def write(path, rows):
    path.write_text("".join(row + "\n" if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


def asked(n, answer=None):
    words = ("invoice", "parcel", "password", "refund", "login", "address", "coupon", "charger")
    return chat(
        f"Ticket {n * 7919}: my {words[n % 8]} {n} is wrong and {words[n // 8 % 8]} too",
        answer or f"team {n % 3}",
    )


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scan")
    train = [asked(n) for n in range(60)]
    test = [asked(n) for n in range(100, 130)]
    test[4] = train[7]  # the same
    test[9] = asked(20, "team 0")  # the same question, another answer: team 2 in train
    test[11] = test[12]
    both = scan(
        write(folder / "train.jsonl", [*train, train[3], asked(5, "team 1"), '{"messages": 1}']),
        write(folder / "test.jsonl", test),
    )
    return both


def test_rows_that_cannot_be_read_are_counted_with_reason_and_line(card):
    assert (card.train.rows, card.train.read) == (63, 62)
    assert [(one.rows, one.lines) for one in card.train.refused] == [(1, (63,))]
    assert card.train.refused[0].raw == '{"messages": 1}'


def test_copies_within_a_file_are_counted(card):
    assert (card.train.identical, card.train.repeats.copies, card.train.repeats.groups) == (1, 1, 1)
    assert (card.test.identical, card.test.repeats.copies) == (1, 1)


def test_the_same_row_in_both_files_is_a_leak_with_both_lines(card):
    same = [(one.a.line, one.b.line) for one in card.leaks.shown if one.kind == "exact"]
    assert same == [(8, 5)]
    assert card.leaks.rows["exact"] == 1


def test_another_answer_to_a_question_of_train_is_a_leak_and_a_contradiction(card):
    assert card.leaks.contradicted == 1
    asked_again = [(one.a.line, one.b.line) for one in card.leaks.shown if "20 is wrong" in one.a.prompt]
    assert (21, 10) in asked_again


def test_two_answers_to_one_prompt_of_a_file_conflict(card):
    assert card.kind == "classification"
    assert (card.train.conflicting, card.test.conflicting) == (2, 0)


def test_labels_are_counted_for_each_side(card):
    assert sum(card.train.labels.values()) == 62
    assert card.test.labels.keys() == {"team 0", "team 1", "team 2"}


def test_what_counts_of_the_test_leaves_out_leaks_and_copies(card):
    assert card.leaks.usable == 30 - 1 - card.leaks.leaking


def test_every_problem_is_named_in_the_verdict(card):
    assert len(card.problems) == 4
    assert all(one in card.verdict for one in card.problems)
    assert not card.as_json()["clean"]


def test_a_lone_clean_file_has_no_problem_and_says_what_was_not_looked_at(tmp_path):
    found = scan(
        write(tmp_path / "one.jsonl", [asked(n, f"A different text for number {n}.") for n in range(20)])
    )
    assert found.problems == ()
    assert found.test is None and found.leaks is None
    assert any("no second file" in one for one in found.not_looked_at)


def test_one_file_with_a_split_column_is_both_sides(tmp_path):
    rows = [
        {"prompt": f"Where is parcel {n * 31}?", "completion": f"In depot {n}.", "part": "train"}
        for n in range(12)
    ]
    rows += [
        {**rows[3], "part": "test"},
        {"prompt": "Who calls back today?", "completion": "Nobody.", "part": "test"},
    ]
    found = scan(write(tmp_path / "all.jsonl", rows), mapping={"split": "part"})
    assert (found.train.read, found.test.read) == (12, 2)
    assert found.leaks.rows["exact"] == 1


def test_the_same_file_twice_is_refused(tmp_path):
    file = write(tmp_path / "one.jsonl", [asked(1)])
    with pytest.raises(BadUsage, match="same file"):
        scan(file, file)


def test_nothing_is_left_in_the_temporary_folder(tmp_path, monkeypatch):
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    scan(write(tmp_path / "one.jsonl", [asked(n) for n in range(5)]))
    assert list(place.iterdir()) == []


def test_a_finding_names_what_is_private_without_repeating_it(tmp_path):
    rows = [asked(n, f"A different text for number {n}.") for n in range(5)]
    key = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    rows[2] = chat(f"My key is {key}", "Thank you, noted.")
    found = scan(write(tmp_path / "one.jsonl", rows))
    (secret,) = [one for one in found.train.flagged if one.check == "secrets"]
    assert secret.examples[0].line == 3
    assert key not in json.dumps(found.as_json())


def test_a_guessed_schema_breaks_nothing(tmp_path):
    rows = [
        chat(f"Order {n * 37} please", json.dumps({"item": f"thing {n}", "number": n})) for n in range(200)
    ]
    rows[5] = chat("Order nothing please", json.dumps({"number": "none"}))
    found = scan(write(tmp_path / "one.jsonl", rows))
    assert [(one.check, one.rows) for one in found.train.flagged] == [("answer_schema", 1)]
    assert found.problems == ()
