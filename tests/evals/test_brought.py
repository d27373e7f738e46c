"""Models and adapters made elsewhere, on a small model with random weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation import jobs, models
from curation import task as tasks
from curation.errors import BadInput, MissingModel
from curation.project import Project
from curation.task import ModelSpec, Task
from curation.work import at_work
from evals import answers, brought, evaluation
from evals.candidates import parse, parse_all

pytestmark = pytest.mark.usefixtures("own_cache")


def small(folder: Path, tokenizer: Any, seed: int, width: int = 32) -> Path:
    """A folder with a small model of random weights and its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=width, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, initializer_range=0.4,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def adapter(folder: Path, base: Path, seed: int = 5) -> Path:
    """An adapter with random weights, as PEFT writes it."""
    import torch
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(seed)
    model = models.load_model(str(base), models.device("cpu"))
    config = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, lora_alpha=32)
    get_peft_model(model, config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def places(families: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    made = {name: small(root / name, families["chatml"], seed) for seed, name in enumerate(("base", "other"))}
    made["wide"] = small(root / "wide", families["chatml"], 2, width=64)
    made["adapter"] = adapter(root / "v1.5", made["base"])
    made["strange"] = adapter(root / "strange", made["wide"])
    return made


@pytest.fixture
def short(project: Project, task: Task, places: dict[str, Path]) -> Task:
    """The task on the small base, with answers of at most 8 tokens."""
    made = task.model_copy(update={"max_new_tokens": 8, "model": ModelSpec(name=str(places["base"]))})
    tasks.save(made, project.task_path)
    return made


def run(folder: Path) -> dict[str, list[str]]:
    with at_work(folder) as work:
        evaluation.run(folder, work)
    found: dict[str, list[str]] = {}
    for one in sorted(answers.read(folder), key=lambda one: one.id):
        found.setdefault(one.candidate, []).append(one.raw)
    return found


def written(folder: Path, **changes: Any) -> Path:
    """A folder with the settings of an adapter, and something in place of its weights."""
    folder.mkdir()
    settings = {"peft_type": "LORA", "base_model_name_or_path": "owner/Small-1B", "init_lora_weights": True}
    (folder / brought.SETTINGS).write_text(json.dumps(settings | changes), "utf-8")
    (folder / brought.WEIGHTS).write_bytes(b"weights")
    return folder


@pytest.mark.slow
def test_models_and_adapters_answer_beside_the_base_each_with_its_own_fingerprint(
    project: Project, version: Path, short: Task, places: dict[str, Path]
) -> None:
    specs = ["prompt", f"model:{places['other']}", f"adapter:{places['adapter']}"]
    folder = evaluation.create(project, version, short, candidates=specs, limit=4)
    found = run(folder)
    assert set(found) == {"prompt", "model:other", "adapter:v1.5"}
    assert len({tuple(texts) for texts in found.values()}) == 3
    generation = evaluation.load(folder).generation
    assert generation is not None
    assert generation.adapters == {
        "model:other": models.fingerprint(places["other"]), "adapter:v1.5": models.fingerprint(places["adapter"])
    }  # fmt: skip
    alone = run(evaluation.create(project, version, short, candidates=["prompt"], limit=4))
    assert alone["prompt"] == found["prompt"]


@pytest.mark.slow
def test_a_model_answers_as_it_would_if_it_were_the_tasks_own(
    project: Project, version: Path, short: Task, places: dict[str, Path]
) -> None:
    beside = run(evaluation.create(project, version, short, candidates=[f"model:{places['other']}"], limit=4))
    own = short.model_copy(update={"model": ModelSpec(name=str(places["other"]))})
    assert (
        run(evaluation.create(project, version, own, candidates=["prompt"], limit=4))["prompt"]
        == beside["model:other"]
    )


@pytest.mark.slow
def test_an_adapter_of_another_base_is_refused_in_words_and_the_base_was_not_touched(
    project: Project, version: Path, short: Task, places: dict[str, Path]
) -> None:
    folder = evaluation.create(project, version, short, candidates=[f"adapter:{places['strange']}"], limit=2)
    with pytest.raises(SystemExit):
        run(folder)
    said = jobs.state(folder).message
    assert "does not fit" in said
    assert "model.layers.0.self_attn.q_proj has 32 in_features, the adapter 64" in said


@pytest.mark.slow
def test_an_evaluation_is_found_again_only_while_the_adapter_is_the_same(
    project: Project, version: Path, short: Task, places: dict[str, Path], tmp_path: Path
) -> None:
    mine = adapter(tmp_path / "mine", places["base"], seed=1)
    specs = [f"adapter:{mine}"]
    folder = evaluation.create(project, version, short, candidates=specs)
    (folder / "result.json").write_text("{}", "utf-8")
    assert evaluation.find_done(project, version, "validation", specs) == folder
    adapter(mine, places["base"], seed=2)
    assert evaluation.find_done(project, version, "validation", specs) is None


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"peft_type": "IA3"}, "'IA3'"),
        ({"init_lora_weights": "pissa_niter_16"}, "changes the base's own weights"),
        ({"init_lora_weights": "olora"}, "changes the base's own weights"),
        ({"base_model_name_or_path": "owner/Large-7B"}, "made for owner/Large-7B"),
    ],
)
def test_an_adapter_that_cannot_stand_beside_this_base_is_refused(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadInput) as caught:
        brought.check(written(tmp_path / "a", **changes), "owner/small-1b")
    assert says in str(caught.value)


@pytest.mark.parametrize("made_for", ["other/SMALL-1b", "/somewhere/merged", "small", None])
def test_a_base_that_may_be_the_same_is_left_to_the_shapes(tmp_path: Path, made_for: str | None) -> None:
    brought.check(written(tmp_path / "a", base_model_name_or_path=made_for), "small-1b")


def test_pickled_weights_and_folders_that_are_no_adapter_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingModel, match="no adapter here"):
        brought.check(tmp_path, "x")
    folder = written(tmp_path / "a")
    (folder / brought.WEIGHTS).rename(folder / "adapter_model.bin")
    with pytest.raises(MissingModel, match="never opened"):
        brought.check(folder, "small-1b")


def test_weights_that_are_cut_are_said(tmp_path: Path) -> None:
    import torch

    with pytest.raises(BadInput, match="cannot be read"):
        brought.must_fit(torch.nn.Linear(2, 2), written(tmp_path / "a"), "x")


def test_a_layer_the_base_does_not_have_is_named(tmp_path: Path) -> None:
    import torch
    from safetensors.numpy import save_file

    folder = written(tmp_path / "a")
    key = "base_model.model.model.layers.9.q_proj.lora_A.weight"
    save_file({key: np.zeros((4, 2), np.float32)}, folder / brought.WEIGHTS)
    with pytest.raises(BadInput, match=r"there is no model\.layers\.9\.q_proj"):
        brought.must_fit(torch.nn.Linear(2, 2), folder, "x")


def test_a_model_that_is_not_there_is_refused_before_a_folder_is_made(
    project: Project, version: Path, task: Task
) -> None:
    for spec in ("model:/nowhere/model", "adapter:/nowhere/adapter"):
        with pytest.raises(MissingModel):
            evaluation.create(project, version, task, candidates=[spec])
    assert not list(project.evals.glob("e*"))


def test_names_are_short_and_paths_become_absolute(tmp_path: Path) -> None:
    (tmp_path / "qwen").mkdir()
    specs = ["model:qwen", "model:owner/name", "model:smollm2-135m-instruct", "adapter:runs/r001/adapter"]
    moved = [parse(spec).from_folder(lambda text: tmp_path / text) for spec in specs]
    assert [one.argument for one in moved] == [
        str(tmp_path / "qwen"), "owner/name", "smollm2-135m-instruct", str(tmp_path / "runs/r001/adapter")
    ]  # fmt: skip
    names = [one.name for one in parse_all([one.spec for one in moved])]
    assert names == ["model:qwen", "model:owner/name", "model:smollm2-135m-instruct", "adapter:r001"]
    assert [parse(name).name for name in names] == names
