"""The recipe as a form, made from the recipe's own description: a new field needs no change here."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

import streamlit as st

from training import recipe as recipes
from training.fields import RATES
from training.recipe import Recipe, RecipeField
from workbench.widgets import text

_KINDS = ("method", "tuning", "quantization")  # they decide which others there are
_FIRST = ("beta", "r", "learning_rate", "num_train_epochs", "max_rows", "max_steps")


def recipe_form(fields: Sequence[RecipeField], start: Recipe, *, key: str) -> Recipe:
    """Draw the form: the few that matter in sight, the others by group; what has no effect is not shown.

    Args:
        fields: what there is to set.
        start: the values to begin with.
        key: changes when another recipe is started from.

    Raises:
        BadRecipe: with every mistake at once.
    """
    values: dict[str, Any] = start.model_dump()
    by_name = {field.name: field for field in fields}
    _row(
        [by_name[name] for name in _KINDS if name in by_name and len(by_name[name].choices) > 1], values, key
    )
    kind = (values["method"], values["tuning"])
    if kind != (start.method, start.tuning) and kind in RATES:
        values["learning_rate"], key = RATES[kind][0], f"{key}-{'-'.join(kind)}"
    shown = [field for field in fields if field.name not in _KINDS and field.applies(values)]
    _row([by_name[name] for name in _FIRST if by_name.get(name) in shown], values, key)
    rest = [field for field in shown if field.name not in _FIRST]
    with st.expander("Every other setting"):
        for group, members in groupby(rest, key=lambda field: field.group):
            text.heading(group)
            _row(list(members), values, key)
    if values["tuning"] == "full":
        values["quantization"] = "none"  # hidden beside it, and only frozen weights can be in 4 bits
    return recipes.parse(values)


def _row(fields: Sequence[RecipeField], values: dict[str, Any], key: str) -> None:
    with st.container(horizontal=True, gap="small"):
        for field in fields:
            if not field.applies(values):  # a field before it in the row may have just been set
                continue
            with st.container(width=206, gap=None, key=f"{key}-{field.name}-box"):
                values[field.name] = _input(field, values[field.name], f"{key}-{field.name}")
                text.note(field.why)


def _input(field: RecipeField, value: Any, key: str) -> Any:  # noqa: ANN401  any field's value
    if field.kind == "switch":
        return st.toggle(field.label, value=bool(value), key=key, help=field.help)
    if field.kind == "choice":
        return st.selectbox(
            field.label, field.choices, index=field.choices.index(value), key=key, help=field.help
        )
    if field.kind == "names":
        shown = value if isinstance(value, str) else ", ".join(value)
        return st.text_input(field.label, value=shown, key=key, help=field.help)
    typed = st.text_input(
        field.label,
        value="" if value is None else _number(value),
        key=key,
        help=field.help,
        placeholder="no limit" if field.optional else None,
    )
    return _read(typed or "", field)


def _number(value: float) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _read(typed: str, field: RecipeField) -> Any:  # noqa: ANN401  a number, nothing, or what cannot be read
    if not typed.strip():
        return None
    try:
        return int(typed) if field.kind == "integer" else float(typed)
    except ValueError:
        return typed
