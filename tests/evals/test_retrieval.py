"""What stands beside a question."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curation import task as tasks
from curation.errors import BadInput
from curation.project import Project
from curation.task import Task
from evals import documents, evaluation, examples, questions, retrieval
from evals.candidates import parse
from evals.documents import Passage
from evals.examples import Example

LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


@pytest.fixture(autouse=True)
def by_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    """Vectors of letter counts: quick, and near means alike."""

    def vectors(
        texts: Sequence[str], embedder: str = "", cache: object = None, progress: object = None
    ) -> Any:
        counts = np.array([[text.lower().count(letter) for letter in LETTERS] for text in texts], float)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)

    monkeypatch.setattr(retrieval, "vectors", vectors)


def row(key: str, text: str, answer: str = "x") -> Example:
    return Example(key, ({"role": "user", "content": text},), answer, label=answer)


TRAIN = [row("1", "aaaa", "A"), row("2", "bbbb", "B"), row("3", "aaab", "C"), row("4", "cccc", "D")]


def test_the_nearest_agree_with_a_loop_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    known, asked = (rng.normal(size=(n, 6)).astype(np.float32) for n in (30, 7))
    expected = [tuple(sorted(range(30), key=lambda i: -float(known[i] @ one))[:4]) for one in asked]
    assert retrieval.nearest_indices(known, asked, 4) == expected
    assert len(retrieval.nearest_indices(known[:2], asked, 4)[0]) == 2


def test_of_equally_near_rows_the_first_comes_first() -> None:
    known = np.ones((5, 1), np.float32)
    assert retrieval.nearest_indices(known, known[:1], 3) == [(0, 1, 2)]


def test_shots_by_meaning_differ_by_question_and_the_nearest_stands_last() -> None:
    found = retrieval.beside(parse("few-shot:2~nearest"), [row("q", "aaa"), row("r", "bbb")], TRAIN, Task())
    assert [shot.id for shot in found[0].shots] == ["3", "1"]
    assert found[1].shots[-1].id == "2"


def test_fixed_shots_are_the_same_for_every_question() -> None:
    found = retrieval.beside(parse("few-shot:2"), [row("q", "aaa"), row("r", "bbb")], TRAIN, Task())
    assert found[0] == found[1]
    assert len(found[0].shots) == 2


def test_one_training_row_said_twice_is_one_shot() -> None:
    twice = [row("0", "aaaa", "A"), *TRAIN]
    found = retrieval.beside(parse("few-shot:2~nearest"), [row("q", "aaa")], twice, Task())
    assert [shot.id for shot in found[0].shots] == ["3", "0"]


def test_training_rows_are_passages_with_their_answers_where_there_are_no_documents() -> None:
    found = retrieval.beside(parse("retrieval:1"), [row("q", "bbb")], TRAIN, Task())
    assert found[0].context == "[1]\nQuestion: bbbb\nAnswer: B"
    long = [row("1", "a" * 5000, "whole answer")]
    assert retrieval.beside(parse("retrieval:1"), [row("q", "a")], long, Task())[0].context.endswith(
        "a …\nAnswer: whole answer"
    )


def test_documents_stand_in_the_prompt_under_their_headings_nearest_first() -> None:
    passages = [
        Passage("g.md", "Zz", "zzzz"),
        Passage("g.md", "Bb > Cccc", "bbbb"),
        Passage("g.md", "", "bbba"),
    ]
    found = retrieval.beside(parse("retrieval:2"), [row("q", "bbb")], TRAIN, Task(), documents=passages)
    assert found[0].context == "[1]\nbbba\n\n[2] Bb > Cccc\nbbbb"


@pytest.mark.parametrize("spec", ["few-shot:6~nearest", "retrieval:6", "few-shot:6"])
def test_nothing_of_a_held_out_row_but_its_question_is_ever_shown(
    spec: str, project: Project, version: Path, task: Task, families: dict[str, Any]
) -> None:
    folder = evaluation.create(project, version, task, candidates=[spec])
    rows = examples.read(folder / "examples.parquet")
    train, _ = examples.of_split(version, "train")
    secret = [Example(one.id, one.messages, "SECRET", metadata=json.dumps({"s": "SECRET"})) for one in rows]
    asked = questions.of(parse(spec), folder, task, secret, train, families["chatml"])
    others = {one.id: one.prompt for one in rows}
    for prompt in asked.prompts:
        shown = families["chatml"].decode(prompt.ids)
        assert "SECRET" not in shown
        assert [key for key, text in others.items() if text in shown] == [prompt.key]


def test_documents_are_kept_with_the_evaluation_and_decide_whether_it_is_found_again(
    project: Project, version: Path, task: Task
) -> None:
    docs = project.folder / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("# Refunds\n\nPaid in a week.", "utf-8")
    told = task.model_copy(update={"documents": "docs"})
    tasks.save(told, project.task_path)
    folder = evaluation.create(project, version, told, candidates=["retrieval:1"])
    assert documents.kept(folder) == [Passage("a.md", "Refunds", "Paid in a week.")]
    (folder / "result.json").write_text("{}", "utf-8")
    assert evaluation.find_done(project, version, "validation", ["retrieval:1"]) == folder
    (docs / "a.md").write_text("# Refunds\n\nPaid in a month.", "utf-8")
    assert evaluation.find_done(project, version, "validation", ["retrieval:1"]) is None


def test_documents_that_cannot_be_used_are_refused_before_a_folder_is_made(
    project: Project, version: Path, task: Task
) -> None:
    told = task.model_copy(update={"documents": "nowhere"})
    with pytest.raises(BadInput, match="no such folder"):
        evaluation.create(project, version, told, candidates=["retrieval:1"])
    assert not list(project.evals.glob("e*"))


def test_a_prompt_for_retrieval_must_say_where_the_passages_go(
    project: Project, version: Path, task: Task, tmp_path: Path, families: dict[str, Any]
) -> None:
    mine = tmp_path / "mine.md"
    mine.write_text("Sort.", "utf-8")
    with pytest.raises(BadInput, match="where the passages go"):
        evaluation.create(project, version, task, candidates=[f"retrieval:1@{mine}"])
    mine.write_text("Known: {context}", "utf-8")
    folder = evaluation.create(project, version, task, candidates=[f"retrieval:1@{mine}"])
    (one,) = evaluation.load(folder).parsed
    asked = questions.of(one, folder, task, [row("q", "bbb")], TRAIN, families["chatml"])
    assert "Known: [1]\nQuestion: bbbb" in families["chatml"].decode(asked.prompts[0].ids)
