"""Text on a page: escaped HTML with Touchstone's own classes, never markdown.

Markdown would fetch an image that a row's text names; escaped HTML cannot.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import streamlit as st

from curation.errors import TouchstoneError


def title(text: str, lead: str = "") -> None:
    """The head of a screen: its name and one sentence."""
    st.html(f'<div class="ts-title"><h1>{escape(text)}</h1>{f"<p>{escape(lead)}</p>" if lead else ""}</div>')


def heading(text: str, aside: str = "") -> None:
    """The head of a part of a screen."""
    st.html(f'<h2 class="ts-h2">{escape(text)}<span>{escape(aside)}</span></h2>')


def plain(text: str, tone: str = "") -> None:
    """A paragraph. `tone` is "", dim, good, warn or bad."""
    st.html(f'<p class="ts-p {tone}">{escape(text)}</p>')


def headline(text: str, tone: str = "") -> None:
    """The one sentence a screen is about."""
    st.html(f'<p class="ts-headline {tone}">{escape(text)}</p>')


def code(text: str) -> None:
    """Preformatted text."""
    st.html(f'<pre class="ts-pre">{escape(text)}</pre>')


def empty(text: str, button: str) -> bool:
    """What is missing and why, and the one thing to press; True when it was pressed."""
    st.html(f'<p class="ts-empty">{escape(text)}</p>')
    return bool(st.button(button, type="primary", key="empty"))


def facts(pairs: Sequence[tuple[str, str]]) -> None:
    """Numbers with their names, in one line that wraps."""
    cells = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in pairs)
    st.html(f'<dl class="ts-facts">{cells}</dl>')


def failure(error: TouchstoneError) -> None:
    """An error for the person: what, where, hint."""
    head = f"{error.where}: {error.message}" if error.where else error.message
    st.html(
        f'<div class="ts-error" role="alert"><p>{escape(head)}</p><p class="dim">{escape(error.hint)}</p></div>'
    )


def figure(value: str, detail: str) -> None:
    """One number with what it means below it."""
    st.html(f'<div class="ts-figure"><b>{escape(value)}</b><span>{escape(detail)}</span></div>')


def warning(text: str) -> None:
    """A caution in one line; nothing when there is none."""
    if text:
        st.html(f'<p class="ts-p warn" role="note">{escape(text)}</p>')


def note(text: str) -> None:
    """A reason in small type."""
    st.html(f'<p class="ts-note">{escape(text)}</p>')


def verdict(headline: str, sentences: str, tone: str) -> None:
    """The verdict: its sentence in its colour, the rest below it."""
    st.html(
        f'<div class="ts-verdict {tone}" role="status"><p>{escape(headline)}</p><p>{escape(sentences)}</p></div>'
    )


def failing(asked: str, expected: str, answer: str, summary: str) -> None:
    """One failing answer in three short lines, and what was found behind it."""
    rows = "".join(
        f"<tr><th>{name}</th><td>{escape(_short(value))}</td></tr>"
        for name, value in (("Asked", asked), ("Expected", expected), ("Answered", answer))
    )
    st.html(f'<p class="ts-p"><b>{escape(summary)}</b></p><table class="ts-card">{rows}</table>')


def _short(value: str, longest: int = 220) -> str:
    words = " ".join(value.split())
    return words if len(words) <= longest else words[: longest - 1] + "…"


def sentence(text: str) -> None:
    """What a list shows, in small type above it."""
    st.html(f'<span class="ts-sentence">{escape(text)}</span>')
