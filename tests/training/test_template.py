"""Instruction tuning of a model without a chat template: the task names one, no token is added."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation import chat, models
from curation.errors import NotReady
from curation.project import Project
from curation.task import DEFAULT_MODEL, ModelSpec, Task
from tests.conftest import FAMILIES
from tests.evals import frozen
from tests.training.conftest import measured
from tests.training.test_sft import losses, train
from training import preflight, runs
from training import recipe as recipes

cache_of_tests, own_cache = frozen.cache_of_tests, frozen.own_cache
own_cache_with_model = frozen.own_cache_with_model

CHAT = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Good day."},
    {"role": "user", "content": "Bye"},
    {"role": "assistant", "content": "Goodbye."},
]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_shipped_template_ends_every_answer_with_the_tokenizer_s_own_eos(
    families: dict[str, Any], family: str
):
    import copy

    tokenizer = copy.deepcopy(families[family])
    tokenizer.chat_template = models.template_file("chatml").read_text("utf-8")
    before = len(tokenizer)
    (row,) = chat.render(tokenizer, CHAT)
    assert len(tokenizer) == before
    assert chat.end_of_turn(tokenizer) == tokenizer.eos_token_id
    assert [piece.text for piece in row.pieces if piece.trained] == [
        f"Good day.{tokenizer.eos_token}",
        f"Goodbye.{tokenizer.eos_token}",
    ]
    head = chat.prompt_ids(tokenizer, CHAT[:2])
    assert list(row.input_ids[: len(head)]) == head
    bos = FAMILIES[family].bos
    assert row.text.startswith(f"{bos or ''}<|im_start|>system")


def test_a_file_of_one_s_own_wins_over_the_shipped_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert models.template_file("chatml").name == "chatml.jinja"
    assert models.template_file(tmp_path / "chatml") == tmp_path / "chatml"
    monkeypatch.chdir(tmp_path)
    Path("chatml").write_text("mine", "utf-8")
    assert models.template_file("chatml").read_text("utf-8") == "mine"


@pytest.fixture
def bare(tmp_path: Path, own_cache_with_model: None) -> Path:
    """The packaged model without its chat template."""
    place = models.resolve(DEFAULT_MODEL)
    folder = tmp_path / "bare"
    folder.mkdir()
    for path in place.path.iterdir():
        if path.name == "tokenizer_config.json":
            settings = json.loads(path.read_text("utf-8"))
            settings.pop("chat_template", None)
            (folder / path.name).write_text(json.dumps(settings), "utf-8")
        elif path.name != "chat_template.jinja":
            (folder / path.name).symlink_to(path)
    assert not models.load_tokenizer(str(folder)).chat_template
    return folder


@pytest.mark.model
@pytest.mark.slow
def test_a_base_model_without_a_template_is_refused_in_words_and_tuned_with_the_one_the_task_names(
    bare: Path, project: Project, version: Path, task: Task
):
    from transformers import AutoTokenizer

    measured(project, version, task)
    recipe = recipes.parse(
        {"max_steps": 3, "max_rows": 4, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 1,
         "learning_rate": 1e-3, "warmup_steps": 0, "max_eval_rows": 1, "eval_steps": 3}
    )  # fmt: skip
    without = task.model_copy(update={"model": ModelSpec(name=str(bare))})
    found = preflight.prepare(version, without, recipe)
    with pytest.raises(NotReady, match="no chat template") as refused:
        found.raise_if_blocked()
    assert "template: chatml" in refused.value.hint
    assert [one.code for one in found.errors].count("template") == 1

    named = task.model_copy(update={"model": ModelSpec(name=str(bare), template="chatml")})
    found = preflight.prepare(version, named, recipe)
    assert found.template == (
        "Chat template chatml: the model has none. "
        "Answers end with <|im_end|>, its own end of text; no token is added."
    )
    run = runs.create(project, "v001", named, recipe, name="bare", threads=2)
    train(run)
    assert losses(run)[0][-1][1] < losses(run)[0][0][1] - 0.3
    end = models.load_tokenizer(str(bare)).eos_token_id
    assert all(row.labels[-2] == end for row in runs.open_run(run).tokens("train").rows)  # then a newline
    assert (run / "template.jinja").read_bytes() == models.template_file("chatml").read_bytes()
    assert AutoTokenizer.from_pretrained(run / "adapter").chat_template.startswith("{#- ChatML")
