"""The gauges of a frozen version on small sets where every count is known."""

from __future__ import annotations

import random

import duckdb
import pytest

from curation import gauges
from curation.errors import BadInput
from curation.files import canonical_json
from curation.progress import SILENT
from curation.shift import measure_shift
from tests.curation.conftest import chat
from tests.curation.frozen import write

pytestmark = pytest.mark.slow

LONG = "Your parcel was handed to the neighbour on the second floor."


def measured(folder, rows):
    """The gauges of (split, user, answer) rows."""
    ids = write(folder, [(split, chat(user, answer), None) for split, user, answer in rows])
    return gauges.measure(folder), ids


def tone(found, name):
    return next(one.tone for one in found.readings if one.name == name)


def sentence(found, name):
    return next(one.sentence for one in found.readings if one.name == name)


def words(rng, known, n=9):
    return " ".join(rng.choices(known, k=n))


def test_an_answer_that_train_gives_to_another_question_is_counted_once(tmp_path):
    found, _ = measured(
        tmp_path,
        [
            ("train", "where is it", LONG),
            ("train", "who has my parcel", LONG.upper()),
            ("test", "it never came", LONG),
            ("test", "what now", "Please wait for two more days and then write again."),
            ("validation", "never asked", "Please wait for two more days and then write again."),
        ],
    )
    assert (found.answers.telling, found.answers.known) == (2, 1)
    assert found.answers.shown == (gauges.Repeated(LONG, 1, 2),)
    assert tone(found, "answers") == "warn" and "1 of the 2 test rows" in sentence(found, "answers")


def test_the_answer_to_the_same_question_is_for_the_audit(tmp_path):
    found, _ = measured(tmp_path, [("train", "Where is it?", LONG), ("test", "where is it", LONG)])
    assert (found.answers.telling, found.answers.known) == (1, 0)
    assert tone(found, "answers") == "good"


def test_ids_and_longer_texts_are_telling_and_labels_dates_and_amounts_are_not(tmp_path):
    telling = [
        "INV-20418",
        "48213377",
        '{"intent": "cancel", "order": {"number": "AB-44120"}}',
        '{"intent": "cancel", "order": 99213377}',
        '[{"said": "the parcel never came to my door"}]',
    ]
    plain = [
        '{"intent": "cancel", "priority": "high", "team": "billing", "open": true, "n": 3}',
        "cancel_order",
        "2026-03-14",
        "1204.50",
        "12500",
        "",
        "{not json",
    ]
    rows = [
        (split, f"{split} asks {i}", answer)
        for split in ("train", "test")
        for i, answer in enumerate(telling + plain)
    ]
    found, _ = measured(tmp_path, rows)
    assert (found.answers.telling, found.answers.known) == (len(telling), len(telling))
    assert {one.value for one in found.answers.shown} == {
        "INV-20418", "48213377", "AB-44120", "99213377", "the parcel never came to my door",
    }  # fmt: skip


def test_no_answer_to_compare_is_said_and_is_not_zero(tmp_path):
    found, _ = measured(tmp_path, [("train", "one question", "refund"), ("test", "another", "refund")])
    assert found.answers.share is None
    assert "nothing to compare" in sentence(found, "answers")


def sequences(text):
    parts = text.split()
    return {tuple(parts[i : i + 8]) for i in range(len(parts) - 7)}


def test_the_coverage_is_that_of_brute_force(tmp_path):
    rng = random.Random(5)
    known = [f"w{i}" for i in range(12)]
    base = words(rng, known, 30)
    train = [words(rng, known, 14) for _ in range(20)] + [base]
    test = [words(rng, known, rng.randint(4, 16)) for _ in range(20)]
    test += [" ".join(base.split()[i : i + 12]) for i in range(6)] + [
        f"{' '.join(base.split()[:9])} a b c d e f g"
    ]
    found, _ = measured(tmp_path, [("train", t, "x") for t in train] + [("test", t, "x") for t in test])
    there = set().union(*map(sequences, train))
    shares = [len(cut & there) / len(cut) for cut in map(sequences, test) if cut]
    assert found.coverage[:2] == (len(shares), sum(share >= 0.5 for share in shares))
    assert found.coverage.mean == pytest.approx(sum(shares) / len(shares))
    assert 0 < found.coverage.covered < len(shares) and tone(found, "coverage") == "dim"


def test_a_test_that_asks_something_else_shows_it_and_says_by_which_words(tmp_path):
    rng = random.Random(1)
    shared = [f"common{i}" for i in range(30)]
    rows = [("train", f"{words(rng, shared)} parcel", "x") for _ in range(90)]
    rows += [("test", f"{words(rng, shared)} visa", "x") for _ in range(30)]
    found, ids = measured(tmp_path, rows)
    assert found.shift.auc > 0.95 and tone(found, "shift") == "bad"
    told = {(one.word, one.side, one.test, one.train) for one in found.shift.words}
    assert ("visa", "test", 1.0, 0.0) in told and ("parcel", "train", 0.0, 1.0) in told
    assert len(found.shift.rows) == 10 and {one.id for one in found.shift.rows} <= set(ids[90:])
    assert (found.shift.train, found.shift.test) == (90, 30)


def test_a_test_drawn_as_train_was_shows_no_shift(tmp_path):
    rng = random.Random(2)
    known = [f"common{i}" for i in range(60)]
    rows = [(("test" if i % 4 == 0 else "train"), words(rng, known), "x") for i in range(240)]
    found, _ = measured(tmp_path, rows)
    assert found.shift.auc < 0.65 and tone(found, "shift") == "good" and not found.shift.clear
    assert gauges.measure(tmp_path) == found


def test_copies_within_a_group_do_not_make_a_shift(tmp_path):
    """Forty groups of ten equal rows: told apart by heart if a group stood in two folds."""
    rng = random.Random(3)
    rows = []
    for group in range(48):
        text = words(rng, [f"only{group}x{i}" for i in range(9)])
        rows += [("test" if group % 2 else "train", chat(text, "x"), f"g{group}") for _ in range(10)]
    write(tmp_path, rows)
    assert not gauges.measure(tmp_path).shift.clear


def test_what_chance_reaches_on_few_rows_is_no_shift():
    """Of random splits of forty rows some pass 0.65; dealing the sides by chance passes it too, and says so."""
    rng = random.Random(6)
    texts = [words(rng, [f"common{i}" for i in range(12)]) for _ in range(40)]
    over, clear = 0, 0
    with duckdb.connect() as connection:
        for _ in range(12):
            rng.shuffle(texts)
            connection.execute(
                "create or replace table told (split varchar, id varchar, belongs varchar, prompt varchar)"
            )
            connection.executemany(
                "insert into told values (?, ?, ?, ?)",
                [("test" if i < 20 else "train", str(i), str(i), text) for i, text in enumerate(texts)],
            )
            found = measure_shift(connection, SILENT)
            over += found.auc > 0.65
            clear += found.clear
            assert found.clear or found.told[0] == "good"
    assert over > clear


def test_too_few_rows_for_a_shift_are_said_and_are_no_half(tmp_path):
    found, _ = measured(
        tmp_path, [("train", f"question {i}", "x") for i in range(50)] + [("test", "one", "x")]
    )
    assert found.shift.auc is None and tone(found, "shift") == "dim"
    assert "could not be judged" in sentence(found, "shift")


def test_a_version_without_a_test_is_measured_without_complaint(tmp_path):
    found, _ = measured(tmp_path, [("train", "a question", LONG)])
    assert {one.tone for one in found.readings} == {"dim"}
    canonical_json(found.as_json())


def test_a_missing_file_is_named(tmp_path):
    measured(tmp_path, [("train", "a question", LONG)])
    (tmp_path / "test.parquet").unlink()
    with pytest.raises(BadInput, match=r"test\.parquet"):
        gauges.measure(tmp_path)


def test_prompts_without_blanks_between_words_are_compared_by_character(tmp_path):
    rng = random.Random(4)
    common = "的一是不了人我在有他这中大来上"
    rows = [("train", "".join(rng.choices(common, k=9)) + "包裹", "x") for _ in range(60)]
    rows += [("test", "".join(rng.choices(common, k=9)) + "签证", "x") for _ in range(30)]
    found, _ = measured(tmp_path, rows)
    assert "签" in {one.word for one in found.shift.words if one.side == "test"} and found.shift.clear


def test_only_sequences_of_the_test_are_kept_of_train():
    with duckdb.connect() as connection:
        connection.execute("create table told (split varchar, id varchar, prompt varchar)")
        shared = "a b c d e f g h"
        connection.executemany(
            "insert into told values (?, ?, ?)",
            [("train", "1", f"{shared} {' '.join(map(str, range(500)))}"), ("test", "2", f"{shared} i")],
        )
        assert gauges.coverage(connection) == gauges.Coverage(1, 1, 0.5)
        assert connection.execute("select count(*) from train_gram").fetchall() == [(1,)]
