from __future__ import annotations

import json

import pytest

from curation import task
from curation.errors import BadTask


def test_all_mistakes_are_named_at_once():
    with pytest.raises(BadTask) as error:
        task.parse(
            {
                "kind": "clasification",
                "systm_prompt": "x",
                "looks": 0,
                "labels": ["a", "a"],
                "output_schema": {"type": "nonsense"},
            }
        )
    text = str(error.value)
    for part in (
        "kind",
        "did you mean `system_prompt`",
        "looks",
        "labels named twice: a",
        "not a JSON Schema",
    ):
        assert part in text


def test_a_task_reads_back_as_it_was_written(tmp_path):
    made = task.Task(kind="classification", labels=["ja", "nein"], system_prompt="Wähle.\nEins.")
    task.save(made, tmp_path / "task.yaml")
    assert task.load(tmp_path / "task.yaml") == made


def test_a_task_without_newer_fields_keeps_the_fingerprint_it_had_before_them():
    made = task.Task(kind="classification", labels=["a", "b"])
    assert made.fingerprint == "6b598292727b0db97baddb0f3161390e548dd6e8ef67c0c831103282dd083613"
    assert made.model_copy(update={"must_pass": ["x"]}).fingerprint != made.fingerprint


def test_short_repeated_answers_are_a_classification():
    made = task.guess(["yes", "no", "maybe"] * 40 + ["a whole sentence that nobody repeats"], [None] * 121)
    assert made.kind == "classification" and made.labels == ["maybe", "no", "yes"] and made.guessed


def test_json_answers_are_structured_with_a_schema_that_most_follow():
    answers = [
        json.dumps({"intent": ["refund", "cancel"][i % 2], "order": f"NW-{i}" if i % 3 else None})
        for i in range(100)
    ] + ["oops", '{"intend": "refund"}']
    made = task.guess(answers, ["Be brief."] * 102)
    assert made.kind == "structured" and made.system_prompt == "Be brief."
    assert made.output_schema["properties"]["intent"] == {"enum": ["cancel", "refund"]}
    assert made.output_schema["properties"]["order"] == {"type": ["null", "string"]}
    assert made.output_schema["required"] == ["intent", "order"]
    assert made.slices == ["intent"] and made.stratify == "answer.intent"


def test_anything_else_is_free_form():
    made = task.guess([f"Answer number {i} in its own words." for i in range(50)], [None] * 50)
    assert made.kind == "free_form" and made.primary_scorer == "normalised"


def test_an_untrained_candidate_is_told_what_is_allowed():
    made = task.Task(kind="classification", labels=["a", "b"], system_prompt="Sort it.")
    assert "Sort it." in made.system_for_baseline() and "a, b" in made.system_for_baseline()
    assert made.model_copy(update={"baseline_prompt": "Mine."}).system_for_baseline() == "Mine."
