"""Publishing: what others load, with a card that says what was proven, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from curation.errors import BadUsage, NotReady
from curation.files import read_json, sha256_file
from curation.project import Project
from curation.task import Task
from curation.work import Work
from tests.evals import frozen
from training import methods, runs
from training import recipe as recipes
from training.publish import judged, publish, serving

cache_of_tests, own_cache = frozen.cache_of_tests, frozen.own_cache
pytestmark = pytest.mark.usefixtures("own_cache")
TWO = {
    "max_steps": 2,
    "per_device_train_batch_size": 2,
    "learning_rate": 1e-2,
    "max_rows": 6,
    "max_eval_rows": 0,
}


def trained(project: Project, task: Task, **changes: object) -> Path:
    run = runs.create(project, "v001", task, recipes.parse(TWO | changes), name="two", threads=1)
    Work(run).finish(methods.carry_out(run, Work(run)))
    return run


@pytest.mark.model
def test_an_adapter_goes_out_as_it_was_judged_with_its_card(project, baseline, task, tmp_path):
    run = trained(project, task)
    done = publish(project, run.name, tmp_path / "out")
    weights = done.folder / "adapter_model.safetensors"
    assert sha256_file(weights) == sha256_file(run / "adapter" / weights.name)
    head, body = (done.folder / "README.md").read_text("utf-8").split("---\n")[1:]
    assert yaml.safe_load(head)["library_name"] == "peft"
    said = read_json(run / "manifest.json")
    assert said["version_fingerprint"] in body and "Sort customer messages." in body
    assert "No verdict has been given" in body and judged(project, run.name) is None
    kept = json.loads((done.folder / "touchstone.json").read_text("utf-8"))
    assert kept["files"]["adapter_model.safetensors"] == sha256_file(weights)
    assert "--max-lora-rank 16" in done.serves


@pytest.mark.model
def test_a_merged_model_is_asked_again_and_gives_the_adapter_s_logits(project, baseline, task, tmp_path):
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    run = trained(project, task)
    done = publish(project, run.name, tmp_path / "out", form="merged", rows=4)
    assert (done.asked, done.same_answers) == (4, 4)
    ids = torch.tensor([[5, 6, 7, 8]])
    base = AutoModelForCausalLM.from_pretrained(task.model.name)
    with torch.no_grad():
        adapted = PeftModel.from_pretrained(base, run / "adapter")(ids).logits
        merged = AutoModelForCausalLM.from_pretrained(done.folder)(ids).logits
    assert torch.allclose(adapted, merged, atol=1e-4)
    assert not (done.folder / "adapter_config.json").exists()


def test_a_run_at_work_and_a_folder_in_use_are_refused(project, baseline, task, tmp_path):
    run = runs.create(project, "v001", task, recipes.parse(TWO), name="two", threads=1)
    with pytest.raises(NotReady, match="has not finished"):
        publish(project, run.name, tmp_path / "out")
    (run / "result.json").write_text("{}")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(BadUsage, match="holds something already"):
        publish(project, run.name, tmp_path / "full")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"r": 12}, "--max-lora-rank 16"),
        ({"use_dora": True}, "does not serve DoRA"),
        ({"r": 512}, "--max-lora-rank 512"),
    ],
)
def test_what_vllm_serves_is_said(project, baseline, task, changes, says):
    from training import manifest

    run = runs.create(project, "v001", task, recipes.parse(TWO | changes), name="two", threads=1)
    assert says in serving(manifest.open_run(run), "adapter")
