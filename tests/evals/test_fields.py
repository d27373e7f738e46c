"""JSON answers field by field: arrays in any order, and the figures of each field over all rows."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import BadUsage
from curation.task import Task
from evals import scoring, summary
from evals.answers import Answer
from evals.examples import Example
from evals.scorers import ScoringContext, get
from evals.scorers.fields import leaf_differences

ITEMS = {"items": [{"id": 1, "qty": 2, "tags": ["a", "b"]}, {"id": 2, "qty": 3, "tags": []}]}
TURNED = {"items": [{"id": 2, "qty": 3, "tags": []}, {"id": 1, "qty": 2, "tags": ["b", "a"]}]}
KEYED = {"items": [TURNED["items"][0], ITEMS["items"][0]]}


def value(name: str, expected: Any, answer: Any) -> float | None:
    return get(name).score(json.dumps(expected), json.dumps(answer), ScoringContext())[0].value


@pytest.mark.parametrize(
    ("name", "expected", "answer", "wanted"),
    [
        ("fields", ITEMS, TURNED, 0),
        ("fields:set", ITEMS, TURNED, 1),
        ("fields_equal:set", ITEMS, TURNED, 1),
        ("fields_equal:set", ITEMS, {"items": TURNED["items"][:1]}, 0),
        ("fields:key=id", ITEMS, KEYED, 1),
        ("fields:key=qty", ITEMS, KEYED, 1),
        ("fields:key=id", ITEMS, {"items": [{"id": 1, "qty": 9, "tags": ["a", "b"]}]}, 2 * 3 / (7 + 4)),
        ("fields:set", [1, 2, 3], [3, 0, 1, 1], 2 * 2 / 7),
        ("fields:set", [1, 1], [1], 2 / 3),
        ("fields:set", [], [1], 0),
        ("fields:set", [1], [], 0),
        ("fields:set", [1], [True], 0),
        ("fields_equal:set", {"a": {"b": [[1, 2], [3]]}}, {"a": {"b": [[3], [2, 1]]}}, 1),
    ],
)
def test_arrays_are_paired_by_position_agreement_or_key(name, expected, answer, wanted):
    assert value(name, expected, answer) == pytest.approx(wanted)


NUMBERS = st.lists(st.integers(0, 3), min_size=1, max_size=4)


@given(NUMBERS, NUMBERS)
@settings(max_examples=100, deadline=None)
def test_the_pairing_is_the_best_of_all_pairings(expected, got):
    equal = sum(leaf.kind == "equal" for leaf in leaf_differences(expected, got, "set"))
    longer = max(len(expected), len(got))
    padded = [*got, *[None] * (longer - len(got))]
    best = max(
        sum(a == b for a, b in zip(expected, order, strict=False)) for order in itertools.permutations(padded)
    )
    assert equal == best


def test_deep_and_long_arrays_are_paired_in_reasonable_time():
    deep: Any = 1
    for _ in range(90):
        deep = [deep]
    assert value("fields_equal:set", deep, deep) == 1
    long = [{"id": i, "tags": ["a", "b"]} for i in range(60)]
    assert value("fields_equal:set", long, long[::-1]) == 1
    assert value("fields_equal:set", list(range(250)), list(range(250))) == 1


def test_a_rule_for_arrays_that_does_not_exist_is_refused():
    for name in ("fields:sorted", "fields:key=", "fields_equal:order"):
        with pytest.raises(BadUsage, match="by position"):
            get(name)


def test_precision_and_recall_of_every_field_are_taken_over_all_rows():
    rows = [Example(f"r{i}", ({"role": "user", "content": "?"},), json.dumps(one)) for i, one in enumerate((
        {"a": 1, "n": [1, 2]}, {"a": 1, "n": [1]}, {"a": 2}, {"a": 3},
    ))]  # fmt: skip
    said = ['{"a": 1, "n": [1, 3]}', '{"a": 2, "n": [1], "x": 0}', '{"a": 2}', "no idea"]
    given_ = [Answer(row.id, "prompt", text) for row, text in zip(rows, said, strict=True)]
    judged = scoring.judge("fields", Task(), rows, given_, Path())
    scored = [
        {
            "candidate": "prompt",
            "scorer": "fields",
            "field": one.field,
            "value": one.value,
            "reason": one.reason,
        }
        for some in judged
        for one in some
    ]
    told = summary.of(["prompt"], ["fields"], scored, given_)["candidates"]["prompt"]["by_field"]["fields"]
    assert {path: (one["precision"], one["recall"]) for path, one in told.items()} == {
        "$.a": (pytest.approx(2 / 3), 0.5), "$.n[*]": (pytest.approx(2 / 3), pytest.approx(2 / 3)), "$.x": (0, 0),
    }  # fmt: skip
    assert (told["$.a"]["right"], told["$.a"]["wrong"], told["$.a"]["missing"], told["$.x"]["extra"]) == (
        2,
        1,
        1,
        1,
    )
    assert told["$.a"]["f1"] == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
