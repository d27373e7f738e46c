"""Quadrants, pages and differences of two candidates."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import BadUsage
from evals.compare import QUADRANTS, field_differences, quadrants, rows, text_differences
from tests.evals.conftest import marks


def test_every_row_is_in_exactly_one_quadrant(evaluation):
    columns = marks(118, 34, 12, 36)
    columns["prompt"][0] = None
    found = quadrants(evaluation(columns), "run:r001", "prompt")
    assert found == (12, 34, 36, 1, 117) and found.n == 200
    assert (found.lost, found.won, found.not_judged) == (12, 34, 1)


def test_the_counts_agree_with_the_verdict(evaluation):
    from evals.verdict import judge

    folder = evaluation(marks(118, 34, 12, 36))
    told, counts = judge(folder, "run:r001").as_json(), quadrants(folder, "run:r001", "prompt")
    assert (told["only_candidate"], told["only_baseline"]) == (counts.won, counts.lost)


def test_pages_begin_with_what_was_lost_and_cover_every_row_once(evaluation):
    folder = evaluation(marks(20, 9, 8, 7))
    pages = [rows(folder, "run:r001", "prompt", limit=10, offset=start) for start in range(0, 50, 10)]
    found = [row for page in pages for row in page]
    assert [row.quadrant for row in found] == ["lost"] * 8 + ["won"] * 9 + ["both_wrong"] * 7 + [
        "both_right"
    ] * 20
    assert len({row.id for row in found}) == 44 and pages[4][3].id > pages[4][2].id


def test_a_filter_keeps_one_quadrant(evaluation):
    folder = evaluation(marks(5, 4, 3, 2))
    for quadrant, n in zip(QUADRANTS, (3, 4, 2, 0, 5), strict=True):
        assert len(rows(folder, "run:r001", "prompt", quadrant=quadrant)) == n


def test_a_row_holds_both_answers_with_their_reasons(evaluation):
    columns, groups = marks(0, 0, 2, 0), ["g1", None]
    columns["run:r001"][0] = None
    failed, lost = sorted(
        rows(evaluation(columns, groups=groups), "run:r001", "prompt"), key=lambda row: row.id
    )
    assert (lost.prompt, lost.expected, lost.label, lost.group) == ("question row00001", "yes", "yes", None)
    assert (lost.candidate.answer, lost.candidate.value, lost.candidate.reason) == ("no", 0.0, "mark 0")
    assert (lost.baseline.answer, lost.baseline.value, lost.same_answer) == ("yes", 1.0, False)
    assert (failed.group, failed.candidate.value, failed.candidate.error, failed.quadrant) == (
        "g1",
        None,
        "timed out",
        "not_judged",
    )


def test_unknown_names_are_refused(evaluation):
    folder = evaluation(marks(1, 1, 1, 1))
    for call in (
        lambda: rows(folder, "run:r01", "prompt"),
        lambda: quadrants(folder, "run:r001", "promt"),
        lambda: rows(folder, "run:r001", "prompt", "exact"),
        lambda: rows(folder, "run:r001", "prompt", quadrant="wins"),
        lambda: rows(folder, "run:r001", "prompt", limit=-1),
    ):
        with pytest.raises(BadUsage):
            call()


def test_words_that_changed_are_marked_and_blanks_between_them_join():
    assert text_differences("the cat sat on it", "the dog lay on it.") == (
        ("the ", "equal"), ("cat sat", "missing"), ("dog lay", "extra"), (" on it", "equal"), (".", "extra"),
    )  # fmt: skip


def test_blanks_alone_count_only_when_asked():
    assert text_differences("a  b\nc", "a b c ") == (("a b c ", "equal"),)
    assert {kind for _, kind in text_differences("a  b", "a b", blanks=True)} == {"equal", "missing", "extra"}


texts = st.text("ab \n.<&", max_size=40)


@given(texts, texts, st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_segments_give_back_both_texts(expected, answer, blanks):
    found = text_differences(expected, answer, blanks=blanks)
    assert "".join(text for text, kind in found if kind != "missing") == answer
    kept = "".join(text for text, kind in found if kind != "extra")
    assert (
        kept == expected
        if blanks
        else kept.split() == expected.split() or "".join(kept.split()) == "".join(expected.split())
    )
    assert (found == ((answer, "equal"),) * bool(answer)) or expected != answer
    assert all(text for text, _ in found)
    assert all(left.kind != right.kind for left, right in zip(found, found[1:], strict=False))


def test_very_long_answers_are_compared_by_line():
    expected = "".join(f"line {i} of the text\n" for i in range(2_000))
    answer = expected.replace("line 77 ", "line seventy-seven ")
    found = text_differences(expected, answer)
    assert [segment for segment in found if segment.kind != "equal"] == [
        ("line 77 of the text\n", "missing"), ("line seventy-seven of the text\n", "extra"),
    ]  # fmt: skip


def test_field_differences_ignore_key_order_and_layout():
    found = field_differences('{"a": 1, "b": [1, 2]}', '```json\n{"b": [1, 3], "a": 1, "c": null}\n```')
    assert found is not None
    assert [(one.path, one.kind, one.expected, one.got) for one in found] == [
        ("$.a", "equal", "1", "1"), ("$.b[0]", "equal", "1", "1"), ("$.b[1]", "wrong", "2", "3"),
        ("$.c", "extra", "", "null"),
    ]  # fmt: skip
    assert field_differences('{"a": 1}', "not JSON") is None
