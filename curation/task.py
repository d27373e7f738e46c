"""The task: what the model should do. The same object drives checks, training prompts and scorers.

Whatever depends on the *kind* of task is a column of the table `KINDS`; nothing else asks for the kind.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from curation.errors import BadTask
from curation.files import canonical_json, read_yaml, sha256, write_yaml

Kind = Literal["classification", "structured", "free_form", "preference"]
Parse = Literal["strict", "fenced", "lenient"]
GuardMode = Literal["prove", "harm"]
_ADDED_LATER = ("documents", "endpoints", "guardrails", "must_pass")
DEFAULT_MODEL = "smollm2-135m-instruct"
DEFAULT_EMBEDDER = "all-minilm-l6-v2"


@dataclass(frozen=True, slots=True)
class KindTraits:
    """What a kind of task implies wherever nothing else is said."""

    says: str
    primary_scorer: str
    scorers: tuple[str, ...]
    stratify: str
    cheap_baselines: tuple[str, ...]
    one_answer_per_prompt: bool


KINDS: dict[Kind, KindTraits] = {
    "classification": KindTraits(
        "one label out of a fixed list",
        "label",
        ("label", "exact"),
        "label",
        ("majority", "nearest", "linear"),
        True,
    ),
    "structured": KindTraits(
        "one JSON value that follows a schema",
        "fields_equal",
        ("fields_equal", "fields", "json_schema", "json_valid"),
        "slice",
        ("majority", "nearest"),
        True,
    ),
    "free_form": KindTraits(
        "free text",
        "normalised",
        ("normalised", "exact"),
        "source",
        ("majority", "nearest"),
        False,
    ),
    "preference": KindTraits(
        "pairs of a chosen and a rejected answer",
        "normalised",
        ("normalised", "exact"),
        "source",
        ("majority", "nearest"),
        False,
    ),
}


class ModelSpec(BaseModel):
    """The base model: a packaged name, a folder, or a hub name."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(DEFAULT_MODEL, min_length=1)
    revision: str | None = None
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    template: str | None = Field(
        None,
        description="a Jinja chat template in place of the model's own: its path, or chatml, which travels along "
        "and suits a model that has none",
    )


class EndpointSettings(BaseModel):
    """How one endpoint is asked. A key is never written down, only the name of the variable that holds it."""

    model_config = ConfigDict(extra="forbid")

    api_key_env: str | None = Field(None, description="name of the environment variable with the API key")
    concurrency: int = Field(8, ge=1, le=64, description="questions asked at the same time")
    timeout_seconds: float = Field(60, gt=0, le=3600, description="for one try; five times that for all")
    price_in: float | None = Field(None, ge=0, description="per million tokens of the questions")
    price_out: float | None = Field(None, ge=0, description="per million tokens of the answers")
    options: dict[str, Any] = Field(
        default_factory=dict, description="added to every request; null takes a field out of it"
    )

    @field_validator("api_key_env")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch("[A-Z_][A-Z0-9_]{0,63}", name):
            raise ValueError(
                "the name of an environment variable is wanted (A-Z, 0-9, _), never the key itself"
            )
        return name

    @model_validator(mode="after")
    def _both_prices_or_none(self) -> EndpointSettings:
        if (self.price_in is None) != (self.price_out is None):
            raise ValueError("`price_in` and `price_out` go together")
        return self


class CheckSettings(BaseModel):
    """What a project changes about one check."""

    model_config = ConfigDict(extra="forbid")

    enabled: bool = True
    options: dict[str, float | int | str | bool] = Field(default_factory=dict)


class Guardrail(BaseModel):
    """Something that must not get worse by more than a margin, whatever the average says."""

    model_config = ConfigDict(extra="forbid")

    scorer: str | None = Field(None, description="whose judgement; the primary scorer's where it is left out")
    slice: str | None = Field(
        None, description="FIELD=VALUE, or FIELD for each of its values; all rows where it is left out"
    )
    margin: float = Field(0.03, gt=0, lt=1, description="the loss that is still allowed, as a fraction")
    mode: GuardMode | None = Field(
        None,
        description="prove: no ship before it is shown; harm: only a proven loss blocks; default by the rows",
    )


class Task(BaseModel):
    """What task.yaml holds. Field descriptions are shown in the app's settings."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    kind: Kind = "free_form"
    model: ModelSpec = Field(default_factory=ModelSpec)
    system_prompt: str | None = Field(
        None, description="what the served model gets; used in training and for run:"
    )
    baseline_prompt: str | None = Field(
        None,
        description="what untrained candidates get; default: the system prompt with the labels or the schema",
    )
    labels: list[str] = Field(default_factory=list)
    output_schema: dict[str, Any] | None = None
    parse: Parse = Field("fenced", description="how an answer is read; the same for every candidate")
    primary: str | None = Field(None, description="the scorer that decides; default by kind")
    slices: list[str] = Field(default_factory=list, description="fields of the answer or of the metadata")
    guardrails: list[Guardrail] = Field(
        default_factory=list, description="slices and scorers that must not get worse"
    )
    must_pass: list[str] = Field(
        default_factory=list, description="ids of rows that may not be lost to a baseline"
    )
    worthwhile: float = Field(0.03, ge=0, lt=1, description="smallest gain worth shipping, as a fraction")
    looks: int = Field(1, ge=1, le=50, description="verdicts planned on one test set")
    confidence: float = Field(0.95, gt=0.5, lt=1)
    group: str | None = Field(None, description="metadata field whose rows must stay together")
    embedder: str = DEFAULT_EMBEDDER
    documents: str | None = Field(
        None, description="folder of .md and .txt files that retrieval:K looks in, relative to the project"
    )
    max_new_tokens: int | None = Field(None, ge=1)
    endpoints: dict[str, EndpointSettings] = Field(
        default_factory=dict, description="settings by URL, or by URL#MODEL where one model differs"
    )
    checks: dict[str, CheckSettings] = Field(default_factory=dict)
    guessed: bool = Field(False, description="written by a guess nobody has approved yet")

    @field_validator("labels")
    @classmethod
    def _labels_differ(cls, labels: list[str]) -> list[str]:
        twice = [label for label, n in Counter(labels).items() if n > 1]
        if twice:
            raise ValueError(f"labels named twice: {', '.join(twice)}")
        return labels

    @field_validator("output_schema")
    @classmethod
    def _schema_is_one(cls, schema: dict[str, Any] | None) -> dict[str, Any] | None:
        if schema is not None:
            from jsonschema import Draft202012Validator, SchemaError

            try:
                Draft202012Validator.check_schema(schema)
            except SchemaError as error:
                raise ValueError(f"not a JSON Schema: {error.json_path}: {error.message}") from error
        return schema

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> Task:
        if self.kind == "classification" and not self.labels:
            raise ValueError("a classification task needs `labels`")
        known = ("label", *self.slices)
        for rail in self.guardrails:
            field = (rail.slice or "label").partition("=")[0].strip()
            if field not in known:
                raise ValueError(f"the guardrail on {rail.slice!r}: {field!r} is not among `slices`")
        return self

    @property
    def traits(self) -> KindTraits:
        """The row of `KINDS` for this task."""
        return KINDS[self.kind]

    @property
    def primary_scorer(self) -> str:
        """The scorer that decides."""
        return self.primary or self.traits.primary_scorer

    @property
    def stratify(self) -> str:
        """The field whose shares every split should keep: `label`, `source` or `answer.NAME`."""
        if self.traits.stratify != "slice":
            return self.traits.stratify
        properties = (self.output_schema or {}).get("properties", {})
        named = next((name for name in self.slices if name in properties), None)
        return f"answer.{named}" if named else "source"

    @property
    def fingerprint(self) -> str:
        """Hash of everything in the task; a field added later and left empty hashes as if it were not there."""
        told = self.model_dump(mode="json")
        kept = {name: value for name, value in told.items() if name not in _ADDED_LATER or value}
        return sha256(canonical_json(kept))

    def system_for_baseline(self) -> str | None:
        """The system text for candidates that were not trained: fair to them, so it names what is allowed."""
        if self.baseline_prompt:
            return self.baseline_prompt
        parts = [self.system_prompt] if self.system_prompt else []
        if self.labels:
            parts.append(
                "Answer with exactly one of these labels and nothing else: " + ", ".join(self.labels) + "."
            )
        if self.output_schema:
            schema = json.dumps(self.output_schema, ensure_ascii=False)
            parts.append(
                f"Answer with one JSON value that follows this JSON Schema, and nothing else: {schema}"
            )
        return "\n\n".join(parts) or None


def load(path: Path) -> Task:
    """Read and validate task.yaml.

    Raises:
        BadTask: with every mistake at once.
        BadInput: the file is missing or not YAML.
    """
    return parse(read_yaml(path), where=path.name)


def parse(value: dict[str, Any], *, where: str = "task") -> Task:
    """Validate a task given as plain data.

    Raises:
        BadTask: with every mistake at once, each with its field.
    """
    try:
        return Task.model_validate(value)
    except ValidationError as error:
        raise BadTask(
            mistakes(error, [*Task.model_fields, *Guardrail.model_fields]),
            where=where,
            hint="Mend these fields and try again; everything else was fine.",
        ) from error


def mistakes(error: ValidationError, known: Iterable[str]) -> str:
    """All mistakes of a validation, one a line, unknown keys with the nearest known one."""
    from difflib import get_close_matches

    lines = []
    for one in error.errors():
        field = ".".join(str(part) for part in one["loc"]) or "file"
        text = one["msg"].removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            key = str(one["loc"][-1])
            near = get_close_matches(key, [name for name in known if name != key], n=1)
            text = "unknown key" + (f"; did you mean `{near[0]}`?" if near else "")
        elif one["type"] != "value_error":
            text += f", got {one['input']!r}"
        lines.append(f"{field}: {text}")
    return f"{len(lines)} mistake{'s' if len(lines) > 1 else ''}: " + "; ".join(lines)


def save(task: Task, path: Path) -> None:
    """Write task.yaml; defaults are written out, empty fields are left out."""
    write_yaml(path, task.model_dump(mode="json", exclude_none=True))


def relabel(path: Path, before: Sequence[str], after: Sequence[str]) -> None:
    """Put a new list of labels into task.yaml; labels that were added to it since `before` stay."""
    if not path.is_file():
        return
    stored = read_yaml(path)
    added = [label for label in stored.get("labels", []) if label not in {*before, *after}]
    write_yaml(path, {**stored, "labels": [*after, *added]})


def guess(
    answers: Sequence[str], systems: Sequence[str | None], *, pairs: bool = False, calls: int = 0
) -> Task:
    """Guess a task from the data: answers and system prompts of up to some thousands of examples.

    A guess is marked `guessed`; a person approves it in the app, the CLI uses it as it is.

    Args:
        answers: the last assistant turn of each example.
        systems: the system turn of each example, None where there is none.
        pairs: whether the examples are preference pairs.
        calls: how many of the answers are tool calls, whose text is empty.
    """
    common = Counter(text for text in systems if text).most_common(1)
    system = common[0][0] if common and common[0][1] * 2 >= len(systems) else None
    if pairs:
        return Task(kind="preference", system_prompt=system, guessed=True)
    if 2 * calls > len(answers):
        return Task(kind="free_form", system_prompt=system, primary="tool_call", guessed=True)
    told = [answer.strip() for answer in answers if answer.strip()]
    objects = [value for value in map(_json_object, told) if value is not None]
    if told and len(objects) >= 0.7 * len(told):
        schema = _schema_of(objects)
        enums = [name for name, rule in schema["properties"].items() if "enum" in rule]
        return Task(
            kind="structured", system_prompt=system, output_schema=schema, slices=enums[:1], guessed=True
        )
    labels = _labels_of(told)
    if labels:
        return Task(kind="classification", system_prompt=system, labels=labels, guessed=True)
    return Task(kind="free_form", system_prompt=system, guessed=True)


def _json_object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{"):
        return None
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _labels_of(answers: Sequence[str]) -> list[str]:
    """The labels, when nearly every answer is one of few short texts; else nothing."""
    counts = Counter(answers)
    rare = 1 if len(answers) < 50 else max(1, len(answers) // 2000)
    labels = sorted(text for text, n in counts.items() if n > rare and len(text) <= 80 and "\n" not in text)
    covered = sum(counts[label] for label in labels)
    few = 2 <= len(labels) <= max(2, min(1000, len(answers) // 5))
    return labels if few and covered >= 0.9 * len(answers) else []


_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object"}


def _schema_of(objects: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A schema that the great majority of these objects follow, so that the odd ones stand out."""
    n = len(objects)
    seen = Counter(key for value in objects for key in value)
    properties: dict[str, Any] = {}
    for key in [key for key in seen if seen[key] >= 0.05 * n]:
        values = [value[key] for value in objects if key in value]
        types = Counter("null" if value is None else _TYPES[type(value)] for value in values)
        kept = sorted(name for name, count in types.items() if count >= 0.02 * len(values))
        rule: dict[str, Any] = {"type": kept[0] if len(kept) == 1 else kept}
        texts = Counter(value for value in values if isinstance(value, str))
        choices = sorted(text for text, count in texts.items() if count >= max(2, 0.005 * len(values)))
        if (
            "string" in kept
            and 1 < len(choices) <= 40
            and sum(texts[c] for c in choices) >= 0.95 * texts.total()
        ):
            rule = {"enum": [*choices, *([None] if "null" in kept else [])]}
        properties[key] = rule
    required = [key for key in properties if seen[key] >= 0.9 * n]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
