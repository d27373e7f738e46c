"""Evaluation folders made by hand: what the reading side of the evals must cope with, without a model."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation.files import write_yaml
from tests.evals import frozen

answers_file, cache_of_tests, own_cache = frozen.answers_file, frozen.cache_of_tests, frozen.own_cache
own_cache_with_model = frozen.own_cache_with_model
project, task, version = frozen.project, frozen.task, frozen.version

Marks = Sequence[Any]
"""One mark a row: 1 right, 0 wrong, a score between them, None the answer is missing."""

_TEXT = pa.string()
EXAMPLES = pa.schema(
    [
        (name, _TEXT)
        for name in ("id", "messages", "prompt", "expected", "label", "group", "cluster", "metadata")
    ]
)
ANSWERS = pa.schema(
    [
        *((name, _TEXT) for name in ("id", "candidate", "prompt_hash")),
        ("batch", pa.int64()),
        *((name, _TEXT) for name in ("dtype", "answer", "finish")),
        *((name, pa.int64()) for name in ("attempt", "tokens_in", "tokens_out")),
        ("seconds", pa.float64()),
        ("error", _TEXT),
    ]
)
SCORES = pa.schema(
    [
        *((name, _TEXT) for name in ("id", "candidate", "scorer", "field")),
        ("value", pa.float64()),
        *((name, _TEXT) for name in ("extracted", "parse_level", "reason")),
    ]
)


@dataclass
class Made:
    """What `write_evaluation` writes beside the marks."""

    ids: Sequence[str] | None = None
    groups: Sequence[str | None] | None = None
    cut: Mapping[str, Sequence[int]] = field(default_factory=dict)
    answers: Mapping[str, Sequence[str]] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    task: Mapping[str, Any] = field(default_factory=dict)
    split: str = "test"
    audit: Mapping[str, Any] | None = field(default_factory=lambda: {"clean": True, "pairs": 0})
    primary: str = "label"
    metadata: Sequence[Mapping[str, Any]] | None = None
    more: Mapping[str, Mapping[str, Marks]] = field(default_factory=dict)


def write_evaluation(folder: Path, marks: Mapping[str, Marks], **told: Any) -> Path:
    """Write a finished evaluation folder whose candidates are right, wrong or scored as `marks` says.

    Args:
        folder: made with its parents.
        marks: candidate to one mark a row.
        **told: the fields of `Made`; `cut` holds positions of answers that ended at the token limit, `more`
            what further scorers said.
    """
    made = Made(**told)
    n = len(next(iter(marks.values())))
    ids = made.ids or [f"row{position:05d}" for position in range(n)]
    groups = made.groups or [None] * n
    folder.mkdir(parents=True, exist_ok=True)
    examples = [
        {
            "id": id_,
            "messages": "[]",
            "prompt": f"question {id_}",
            "expected": "yes",
            "label": "yes",
            "group": group,
            "metadata": json.dumps(made.metadata[position]) if made.metadata else None,
        }
        for position, (id_, group) in enumerate(zip(ids, groups, strict=True))
    ]
    answers, scores = [], []
    for name, column in marks.items():
        for position, (id_, mark) in enumerate(zip(ids, column, strict=True)):
            text = (
                made.answers[name][position]
                if name in made.answers
                else {1: "yes", 0: "no", None: ""}.get(mark, f"{mark}")
            )
            cut = position in made.cut.get(name, ())
            answers.append(
                {
                    "id": id_,
                    "candidate": name,
                    "answer": text,
                    "finish": "error" if mark is None else "length" if cut else "stop",
                    "attempt": 1,
                    "tokens_in": made.tokens.get(name),
                    "tokens_out": 2 if name in made.tokens else None,
                    "error": "timed out" if mark is None else "",
                }
            )
            scores.append(
                {
                    "id": id_,
                    "candidate": name,
                    "scorer": made.primary,
                    "field": "",
                    "value": None if mark is None else float(mark),
                    "extracted": text,
                    "reason": f"mark {mark}",
                }
            )
    scores += [
        {"id": id_, "candidate": name, "scorer": scorer, "field": "", "value": value}
        for scorer, columns in made.more.items()
        for name, column in columns.items()
        for id_, value in zip(ids, column, strict=True)
    ]
    for name, rows, schema in (
        ("examples", examples, EXAMPLES),
        ("answers", answers, ANSWERS),
        ("scores", scores, SCORES),
    ):
        pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / f"{name}.parquet")
    task = {"kind": "classification", "labels": ["yes", "no"], **made.task}
    settings = {
        "version": "../../versions/v001", "fingerprint": "f" * 64, "split": made.split, "limit": None,
        "rows": n, "without_answer": 0, "candidates": list(marks), "contents": {}, "primary": made.primary,
        "scorers": [made.primary, *made.more], "seed": 0, "task": task, "asked": "a" * 64,
        "audit": None if made.audit is None else dict(made.audit), "created": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    write_yaml(folder / "evaluation.yaml", settings)
    return folder


def marks(both_right: int, only_candidate: int, only_baseline: int, both_wrong: int) -> dict[str, list[int]]:
    """Marks of `run:r001` and `prompt` with these counts in the four quadrants."""
    return {
        "run:r001": [1] * both_right + [1] * only_candidate + [0] * only_baseline + [0] * both_wrong,
        "prompt": [1] * both_right + [0] * only_candidate + [1] * only_baseline + [0] * both_wrong,
    }


@pytest.fixture
def evaluation(tmp_path: Path) -> Callable[..., Path]:
    """Write an evaluation into a project of its own: evaluation(marks, name="e001", **made)."""

    def write(columns: Mapping[str, Marks], name: str = "e001", **told: Any) -> Path:
        return write_evaluation(tmp_path / "evals" / name, columns, **told)

    return write
