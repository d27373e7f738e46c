"""The unit of evaluation: what is asked is every turn before the last assistant turn, expected is that turn.

Rows come from a frozen version or from the copy in an evaluation folder, always ordered by id.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation.errors import BadInput
from curation.example import Message, expected_of, last_assistant, prompt_of, text_of
from curation.files import canonical_json, sha256
from evals.scorers.calls import as_text, of_turn

_COLUMNS = ("id", "messages", "tools", "chosen", "label", "group", "cluster", "metadata")
_SCHEMA = pa.schema(
    [
        ("id", pa.string()), ("messages", pa.string()), ("tools", pa.string()), ("prompt", pa.string()),
        ("expected", pa.string()), ("label", pa.string()), ("group", pa.string()), ("cluster", pa.string()),
        ("metadata", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Example:
    """One row as the evals see it.

    `messages` is what is asked (never the expected answer), `prompt` its user turns as one text;
    `metadata` is JSON text.
    """

    id: str
    messages: tuple[Message, ...]
    expected: str
    tools: tuple[dict[str, Any], ...] | None = None
    label: str | None = None
    group: str | None = None
    cluster: str | None = None
    metadata: str | None = None

    @property
    def prompt(self) -> str:
        """The user turns, joined by newlines: what vectors and people look at."""
        return "\n".join(text_of(turn) for turn in self.messages if turn.get("role") == "user")

    @property
    def accepted(self) -> tuple[str, ...]:
        """The answers that count as right, the expected one first.

        More come from the metadata: all of `accepted`, and of `answers` (where the import keeps a list
        of answers) as long as the expected answer is still one of them.
        """
        told = json.loads(self.metadata) if self.metadata else None
        if not isinstance(told, dict):
            return (self.expected,)
        more = [_answer(one) for one in _list(told.get("accepted"))]
        listed = [_answer(one) for one in _list(told.get("answers"))]
        if self.expected in listed:
            more += listed
        return tuple(dict.fromkeys((self.expected, *more)))


def of_split(version: Path, split: str, *, calls: bool = False) -> tuple[list[Example], int]:
    """The rows of one split of a frozen version by id, and how many were left out.

    A row without an expected answer in words (it ends in a tool call, say) cannot be evaluated; with
    `calls` its tool calls are the answer, as canonical JSON text, and any text beside them is not.

    Raises:
        BadInput: the version or the split is missing, or a row cannot be read.
    """
    path = version / f"{split}.parquet"
    if not path.is_file():
        raise BadInput(f"The version has no {split} split.", where=str(path))
    known = set(pq.read_schema(path).names)
    rows = pq.read_table(path, columns=[name for name in _COLUMNS if name in known]).to_pylist()
    examples = [one for one in (_example(row, path, calls) for row in rows) if one is not None]
    return sorted(examples, key=lambda one: one.id), len(rows) - len(examples)


def sample(examples: Sequence[Example], limit: int | None) -> list[Example]:
    """At most `limit` of them, by the hash of their ids (the same rows every time), by id."""
    if limit is None or limit >= len(examples):
        return list(examples)
    kept = sorted(examples, key=lambda one: sha256(one.id))[:limit]
    return sorted(kept, key=lambda one: one.id)


def to_bytes(examples: Sequence[Example]) -> bytes:
    """The rows as a Parquet file, so that an evaluation folder alone can be scored again."""
    rows = [
        {
            "id": one.id, "messages": json.dumps(one.messages, ensure_ascii=False),
            "tools": None if one.tools is None else json.dumps(one.tools, ensure_ascii=False),
            "prompt": one.prompt, "expected": one.expected, "label": one.label, "group": one.group,
            "cluster": one.cluster, "metadata": one.metadata,
        }
        for one in examples
    ]  # fmt: skip
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), buffer)
    return buffer.getvalue()


def read(path: Path) -> list[Example]:
    """The rows that `to_bytes` put in an evaluation folder."""
    return [
        Example(
            row["id"], tuple(json.loads(row["messages"])), row["expected"],
            None if row["tools"] is None else tuple(json.loads(row["tools"])),
            row["label"], row["group"], row["cluster"], row["metadata"],
        )
        for row in pq.read_table(path).to_pylist()
    ]  # fmt: skip


def _example(row: dict[str, Any], path: Path, calls: bool) -> Example | None:
    """The row as question and answer; None when nothing is expected of it."""
    try:
        messages = json.loads(row["messages"])
        tools = json.loads(row["tools"]) if row.get("tools") else None
        chosen = json.loads(row["chosen"]) if row.get("chosen") else None
    except ValueError as error:
        raise BadInput(f"Row {row['id']} does not hold JSON: {error}", where=str(path)) from error
    asked, expected = prompt_of(messages), expected_of(messages)
    if chosen is not None:
        asked, expected = _with_chosen(messages, chosen)
    elif calls and (turn := last_assistant(messages)) is not None and (made := of_turn(messages[turn])):
        expected = as_text(made)
    if not expected or not asked:
        return None
    return Example(
        row["id"], tuple(asked), expected, None if tools is None else tuple(tools), row.get("label"),
        _text(row.get("group")), _text(row.get("cluster")), row.get("metadata"),
    )  # fmt: skip


def _with_chosen(messages: list[Message], chosen: Any) -> tuple[list[Message], str]:  # noqa: ANN401  JSON value
    """A preference row: the chosen answer is expected, whether it came alone or as a whole conversation."""
    if isinstance(chosen, str):
        return list(messages), chosen
    turns = [chosen] if isinstance(chosen, dict) else list(chosen)
    index = last_assistant(turns)
    if index is None:
        return list(messages), ""
    return list(messages) or turns[:index], text_of(turns[index])


def _list(value: Any) -> list[Any]:  # noqa: ANN401  JSON value
    """A list as it is; anything else, such as a mark of true or false, lists no answers."""
    return value if isinstance(value, list) else []


def _answer(value: Any) -> str:  # noqa: ANN401  JSON value
    """An accepted answer as text: JSON values as canonical JSON."""
    return value if isinstance(value, str) else canonical_json(value)


def _text(value: Any) -> str | None:  # noqa: ANN401  a Parquet value
    return None if value is None else str(value)
