"""Rows of a frozen version as the tokens that are trained on; what is left out is listed, never cut.

Rows read = rows turned into tokens + rows left out + rows with a problem, always.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from curation import chat
from curation.dialect import TemplateProblem, Tokenizer
from curation.errors import BadInput
from curation.example import expected_of, last_assistant, prompt_of
from curation.files import canonical_json, sha256
from curation.progress import SILENT, Progress
from curation.task import Task

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("input_ids", pa.list_(pa.int32())),
        ("labels", pa.list_(pa.int32())),
        ("side", pa.string()),
    ]
)
_COLUMNS = ["id", "messages", "tools", "chosen", "rejected", "label", "group", "cluster"]


@dataclass(frozen=True, slots=True)
class Row:
    """One example of a frozen version, as far as training looks at it.

    The turns of a pair begin with its prompt: `messages` end with the chosen answer, `rejected` with the other.
    """

    id: str
    messages: list[dict[str, Any]]
    tools: list[Any] | None
    label: str | None
    group: str | None
    cluster: Any
    stratum: str
    rejected: list[dict[str, Any]] | None = None
    prompt_turns: int = 0


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A row that is not trained on, and why."""

    id: str
    reason: str
    tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """One training row; a conversation the template rewrites gives several with the same id.

    `side` is chosen or rejected in a pair, which is two rows with the same id, one after the other.
    """

    id: str
    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    side: str = ""

    @property
    def trained(self) -> int:
        """Tokens that carry loss."""
        return sum(label != chat.NO_LOSS for label in self.labels)


@dataclass(frozen=True, slots=True)
class Tokenised:
    """A split as tokens, with everything that is not in it."""

    rows: tuple[Encoded, ...]
    left_out: tuple[LeftOut, ...]
    problems: tuple[LeftOut, ...]

    @property
    def ids(self) -> tuple[str, ...]:
        """The examples trained on, each once."""
        return tuple(dict.fromkeys(row.id for row in self.rows))

    @property
    def lengths(self) -> list[int]:
        """Tokens of each row."""
        return [len(row.input_ids) for row in self.rows]

    @property
    def pairs(self) -> list[tuple[Encoded, Encoded]]:
        """The rows of pairs as (chosen, rejected)."""
        return list(zip(self.rows[::2], self.rows[1::2], strict=True))

    @property
    def widths(self) -> list[int]:
        """Tokens of each thing a batch is made of, padded within itself: a row, or both sides of a pair."""
        if self.rows and self.rows[0].side:
            return [2 * max(len(a.input_ids), len(b.input_ids)) for a, b in self.pairs]
        return self.lengths

    @property
    def sizes(self) -> list[int]:
        """As `widths`, without padding."""
        if self.rows and self.rows[0].side:
            return [len(a.input_ids) + len(b.input_ids) for a, b in self.pairs]
        return self.lengths

    @property
    def digest(self) -> str:
        """See `digest`."""
        return digest((row.input_ids, row.labels) for row in self.rows)


def digest(rows: Iterable[tuple[Sequence[int], Sequence[int]]]) -> str:
    """SHA-256 over each row's length, tokens and labels (32-bit little-endian), in order.

    The preflight writes it down; the trainer computes it again from the rows it was handed.
    """
    total = hashlib.sha256()
    for ids, labels in rows:
        total.update(struct.pack(f"<i{len(ids)}i{len(labels)}i", len(ids), *ids, *labels))
    return total.hexdigest()


def read_split(version: Path, split: str, task: Task) -> list[Row]:
    """The rows of one split file, in the version's order.

    Raises:
        BadInput: the file is missing or is not a split of a version.
    """
    path = version / f"{split}.parquet"
    try:
        table = pq.read_table(path, columns=_COLUMNS)
    except (OSError, pa.ArrowInvalid, KeyError) as error:
        raise BadInput(f"Cannot read the frozen rows: {error}", where=str(path)) from error
    return [_row(values, task) for values in table.to_pylist()]


def _row(values: dict[str, Any], task: Task) -> Row:
    prompt = json.loads(values["messages"])
    chosen, rejected = (json.loads(values[side]) if values[side] else None for side in ("chosen", "rejected"))
    messages = [*prompt, *chosen] if chosen else prompt
    tools = json.loads(values["tools"]) if values["tools"] else None
    return Row(
        values["id"],
        messages,
        tools or None,
        values["label"],
        values["group"],
        values["cluster"],
        stratum(values["label"], messages, task),
        [*prompt, *rejected] if chosen and rejected else None,
        len(prompt),
    )


def stratum(label: str | None, messages: Sequence[dict[str, Any]], task: Task) -> str:
    """The class a row belongs to when shares are counted: its label, or a field of its JSON answer."""
    if label is not None:
        return label
    kind, _, name = task.stratify.partition(".")
    if kind != "answer":
        return expected_of(messages).strip() if task.labels else ""
    try:
        value = json.loads(expected_of(messages))
    except ValueError:
        return ""
    found = value.get(name) if isinstance(value, dict) else None
    return "" if found is None else str(found)


def spread(rows: Sequence[Row], seed: int) -> list[Row]:
    """The rows in an order whose every beginning holds each stratum in its share, rare ones at least once.

    The i-th of n rows of a stratum, shuffled, goes to place i / n.
    """
    strata: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.id):
        strata[row.stratum].append(row)
    random = Random(f"{seed}/rows")
    placed: list[tuple[float, float, str, Row]] = []
    for name in sorted(strata):
        members = strata[name]
        random.shuffle(members)
        placed += [(i / len(members), random.random(), row.id, row) for i, row in enumerate(members)]
    return [row for *_, row in sorted(placed, key=lambda place: place[:3])]


class Unsuitable(Exception):  # noqa: N818  no error: the row is left out and listed
    """The example is none the method can learn from."""


Render = Callable[[Row, Task, Tokenizer], list[Encoded]]


def whole_chat(row: Row, task: Task, tokenizer: Tokenizer) -> list[Encoded]:
    """The rows of a conversation, loss on every answer; of a pair, the chosen side."""
    messages = chat.with_system(row.messages, task.system_prompt)
    return [
        Encoded(row.id, part.input_ids, part.labels) for part in chat.render(tokenizer, messages, row.tools)
    ]


def pair(row: Row, task: Task, tokenizer: Tokenizer) -> list[Encoded]:
    """Both sides of a pair, loss on what each answers after their common prompt.

    Raises:
        Unsuitable: the example is no pair, or its sides are the same tokens.
        TemplateProblem: a side cannot be written; it is named.
    """
    if row.rejected is None:
        raise Unsuitable("no pair: it has no chosen and rejected answer")
    sides = []
    for side, messages in (("chosen", row.messages), ("rejected", row.rejected)):
        turns = chat.with_system(messages, task.system_prompt)
        after = row.prompt_turns + len(turns) - len(messages)
        try:
            whole = chat.render(tokenizer, turns, row.tools, after=after)[-1]
        except TemplateProblem as problem:
            where = f"{side} {problem.where}".strip()
            raise TemplateProblem(problem.message, where=where, hint=problem.hint) from problem
        sides.append(Encoded(row.id, whole.input_ids, whole.labels, side))
    if sides[0].input_ids == sides[1].input_ids:
        raise Unsuitable("no pair: both answers are the same tokens")
    return sides


RENDERS: dict[str, Render] = {"sft": whole_chat, "dpo": pair}
"""What each method makes of an example."""


def tokenise(
    rows: Sequence[Row],
    task: Task,
    tokenizer: Tokenizer,
    *,
    max_rows: int | None,
    max_tokens: int | None,
    seed: int,
    render: Render,
    progress: Progress = SILENT,
    name: str = "Tokenising",
) -> Tokenised:
    """Render rows until `max_rows` usable ones are found; the result keeps the version's order.

    Args:
        render: how the method makes rows of an example: `whole_chat` or `pair`.
        max_rows: None for all.
        max_tokens: longer rows are left out and listed.
    """
    wanted = len(rows) if max_rows is None else min(max_rows, len(rows))
    order = list(rows) if wanted == len(rows) else spread(rows, seed)
    taken: dict[str, list[Encoded]] = {}
    left: list[LeftOut] = []
    problems: list[LeftOut] = []
    progress.stage(name, wanted)
    for row in order:
        if len(taken) == wanted:
            left.append(LeftOut(row.id, "not among the rows chosen (max_rows)"))
            continue
        progress.advance()
        try:
            parts = render(row, task, tokenizer)
        except Unsuitable as why:
            left.append(LeftOut(row.id, str(why)))
            continue
        except TemplateProblem as problem:
            where = f"{problem.where}: " if problem.where else ""
            problems.append(LeftOut(row.id, where + problem.message))
            continue
        longest = max(len(part.input_ids) for part in parts)
        if max_tokens is not None and longest > max_tokens:
            left.append(LeftOut(row.id, _what_is_long(parts, max_tokens), longest))
        else:
            taken[row.id] = parts
    encoded = tuple(part for row in rows for part in taken.get(row.id, ()))
    return Tokenised(encoded, tuple(left), tuple(problems))


def _what_is_long(parts: Sequence[Encoded], limit: int) -> str:
    longest = max(parts, key=lambda part: len(part.input_ids))
    first = next((i for i, label in enumerate(longest.labels) if label != chat.NO_LOSS), len(longest.labels))
    what = "its prompt alone is too long" if first >= limit else "its answer would not fit"
    return f"{len(longest.input_ids)} tokens, over the limit of {limit}: {what}"


def conflicts(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    """Ids of rows that ask the same and answer differently, a tuple for each prompt."""
    asked: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        index = last_assistant(row.messages)
        if index is None:
            continue
        key = sha256(canonical_json([prompt_of(row.messages), row.tools]))
        asked[key][canonical_json(row.messages[index])].append(row.id)
    return [
        tuple(i for ids in answers.values() for i in ids) for answers in asked.values() if len(answers) > 1
    ]


def table(tokenised: Tokenised) -> pa.Table:
    """The rows as the trainer reads them: id, input_ids, labels, side."""
    return pa.table(
        [
            [row.id for row in tokenised.rows],
            [row.input_ids for row in tokenised.rows],
            [row.labels for row in tokenised.rows],
            [row.side for row in tokenised.rows],
        ],
        schema=SCHEMA,
    )


def read_table(path: Path) -> Tokenised:
    """Rows that `table` wrote."""
    columns = pq.read_table(path).to_pydict()
    sides = columns.get("side") or [""] * len(columns["id"])  # earlier runs have no sides
    rows = zip(columns["id"], columns["input_ids"], columns["labels"], sides, strict=True)
    return Tokenised(
        tuple(Encoded(i, tuple(ids), tuple(labels), side) for i, ids, labels, side in rows), (), ()
    )
