"""evaluation.yaml: everything that decides an evaluation, frozen before the first answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from curation import task as tasks
from curation.errors import BadInput
from curation.files import read_json, read_yaml, write_yaml
from curation.task import Task
from evals.candidates import Candidate, parse_all

FILE = "evaluation.yaml"
TEMPLATE = "template.jinja"
Split = Literal["validation", "test"]


class DecodingOf(BaseModel):
    """How answers are written by a model with a tokenizer of its own."""

    model_config = ConfigDict(extra="forbid")

    max_new_tokens: int
    stop_ids: list[int]


class Generation(BaseModel):
    """What model answers depend on beside the prompt; frozen before the first token."""

    model_config = ConfigDict(extra="forbid")

    model: str
    model_fingerprint: str
    adapters: dict[str, str]
    device: str
    dtype: str
    device_reason: str
    max_new_tokens: int
    max_new_tokens_reason: str
    stop_ids: list[int]
    plan: str
    others: dict[str, DecodingOf] = Field(default_factory=dict)

    def decoding(self, name: str) -> DecodingOf:
        """That of a candidate: the base's, unless its model is another one."""
        return self.others.get(name) or DecodingOf(max_new_tokens=self.max_new_tokens, stop_ids=self.stop_ids)


class Evaluation(BaseModel):
    """What evaluation.yaml holds.

    `version` and the files named by candidates are paths relative to the folder; `audit` is the leakage
    audit of the version as it stood; `asked` is the fingerprint of what the task says about questions.
    """

    model_config = ConfigDict(extra="forbid")

    version: str
    fingerprint: str
    split: Split
    limit: int | None
    rows: int
    without_answer: int
    candidates: list[str]
    contents: dict[str, str]
    primary: str
    scorers: list[str]
    seed: int
    task: Task
    asked: str
    audit: dict[str, Any] | None
    created: str
    generation: Generation | None = None
    max_cost: float | None = None

    @property
    def parsed(self) -> list[Candidate]:
        """The candidates, in the order given."""
        return parse_all(self.candidates)

    @property
    def names(self) -> list[str]:
        """What answers and scores call them."""
        return [one.name for one in self.parsed]

    @property
    def calls(self) -> bool:
        """Whether tool calls are answers here: they are where they are scored."""
        return any(one.partition(":")[0] == "tool_call" for one in self.scorers)


def load(folder: Path) -> Evaluation:
    """Read evaluation.yaml.

    Raises:
        BadInput: it is missing, or has mistakes; all of them are listed.
    """
    try:
        return Evaluation.model_validate(read_yaml(folder / FILE))
    except ValidationError as error:
        raise BadInput(
            tasks.mistakes(error, list(Evaluation.model_fields)), where=str(folder / FILE)
        ) from error


def save(folder: Path, evaluation: Evaluation) -> None:
    """Write evaluation.yaml, every default written out."""
    write_yaml(folder / FILE, evaluation.model_dump(mode="json"))


def version_of(folder: Path, evaluation: Evaluation) -> Path:
    """The frozen version's folder.

    Raises:
        BadInput: it has gone, or holds other rows than the evaluation was made for.
    """
    version = (folder / evaluation.version).resolve()
    if read_json(version / "manifest.json")["fingerprint"] != evaluation.fingerprint:
        raise BadInput(
            "The version's fingerprint is not the one this evaluation was made for.", where=str(version)
        )
    return version
