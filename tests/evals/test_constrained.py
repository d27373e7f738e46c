"""Answers held to a schema while they are written, by a small model of random weights that knows no JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from curation import models
from curation.errors import BadInput, BadUsage
from curation.files import read_json
from curation.project import Project
from curation.task import ModelSpec, Task
from curation.work import at_work
from evals import answers, constrained, endpoint_asking, evaluation, generate
from evals.candidates import parse
from evals.examples import Example
from evals.generate import Budget, Decoding, Prompt
from tests.evals.test_brought import small

pytestmark = pytest.mark.usefixtures("own_cache")
SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["refund", "cancel the order", None]},
        "urgent": {"type": "boolean"},
        "parts": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 3},
    },
    "required": ["intent", "urgent"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def place(families: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small(tmp_path_factory.mktemp("model") / "tiny", families["chatml"], seed=3)


def written(
    place: Path, tokenizer: Any, rows: int, schema: dict[str, Any] | None, at_once: int = 32
) -> list[str]:
    model = models.load_model(str(place), models.device("cpu"))
    stop = (tokenizer.eos_token_id,)
    prompts = [Prompt(f"{i:02}", tuple(range(5, 12 + i % 9))) for i in range(rows)]
    decoding = Decoding(120, stop)
    guide = constrained.Guide(schema, tokenizer, stop, model.config.vocab_size) if schema else None
    plan = generate.plan(prompts, Budget(100_000, at_once), 120)
    done = generate.generate(model, tokenizer, prompts, plan, decoding, guide=guide)
    return [one.text for one in sorted((a for unit in done for a in unit.answers), key=lambda one: one.key)]


@pytest.mark.slow
def test_a_model_that_knows_no_json_writes_nothing_but_answers_that_fit_the_schema(
    place: Path, families: dict[str, Any]
) -> None:
    texts = written(place, families["chatml"], 10, SCHEMA)
    for text in texts:
        Draft202012Validator(SCHEMA).validate(json.loads(text))
    assert written(place, families["chatml"], 10, None) != texts


@pytest.mark.slow
def test_an_answer_does_not_depend_on_the_rows_beside_it(place: Path, families: dict[str, Any]) -> None:
    assert written(place, families["chatml"], 5, SCHEMA) == written(
        place, families["chatml"], 5, SCHEMA, at_once=1
    )


@pytest.mark.slow
def test_a_candidate_held_to_the_schema_stands_beside_one_that_is_not(
    project: Project, version: Path, place: Path
) -> None:
    task = Task(kind="structured", output_schema=SCHEMA, max_new_tokens=120, model=ModelSpec(name=str(place)))
    folder = evaluation.create(project, version, task, candidates=["prompt", "prompt@schema"], limit=3)
    with at_work(folder) as work:
        evaluation.run(folder, work)
    found = read_json(folder / "summary.json")["candidates"]
    assert found["prompt@schema"]["scorers"]["json_schema"]["mean"] == 1
    assert found["prompt"]["scorers"]["json_schema"]["mean"] == 0
    again = evaluation.create(project, version, task, candidates=["prompt", "prompt@schema"], limit=3)
    with at_work(again) as work:
        evaluation.run(again, work)
    assert {one.batch for one in answers.read(again)} == {"cache"}
    told = [sorted((one.candidate, one.id, one.raw) for one in answers.read(at)) for at in (folder, again)]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("spec", "name", "prompt"),
    [
        ("prompt@schema", "prompt@schema", ""),
        ("few-shot:4~nearest@terse@schema", "few-shot:4~nearest@terse@schema", "terse"),
        ("run:r001@schema", "run:r001@schema", ""),
        ("endpoint:https://h/v1#m@schema", "endpoint:https://h/v1#m@schema", ""),
    ],
)
def test_a_spec_may_ask_for_it(spec: str, name: str, prompt: str) -> None:
    one = parse(spec)
    assert (one.name, one.prompt_name, one.schema) == (name, prompt, True)
    assert parse(one.spec) == one


def test_without_a_schema_or_with_one_that_cannot_be_held_to_it_is_refused(
    project: Project, version: Path, task: Task
) -> None:
    with pytest.raises(BadUsage, match="no output_schema"):
        evaluation.create(project, version, task, candidates=["prompt@schema"])
    strange = task.model_copy(update={"output_schema": {"type": "object", "not": {"required": ["a"]}}})
    with pytest.raises(BadInput, match="cannot be held to this schema"):
        evaluation.create(project, version, strange, candidates=["prompt@schema"])
    assert not list(project.evals.glob("e*"))


def test_an_endpoint_is_asked_for_the_same_and_strictly_where_the_schema_allows() -> None:
    row = Example("1", ({"role": "user", "content": "x"},), "{}")
    closed = {**SCHEMA, "required": list(SCHEMA["properties"])}  # type: ignore[call-overload]
    for schema, strict in ((SCHEMA, None), (closed, True)):
        task = Task(kind="structured", output_schema=schema)
        asked = endpoint_asking.requests(parse("endpoint:http://h#m@schema"), task, [row], [], None)
        wish = asked["1"]["response_format"]
        assert wish["type"] == "json_schema"
        assert wish["json_schema"]["schema"] == schema
        assert wish["json_schema"].get("strict") == strict
    plain = endpoint_asking.requests(parse("endpoint:http://h#m"), task, [row], [], None)
    assert "response_format" not in plain["1"]
