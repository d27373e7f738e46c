"""SPEC strings."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import BadUsage
from evals import candidates
from evals.candidates import Candidate, parse, parse_all


@pytest.mark.parametrize(
    ("spec", "kind", "name", "cheap", "needs_model"),
    [
        ("majority", "majority", "majority", True, False),
        ("nearest", "nearest", "nearest", True, False),
        ("linear", "linear", "linear", True, False),
        ("prompt", "prompt", "prompt", False, True),
        ("few-shot:4", "few-shot", "few-shot:4", False, True),
        ("few-shot:04~nearest", "few-shot", "few-shot:4~nearest", False, True),
        ("retrieval:4", "retrieval", "retrieval:4", False, True),
        ("retrieval:4@a/b.md", "retrieval", "retrieval:4@b", False, True),
        ("run:r001", "run", "run:r001", False, True),
        ("answers:/somewhere/gpt.jsonl", "answers", "answers:gpt", False, False),
        ("prompt@short.txt", "prompt", "prompt@short", False, True),
        ("few-shot:8@a/b.txt", "few-shot", "few-shot:8@b", False, True),
        ("prompt@terse", "prompt", "prompt@terse", False, True),
        ("prompt@v1.2", "prompt", "prompt@v1.2", False, True),
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
        ("few-shot:4~farthest", "1 to 64"),
        ("retrieval:0", "1 to 64"),
        ("retrieval:4~nearest", "1 to 64"),
        ("retrieval", "retrieval:K"),
        ("few-shot:many", "1 to 64"),
        ("majority:3", "nothing after a colon"),
        ("run:", "run:ID"),
        ("run:../r001", "id of a run"),
        ("answers:", "answers:FILE.jsonl"),
        ("prompt@", "name or the file of a prompt"),
        ("run:r001@terse", "no prompt of its own"),
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


def test_paths_are_those_of_the_person_and_names_stay_names() -> None:
    def absolute(text: str) -> Path:
        return Path("/home/me") / text

    moved = {
        spec: parse(spec).from_folder(absolute).spec for spec in ("prompt@terse", "prompt@a/b.md", "majority")
    }
    assert moved == {
        "prompt@terse": "prompt@terse",
        "prompt@a/b.md": "prompt@/home/me/a/b.md",
        "majority": "majority",
    }
    assert parse("answers:x.jsonl").from_folder(absolute).spec == "answers:/home/me/x.jsonl"


def test_a_candidate_named_twice_counts_once() -> None:
    assert [one.name for one in parse_all(["prompt", "majority", "prompt"])] == ["prompt", "majority"]


def test_two_files_with_one_name_are_refused() -> None:
    with pytest.raises(BadUsage, match="answers:x"):
        parse_all(["answers:a/x.jsonl", "answers:b/x.jsonl"])


def test_no_candidate_is_refused() -> None:
    with pytest.raises(BadUsage, match="at least one"):
        parse_all([])
