"""Who to measure: the candidates there are, several at once, and any other typed as a SPEC."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import streamlit as st

from evals import candidates


class Wanted(NamedTuple):
    """Who is to be measured, and the most that may cost; nobody until the button is pressed."""

    specs: list[str]
    max_cost: float | None


def candidate_form(known: Sequence[str], chosen: Sequence[str], *, first: bool, ready: bool) -> Wanted:
    """Draw the form.

    Args:
        known: SPECs offered.
        chosen: those of them that are chosen to begin with.
        first: whether nothing was measured yet, which makes this the next step.
        ready: whether measuring is possible.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        specs = st.multiselect(
            "Measure on validation",
            list(known),
            default=list(chosen),
            key="candidates",
            accept_new_options=True,
            width=520,
            placeholder="candidates",
            help=_help(),
        )
        cap = _cap() if any(spec.startswith("endpoint:") for spec in specs) else None
        pressed = st.button(
            "Measure",
            type="primary" if first else "secondary",
            key="measure",
            disabled=not specs or not ready,
        )
    return Wanted(specs if pressed else [], cap)


def _cap() -> float | None:
    cap: float | None = st.number_input(
        "Cost at most",
        min_value=0.0,
        value=None,
        key="max-cost",
        width=130,
        help="What answers at endpoints may cost, as the task prices them. Nothing priced is asked without it.",
    )
    return cap


def _help() -> str:
    rows = [f"- `{candidates.usage(kind)}` {known.says}" for kind, known in candidates.KNOWN.items()]
    own = "`prompt@NAME` asks with the project's `prompts/NAME.md`; so may the others that ask an untrained model."
    own += " With `@schema` at the end, answers are held to the task's JSON Schema while they are written."
    return "\n".join(["Choose, or type one:", "", *rows, "", own])
