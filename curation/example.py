"""One example: messages, its content id, and the texts that the rest of Touchstone looks at.

The id is taken from the example *as imported*; an edit never changes it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from curation.files import canonical_json, sha256

Message = dict[str, Any]


def content_id(
    messages: str, tools: str | None, chosen: str | None, rejected: str | None, label: str | None
) -> str:
    """The first 16 hex digits of SHA-256 over the canonical JSON object of the five parts.

    Args:
        messages: canonical JSON text; so are tools, chosen and rejected where there are any.
        label: plain text.
    """
    whole = (
        f'{{"chosen":{chosen or "null"},"label":{canonical_json(label)},"messages":{messages},'
        f'"rejected":{rejected or "null"},"tools":{tools or "null"}}}'
    )
    return sha256(whole)[:16]


def text_of(message: Message) -> str:
    """The message's text: its content, the text parts of a list of parts, "" when there is none."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = (part.get("text") or part.get("value") or "" for part in content if isinstance(part, dict))
        return "".join(part for part in parts if isinstance(part, str))
    return ""


def last_assistant(messages: Sequence[Message]) -> int | None:
    """Index of the last assistant turn, None when there is none."""
    return next((i for i in range(len(messages) - 1, -1, -1) if messages[i].get("role") == "assistant"), None)


def prompt_of(messages: Sequence[Message]) -> list[Message]:
    """Every turn before the last assistant turn: what a candidate is asked."""
    index = last_assistant(messages)
    return list(messages if index is None else messages[:index])


def expected_of(messages: Sequence[Message]) -> str:
    """The text of the last assistant turn: what a candidate should answer."""
    index = last_assistant(messages)
    return "" if index is None else text_of(messages[index])


def user_text(messages: Sequence[Message]) -> str:
    """The user turns of the prompt, joined by newlines: what vectors and few-shot choices look at."""
    return "\n".join(text_of(message) for message in prompt_of(messages) if message.get("role") == "user")


def fold(text: str) -> str:
    """NFKC and casefold; the first half of normalisation, registered in DuckDB as `fold_unicode`."""
    return unicodedata.normalize("NFKC", text).casefold()
