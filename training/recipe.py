"""The recipe: a YAML file that fully determines a training run; read, overridden, written, compared.

Every mistake is reported at once, and an unknown key with the one it is near.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from curation.errors import BadInput, BadRecipe, unknown
from curation.files import read_yaml, shipped, write_yaml
from curation.task import mistakes
from training.described import RecipeField, fields
from training.fields import Recipe, every, warmup

__all__ = [
    "Change",
    "Recipe",
    "RecipeField",
    "changes",
    "every",
    "fields",
    "load",
    "parse",
    "reference",
    "save",
    "shipped_names",
    "warmup",
]

ALSO_CALLED = {
    "lora_r": "r",
    "rank": "r",
    "lora_rank": "r",
    "alpha": "lora_alpha",
    "dropout": "lora_dropout",
    "lora_target_modules": "target_modules",
    "lr": "learning_rate",
    "epochs": "num_train_epochs",
    "num_epochs": "num_train_epochs",
    "batch_size": "per_device_train_batch_size",
    "micro_batch_size": "per_device_train_batch_size",
    "scheduler": "lr_scheduler_type",
    "warmup_ratio": "warmup_steps",
    "max_length": "max_tokens",
    "max_seq_length": "max_tokens",
    "cutoff_len": "max_tokens",
    "optimizer": "optim",
    "max_samples": "max_rows",
    "finetuning_type": "tuning",
    "adapter": "tuning",
    "load_in_4bit": "quantization",
    "dpo_beta": "beta",
    "pref_beta": "beta",
    "rslora": "use_rslora",
    "dora": "use_dora",
}
"""Names of the same thing in other tools; used to suggest, never accepted."""


def reference() -> str:
    """The fields as a Markdown table, a section for each group: the page in the documentation."""
    lines: list[str] = []
    group = ""
    for field in fields():
        if field.group != group:
            group = field.group
            lines += [
                "",
                f"## {group}",
                "",
                "| key | default | what it does | why this default |",
                "|---|---|---|---|",
            ]
        when = f" Only where {field.when}." if field.when else ""
        lines.append(f"| `{field.name}` | `{_shown(field.default)}` | {field.help}{when} | {field.why} |")
    return "\n".join(lines).strip() + "\n"


def _shown(value: Any) -> str:  # noqa: ANN401  any field's value
    if isinstance(value, tuple):
        return ", ".join(value)
    return "empty" if value is None else str(value)


def shipped_names() -> tuple[str, ...]:
    """Names of the recipes that travel with Touchstone."""
    return tuple(sorted(path.stem for path in shipped("recipes").glob("*.yaml")))


def load(name: str | Path, settings: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply `KEY=VALUE` settings to it.

    Args:
        name: a YAML file, or the name of a shipped recipe.
        settings: as given to `--set`; values are read as YAML.

    Raises:
        BadRecipe: unknown keys or values out of range; every mistake is listed.
        BadUsage: neither a file nor a shipped recipe.
    """
    path = Path(name)
    if not path.is_file():
        path = shipped("recipes", f"{name}.yaml")
        if str(name) not in shipped_names():
            raise unknown("recipe file or shipped recipe", str(name), shipped_names())
    try:
        values = read_yaml(path)
    except BadInput as error:
        raise BadRecipe(error.message, where=str(path)) from error
    return parse(values, settings, where=path.name)


def parse(values: Mapping[str, Any], settings: Sequence[str] = (), *, where: str = "recipe") -> Recipe:
    """Make a recipe from plain values and `KEY=VALUE` settings.

    Raises:
        BadRecipe: every mistake at once, with the field, the value seen and the nearest known key.
    """
    merged = {str(key): value for key, value in values.items()} | dict(map(_setting, settings))
    try:
        return Recipe.model_validate(merged)
    except ValidationError as error:
        other = [f"`{name}` is called `{ALSO_CALLED[name]}` here" for name in merged if name in ALSO_CALLED]
        hint = ("; ".join(other) or "The recipe reference describes every key") + "."
        raise BadRecipe(mistakes(error, Recipe.model_fields), where=where, hint=hint) from error


def _setting(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise BadRecipe(f"Expected KEY=VALUE, got {text!r}.", where="--set", hint="For example: --set r=32")
    if value.strip().lower() in ("none", ""):
        return key.strip(), None
    try:
        return key.strip(), yaml.safe_load(value)
    except yaml.YAMLError:
        return key.strip(), value


def save(recipe: Recipe, path: Path) -> None:
    """Write the recipe with every default written out."""
    write_yaml(path, recipe.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class Change:
    """One field in which two recipes differ."""

    field: str
    before: Any
    after: Any

    def __str__(self) -> str:
        """As a person reads it: `learning_rate 0.0002 -> 0.001`."""
        return f"{self.field} {self.said_before} -> {self.said_after}"

    @property
    def said_before(self) -> str:
        """The value before, as a person reads it."""
        return _shown(self.before)

    @property
    def said_after(self) -> str:
        """The value after, as a person reads it."""
        return _shown(self.after)


def changes(before: Recipe, after: Recipe) -> tuple[Change, ...]:
    """The fields in which two recipes differ, in the recipe's order."""
    return tuple(
        Change(name, getattr(before, name), getattr(after, name))
        for name in Recipe.model_fields
        if getattr(before, name) != getattr(after, name)
    )
