"""What stands beside a question: training rows as earlier turns, or passages put into the prompt.

Only training rows and documents are looked at, never a held-out row, and never the expected answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from curation.embed import vectors
from curation.progress import SILENT, Progress
from curation.task import Task
from evals import prompts
from evals.candidates import Candidate
from evals.documents import MOST_CHARACTERS, Passage
from evals.examples import Example

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_CELLS = 4_000_000  # cosines in memory at once: 50 MB with their order


@dataclass(frozen=True, slots=True)
class Beside:
    """What one question gets beside it: rows as earlier turns, the nearest last; passages as one text."""

    shots: tuple[Example, ...] = ()
    context: str = ""


def beside(
    one: Candidate,
    rows: Sequence[Example],
    train: Sequence[Example],
    task: Task,
    *,
    documents: Sequence[Passage] | None = None,
    seed: int = 0,
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> list[Beside]:
    """What the candidate's questions get beside them, one for each row, in order.

    Args:
        one: says how many, and whether they are the same for every question.
        rows: what is asked; only the prompts are looked at.
        train: rows of the training split alone.
        task: names the model of meaning and the strata of fixed shots.
        documents: passages to choose from in place of the training rows.
        seed: of the fixed shots.
        cache: where vectors are kept.
        progress: told about the vectors.
    """
    if one.passages:
        passages = list(documents) if documents is not None else [_as_passage(row) for row in train]
        asked_like = [p.for_meaning for p in passages] if documents is not None else [r.prompt for r in train]
        chosen = _nearest(rows, asked_like, one.passages, task, cache, progress)
        return [Beside(context=written([passages[i] for i in found])) for found in chosen]
    if one.shots_by_meaning:
        distinct = list({(row.prompt, row.expected): row for row in reversed(train)}.values())[::-1]
        chosen = _nearest(rows, [row.prompt for row in distinct], one.shots, task, cache, progress)
        return [Beside(tuple(distinct[i] for i in reversed(found))) for found in chosen]
    fixed = Beside(tuple(prompts.choose_shots(train, one.shots, task.stratify, seed)))
    return [fixed] * len(rows)


def written(passages: Sequence[Passage]) -> str:
    """Passages as one text, numbered, each under its headings."""
    parts = []
    for number, passage in enumerate(passages, 1):
        head = f"[{number}] {passage.heading}".strip()
        parts.append(f"{head}\n{passage.text}")
    return "\n\n".join(parts)


def nearest_indices(known: NDArray[np.float32], asked: NDArray[np.float32], k: int) -> list[tuple[int, ...]]:
    """For each row of `asked` (m, d) the `k` rows of `known` (n, d) with the largest cosine, nearest first.

    Both are L2-normalised. Of equally near rows the first one wins; all n are given where k is larger.
    """
    step = max(1, _CELLS // max(1, len(known)))
    found: list[tuple[int, ...]] = []
    for start in range(0, len(asked), step):
        order = (-(asked[start : start + step] @ known.T)).argsort(axis=1, kind="stable")
        found += [tuple(int(i) for i in row) for row in order[:, :k]]
    return found


def _nearest(
    rows: Sequence[Example],
    texts: Sequence[str],
    k: int,
    task: Task,
    cache: Path | None,
    progress: Progress,
) -> list[tuple[int, ...]]:
    known = vectors(texts, task.embedder, cache=cache, progress=progress)
    asked = vectors([row.prompt for row in rows], task.embedder, cache=cache, progress=progress)
    return nearest_indices(known, asked, k)


def _as_passage(row: Example) -> Passage:
    """A training row as a passage; a long question is cut, the answer stays whole."""
    asked = row.prompt
    if len(asked) > MOST_CHARACTERS:
        asked = asked[:MOST_CHARACTERS].rstrip() + " …"
    return Passage(row.id, "", f"Question: {asked}\nAnswer: {row.expected}")
