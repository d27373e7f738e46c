"""What a split is asked for: sizes, strata, time, what stays together; and the fields proposed for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from curation.grouping import Proposal
from workbench.widgets import text

MEANING = "meaning"
_FIELDS, _MEANING = "split-fields", "split-meaning"
_NONE = "no time"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the form says; `fields` may be empty, `stratify` and `time` None."""

    test: int
    validation: int
    fields: tuple[str, ...]
    stratify: str
    time: str | None
    by_meaning: bool


def split_form(
    *,
    sizes: tuple[int, int],
    usable: int,
    fields: Sequence[str],
    chosen: Sequence[str],
    strata: Sequence[str],
    times: Sequence[str],
    meaning: bool,
) -> Wanted:
    """Draw the form.

    Args:
        sizes: rows of test and validation to begin with.
        usable: the most rows there can be.
        fields: what can keep rows together.
        chosen: of these, what does to begin with.
        strata: fields whose shares can be kept, the one meant first.
        times: columns that may hold a date.
        meaning: whether duplicates by meaning were looked for.
    """
    kept = [one for one in st.session_state.get(_FIELDS, chosen) if one in fields]
    st.session_state[_FIELDS] = kept
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        test = _size("Test rows", sizes[0], usable)
        validation = _size("Validation rows", sizes[1], usable)
        together = st.multiselect("Keep together", fields, key=_FIELDS, width=340, placeholder="copies only")
        stratify = st.selectbox("Keep the shares of", strata, key="split-strata", width=150)
        time = st.selectbox("Newest rows as test", [_NONE, *times], key="split-time", width=170)
    by_meaning = meaning and st.checkbox("Keep rows of one meaning together (0.90)", key=_MEANING)
    return Wanted(
        test, validation, tuple(together), str(stratify), None if time == _NONE else str(time), by_meaning
    )


def proposals(found: Sequence[Proposal]) -> None:
    """Draw what speaks for which field, each with a button that puts it into the form."""
    widths = (2, 1.6, 1.6, 6, 1.4)
    heads = ("Field", "Groups", "Would change side", "Why", "")
    with st.container(key="proposals", gap="small"):
        for column, head in zip(st.columns(widths), heads, strict=True):
            with column:
                text.note(head)
        for one in found:
            cells = st.columns(widths, vertical_alignment="center")
            stuck = f", {one.stuck:,} of them frozen" if one.stuck else ""
            told = (
                "one meaning ≥ 0.90" if one.field == MEANING else one.field,
                f"{one.groups:,} of {one.rows:,} rows",
                "no split yet" if one.moves is None else f"{one.moves:,}{stuck}",
                one.why,
            )
            for cell, said in zip(cells, told, strict=False):
                with cell:
                    text.plain(said)
            with cells[-1]:
                st.button(
                    "Use", key=f"use-{one.field}", on_click=_use, args=(one.field,), disabled=_used(one.field)
                )


def _use(field: str) -> None:
    if field == MEANING:
        st.session_state[_MEANING] = True
    else:
        st.session_state[_FIELDS] = [*st.session_state.get(_FIELDS, []), field]


def _used(field: str) -> bool:
    if field == MEANING:
        return bool(st.session_state.get(_MEANING))
    return field in st.session_state.get(_FIELDS, [])


def _size(label: str, start: int, usable: int) -> int:
    most = max(1, usable)
    return int(st.number_input(label, 1, most, min(start, most), key=label, width=130))
