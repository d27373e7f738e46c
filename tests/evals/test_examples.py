"""Rows of a frozen version as questions and expected answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from curation.errors import BadInput
from curation.project import Project
from evals import examples
from tests.evals.frozen import freeze, rows

USER = {"role": "user", "content": "Hello?"}


def row(key: str, messages: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    empty = {"tools": None, "chosen": None, "rejected": None, "label": None, "group": None, "metadata": "{}"}
    told = {
        name: value if value is None or isinstance(value, str) else json.dumps(value)
        for name, value in more.items()
    }
    return {"id": key, "messages": json.dumps(messages), **empty, "cluster": 1, "split": "test", **told}


def read(project: Project, *some: dict[str, Any]) -> tuple[list[examples.Example], int]:
    return examples.of_split(freeze(project, {"train": rows("train", 3), "test": list(some)}), "test")


def test_the_last_assistant_turn_is_expected_and_all_turns_before_it_are_asked(project: Project) -> None:
    said = {"role": "assistant", "content": "Yes?"}
    found, skipped = read(project, row("a", [USER, said, USER, {"role": "assistant", "content": "Bye."}]))
    assert (found[0].messages, found[0].expected, skipped) == ((USER, said, USER), "Bye.", 0)
    assert found[0].prompt == "Hello?\nHello?"


def test_rows_without_an_answer_in_words_are_left_out_and_counted(project: Project) -> None:
    call = {
        "role": "assistant",
        "content": None,
        "tool_calls": [{"function": {"name": "f", "arguments": {}}}],
    }
    found, skipped = read(
        project, row("a", [USER, call]), row("b", [USER]), row("c", [USER, {**call, "content": "x"}])
    )
    assert [one.id for one in found] == ["c"]
    assert skipped == 2


@pytest.mark.parametrize(
    ("messages", "chosen"),
    [
        ([USER], "Good day."),
        ([USER], {"role": "assistant", "content": "Good day."}),
        ([USER], [{"role": "assistant", "content": "Good day."}]),
        ([], [USER, {"role": "assistant", "content": "Good day."}]),
    ],
)
def test_of_a_preference_pair_the_chosen_answer_is_expected(
    project: Project, messages: list[dict[str, Any]], chosen: Any
) -> None:
    found, _ = read(project, row("a", messages, chosen=json.dumps(chosen), rejected=json.dumps("No.")))
    assert (found[0].messages, found[0].expected) == ((USER,), "Good day.")


def test_examples_survive_the_evaluation_folder(project: Project, tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    found, _ = read(
        project,
        row("a", [USER, {"role": "assistant", "content": "x"}], tools=tools, label="l", group="g"),
        row("b", [USER, {"role": "assistant", "content": "\u2028 y"}]),
    )
    (tmp_path / "examples.parquet").write_bytes(examples.to_bytes(found))
    assert examples.read(tmp_path / "examples.parquet") == found
    assert found[0].tools == tuple(tools)


def test_a_missing_split_is_named(project: Project) -> None:
    version = freeze(project, {"train": rows("train", 3)})
    with pytest.raises(BadInput, match="no test split"):
        examples.of_split(version, "test")
