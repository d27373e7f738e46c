"""What candidates answered: one small file a finished unit of work, one file for all at the end.

A file under its final name is complete, so a killed process loses at most the unit it was working on.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq

from curation.files import write_atomic

Finish = Literal["stop", "length", "error", "empty"]
FILE = "answers.parquet"
PARTS = "answers"
_SCHEMA = pa.schema(
    [
        ("id", pa.string()), ("candidate", pa.string()), ("prompt_hash", pa.string()), ("batch", pa.string()),
        ("dtype", pa.string()), ("answer", pa.string()), ("raw", pa.string()), ("finish", pa.string()),
        ("attempt", pa.int32()), ("tokens_in", pa.int32()), ("tokens_out", pa.int32()),
        ("seconds", pa.float64()), ("error", pa.string()),
    ]
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """One candidate's answer to one example.

    `finish` is `error` when there is no answer, and `error` then says why. `prompt_hash` names the exact
    question; `batch` and `dtype` are empty for candidates without a model; at an endpoint `batch` says how
    many questions were asked at a time, and `seconds` are the latency of this one. Tokens and seconds are None
    where they were not measured.
    """

    id: str
    candidate: str
    answer: str
    finish: Finish = "stop"
    prompt_hash: str = ""
    batch: str = ""
    dtype: str = ""
    raw: str = ""
    attempt: int = 1
    tokens_in: int | None = None
    tokens_out: int | None = None
    seconds: float | None = None
    error: str = ""

    @property
    def missing(self) -> bool:
        """Whether there is no answer (an empty one is an answer)."""
        return self.finish == "error"


class AnswerFiles:
    """The answers of one evaluation folder while it is being filled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts = folder / PARTS
        numbers = [int(path.stem) for path in self._parts.glob("*.parquet") if path.stem.isdecimal()]
        self._next = max(numbers, default=0) + 1
        self.done: set[tuple[str, str]] = {(one.candidate, one.id) for one in read(folder)}

    def add(self, answers: Sequence[Answer]) -> None:
        """Keep one finished unit; it is on the disk when this returns."""
        if not answers:
            return
        _write(self._parts / f"{self._next:04d}.parquet", answers)
        self._next += 1
        self.done |= {(one.candidate, one.id) for one in answers}

    def merge(self, names: Sequence[str]) -> None:
        """Write answers.parquet, candidates in the order of `names`, each by id; then the parts go."""
        place = {name: position for position, name in enumerate(names)}
        answers = sorted(read(self.folder), key=lambda one: (place[one.candidate], one.id))
        _write(self.folder / FILE, answers)
        shutil.rmtree(self._parts, ignore_errors=True)


def read(folder: Path) -> list[Answer]:
    """The answers so far, each once: the merged file first, then the parts in the order they came."""
    found: dict[tuple[str, str], Answer] = {}
    paths: Iterable[Path] = [folder / FILE, *sorted((folder / PARTS).glob("[0-9]*.parquet"))]
    for path in paths:
        if path.is_file():
            for row in pq.read_table(path, schema=_SCHEMA).to_pylist():
                found.setdefault((row["candidate"], row["id"]), Answer(**row))
    return list(found.values())


def _write(path: Path, answers: Sequence[Answer]) -> None:
    table = pa.Table.from_pylist([asdict(one) for one in answers], schema=_SCHEMA)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    write_atomic(path, buffer.getvalue())
