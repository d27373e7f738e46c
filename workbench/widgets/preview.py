"""Rows as an import would take them: each a chat in plain text, or the raw row with the reason why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st

from curation.importing import Preview, PreviewRow
from workbench.widgets import text
from workbench.widgets.chat import chat

_LONGEST = 600
UNUSED = "not used"
_WORDS = {
    "messages": "Chat",
    "system": "System text",
    "user": "User's text",
    "assistant": "Answer",
    "prompt": "Prompt",
    "completion": "Completion",
    "chosen": "Better answer",
    "rejected": "Worse answer",
    "tools": "Tools",
    "label": "Label",
    "group": "Group",
    "time": "Time",
    "id": "Row's id",
    "split": "Split",
}


def mapping(
    fields: Sequence[str], columns: Sequence[str], guessed: Mapping[str, str], *, key: str
) -> dict[str, str]:
    """Draw one line a field with the file's columns to choose from.

    Args:
        fields: what can be mapped.
        columns: the columns of the file.
        guessed: what is chosen before anybody chooses.
        key: the file's own, so that every file has a mapping of its own.

    Returns:
        Columns by field, without those not used.
    """
    chosen = {}
    for field in fields:
        before = guessed.get(field, UNUSED)
        options = list(dict.fromkeys([UNUSED, *columns, *([] if before == UNUSED else [before])]))
        with st.container(
            horizontal=True, vertical_alignment="center", gap="small", key=f"row-{key}-{field}"
        ):
            with st.container(width=104):
                text.plain(_WORDS.get(field, field), "" if before != UNUSED else "dim")
            column = st.selectbox(
                _WORDS.get(field, field),
                options,
                index=options.index(before),
                key=f"map-{key}-{field}",
                label_visibility="collapsed",
                width=200,
            )
        if column != UNUSED:
            chosen[field] = column
    return chosen


def preview(seen: Preview) -> None:
    """Draw the rows of a preview."""
    st.html(f'<div class="ts-preview">{"".join(_row(one) for one in seen.examples)}</div>')


def _row(row: PreviewRow) -> str:
    facts = [f"line {row.line:,}"]
    facts += [f"label {_short(row.label)}"] if row.label is not None else []
    facts += [f"group {_short(row.group)}"] if row.group is not None else []
    head = f"<header>{escape(' · '.join(facts))}</header>"
    if row.messages is None:
        return (
            f'<article class="refused">{head}<p class="bad">Kept aside: {escape(row.refused or "not readable")}</p>'
            f"<pre>{escape(_short(row.raw))}</pre></article>"
        )
    answers = [
        (name, _turns(side)) for name, side in (("better", row.chosen), ("worse", row.rejected)) if side
    ]
    drawn = chat(row.messages, [], tools=row.tools or [], answers=answers)
    turns = "".join(
        f'<div class="{"user" if turn["kind"] == "user" else "other"}"><b>{escape(turn["title"])}</b>'
        f"<p>{escape(_short(turn['runs'][0][0] if turn['runs'] else ''))}</p></div>"
        for turn in drawn["turns"]
    )
    tools = ", ".join(tool["name"] for tool in drawn["tools"])
    return f"<article>{head}{turns}{f'<footer>Tools: {escape(tools)}</footer>' if tools else ''}</article>"


def _turns(side: Any) -> list[dict[str, Any]]:  # noqa: ANN401  a text, a turn, or a list of turns
    if isinstance(side, str):
        return [{"role": "assistant", "content": side}]
    return [side] if isinstance(side, dict) else list(side)


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]} … ({len(value):,} characters)"
