"""What has been measured, in the words of the screens."""

from __future__ import annotations

from pathlib import Path

from curation.project import Project
from curation.task import Task
from evals import evaluation, examples
from tests.evals import frozen
from workbench import measured

project, task, version, answers_file = frozen.project, frozen.task, frozen.version, frozen.answers_file


def test_a_measured_candidate_is_asked_again_with_the_files_that_were_kept(
    project: Project, version: Path, task: Task, tmp_path: Path, answers_file: frozen.Callable[..., Path]
) -> None:
    project.prompts.mkdir()
    (project.prompts / "terse.md").write_text("One of {labels}", "utf-8")
    wordy = tmp_path / "wordy.md"
    wordy.write_text("Any of {labels}", "utf-8")
    held = [one for split in ("validation", "test") for one in examples.of_split(version, split)[0]]
    given = answers_file([{"id": one.id, "answer": "refund"} for one in held])
    named = ["prompt@terse", f"prompt@{wordy}", f"answers:{given}", "majority"]
    folder = evaluation.create(project, version, task, candidates=named)
    wordy.unlink()
    given.unlink()
    again = measured.specs(project, evaluation.load(folder).names)
    assert again[0] == "prompt@terse"
    on_test = evaluation.create(project, version, task, candidates=again, split="test")
    assert evaluation.load(on_test).names == evaluation.load(folder).names
    assert measured.specs(project, ["run:r001"]) == ["run:r001"]


def test_the_prompts_of_a_project_are_offered_beside_the_tasks_own(project: Project, task: Task) -> None:
    assert measured.candidates(project, task)[0] == "prompt"
    project.prompts.mkdir()
    (project.prompts / "terse.md").write_text("One of {labels}", "utf-8")
    offered = measured.candidates(project, task)
    assert {"prompt", "prompt@terse", "few-shot:4@terse", "majority", "nearest", "linear"} <= set(offered)
