"""Human grading: blind, in an order of its own for each rater, kept once, added up as pairs."""

from __future__ import annotations

import shutil

import pytest

from curation.errors import BadInput, BadUsage
from evals import grading
from evals.grading import alpha
from evals.verdict import judge
from tests.evals.conftest import marks

PAIR = {"candidate": "run:r001", "baseline": "prompt"}


@pytest.fixture
def folder(evaluation):
    """60 rows on validation: 20 with the same answer, 40 where the run is right and the prompt is wrong."""
    return evaluation({"run:r001": [1] * 60, "prompt": [1] * 20 + [0] * 40}, split="validation")


def ask(folder, who="ann", kind="pair", **named):
    return grading.questions(folder, kind, who, **(named or (PAIR if kind == "pair" else {})))


def say(folder, question, side, who="ann", kind="pair"):
    grading.record(folder, question, kind, side, who=who, op=f"{who}:{question.key}:{side}")


def test_equal_answers_are_not_asked_and_a_tenth_comes_back_with_its_sides_exchanged(folder):
    asked = ask(folder)
    once, again = asked[:40], asked[40:]
    assert len(again) == 4 and not any(one.repeat for one in once)
    for one in again:
        first = next(other for other in once if other.id == one.id)
        assert one.sides == first.sides[::-1] and one.names == first.names[::-1]


def test_sides_and_order_are_drawn_for_each_rater_and_stay_the_same_for_one(folder):
    ann, bob = ask(folder, "ann"), ask(folder, "bob")
    assert ann == ask(folder, "ann")
    assert [one.id for one in ann] != [one.id for one in bob]
    left = sum(one.names[0] == "run:r001" for one in ann[:40])
    assert 8 < left < 32


def test_wins_losses_and_ties_go_through_the_paired_statistics(folder):
    for number, one in enumerate(ask(folder)[:40]):
        better = "run:r001" if number < 30 else "prompt"
        say(folder, one, "left" if one.names[0] == better else "right")
    found = grading.tally(folder, "pair", **PAIR)
    assert (found.won, found.lost, found.tied, found.same, found.judged) == (30, 10, 0, 20, 40)
    assert (found.figures.only_candidate, found.figures.only_baseline, found.figures.n) == (30, 10, 60)
    assert found.figures.low > 0 and found.alpha is None


def test_the_majority_of_raters_decides_a_row(folder):
    question = {
        who: next(one for one in ask(folder, who) if one.id == "row00030") for who in ("ann", "bob", "cyd")
    }
    for who, better in (("ann", "run:r001"), ("bob", "run:r001"), ("cyd", "prompt")):
        one = question[who]
        say(folder, one, "left" if one.names[0] == better else "right", who)
    found = grading.tally(folder, "pair", **PAIR)
    assert (found.won, found.lost, found.judged) == (1, 0, 1)
    assert found.raters == ("ann", "bob", "cyd")


def test_a_rater_who_follows_the_side_is_seen(folder):
    for one in ask(folder):
        say(folder, one, "left")
    found = grading.tally(folder, "pair", **PAIR)
    assert found.left == 1.0 and found.consistent == 0.0 and found.repeats == 4


def test_the_same_press_counts_once_and_one_taken_back_not_at_all(folder):
    one = ask(folder)[0]
    say(folder, one, "tie")
    say(folder, one, "tie")
    assert len(grading.read(folder)) == 1
    grading.take_back(folder, one.key, "pair", who="bob", op="b1")
    assert len(grading.read(folder)) == 1
    grading.take_back(folder, one.key, "pair", who="ann", op="a1")
    assert grading.read(folder) == []


def test_answers_to_test_rows_stay_sealed_but_their_references_can_be_checked(evaluation):
    folder = evaluation({"run:r001": [0] * 6, "prompt": [0] * 3 + [1] * 3})
    with pytest.raises(BadUsage, match="sealed"):
        ask(folder)
    asked = ask(folder, kind="reference")
    assert len(asked) >= 6 and all(one.sides == () and one.expected == "yes" for one in asked)


def test_a_reference_most_raters_call_wrong_is_disputed(evaluation):
    folder = evaluation({"run:r001": [0] * 6, "prompt": [0] * 3 + [1] * 3})
    doubtful = {"row00000", "row00001", "row00002"}
    for who in ("ann", "bob"):
        for one in ask(folder, who, "reference"):
            if not one.repeat:
                wrong = one.id == "row00000" or (one.id == "row00001" and who == "ann")
                say(folder, one, "wrong" if wrong else "right", who, "reference")
    assert {one.id for one in grading.read(folder)} > doubtful
    assert grading.disputed(folder) == {"row00000"}


def test_alpha_has_its_known_values():
    one, other = "0011101011", "0011001111"
    assert alpha([*zip(one, other, strict=True)]) == pytest.approx(0.604167, abs=1e-6)
    assert alpha([("a", "a"), ("b", "b"), ("a",)]) == 1.0
    assert alpha([("a",), ("b",)]) is None


def test_a_torn_last_line_is_passed_over_and_a_broken_one_is_named(folder):
    one = ask(folder)[0]
    say(folder, one, "tie")
    file = folder / grading.FILE
    file.write_text(file.read_text("utf-8") + '{"op": "x"', "utf-8")
    assert len(grading.read(folder)) == 1
    say(folder, ask(folder)[1], "tie")
    assert len(grading.read(folder)) == 2
    file.write_text("nonsense\n" + file.read_text("utf-8"), "utf-8")
    with pytest.raises(BadInput, match="Line 1"):
        grading.read(folder)


def test_a_verdict_counts_the_weaker_of_with_and_without_disputed_rows(evaluation, tmp_path):
    """25 gained and 10 lost ship; 12 of the gained rows have a reference that people call wrong."""
    folder = evaluation(marks(150, 25, 10, 15))
    before = judge(folder, "run:r001", record=False)
    assert before.verdict == "ship" and not before.disputed
    for one in ask(folder, kind="reference", all_rows=True):
        if not one.repeat and "row00150" <= one.id <= "row00161":
            say(folder, one, "wrong", kind="reference")
    after = judge(folder, "run:r001")
    assert (after.verdict, len(after.disputed), after.closest.paired.n) == ("not_enough_evidence", 12, 188)
    assert "the weaker one counts, without them" in after.sentences[-1]
    alone = shutil.copytree(folder, tmp_path / "alone" / "e001")
    assert judge(alone, "run:r001").verdict == "not_enough_evidence"


def test_disputes_that_change_nothing_are_said(evaluation):
    folder = evaluation(marks(150, 34, 8, 8))
    (one,) = (one for one in ask(folder, kind="reference", all_rows=True) if one.key == "reference|row00150")
    say(folder, one, "wrong", kind="reference")
    given = judge(folder, "run:r001")
    assert given.verdict == "ship" and "Without it the verdict is the same" in given.sentences[-1]
