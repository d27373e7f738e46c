"""SPEC strings and the candidates that need no model."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import BadInput, BadUsage
from evals import candidates
from evals.candidates import Candidate, parse, parse_all, read_answers


def write(path: Path, *lines: object) -> Path:
    path.write_text(
        "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in lines), "utf-8"
    )
    return path


@pytest.mark.parametrize(
    ("spec", "kind", "name", "cheap", "needs_model"),
    [
        ("majority", "majority", "majority", True, False),
        ("nearest", "nearest", "nearest", True, False),
        ("linear", "linear", "linear", True, False),
        ("prompt", "prompt", "prompt", False, True),
        ("few-shot:4", "few-shot", "few-shot:4", False, True),
        ("run:r001", "run", "run:r001", False, True),
        ("answers:/somewhere/gpt.jsonl", "answers", "answers:gpt", False, False),
        ("prompt@short.txt", "prompt", "prompt@short", False, True),
        ("few-shot:8@a/b.txt", "few-shot", "few-shot:8@b", False, True),
    ],
)
def test_a_spec_says_who_answers(spec: str, kind: str, name: str, cheap: bool, needs_model: bool) -> None:
    one = parse(spec)
    assert (one.kind, one.name, one.cheap, one.needs_model) == (kind, name, cheap, needs_model)
    assert parse(one.spec) == one


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("majorty", "majority"),
        ("fewshot:4", "few-shot:K"),
        ("few-shot", "few-shot:K"),
        ("few-shot:0", "1 to 64"),
        ("few-shot:-3", "1 to 64"),
        ("few-shot:many", "1 to 64"),
        ("majority:3", "nothing after a colon"),
        ("run:", "run:ID"),
        ("run:../r001", "id of a run"),
        ("answers:", "answers:FILE.jsonl"),
        ("", "There is no candidate"),
    ],
)
def test_a_spec_that_cannot_be_meant_is_bad_usage_and_says_what_is(spec: str, says: str) -> None:
    with pytest.raises(BadUsage) as caught:
        parse(spec)
    assert says in str(caught.value)


@given(st.text(max_size=30))
def test_any_text_is_a_candidate_or_bad_usage(spec: str) -> None:
    try:
        one = parse(spec)
    except BadUsage:
        return
    assert isinstance(one, Candidate)
    assert one.kind in candidates.KNOWN


def test_a_candidate_named_twice_counts_once() -> None:
    assert [one.name for one in parse_all(["prompt", "majority", "prompt"])] == ["prompt", "majority"]


def test_two_files_with_one_name_are_refused() -> None:
    with pytest.raises(BadUsage, match="answers:x"):
        parse_all(["answers:a/x.jsonl", "answers:b/x.jsonl"])


def test_no_candidate_is_refused() -> None:
    with pytest.raises(BadUsage, match="at least one"):
        parse_all([])


def test_every_bad_line_of_an_answers_file_is_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", {"id": "1", "answer": "x"}, "not json", {"id": 5, "answer": "x"}, {"id": "2"},
        {"id": "3", "answer": 7}, [1], {"id": "1", "answer": "y"},
    )  # fmt: skip
    with pytest.raises(BadInput) as caught:
        read_answers(path)
    text = str(caught.value)
    for part in (
        "line 2: not JSON",
        "line 3: no `id`",
        "line 4: no `answer`",
        "line 5: `answer` must be text",
        "line 6: an object",
        "1 more",
    ):
        assert part in text


def test_answers_may_be_empty_null_or_json_and_hold_any_unicode(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl", {"id": "1", "answer": ""}, "", {"id": "2", "answer": None},
        {"id": "3", "answer": {"a": [1]}}, '{"id": "4", "answer": "one\u2028line"}',
    )  # fmt: skip
    assert read_answers(path) == {"1": "", "2": None, "3": '{"a": [1]}', "4": "one\u2028line"}


def test_half_a_surrogate_pair_is_a_bad_line(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="line 1"):
        read_answers(write(tmp_path / "a.jsonl", '{"id": "1", "answer": "\\ud800"}'))


def test_majority_takes_the_commonest_answer_and_breaks_ties_by_the_alphabet() -> None:
    assert candidates.majority(["b", "a", "b"]) == "b"
    assert candidates.majority(["b", "a"]) == "a"


def test_nearest_agrees_with_a_loop_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    known, asked = rng.normal(size=(50, 8)), rng.normal(size=(20, 8))
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    answers = [str(i) for i in range(50)]
    expected = [answers[max(range(50), key=lambda i: float(known[i] @ one))] for one in asked]
    assert candidates.nearest(known, answers, asked) == expected


def test_linear_learns_labels_that_a_plane_separates_and_survives_a_single_label() -> None:
    known = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    assert candidates.linear(known, ["x", "x", "y", "y"], np.array([[0.8, 0.2], [0.2, 0.8]])) == ["x", "y"]
    assert candidates.linear(known, ["x"] * 4, known[:2]) == ["x", "x"]
