"""From a failing answer to the training rows behind it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation.errors import BadUsage, NotReady
from curation.project import Project
from curation.task import Task
from curation.work import at_work
from evals import evaluation, examples
from evals.trace import pulls_towards, trace
from tests.evals.frozen import freeze, labelled, rows

pytestmark = pytest.mark.usefixtures("own_cache")
Write = Callable[..., Path]
ASKED = "Please return the money I paid for parcel 150."
PLANTED = [
    labelled("train", f"Return the money I paid for parcel {n}, please.", "cancel", 900 + n) for n in range(3)
]


@pytest.fixture
def folder(project: Project, task: Task, answers_file: Write) -> Path:
    """A finished evaluation in which a refund was called a cancellation, as three training rows teach."""
    splits: dict[str, list[dict[str, Any]]] = {
        "train": sorted([*rows("train", 30), *PLANTED], key=lambda row: str(row["id"])),
        "validation": [labelled("validation", ASKED, "refund", 800),
                       labelled("validation", "Quantum chromodynamics on a lattice.", "address", 801)],
        "test": rows("test", 3, 200),
    }  # fmt: skip
    version = freeze(project, splits)
    given = answers_file([{"id": row["id"], "answer": "Cancel."} for row in splits["validation"]])
    made = evaluation.create(project, version, task, candidates=["majority", f"answers:{given}"])
    with at_work(made) as work:
        evaluation.run(made, work)
    return made


def asked(folder: Path, text: str) -> str:
    return next(one.id for one in examples.read(folder / "examples.parquet") if one.prompt == text)


def test_rows_that_give_the_wrong_answer_to_something_near_come_first(folder: Path) -> None:
    found = trace(folder, asked(folder, ASKED))
    assert (found.candidate, found.answer, found.right, found.gap) == (
        "answers:mine",
        "Cancel.",
        False,
        False,
    )
    assert set(found.ids[:3]) == {row["id"] for row in PLANTED}
    assert [one.contradicting for one in found.rows] == [True] * 3 + [False] * (len(found.rows) - 3)
    assert "gives the same answer, cancel" in found.rows[0].reason
    assert "3 of them pull towards this answer" in found.summary
    cosines = [one.cosine for one in found.contradicting]
    assert cosines == sorted(cosines, reverse=True)


def test_no_row_near_is_a_gap_in_coverage(folder: Path) -> None:
    found = trace(folder, asked(folder, "Quantum chromodynamics on a lattice."))
    assert found.gap
    assert not found.rows
    assert "No training row within cosine 0.50" in found.summary
    assert "new rows" in found.summary


def test_only_training_rows_are_named(folder: Path) -> None:
    train, _ = examples.of_split(folder.parent.parent / "versions" / "v001", "train")
    assert set(trace(folder, asked(folder, ASKED), near=-1, most=50).ids) == {one.id for one in train}


def test_a_candidate_can_be_named(folder: Path) -> None:
    assert trace(folder, asked(folder, ASKED), "majority").candidate == "majority"


def test_unknown_rows_and_candidates_are_bad_usage(folder: Path) -> None:
    with pytest.raises(BadUsage, match="evaluated row"):
        trace(folder, "0" * 16)
    with pytest.raises(BadUsage, match="majority"):
        trace(folder, asked(folder, ASKED), "majorty")


def test_test_answers_are_sealed(project: Project, version: Path, task: Task) -> None:
    made = evaluation.create(project, version, task, candidates=["majority"], split="test")
    with pytest.raises(BadUsage, match="sealed"):
        trace(made, examples.of_split(version, "test")[0][0].id)


def test_an_evaluation_without_answers_is_not_ready(project: Project, version: Path, task: Task) -> None:
    made = evaluation.create(project, version, task, candidates=["majority"])
    with pytest.raises(NotReady):
        trace(made, examples.of_split(version, "validation")[0][0].id)


@pytest.mark.parametrize(
    ("expected", "wrong", "other", "says"),
    [
        ("refund", "cancel", "Cancel.", "same answer"),
        ("refund", "cancel", "refund", ""),
        ("refund", "", "", ""),
        (
            {"intent": "refund", "order": 7},
            {"intent": "cancel", "order": 7},
            {"intent": "cancel", "order": 9},
            "intent",
        ),
        (
            {"intent": "refund", "order": 7},
            {"intent": "cancel", "order": 7},
            {"intent": "refund", "order": 7},
            "",
        ),
        ({"a": 1}, {"a": True}, {"a": 1}, ""),
        ({"a": {"b": [1, 2]}}, {"a": {"b": [1, 3]}}, {"a": {"b": [0, 3]}}, "$.a.b[1] = 3"),
        ({"a": 1}, "no JSON at all", {"a": 1}, ""),
    ],
)
def test_a_row_pulls_towards_an_answer_when_it_shares_what_is_wrong_in_it(
    expected: Any, wrong: Any, other: Any, says: str
) -> None:
    texts = [one if isinstance(one, str) else json.dumps(one) for one in (expected, wrong, other)]
    told = pulls_towards(*texts)
    assert says in told
    assert bool(told) == bool(says)
