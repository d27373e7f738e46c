"""Prompts of one's own: files with named variables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.errors import BadInput, BadUsage
from curation.project import Project
from curation.task import Task
from evals import evaluation, prompt_files, prompts, questions
from evals.candidates import parse
from evals.examples import Example

USER = {"role": "user", "content": "Where is my parcel?"}
SCHEMA = {"type": "object", "properties": {"intent": {"type": "string"}}}
VALUES = {name: f"<{name}>" for name in prompt_files.VARIABLES}


@pytest.fixture
def terse(project: Project) -> Path:
    project.prompts.mkdir()
    path = project.prompts / "terse.md"
    path.write_text("{system} One of: {labels}.\n", "utf-8")
    return path


def test_variables_are_replaced_by_what_the_task_says() -> None:
    task = Task(
        kind="classification", labels=["refund", "cancel"], system_prompt="Sort.", output_schema=SCHEMA
    )
    text = "{system}|{labels}|{schema}|{context}"
    filled = prompt_files.fill(text, prompt_files.values(task, None, "passages"))
    assert filled == (
        'Sort.|refund, cancel|{"type": "object", "properties": {"intent": {"type": "string"}}}|passages'
    )


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ('Answer {"intent": "x"} or { } or {}', 'Answer {"intent": "x"} or { } or {}'),
        ("{{labels}} means {labels}", "{labels} means <labels>"),
        ("{labels!r} {labels.__class__} {0} %s $labels", "{labels!r} {labels.__class__} {0} %s $labels"),
    ],
)
def test_every_other_brace_is_text(text: str, filled: str) -> None:
    assert prompt_files.fill(text, VALUES) == filled


@given(st.text(alphabet="{}abelsx_ \n", max_size=40), st.text(max_size=20))
def test_a_value_is_never_looked_into(text: str, value: str) -> None:
    marked = prompt_files.fill(text, {"labels": "\x00"})
    assert prompt_files.fill(text, {"labels": value}) == marked.replace("\x00", value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{label}", "Unknown variable {label}; known are {system}, {labels}, {schema}, {context}."),
        ("{schema}", "this task has no schema"),
        ("{context}", "only retrieval:K"),
    ],
)
def test_a_prompt_that_cannot_be_filled_is_refused_with_what_is_known(
    text: str, says: str, task: Task
) -> None:
    with pytest.raises(BadInput) as caught:
        prompt_files.check(text, task, where="x.md")
    assert says in str(caught.value)


@pytest.mark.parametrize("content", [b"", b" \n", b"\xff\xfe\x00", b"a" * 200_001], ids=str)
def test_a_file_that_is_no_prompt_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"x\.md"):
        prompt_files.read(path)


def test_a_prompt_of_the_rows_own_stands_where_the_file_says() -> None:
    task = Task(system_prompt="Sort.")
    own = [{"role": "system", "content": "You are the night shift."}, USER]
    asked = prompts.from_file(own, "{system} Be brief.", task)
    assert asked == [{"role": "system", "content": "You are the night shift. Be brief."}, USER]
    assert prompts.from_file([USER], "{system} Be brief.", task)[0]["content"] == "Sort. Be brief."


def test_shots_stand_between_the_prompt_and_the_question() -> None:
    shot = Example("a", ({"role": "user", "content": "Refund me."},), "refund")
    asked = prompts.from_file([USER], "Be brief.", Task(), shots=[shot])
    assert [turn["role"] for turn in asked] == ["system", "user", "assistant", "user"]


def test_a_prompt_of_the_project_is_named_by_its_stem(project: Project, terse: Path) -> None:
    assert prompt_files.names(project) == ["terse"]
    assert prompt_files.located(parse("prompt@terse"), project).prompt_file == terse
    with pytest.raises(BadUsage, match="terse"):
        prompt_files.located(parse("prompt@tense"), project)


def test_several_prompts_are_kept_in_one_evaluation_and_asked_side_by_side(
    project: Project, version: Path, task: Task, terse: Path, tmp_path: Path, families: dict[str, Any]
) -> None:
    other = tmp_path / "wordy.md"
    other.write_text("Read the message with care. {labels}", "utf-8")
    specs = ["prompt", "prompt@terse", f"few-shot:2@{other}"]
    folder = evaluation.create(project, version, task, candidates=specs)
    made = evaluation.load(folder)
    assert made.names == ["prompt", "prompt@terse", "few-shot:2@wordy"]
    assert set(made.contents) == {"prompt@terse", "few-shot:2@wordy"}
    terse.write_text("Something else.", "utf-8")
    row = Example("0" * 16, (USER,), "address")
    shown = [
        families["chatml"].decode(
            questions.of(one, folder, task, [row], [row] * 2, families["chatml"]).prompts[0].ids
        )
        for one in made.parsed
    ]
    assert "Sort customer messages. One of: refund, cancel, address." in shown[1]
    assert "Read the message with care. refund, cancel, address" in shown[2]
    assert len(set(shown)) == 3


def test_an_evaluation_is_found_again_only_while_its_prompts_say_the_same(
    project: Project, version: Path, task: Task, terse: Path
) -> None:
    folder = evaluation.create(project, version, task, candidates=["prompt@terse"])
    (folder / "result.json").write_text("{}", "utf-8")
    assert evaluation.find_done(project, version, "validation", ["prompt@terse"]) == folder
    terse.write_text("Something else.", "utf-8")
    assert evaluation.find_done(project, version, "validation", ["prompt@terse"]) is None


def test_an_evaluation_with_a_prompt_that_cannot_be_filled_is_not_begun(
    project: Project, version: Path, task: Task, terse: Path
) -> None:
    terse.write_text("{lables}", "utf-8")
    with pytest.raises(BadInput, match="Unknown variable"):
        evaluation.create(project, version, task, candidates=["prompt@terse"])
    assert not list(project.evals.glob("e*"))
