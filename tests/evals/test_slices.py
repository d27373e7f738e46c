"""Slices: found from the rows themselves, worst first, and proven only at the price of having looked at all."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evals import slices
from tests.evals.conftest import EXAMPLES


@pytest.fixture
def folder(evaluation):
    """120 rows: on refunds the run loses all of its 30, elsewhere it wins 45 of 90."""
    made = evaluation({"run:r001": [0] * 30 + [1] * 90, "prompt": [1] * 30 + [0, 1] * 45}, split="validation")
    kinds = ["refund"] * 30 + ["delivery"] * 45 + ["billing"] * 45
    rows = [
        {
            "id": f"row{i:05d}", "messages": "[]", "prompt": "x" * (i + 1), "expected": json.dumps({"k": 1}),
            "label": kind, "group": None,
            "metadata": json.dumps({"ticket": i, "channel": "mail" if i % 4 else "chat"}),
        }
        for i, kind in enumerate(kinds)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=EXAMPLES), made / "examples.parquet")
    return made


def test_fields_with_shared_values_are_found_and_names_of_single_rows_are_not(folder):
    assert slices.fields(folder) == ["label", "channel", slices.LENGTH]


def test_the_slice_with_the_proven_loss_comes_first(folder):
    found = slices.compared(folder, "run:r001", "prompt")
    first = found[0]
    assert (first.name, len(first.ids), first.figures.only_baseline, first.proven) == (
        "label=refund", 30, 30, "worse",
    )  # fmt: skip
    assert found[-1].figures.difference == max(one.figures.difference for one in found)
    by_name = {one.name: one for one in found}
    assert by_name["label=billing"].proven == "better"


def test_having_looked_at_more_slices_makes_each_harder_to_prove(folder):
    alone = slices.compared(folder, "run:r001", "prompt", ["label"])
    among = {one.name: one for one in slices.compared(folder, "run:r001", "prompt")}
    assert all(among[one.name].p >= one.p >= one.figures.p for one in alone)
    assert any(among[one.name].p > one.p for one in alone)


def test_the_length_of_the_question_cuts_the_rows_in_thirds(folder):
    ids = [f"row{i:05d}" for i in range(120)]
    found = slices.members(folder, ids, slices.LENGTH)
    assert {name: len(places) for name, places in found.items()} == {
        "up to 40 characters": 40,
        "41 to 80 characters": 40,
        "81 to 120 characters": 40,
    }
    assert sorted(place for places in found.values() for place in places) == list(range(120))


def test_few_rows_are_a_slice_only_where_the_task_names_the_field(evaluation):
    marks = {"run:r001": [1] * 10, "prompt": [0] * 10}
    assert slices.compared(evaluation(marks, split="validation"), "run:r001", "prompt") == []
    named = evaluation(marks, split="validation", name="e002", task={"slices": ["label"]})
    (only,) = slices.compared(named, "run:r001", "prompt")
    assert (only.name, only.figures.n) == ("label=yes", 10)
