"""Scores of an evaluation: several accepted answers, tool calls as answers, a person's own scorer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from curation.errors import BadInput, BadUsage
from curation.files import read_json, read_yaml, write_yaml
from curation.project import Project
from curation.task import Task
from curation.work import at_work
from evals import evaluation, examples, scoring
from evals.answers import Answer
from evals.corpus import corpus
from evals.examples import Example
from tests.evals.frozen import freeze, labelled, rows

pytestmark = pytest.mark.usefixtures("own_cache")
Write = Callable[..., Path]
ROW = Example("r1", ({"role": "user", "content": "Capital of France?"},), "Paris")


def run(folder: Path) -> Path:
    with at_work(folder) as work:
        evaluation.run(folder, work)
    return folder


def scores(folder: Path, scorer: str) -> dict[str, tuple[float | None, str]]:
    """Id to value and reason, of the whole answers."""
    told = pq.read_table(folder / "scores.parquet").to_pylist()
    return {
        row["id"]: (row["value"], row["reason"])
        for row in told
        if row["scorer"] == scorer and not row["field"]
    }


# several accepted answers


def with_metadata(**told: Any) -> Example:
    return replace(ROW, metadata=json.dumps(told))


@pytest.mark.parametrize(
    ("told", "accepted"),
    [
        ({}, ("Paris",)),
        ({"accepted": ["City of Light", "Paris"]}, ("Paris", "City of Light")),
        ({"accepted": [{"b": 1, "a": 2}]}, ("Paris", '{"a":2,"b":1}')),
        ({"answers": ["Paris", "Paname"]}, ("Paris", "Paname")),
        ({"answers": ["Lyon", "Nice"]}, ("Paris",)),
        ({"accepted": True, "answers": "Paris"}, ("Paris",)),
    ],
)
def test_a_row_may_accept_several_answers(told, accepted):
    assert with_metadata(**told).accepted == accepted


@pytest.mark.parametrize(
    ("scorer", "answer", "value"),
    [("exact", "Paname", 1), ("exact", "Paris", 1), ("exact", "Lyon", 0), ("token_f1", "light", 0.5)],
)
def test_the_accepted_answer_that_fits_best_counts(scorer, answer, value):
    row = with_metadata(accepted=["Paname", "City of Light"])
    found = scoring.judge(scorer, Task(), [row], [Answer("r1", "prompt", answer)])[0][0]
    assert found.value == value
    assert ("accepted answer" in found.reason) == (answer not in ("Paris", "Lyon"))


def test_an_answer_that_cannot_be_judged_against_one_reference_is_judged_against_the_other():
    row = with_metadata(accepted=["7"])
    found = scoring.judge("numeric", Task(), [row, ROW], [Answer("r1", "prompt", "7")] * 2)
    assert [one[0].value for one in found] == [1, None]


# all rows at once

CAT, CAT_LAY = "the cat sat on the mat", "the cat lay on the mat"


def test_corpus_scores_give_the_known_answers_and_their_signatures():
    found = corpus([CAT_LAY], [[CAT]])
    assert (found["bleu"], found["chrf"]) == pytest.approx((37.991784, 61.088666), abs=1e-6)
    assert found["bleu_signature"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:")
    assert corpus([CAT_LAY, "x y"], [[CAT, CAT_LAY], ["x y"]])["chrf"] == pytest.approx(100)


def test_chrf_brings_the_corpus_scores_into_the_summary(project, version, task, answers_file):
    split, _ = examples.of_split(version, "validation")
    file = answers_file([{"id": one.id, "answer": one.expected} for one in split])
    made = [f"answers:{file}"]
    folder = run(evaluation.create(project, version, task, candidates=made, scorers=["chrf"]))
    assert read_json(folder / "summary.json")["candidates"]["answers:mine"]["corpus"]["chrf"] == 100
    other = run(evaluation.create(project, version, task, candidates=made, scorers=["exact"]))
    assert "corpus" not in read_json(other / "summary.json")["candidates"]["answers:mine"]


# tool calls


def with_calls(key: str, *messages: dict[str, Any]) -> dict[str, Any]:
    made = labelled("validation", "x", "x", 0)
    return made | {
        "id": key,
        "messages": json.dumps([{"role": "user", "content": "Where is 7?"}, *messages]),
        "label": None,
    }


CALL = {"function": {"name": "track", "arguments": '{"order": 7}'}}
CALLED = {"role": "assistant", "content": "One moment.", "tool_calls": [CALL]}
SAID = {"role": "assistant", "content": "On its way."}


@pytest.fixture
def called(project: Project) -> Path:
    """Validation rows that end in a call, in words, and in a call after an answered one."""
    result = {"role": "tool", "content": "{}"}
    some = [
        with_calls("a", CALLED),
        with_calls("b", SAID),
        with_calls("c", CALLED, result, SAID, {**CALLED, "content": None}),
    ]
    return freeze(project, {"train": rows("train", 3), "validation": some, "test": rows("test", 3, 9)})


def test_a_tool_call_is_the_answer_where_calls_are_scored(project, called, answers_file):
    answer = '<tool_call>{"name": "track", "arguments": {"order": 7}}</tool_call>'
    file = answers_file([{"id": key, "answer": answer} for key in "abc"])
    made = evaluation.create(project, called, Task(), candidates=[f"answers:{file}"], scorers=["tool_call"])
    found = scores(run(made), "tool_call")
    assert {key: value for key, (value, _) in found.items()} == {"a": 1, "b": 0, "c": 1}
    assert found["b"][1] == "unwanted_call: track"
    expected = {row.id: row.expected for row in examples.read(made / "examples.parquet")}
    assert expected["a"] == '[{"arguments":{"order":7},"name":"track"}]'


def test_without_that_scorer_the_words_are_the_answer_and_a_call_alone_is_left_out(project, called):
    made = evaluation.load(evaluation.create(project, called, Task(), candidates=["majority"]))
    assert (made.rows, made.without_answer) == (2, 1)


# a person's own scorer

OWN = """
import sys, time, os
print("loud")

def judge(expected, answer):
    print("loud again")
    if answer == "slow":
        time.sleep(60)
    if answer == "gone":
        os._exit(3)
    return {
        "right": True, "half": (0.5, "half of it"), "none": None, "much": 2, "text": "yes",
    }.get(answer) if answer != "wrong" else 1 / 0
"""


def own(
    project: Project,
    version: Path,
    answers_file: Write,
    said: list[str],
    name: str = "judge",
    text: str = OWN,
) -> Path:
    (project.folder / "mine.py").write_text(text, "utf-8")
    split, _ = examples.of_split(version, "validation")
    file = answers_file([{"id": one.id, "answer": text} for one, text in zip(split, said, strict=False)])
    task = Task(kind="free_form")
    return evaluation.create(
        project, version, task, candidates=[f"answers:{file}"], scorers=[f"python:mine.py:{name}", "exact"]
    )


def test_a_function_of_ones_own_scores_with_its_reasons(project, version, answers_file):
    said = ["right", "half", "none", "much", "text", "wrong", "gone", "right"]
    folder = run(own(project, version, answers_file, said))
    found = list(scores(folder, "python:mine.py:judge").values())[: len(said)]
    assert [value for value, _ in found] == [1, 0.5, None, None, None, None, None, 1]
    assert [reason.partition(":")[0] for _, reason in found] == [
        "said", "half of it", "not_judged", "bad_value", "error", "error", "no_answer", "said",
    ]  # fmt: skip
    summary = read_json(folder / "summary.json")["candidates"]["answers:mine"]["scorers"]
    assert (summary["python:mine.py:judge"]["n"], summary["python:mine.py:judge"]["missing"]) == (3, 9)


def test_an_answer_that_takes_too_long_is_not_judged_and_three_end_it(
    project, version, answers_file, monkeypatch
):
    monkeypatch.setattr("evals.scorers.own_code._SECONDS", 0.5)
    folder = run(own(project, version, answers_file, ["slow", "right", "slow", "slow", "right"]))
    found = list(scores(folder, "python:mine.py:judge").values())[:5]
    assert [value for value, _ in found] == [None, 1, None, None, None]
    assert "not asked any more" in found[-1][1]


def test_a_file_that_cannot_be_loaded_judges_nothing(project, version, answers_file):
    folder = own(project, version, answers_file, ["right"], text=f"import nothing_of_this_name\n{OWN}")
    value, reason = next(iter(scores(run(folder), "python:mine.py:judge").values()))
    assert value is None and "nothing_of_this_name" in reason


def test_other_code_than_the_evaluation_was_made_with_is_never_run(project, version, answers_file):
    folder = run(own(project, version, answers_file, ["right"]))
    before = scores(folder, "python:mine.py:judge")
    (folder / "given" / "mine.py").write_text("def judge(expected, answer):\n    return 1\n", "utf-8")
    with pytest.raises(BadInput, match="not the one this evaluation was made with"):
        evaluation.rescore(folder)
    assert scores(folder, "python:mine.py:judge") == before


def test_the_hash_of_the_source_decides_whether_an_evaluation_is_the_same(project, version, answers_file):
    folder = run(own(project, version, answers_file, ["right"] * 12))
    write_yaml(project.task_path, {"kind": "free_form"})
    specs, named = [f"answers:{folder / 'given' / 'mine.jsonl'}"], ["python:mine.py:judge", "exact"]
    assert len(read_yaml(folder / "evaluation.yaml")["contents"]["python:mine.py:judge"]) == 64
    assert evaluation.find_done(project, version, "validation", specs, named) == folder
    (project.folder / "mine.py").write_text(OWN + "\n# other", "utf-8")
    assert evaluation.find_done(project, version, "validation", specs, named) is None


def test_code_runs_only_where_a_person_named_it(project, version, answers_file):
    task = Task(kind="free_form", primary="python:mine.py:judge")
    with pytest.raises(BadUsage, match="runs only where you name it"):
        evaluation.create(project, version, task, candidates=["majority"])
    with pytest.raises(BadInput, match="no function 'nobody'"):
        own(project, version, answers_file, ["right"], "nobody")
    (project.folder / "mine.py").unlink()
    with pytest.raises(BadInput, match="no such file"):
        evaluation.create(project, version, task, candidates=["majority"], scorers=["python:mine.py:judge"])
    assert not list(project.evals.glob("e*"))


def test_a_scorer_that_only_diagnoses_is_never_primary(project, version, task):
    with pytest.raises(BadUsage, match="never decides"):
        evaluation.create(project, version, task, candidates=["majority"], scorers=["embedding"])
    made = evaluation.create(project, version, task, candidates=["majority"], scorers=["label", "embedding"])
    assert evaluation.load(made).primary == "label"
