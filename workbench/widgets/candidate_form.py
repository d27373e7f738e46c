"""Who to measure: the candidates there are, several at once, and any other typed as a SPEC."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from evals import candidates


def candidate_form(known: Sequence[str], chosen: Sequence[str], *, first: bool, ready: bool) -> list[str]:
    """Draw the form.

    Args:
        known: SPECs offered.
        chosen: those of them that are chosen to begin with.
        first: whether nothing was measured yet, which makes this the next step.
        ready: whether measuring is possible.

    Returns:
        The SPECs to measure now; empty until the button is pressed.
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
        pressed = st.button(
            "Measure",
            type="primary" if first else "secondary",
            key="measure",
            disabled=not specs or not ready,
        )
    return specs if pressed else []


def _help() -> str:
    rows = [f"- `{candidates.usage(kind)}` {known.says}" for kind, known in candidates.KNOWN.items()]
    own = "`prompt@NAME` asks with the project's `prompts/NAME.md`; so may the others that ask an untrained model."
    return "\n".join(["Choose, or type one:", "", *rows, "", own])
