"""What a file of answers says, whatever tool wrote it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple


class Judged(NamedTuple):
    """A score as the file has it; `value` is None where its scorer could not judge."""

    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Given:
    """One answer.

    Args:
        answer: its text; None where the file has only scores, or nothing came.
        scores: scorer to what it said.
        error: why nothing came; such a row is missing, which is not the same as wrong.
        expected: every accepted answer.
        prompt: what was asked.
        group: rows of one group are not independent.
        note: what else a reader should see, such as what was asserted.
        cut: whether the answer ended at the token limit.
    """

    answer: str | None = None
    scores: dict[str, Judged] = field(default_factory=dict)
    error: str = ""
    expected: tuple[str, ...] = ()
    prompt: str = ""
    group: str | None = None
    note: str = ""
    cut: bool = False


@dataclass(slots=True)
class Sheet:
    """Everything one candidate answered, by the id of the row; `form` is the tool's name."""

    name: str
    source: Path
    form: str
    rows: dict[str, Given] = field(default_factory=dict)

    @property
    def scorers(self) -> tuple[str, ...]:
        """The scorers whose scores the file has, in its order."""
        return tuple(dict.fromkeys(name for row in self.rows.values() for name in row.scores))


def as_text(value: Any) -> str:  # noqa: ANN401  any JSON value
    """A JSON value as text: text as it is, anything else as JSON; half a surrogate pair, no text, as `?`."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode("utf-8")


def last_user(messages: Any) -> str:  # noqa: ANN401  whatever the file held
    """What the last user turn says; a text is its own prompt."""
    if isinstance(messages, str):
        return as_text(messages)
    turns = [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
    asked = [one for one in turns if one.get("role") == "user"]
    return content_of(asked[-1]) if asked else ""


def content_of(message: dict[str, Any]) -> str:
    """The text of a message whose content is text or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(as_text(part.get("text") or "") for part in content if isinstance(part, dict))
    return "" if content is None else as_text(content)
