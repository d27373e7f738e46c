"""The look ahead: what is wrong, what is left out, what it costs, and real rows with the tokens that carry loss."""

from __future__ import annotations

from html import escape

import streamlit as st

from training.preflight import Preflight
from workbench.widgets import text
from workbench.widgets.progress import span
from workbench.widgets.table import table


def preflight(found: Preflight) -> None:
    """Draw the whole look ahead."""
    cost, lengths = found.estimate, found.lengths
    figures = [
        ("Rows", f"{len(found.train.ids):,} of {found.read:,}"),
        ("Tokens", f"{found.tokens:,}"),
        ("Carry loss", f"{found.labelled_tokens:,}"),
        ("Steps", f"{found.steps:,}"),
    ]
    if lengths:
        figures.append(("Longest row", f"{lengths.longest:,} tokens"))
    if cost:
        free = f" of {_bytes(cost.free)} free" if cost.free else ""
        figures += [("Memory", f"{_bytes(cost.memory)}{free}"), ("Time", span(cost.seconds))]
    text.facts(figures)
    if cost:
        text.plain(
            f"{found.device} in {found.dtype}: {found.device_reason.rstrip('.')}. Speed {cost.speed.reason}. "
            f"{found.template}",
            "dim",
        )
    for tone, severity, findings in (
        ("bad", "Cannot start", found.errors),
        ("warn", "Worth knowing", found.warnings),
    ):
        if findings:
            items = "".join(
                f'<li><b class="{tone}">{severity}</b>{escape(one.message)} '
                f'<span class="dim">{escape(one.hint)}</span></li>'
                for one in findings
            )
            st.html(f'<ul class="ts-findings">{items}</ul>')
    if found.left_out:
        with st.expander(f"{len(found.left_out):,} rows are left out"):
            table(
                [{"id": one.id[:8], "reason": one.reason} for one in found.left_out[:100]],
                [("id", "Row"), ("reason", "Why")],
            )
    _tokens(found)


def _tokens(found: Preflight) -> None:
    if not found.previews:
        return
    names = [f"{one.why} · {one.tokens:,} tokens, {one.trained:,} carry loss" for one in found.previews]
    chosen = st.selectbox("The exact tokens of a row", names, key="preview", width=520) or names[0]
    pieces = found.previews[names.index(chosen)].pieces
    marked = "".join(
        f"<mark>{escape(piece.text)}</mark>" if piece.trained else escape(piece.text) for piece in pieces
    )
    st.html(
        '<p class="ts-legend">These very tokens are trained on. <mark>Marked</mark> ones carry loss; '
        "the rest is only read.</p>"
        f'<div class="ts-tokens">{marked}</div>'
    )


def _bytes(n: float) -> str:
    return f"{n / 2**30:.1f} GB" if n >= 2**30 else f"{n / 2**20:.0f} MB"
