"""The evaluation folder with candidates that need no model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from statsmodels.stats.proportion import proportion_confint

from curation import jobs
from curation import task as tasks
from curation.errors import BadInput, BadUsage, NotReady
from curation.files import read_json, read_yaml, write_json
from curation.project import Project
from curation.task import Task
from curation.work import at_work
from evals import answers, evaluation, examples
from tests.evals.frozen import freeze, rows

pytestmark = pytest.mark.usefixtures("own_cache")
Write = Callable[..., Path]


def run(folder: Path) -> Path:
    """Run the job in this process."""
    with at_work(folder) as work:
        evaluation.run(folder, work)
    return folder


def column(folder: Path, name: str) -> list[dict[str, Any]]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def label_of(folder: Path, name: str) -> dict[str, Any]:
    return read_json(folder / "summary.json")["candidates"][name]["scorers"]["label"]


def made(project: Project, version: Path, task: Task, *specs: str, **more: Any) -> Path:
    return evaluation.create(project, version, task, candidates=specs, **more)


def test_majority_and_given_answers_are_scored_row_by_row_with_reasons(
    project: Project, version: Path, task: Task, answers_file: Write
) -> None:
    split, _ = examples.of_split(version, "validation")
    given = answers_file([{"id": one.id, "answer": one.expected} for one in split[:-1]])
    folder = run(made(project, version, task, "majority", f"answers:{given}"))
    summary = read_json(folder / "summary.json")["candidates"]
    assert list(summary) == ["majority", "answers:mine"]
    assert summary["answers:mine"]["scorers"]["label"]["mean"] == 1
    assert (
        summary["answers:mine"]["scorers"]["label"]["n"],
        summary["answers:mine"]["scorers"]["label"]["missing"],
    ) == (11, 1)
    assert summary["answers:mine"]["tokens_out"] is None
    assert summary["majority"]["scorers"]["label"]["mean"] == pytest.approx(4 / 12)
    low, high = (
        summary["majority"]["scorers"]["label"]["low"],
        summary["majority"]["scorers"]["label"]["high"],
    )
    assert (low, high) == pytest.approx(proportion_confint(4, 12, method="wilson"))
    scores = column(folder, "scores")
    assert len(scores) == 2 * 2 * 12
    assert all(row["reason"] for row in scores)
    lost = [row for row in scores if row["id"] == split[-1].id and row["candidate"] == "answers:mine"]
    assert {row["value"] for row in lost} == {None}
    assert jobs.state(folder).state == "done"
    assert not (folder / "answers").exists()


@pytest.mark.slow
def test_nearest_and_linear_answer_from_training_rows(project: Project, version: Path, task: Task) -> None:
    folder = run(made(project, version, task, "nearest", "linear"))
    summary = read_json(folder / "summary.json")["candidates"]
    assert summary["nearest"]["scorers"]["label"]["mean"] == 1
    assert summary["linear"]["scorers"]["label"]["mean"] == 1
    known = {one.expected for one in examples.of_split(version, "train")[0]}
    assert {row["answer"] for row in column(folder, "answers")} <= known


def test_the_folder_says_everything_that_decides(project: Project, version: Path, task: Task) -> None:
    folder = made(project, version, task, "majority", split="test")
    said = read_yaml(folder / "evaluation.yaml")
    assert said["version"] == "../../versions/v001"
    assert said["fingerprint"] == read_json(version / "manifest.json")["fingerprint"]
    assert (said["split"], said["primary"], said["scorers"]) == ("test", "label", ["label", "exact"])
    assert said["task"]["worthwhile"] == 0.03
    assert said["audit"] == {"clean": True, "pairs": 0}
    assert {one.id for one in examples.read(folder / "examples.parquet")} == {
        one.id for one in examples.of_split(version, "test")[0]
    }


def test_the_question_never_holds_the_expected_answer(project: Project, version: Path, task: Task) -> None:
    folder = made(project, version, task, "majority")
    for row in column(folder, "examples"):
        assert json.loads(row["messages"])[-1]["role"] == "user"
        assert row["expected"] == row["label"]
        assert row["prompt"] == json.loads(row["messages"])[-1]["content"]


def test_a_copied_project_can_be_evaluated_and_scored_again(
    project: Project, version: Path, task: Task, tmp_path: Path, answers_file: Write
) -> None:
    given = answers_file(
        [{"id": one.id, "answer": "refund"} for one in examples.of_split(version, "validation")[0]]
    )
    folder = made(project, version, task, f"answers:{given}", "majority")
    given.unlink()
    copy = tmp_path / "elsewhere"
    shutil.copytree(project.folder, copy)
    shutil.rmtree(project.folder)
    run(copy / "evals" / folder.name)
    assert label_of(copy / "evals" / folder.name, "answers:mine")["n"] == 12


def test_scoring_again_needs_only_the_folder_and_changes_nothing(
    project: Project, version: Path, task: Task, tmp_path: Path
) -> None:
    folder = run(made(project, version, task, "majority"))
    alone = tmp_path / "alone"
    shutil.copytree(folder, alone)
    before = (alone / "summary.json").read_bytes(), column(alone, "scores")
    for name in ("summary.json", "scores.parquet"):
        (alone / name).unlink()
    assert evaluation.rescore(alone) == read_json(folder / "summary.json")
    assert ((alone / "summary.json").read_bytes(), column(alone, "scores")) == before


def test_a_limit_takes_the_same_rows_every_time(project: Project, version: Path, task: Task) -> None:
    first, second = (made(project, version, task, "majority", limit=5) for _ in range(2))
    assert [row["id"] for row in column(first, "examples")] == [
        row["id"] for row in column(second, "examples")
    ]
    assert len(column(first, "examples")) == 5


def test_what_cannot_be_evaluated_is_refused_before_a_folder_is_made(
    project: Project, version: Path, task: Task, answers_file: Write
) -> None:
    free = Task(kind="free_form")
    strangers = answers_file([{"id": "0" * 16, "answer": "x"}])
    for error, said, arguments in [
        (BadUsage, "majority", (task, ["majorty"], {})),
        (BadUsage, "linear", (free, ["linear"], {})),
        (BadUsage, "at least 1", (task, ["majority"], {"limit": 0})),
        (BadUsage, "exact", (task, ["majority"], {"scorers": ["exat"]})),
        (BadUsage, "no run called 'r009'", (task, ["run:r009"], {})),
        (BadUsage, "64 training rows", (task, ["few-shot:64"], {})),
        (BadInput, "None of its 1 ids", (task, [f"answers:{strangers}"], {})),
        (BadInput, "no such file", (task, ["answers:nowhere.jsonl"], {})),
        (BadInput, "does not exist", (task, ["prompt@nowhere.txt"], {})),
    ]:
        with pytest.raises(error) as caught:
            evaluation.create(project, version, arguments[0], candidates=arguments[1], **arguments[2])
        assert said in str(caught.value)
    assert not list(project.evals.glob("e*"))


def test_a_run_that_is_not_done_must_come_first(project: Project, version: Path, task: Task) -> None:
    unfinished = project.runs / "r001"
    unfinished.mkdir(parents=True)
    jobs.create(unfinished, "training")
    with pytest.raises(NotReady, match="queued"):
        made(project, version, task, "run:r001")
    folder = made(project, version, task, "run:r001", after=[unfinished])
    assert read_yaml(folder / "job.yaml")["after"] == ["../../runs/r001"]


def test_a_split_without_rows_is_not_ready(project: Project, task: Task) -> None:
    version = freeze(project, {"train": rows("train", 5), "validation": [], "test": rows("test", 5, 50)})
    with pytest.raises(NotReady, match="validation"):
        made(project, version, task, "majority")


def test_a_finished_evaluation_is_found_while_the_task_asks_the_same(
    project: Project, version: Path, task: Task, answers_file: Write
) -> None:
    given = answers_file(
        [{"id": one.id, "answer": "refund"} for one in examples.of_split(version, "validation")[0]]
    )
    specs = ["majority", f"answers:{given}"]
    folder = made(project, version, task, *specs)
    assert evaluation.find_done(project, version, "validation", specs) is None
    run(folder)
    assert evaluation.find_done(project, version, "validation", specs[::-1]) == folder
    assert evaluation.find_done(project, version, "test", specs) is None
    assert evaluation.find_done(project, version, "validation", ["majority"]) is None
    assert evaluation.find_done(project, version, "validation", specs, scorers=["exact"]) is None
    tasks.save(task.model_copy(update={"worthwhile": 0.1}), project.task_path)
    assert evaluation.find_done(project, version, "validation", specs) == folder
    tasks.save(task.model_copy(update={"baseline_prompt": "Think."}), project.task_path)
    assert evaluation.find_done(project, version, "validation", specs) is None
    tasks.save(task, project.task_path)
    given.write_text(given.read_text("utf-8").replace("refund", "cancel", 1), "utf-8")
    assert evaluation.find_done(project, version, "validation", specs) is None


@pytest.mark.slow
def test_the_newest_finished_evaluation_on_test_that_holds_all_names_is_found(
    project: Project, version: Path, task: Task
) -> None:
    assert evaluation.newest_on_test(project, version, ["majority"]) is None
    both = run(made(project, version, task, "majority", "nearest", split="test"))
    one = run(made(project, version, task, "majority", split="test"))
    run(made(project, version, task, "majority", "nearest"))
    run(made(project, version, task, "majority", "nearest", split="test", limit=3))
    assert evaluation.newest_on_test(project, version, ["majority"]) == one
    assert evaluation.newest_on_test(project, version, ["nearest", "majority"]) == both


def test_a_baseline_counts_when_it_is_done_or_at_work_on_this_version(
    project: Project, version: Path, task: Task
) -> None:
    assert evaluation.baseline_for(project, version) is None
    folder = made(project, version, task, "prompt")
    assert evaluation.baseline_for(project, version) is None
    write_json(folder / "result.json", {})
    assert evaluation.baseline_for(project, version) == folder
    other = freeze(
        project, {"train": rows("train", 9), "validation": rows("validation", 3, 50), "test": []}, "v002"
    )
    assert evaluation.baseline_for(project, other) is None


def test_answers_of_rows_finished_before_are_kept_and_not_made_again(
    project: Project, version: Path, task: Task
) -> None:
    folder = made(project, version, task, "majority")
    split, _ = examples.of_split(version, "validation")
    before = answers.AnswerFiles(folder)
    before.add([answers.Answer(one.id, "majority", "from before") for one in split])
    run(folder)
    assert {row["answer"] for row in column(folder, "answers")} == {"from before"}


def test_a_version_that_is_not_the_one_evaluated_is_refused(
    project: Project, version: Path, task: Task
) -> None:
    folder = made(project, version, task, "majority")
    manifest = read_json(version / "manifest.json")
    write_json(version / "manifest.json", manifest | {"fingerprint": "other"})
    with pytest.raises(SystemExit):
        run(folder)
    status = jobs.state(folder)
    assert status.state == "failed"
    assert "fingerprint" in status.message


def test_after_a_change_of_guardrails_an_older_evaluation_on_test_does_not_count(
    project: Project, version: Path, task: Task
) -> None:
    folder = run(made(project, version, task, "majority", split="test"))
    assert evaluation.newest_on_test(project, version, ["majority"]) == folder
    guarded = Task.model_validate({**task.model_dump(), "guardrails": [{"scorer": "contains:a"}]})
    tasks.save(guarded, project.task_path)
    assert evaluation.newest_on_test(project, version, ["majority"]) is None
    newer = run(made(project, version, guarded, "majority", split="test", scorers=["exact"]))
    assert evaluation.newest_on_test(project, version, ["majority"]) == newer
    assert evaluation.load(newer).scorers == ["exact", "contains:a"]
    assert {row["scorer"] for row in column(newer, "scores")} == {"exact", "contains:a"}
