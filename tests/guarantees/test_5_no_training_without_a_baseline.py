"""Guarantee 5: no training without a frozen held-out set and a baseline; no held-out row reaches the trainer."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from curation import events, jobs
from curation.errors import BadInput, NoBaseline, NotReady, TouchstoneError
from curation.files import read_json, read_yaml, write_json
from curation.project import Project
from curation.task import Task
from curation.work import Work
from evals import evaluation
from tests.evals import frozen
from tests.evals.frozen import freeze, rows
from tests.training import conftest as tiny
from training import manifest, methods, runs
from training import recipe as recipes

cache_of_tests, own_cache = frozen.cache_of_tests, frozen.own_cache
tiny_model, task, project, version, baseline = (
    tiny.tiny_model, tiny.task, tiny.project, tiny.version, tiny.baseline
)  # fmt: skip
pytestmark = pytest.mark.usefixtures("own_cache")
TRIAL = recipes.parse({"max_steps": 1})


def make(project: Project, task: Task, version: str = "v001") -> Path:
    return runs.create(project, version, task, TRIAL, name="trial", threads=1)


def test_without_a_baseline_there_is_no_run_and_the_error_says_how_to_measure_one(
    project: Project, version: Path, task: Task
):
    with pytest.raises(NoBaseline) as caught:
        make(project, task)
    assert "workbench eval" in caught.value.hint and "--candidate prompt" in caught.value.hint
    assert jobs.all_jobs(project.runs) == []


def test_another_candidate_is_no_baseline(project: Project, version: Path, task: Task):
    write_json(evaluation.create(project, version, task, candidates=["majority"]) / "result.json", {})
    with pytest.raises(NoBaseline):
        make(project, task)


def test_the_baseline_of_another_version_does_not_count(project: Project, version: Path, task: Task):
    freeze(project, {"train": rows("train", 20, 400), "validation": rows("validation", 4, 500),
                     "test": rows("test", 5, 600)}, "v002")  # fmt: skip
    tiny.measured(project, version, task)
    with pytest.raises(NoBaseline):
        make(project, task, "v002")


@pytest.mark.parametrize("end", ["failed", "stopped"])
def test_a_baseline_that_did_not_finish_does_not_count(project: Project, version: Path, task: Task, end: str):
    events.append(evaluation.create(project, version, task, candidates=["prompt"]), end, message="")
    with pytest.raises(NoBaseline):
        make(project, task)


def waiting(project: Project, version: Path, task: Task) -> Path:
    """A baseline whose process waits for its turn (it is this process)."""
    folder = evaluation.create(project, version, task, candidates=["prompt"])
    write_json(folder / "process.json", {"pid": os.getpid(), "started": psutil.Process().create_time()})
    events.append(folder, "launched", pid=os.getpid())
    assert jobs.state(folder).state == "queued"
    return folder


def test_a_baseline_nobody_started_does_not_count(project: Project, version: Path, task: Task):
    evaluation.create(project, version, task, candidates=["prompt"])
    with pytest.raises(NoBaseline):
        make(project, task)


def test_a_queued_baseline_goes_first(project: Project, version: Path, task: Task):
    queued = waiting(project, version, task)
    run = make(project, task)
    after = [(run / name).resolve() for name in read_yaml(run / "job.yaml")["after"]]
    assert after == [queued.resolve()]


def test_when_its_turn_comes_without_the_baseline_the_run_still_does_not_begin(
    project: Project, version: Path, task: Task
):
    """As if somebody had emptied `after` in job.yaml."""
    waiting(project, version, task)
    run = make(project, task)
    jobs.create(run, "training")
    with pytest.raises(NoBaseline, match="has not finished"):
        methods.carry_out(run, Work(run))
    assert not (run / "checkpoints").exists()


@pytest.mark.parametrize("how", ["empty", "missing"])
def test_without_held_out_rows_there_is_no_run(
    project: Project, baseline: Path, version: Path, task: Task, how: str
):
    path = version / "test.parquet"
    if how == "empty":
        pq.write_table(pq.read_table(path).slice(0, 0), path)
    else:
        path.unlink()
    with pytest.raises(NotReady, match="held-out"):
        make(project, task)


@pytest.mark.parametrize("audit", [{"clean": False, "pairs": 2}, {}, None])
def test_an_audit_that_is_not_clean_or_was_never_made_blocks_the_run(
    project: Project, baseline: Path, version: Path, task: Task, audit: object
):
    told = read_json(version / "manifest.json")
    write_json(version / "manifest.json", told | {"audit": audit})
    with pytest.raises(NotReady):
        make(project, task)


@pytest.mark.parametrize("key", ["id", "cluster"])
def test_a_held_out_row_put_into_the_training_file_is_found_though_the_audit_says_clean(
    project: Project, baseline: Path, version: Path, task: Task, key: str
):
    train, held = (pq.read_table(version / f"{name}.parquet").to_pylist() for name in ("train", "test"))
    train[3] = held[0] | ({} if key == "id" else {"id": "0" * 16})
    schema = pq.read_schema(version / "train.parquet")
    pq.write_table(type(pq.read_table(version / "train.parquet")).from_pylist(train, schema=schema),
                   version / "train.parquet")  # fmt: skip
    with pytest.raises(NotReady, match="share their"):
        make(project, task)


def test_a_held_out_row_put_into_the_prepared_rows_never_reaches_the_trainer(
    project: Project, baseline: Path, version: Path, task: Task
):
    """Even with a manifest whose digest was made to fit."""
    run = make(project, task)
    path = run / "data" / "train.parquet"
    table = pq.read_table(path)
    stolen = pq.read_table(version / "test.parquet").column("id")[0].as_py()
    ids = [stolen, *table.column("id").to_pylist()[1:]]
    pq.write_table(table.set_column(0, "id", [ids]), path)
    told = read_json(run / "manifest.json")
    write_json(run / "manifest.json", told | {"digest": manifest.open_run(run).tokens("train").digest})
    with pytest.raises(BadInput, match="held-out") as caught:
        methods.carry_out(run, Work(run))
    assert stolen in caught.value.message


def test_no_held_out_row_is_among_the_rows_of_a_run(
    project: Project, baseline: Path, version: Path, task: Task
):
    run = manifest.open_run(make(project, task))
    test = set(pq.read_table(version / "test.parquet").column("id").to_pylist())
    held = set(pq.read_table(version / "validation.parquet").column("id").to_pylist())
    assert set(run.tokens("train").ids).isdisjoint(test | held)
    assert set(run.tokens("validation").ids) <= held


def test_another_version_under_the_same_name_is_not_trained_on(
    project: Project, baseline: Path, version: Path, task: Task
):
    run = make(project, task)
    told = read_json(version / "manifest.json")
    write_json(version / "manifest.json", told | {"fingerprint": "0" * 64})
    with pytest.raises(TouchstoneError):
        methods.carry_out(run, Work(run))
    assert not (run / "checkpoints").exists()
