"""Advice from measured answers: each rule fires on the evidence it names, and on nothing less."""

from __future__ import annotations

import pytest

from curation.files import write_json
from evals import admission, advice, evaluation, examples
from evals.answers import Answer, AnswerFiles
from tests.evals.frozen import freeze, rows

ROWS = 120


@pytest.fixture
def frozen(project):
    """300 training rows and 120 validation rows of three labels."""
    return freeze(
        project,
        {
            "train": rows("train", 300),
            "validation": rows("validation", ROWS, 1000),
            "test": rows("test", 15, 2000),
        },
    )


@pytest.fixture
def measured(project, frozen, task):
    """measured(prompt=90, ...): an evaluation in which each candidate has so many first rows right.

    A callable in place of the number gives the answer to (position, row) itself.
    """

    def make(**given):
        named = {name.replace("few_shot_", "few-shot:"): said for name, said in given.items()}
        folder = evaluation.create(project, frozen, task, candidates=list(named))
        files = AnswerFiles(folder)
        for name, said in named.items():
            some = []
            for i, row in enumerate(examples.read(folder / "examples.parquet")):
                text = said(i, row) if callable(said) else row.expected if i < said else "dunno"
                some.append(Answer(row.id, name, text, tokens_in=100 if ":" in name else 20, tokens_out=2))
            files.add(some)
        files.merge(list(named))
        evaluation.rescore(folder)
        write_json(folder / "result.json", {"rows": ROWS})
        return folder

    return make


def advise(project, frozen, task, **options):
    return advice.advise(project, frozen, task, **options)


def test_nothing_measured_asks_for_the_plain_prompt(project, frozen, task):
    given = advise(project, frozen, task)
    assert given.choice == "measure"
    assert given.missing[:2] == ("prompt", "majority")


def test_a_prompt_that_meets_the_target_is_kept(project, frozen, task, measured):
    measured(prompt=80, few_shot_2=114)
    given = advise(project, frozen, task, target=0.92)
    assert (given.choice, given.best) == ("prompt", "few-shot:2")
    assert advise(project, frozen, task, target=0.99).choice != "prompt"


def test_a_prompt_that_leaves_no_room_for_a_worthwhile_gain_is_kept(project, frozen, task, measured):
    measured(prompt=118)
    assert advise(project, frozen, task).choice == "prompt"


def test_a_linear_model_as_good_as_the_best_is_what_to_serve(project, frozen, task, measured):
    measured(prompt=80, few_shot_2=90, linear=88, majority=118)
    given = advise(project, frozen, task)
    assert given.choice == "classical"
    assert "linear" in given.headline


def test_right_answers_in_the_wrong_form_call_for_form_first(project, frozen, task, measured):
    measured(prompt=lambda i, row: f"I would say it is {row.expected}, I think" if i < 80 else "dunno")
    given = advise(project, frozen, task)
    assert given.choice == "format"
    assert [(one.cause, len(one.ids)) for one in given.failures] == [("format", 80), ("behaviour", 40)]


def test_a_reference_that_prompt_and_nearest_row_both_contradict_is_settled_first(
    project, frozen, task, measured
):
    def other(row):
        return next(label for label in task.labels if label != row.expected)

    measured(
        prompt=lambda i, row: row.expected if i < 60 else other(row) if i < 90 else "dunno",
        nearest=lambda i, row: other(row) if 60 <= i < 90 else "dunno",
    )
    given = advise(project, frozen, task)
    assert given.choice == "labels"
    assert [(one.cause, len(one.ids)) for one in given.failures] == [("ambiguous", 30), ("behaviour", 30)]


def test_failures_that_nothing_else_explains_are_behaviour_and_call_for_a_fine_tune(
    project, frozen, task, measured
):
    measured(prompt=30, few_shot_2=40, few_shot_8=70)
    given = advise(project, frozen, task)
    assert given.choice == "fine_tune"
    assert any("still rises from few-shot:2 to few-shot:8" in one for one in given.because)
    assert any("5.0 times the tokens" in one for one in given.because) is False
    assert any("4.6 times the tokens" in one for one in given.because)


def test_a_run_that_was_measured_is_part_of_the_reasons(project, frozen, task, measured, monkeypatch):
    monkeypatch.setattr(admission, "check", lambda *_: None)
    measured(**{"prompt": 30, "run:r001": 100})
    given = advise(project, frozen, task)
    assert any("r001 has tried it: +58 points" in one for one in given.because)


def test_too_few_rows_are_said(project, task, measured, frozen):
    few = freeze(
        project,
        {
            "train": rows("train", 40),
            "validation": rows("validation", 12, 100),
            "test": rows("test", 15, 200),
        },
        "v002",
    )
    folder = evaluation.create(project, few, task, candidates=["prompt"])
    files = AnswerFiles(folder)
    files.add([Answer(row.id, "prompt", "dunno") for row in examples.read(folder / "examples.parquet")])
    files.merge(["prompt"])
    evaluation.rescore(folder)
    write_json(folder / "result.json", {"rows": 12})
    assert advise(project, few, task).choice == "collect"


def test_differences_to_the_prompt_are_paired_on_the_same_rows(project, frozen, task, measured):
    measured(prompt=60, few_shot_2=66)
    shots = next(one for one in advise(project, frozen, task).measured if one.name == "few-shot:2")
    assert shots.gain == pytest.approx(0.05)
    # Tango's interval of 6 gained, 0 lost of 120 rows
    assert (shots.gain_interval.low, shots.gain_interval.high) == pytest.approx((0.0155, 0.1053), abs=2e-3)


def test_the_newest_answers_of_a_candidate_count(project, frozen, task, measured):
    measured(prompt=20)
    measured(prompt=90)
    assert advise(project, frozen, task).measured[0].right == 90


def test_answers_to_another_task_do_not_count(project, frozen, task, measured):
    measured(prompt=20)
    other = task.model_copy(update={"system_prompt": "Something else."})
    assert advise(project, frozen, other).choice == "measure"
