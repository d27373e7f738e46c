"""A tiny project with one frozen version, a measured baseline, and a random two-layer model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from curation import jobs
from curation import task as tasks
from curation.files import write_json
from curation.project import Project
from curation.task import ModelSpec, Task
from evals import evaluation
from tests.conftest import small_tokenizer
from tests.evals.frozen import WORDS, freeze, rows

Messages = list[dict[str, Any]]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two layers with random weights and the small ChatML tokenizer, as a model folder."""
    import torch
    from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = small_tokenizer("chatml")
    torch.manual_seed(0)
    eos = tokenizer.eos_token_id
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512, eos_token_id=eos,
        bos_token_id=None, pad_token_id=eos, tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    model.generation_config = GenerationConfig(eos_token_id=eos, pad_token_id=eos)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def task(tiny_model: Path) -> Task:
    """Three labels, answered by the tiny model."""
    return Task(
        kind="classification", labels=list(WORDS), system_prompt="Sort customer messages.",
        model=ModelSpec(name=str(tiny_model)),
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, task: Task) -> Project:
    """A project folder with a task and nothing else."""
    made = Project(tmp_path / "project")
    made.folder.mkdir()
    tasks.save(task, made.task_path)
    return made


@pytest.fixture
def version(project: Project) -> Path:
    """30 training, 6 validation and 9 test rows."""
    return freeze(
        project,
        {"train": rows("train", 30), "validation": rows("validation", 6, 100), "test": rows("test", 9, 200)},
    )


@pytest.fixture
def baseline(project: Project, version: Path, task: Task) -> Path:
    """A finished evaluation of `prompt` on the version."""
    return measured(project, version, task)


def measured(project: Project, version: Path, task: Task) -> Path:
    """An evaluation of `prompt`, finished without asking a model."""
    folder = evaluation.create(project, version, task, candidates=["prompt"])
    write_json(folder / "result.json", {})
    assert jobs.state(folder).state == "done"
    return folder


@pytest.fixture
def example() -> Callable[..., dict[str, Any]]:
    """Makes one row of a version from its messages."""

    def make(messages: Messages, split: str = "train", **fields: Any) -> dict[str, Any]:
        text = json.dumps(messages, sort_keys=True)
        base = rows(split, 1)[0]
        return base | {"messages": text, "label": None, "metadata": "{}"} | fields

    return make
