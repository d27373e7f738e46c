"""Model candidates: the tokens they are asked, and answers of the packaged model that are made once."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from curation import chat, events, jobs, models
from curation import task as tasks
from curation.files import read_json, write_json
from curation.project import Project
from curation.task import Task
from curation.work import at_work
from evals import answers, asking, conditions, evaluation, questions
from evals.candidates import parse
from evals.examples import Example
from evals.trained import system_prompt

SYSTEM = "Sort customer messages."
TURNS = [
    [{"role": "user", "content": "Where is my parcel?"}, {"role": "assistant", "content": "address"}],
    [
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Good day, what is it?"},
        {"role": "user", "content": "I want my money back."},
        {"role": "assistant", "content": "refund"},
    ],
]


def as_example(messages: list[dict[str, str]]) -> Example:
    return Example("0" * 16, tuple(messages[:-1]), messages[-1]["content"])


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("family", ["chatml", "llama3", "qwen3", "gemma", "mistral"])
@pytest.mark.parametrize("messages", TURNS, ids=["one turn", "two turns"])
def test_a_run_is_asked_the_very_tokens_that_training_put_before_the_answer(
    families: dict[str, Any], family: str, messages: list[dict[str, str]], tmp_path: Path
) -> None:
    tokenizer = families[family]
    run = tmp_path / "runs" / "r001"
    (run / "adapter").mkdir(parents=True)
    (run / "adapter" / "adapter_config.json").write_text("{}", "utf-8")
    task = Task(kind="free_form", system_prompt=SYSTEM)
    asked = questions.of(
        parse("run:r001"), tmp_path / "evals" / "e001", task, [as_example(messages)], [], tokenizer
    )
    trained = chat.render(tokenizer, chat.with_system(messages, SYSTEM))[-1]
    head = len(asked.prompts[0].ids)
    assert trained.input_ids[:head] == asked.prompts[0].ids
    assert trained.labels[head] != chat.NO_LOSS
    assert trained.labels[head - 1] == chat.NO_LOSS


def test_a_run_is_asked_with_the_system_prompt_it_was_trained_with(tmp_path: Path) -> None:
    now = Task(system_prompt="Something newer.")
    assert system_prompt(tmp_path, now) == "Something newer."
    tasks.save(Task(system_prompt=SYSTEM), tmp_path / "task.yaml")
    assert system_prompt(tmp_path, now) == SYSTEM


def test_few_shot_questions_share_their_first_tokens(families: dict[str, Any], tmp_path: Path) -> None:
    train = [
        as_example([{"role": "user", "content": f"question {i}"}, {"content": "ab"[i % 2]}]) for i in range(8)
    ]
    rows = [Example(str(i), ({"role": "user", "content": f"{i} is asked"},), "a") for i in range(4)]
    task = Task(kind="classification", labels=["a", "b"])
    asked = questions.of(parse("few-shot:4"), tmp_path, task, rows, train, families["chatml"])
    heads = {prompt.ids[: len(prompt.ids) // 2] for prompt in asked.prompts}
    assert len(heads) == 1


def test_a_row_its_template_cannot_write_is_refused_with_the_reason(
    families: dict[str, Any], tmp_path: Path
) -> None:
    rows = [Example("x", ({"role": "user", "content": "a"}, {"role": "user", "content": "b"}), "c")]
    asked = questions.of(parse("prompt"), tmp_path, Task(), rows, [], families["gemma"])
    assert not asked.prompts
    assert asked.refused["x"]


def test_room_for_an_answer_is_one_and_a_half_times_nearly_the_longest_training_answer(
    families: dict[str, Any],
) -> None:
    tokenizer = families["chatml"]
    train = [Example(str(i), (), "word " * (1 if i else 400)) for i in range(200)]
    assert conditions.new_tokens(Task(), train, tokenizer)[0] == 64
    long = [Example(str(i), (), "capital " * 200) for i in range(20)]
    one = len(tokenizer("capital " * 200, add_special_tokens=False)["input_ids"]) + 1
    assert conditions.new_tokens(Task(), long, tokenizer)[0] == -(-one * 3 // 2)
    assert conditions.new_tokens(Task(max_new_tokens=7), train, tokenizer)[0] == 7


@pytest.fixture
def short(project: Project, task: Task) -> Task:
    """The task with answers of at most 8 tokens."""
    made = task.model_copy(update={"max_new_tokens": 8})
    tasks.save(made, project.task_path)
    return made


def run(folder: Path) -> Path:
    with at_work(folder) as work:
        evaluation.run(folder, work)
    assert jobs.state(folder).state == "done", jobs.state(folder)
    return folder


def told(folder: Path) -> dict[tuple[str, str], str]:
    return {(one.candidate, one.id): one.answer for one in answers.read(folder)}


def generated(folder: Path) -> int:
    return sum(event.fields["generated"] for event in events.read(folder, kinds=("answered",)))


@pytest.mark.model
@pytest.mark.usefixtures("own_cache_with_model")
def test_a_second_evaluation_takes_every_answer_from_the_cache(
    project: Project, version: Path, short: Task
) -> None:
    specs = ["prompt", "few-shot:2", "few-shot:2~nearest", "retrieval:1"]
    first = run(evaluation.create(project, version, short, candidates=specs, limit=8))
    assert generated(first) == 32
    second = run(evaluation.create(project, version, short, candidates=specs, limit=8))
    assert generated(second) == 0
    assert told(second) == told(first)
    third = run(evaluation.create(project, version, short, candidates=["prompt"], limit=12))
    assert generated(third) == 4
    assert {key: told(third)[key] for key in told(first) if key[0] == "prompt"} == {
        key: text for key, text in told(first).items() if key[0] == "prompt"
    }
    said = evaluation.load(first)
    assert said.generation is not None
    assert said.generation.max_new_tokens == 8
    plan = read_json(first / conditions.PLAN)
    assert {name: sum(map(len, batches)) for name, batches in plan.items()} == dict.fromkeys(specs, 8)


@pytest.mark.model
@pytest.mark.usefixtures("own_cache_with_model")
def test_a_killed_evaluation_goes_on_without_generating_an_answer_twice(
    project: Project, version: Path, short: Task
) -> None:
    folder = evaluation.create(project, version, short, candidates=["prompt", "few-shot:2"], limit=8)
    jobs.start(folder)
    end = time.monotonic() + 600
    while not (folder / "answers").is_dir() or not answers.read(folder):
        assert time.monotonic() < end, (folder / "log.txt").read_text("utf-8")
        assert not jobs.state(folder).ended, (folder / "log.txt").read_text("utf-8")
        time.sleep(0.02)
    os.kill(read_json(folder / "process.json")["pid"], signal.SIGKILL)
    while not jobs.state(folder).ended:
        time.sleep(0.05)
    before = answers.read(folder)
    plan = (folder / conditions.PLAN).read_bytes()
    jobs.resume(folder)
    assert jobs.wait(folder).state == "done", (folder / "log.txt").read_text("utf-8")
    after = answers.read(folder)
    assert len(after) == 16
    assert [one for one in after if one in before] == sorted(before, key=after.index)
    assert (folder / conditions.PLAN).read_bytes() == plan
    assert generated(folder) <= 16


@pytest.mark.model
@pytest.mark.usefixtures("own_cache_with_model")
def test_an_adapter_answers_beside_its_base_and_the_base_stays_exact(
    project: Project, version: Path, short: Task
) -> None:
    base = run(evaluation.create(project, version, short, candidates=["prompt"], limit=4))
    adapter_of(project, short)
    folder = evaluation.create(project, version, short, candidates=["run:r001", "prompt"], limit=4)
    (folder.parent / asking.CACHE).unlink()
    run(folder)
    assert generated(folder) == 8
    assert {key: text for key, text in told(folder).items() if key[0] == "prompt"} == told(base)
    assert {text for key, text in told(folder).items() if key[0] == "run:r001"} != set(told(base).values())
    write_json(project.runs / "r001" / "manifest.json", {"model": {"name": "other", "fingerprint": "0"}})
    wrong = evaluation.create(project, version, short, candidates=["run:r001"], limit=4)
    with pytest.raises(SystemExit):
        run(wrong)
    assert "was trained on other" in jobs.state(wrong).message


def adapter_of(project: Project, task: Task) -> None:
    """A finished run r001 whose adapter, of random weights, changes every answer."""
    import torch
    from peft import LoraConfig, get_peft_model

    place = models.resolve(task.model.name)
    model = get_peft_model(
        models.load_model(place, models.device("cpu")),
        LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM"),
    )
    torch.manual_seed(0)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            torch.nn.init.normal_(weight, std=0.5)
    folder = project.runs / "r001"
    folder.mkdir(parents=True)
    model.save_pretrained(str(folder / "adapter"))
    tasks.save(task, folder / "task.yaml")
    jobs.create(folder, "training")
    write_json(folder / "result.json", {})
