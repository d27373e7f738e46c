"""The trend: every finished evaluation oldest first, rows that can be compared named alike, sealed ones left out."""

from __future__ import annotations

import json

import pytest

from curation.files import write_json
from curation.project import Project
from evals import trend
from evals.verdict import judge


@pytest.fixture
def done(evaluation):
    """A finished evaluation with its summary, made at the given time."""

    def make(name, right, *, at="2026-01-01T00:00:00Z", **told):
        folder = evaluation(
            {"prompt": [1] * right + [0] * (40 - right), "run:r001": [1] * 40}, name=name, **told
        )
        scores = {"n": 40, "mean": right / 40, "low": 0.1, "high": 0.9, "missing": 0}
        summary = {
            "prompt": {"scorers": {"label": scores}},
            "run:r001": {"scorers": {"label": {**scores, "mean": None}}},
        }
        write_json(folder / "summary.json", {"candidates": summary})
        text = (folder / "evaluation.yaml").read_text("utf-8").replace("2026-01-01T00:00:00Z", at)
        (folder / "evaluation.yaml").write_text(text, "utf-8")
        (folder / "job.yaml").write_text(json.dumps({"module": "evals", "after": []}), "utf-8")
        write_json(folder / "result.json", {})
        return folder

    return make


def test_scores_come_oldest_first_and_say_their_rows(done, tmp_path):
    done("e001", 20, at="2026-02-02T00:00:00Z", split="validation")
    done("e002", 30, split="validation")
    other = done(
        "e003", 10, at="2026-03-03T00:00:00Z", split="validation", ids=[f"x{i:03d}" for i in range(40)]
    )
    found = trend.points(Project(tmp_path))
    assert [(one.evaluation, one.mean) for one in found] == [("e002", 0.75), ("e001", 0.5), ("e003", 0.25)]
    assert found[0].held_out == found[1].held_out != found[2].held_out
    assert other.name == found[2].evaluation


def test_test_rows_appear_once_a_verdict_has_opened_them(done, tmp_path):
    folder = done("e001", 20)
    assert trend.points(Project(tmp_path)) == []
    judge(folder, "run:r001")
    assert [one.split for one in trend.points(Project(tmp_path))] == ["test"]


def test_an_evaluation_at_work_or_broken_is_passed_over(done, tmp_path):
    (done("e001", 20, split="validation") / "result.json").unlink()
    (done("e002", 20, split="validation") / "evaluation.yaml").write_text("nonsense: [", "utf-8")
    assert trend.points(Project(tmp_path)) == []
