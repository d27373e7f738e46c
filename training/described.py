"""The recipe's fields as a form, a table or a flag shows them, read from the recipe's own schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from training.fields import Recipe


@dataclass(frozen=True, slots=True)
class RecipeField:
    """One field as a form or a table shows it.

    `kind` is integer, number, choice, switch or names; `low` and `high` are inclusive where they are given;
    `only` names the fields, with their values, beside which it matters.
    """

    name: str
    label: str
    help: str
    why: str
    group: str
    kind: Literal["integer", "number", "choice", "switch", "names"]
    default: Any
    optional: bool
    low: float | None
    high: float | None
    choices: tuple[str, ...]
    only: tuple[tuple[str, tuple[str, ...]], ...] = ()

    def applies(self, values: Mapping[str, Any]) -> bool:
        """Whether the field matters beside these values."""
        return all(values.get(name) in wanted for name, wanted in self.only)

    @property
    def when(self) -> str:
        """In which recipes it matters, in words; "" where always."""
        return " and ".join(f"{name} is {' or '.join(wanted)}" for name, wanted in self.only)


def fields() -> tuple[RecipeField, ...]:
    """Every recipe field with what a form needs, in order."""
    return tuple(_describe(name, rule) for name, rule in Recipe.model_json_schema()["properties"].items())


def _describe(name: str, rule: Mapping[str, Any]) -> RecipeField:
    forms = rule.get("anyOf", [rule])
    typed = next(form for form in forms if form.get("type") != "null")
    kind: Any = {"integer": "integer", "number": "number", "boolean": "switch", "array": "names"}.get(
        typed.get("type", ""), "choice"
    )
    choices = tuple(typed.get("enum", ())) or ((typed["const"],) if "const" in typed else ())
    return RecipeField(
        name,
        rule["title"],
        rule["description"],
        rule["why"],
        rule["group"],
        kind,
        Recipe.model_fields[name].default,
        any(form.get("type") == "null" for form in forms),
        typed.get("minimum", typed.get("exclusiveMinimum")),
        typed.get("maximum"),
        choices,
        tuple((other, tuple(wanted)) for other, wanted in rule["only"].items()),
    )
