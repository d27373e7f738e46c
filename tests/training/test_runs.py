"""Runs: made whole from a version, a task and a recipe; refused when anything was changed; read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation import events, jobs
from curation import task as tasks
from curation.errors import BadInput, BadRecipe, BadUsage, NotReady
from curation.files import read_json, write_json
from curation.project import Project
from curation.task import ModelSpec, Task
from tests.evals.frozen import freeze, rows
from training import recipe as recipes
from training import runs
from training.methods import METHODS
from training.recipe import Recipe

TRIAL = recipes.parse({"max_steps": 4})


@pytest.fixture
def run(project: Project, baseline: Path, task: Task) -> Path:
    """A run that has not been started."""
    return runs.create(project, "v001", task, TRIAL, name="trial", threads=1)


def test_a_run_s_folder_says_everything_needed_to_repeat_it(
    run: Path, version: Path, baseline: Path, task: Task
):
    manifest = read_json(run / "manifest.json")
    assert (run / manifest["version"]).resolve() == version
    assert (run / manifest["baseline"]).resolve() == baseline
    assert not Path(manifest["version"]).is_absolute()
    assert manifest["version_fingerprint"] == read_json(version / "manifest.json")["fingerprint"]
    assert {"torch", "transformers", "trl", "peft"} <= set(manifest["packages"])
    assert (manifest["device"], manifest["threads"], manifest["seed"]) == ("cpu", 1, 42)
    opened = runs.open_run(run)
    assert opened.recipe == TRIAL
    assert opened.task == task
    assert len(opened.tokens("train").ids) == manifest["examples_trained"] == 30
    assert jobs.state(run).state == "queued"


def test_a_moved_project_still_finds_its_version(run: Path, project: Project, tmp_path: Path):
    moved = tmp_path / "elsewhere"
    project.folder.rename(moved)
    opened = runs.open_run(moved / "runs" / run.name)
    assert opened.version == moved / "versions" / "v001"
    runs.ask_again(opened)


def test_a_changed_recipe_is_refused(run: Path, project: Project):
    events.append(run, "stopped", message="")
    recipes.save(recipes.parse({"max_steps": 4, "learning_rate": 1e-3}), run / "recipe.yaml")
    with pytest.raises(BadRecipe, match="recipe was changed"):
        runs.resume(project, run.name)


def test_a_changed_task_is_refused(run: Path, task: Task):
    tasks.save(task.model_copy(update={"system_prompt": "Be brief."}), run / "task.yaml")
    with pytest.raises(BadInput, match="task was changed"):
        runs.open_run(run)


@pytest.mark.parametrize("split", ["train", "validation"])
def test_changed_rows_are_refused(run: Path, split: str):
    import pyarrow.parquet as pq

    path = run / "data" / f"{split}.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    with pytest.raises(BadInput, match="rows were changed"):
        runs.open_run(run)


def test_a_changed_base_model_is_refused(
    project: Project, baseline: Path, task: Task, tiny_model: Path, tmp_path: Path
):
    import shutil

    model = tmp_path / "model"
    shutil.copytree(tiny_model, model)
    mine = task.model_copy(update={"model": ModelSpec(name=str(model))})
    run = runs.create(project, "v001", mine, TRIAL, name="trial")
    config = model / "config.json"
    config.write_text(config.read_text("utf-8") + "\n", "utf-8")
    with pytest.raises(BadInput, match="base model"):
        runs.open_run(run)


def test_an_error_of_the_preflight_makes_no_run(project: Project, baseline: Path, task: Task):
    with pytest.raises(NotReady, match="No row is left"):
        runs.create(project, "v001", task, recipes.parse({"max_tokens": 8}), name="trial")
    assert runs.all_runs(project) == []


def test_a_version_or_run_that_does_not_exist_is_bad_usage(project: Project, baseline: Path, task: Task):
    with pytest.raises(BadUsage, match="v002"):
        runs.create(project, "v002", task, Recipe(), name="trial")
    with pytest.raises(BadUsage):
        runs.resume(project, "r007")


def test_a_curve_has_each_step_once_whatever_was_resumed(run: Path):
    def attempt(start: int, losses: dict[int, float], held: dict[int, float]) -> None:
        events.append(run, "begin", step=start, total_steps=9)
        for step, loss in losses.items():
            events.append(
                run,
                "loss",
                step=step,
                total_steps=9,
                loss=loss,
                learning_rate=0.1,
                tokens_per_second=5.0,
                epoch=1.0,
                eta_seconds=9.0 - step,
            )
            if step in held:
                events.append(run, "eval_loss", step=step, loss=held[step])

    attempt(0, {1: 5.0, 2: 4.0, 3: 3.9, 4: 3.8}, {2: 4.5, 4: 4.4})
    attempt(2, {3: 3.0}, {})
    curve = runs.loss_curve(run)
    assert [(point.step, point.loss) for point in curve.train] == [(1, 5.0), (2, 4.0), (3, 3.0)]
    assert [(point.step, point.loss) for point in curve.validation] == [(2, 4.5)]
    assert (curve.total_steps, curve.eta_seconds) == (9, 6.0)
    described = runs.describe(run)
    assert (described.step, described.total_steps, described.loss, described.eval_loss) == (3, 9, 3.0, 4.5)


def test_two_runs_are_compared_by_recipe_rows_and_curves(
    project: Project, baseline: Path, task: Task, run: Path
):
    other = runs.create(project, "v001", task, recipes.parse({"max_steps": 4, "r": 8}), name="small")
    third = runs.create(project, "v001", task, recipes.parse({"max_steps": 4, "max_rows": 20}), name="few")
    compared = runs.compare(run, other)
    assert [str(change) for change in compared.changes] == ["r 16 -> 8"]
    assert compared.same_rows and not runs.compare(run, third).same_rows
    assert [one.id for one in runs.all_runs(project)] == ["r001", "r002", "r003"]


def test_the_speed_of_a_finished_run_replaces_the_guess(
    project: Project, baseline: Path, task: Task, run: Path
):
    assert runs.measured_speed(project, task, TRIAL) is None
    write_json(run / "result.json", {"padded_tokens_per_second": 123.0})
    found = runs.look_ahead(project, "v001", task, TRIAL)
    assert found.estimate is not None
    assert found.estimate.speed.measured and found.estimate.speed.tokens_per_second == 123.0
    other = task.model_copy(update={"model": ModelSpec(name="another-model")})
    assert runs.measured_speed(project, other, TRIAL) is None


def test_each_method_a_recipe_may_name_has_its_file():
    from typing import get_args

    folder = Path(runs.__file__).parent / "methods"
    names = [method.name for method in METHODS]
    assert names == list(get_args(Recipe.model_fields["method"].annotation))
    assert sorted(names) == sorted(path.stem for path in folder.glob("[!_]*.py"))


def test_the_version_may_be_given_as_its_folder(project: Project, baseline: Path, task: Task, version: Path):
    run = runs.create(project, version, task, TRIAL, name="trial")
    assert runs.open_run(run).version == version


def test_rows_the_freeze_kept_apart_stay_apart(project: Project, baseline: Path, task: Task):
    """A run of one version does not look at another's rows."""
    freeze(project, {"train": rows("train", 20, 400), "validation": rows("validation", 4, 500),
                     "test": rows("test", 5, 600)}, "v002")  # fmt: skip
    ids = runs.open_run(runs.create(project, "v001", task, TRIAL, name="trial")).tokens("train").ids
    assert set(ids) == {row["id"] for row in rows("train", 30)}
