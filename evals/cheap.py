"""Cheap candidates answer from the training rows, without a model.

They are given the rows of `train` and what is asked, never an expected held-out answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation.embed import vectors
from curation.progress import SILENT, Progress
from evals.candidates import Candidate
from evals.examples import Example

if TYPE_CHECKING:
    import numpy as np


def answer_cheaply(
    candidate: Candidate,
    examples: Sequence[Example],
    train: Sequence[Example],
    *,
    embedder: str,
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> list[str]:
    """The answers of a cheap candidate, one for each example, in order.

    Args:
        candidate: one of `CHEAP`.
        examples: what is asked; only the prompts are looked at.
        train: the training rows, at least one.
        embedder: name of the model of meaning.
        cache: where its vectors are kept.
        progress: told about the stages.
    """
    if candidate.kind == "majority":
        return [majority([row.expected for row in train])] * len(examples)
    known = vectors([row.prompt for row in train], embedder, cache=cache, progress=progress)
    asked = vectors([one.prompt for one in examples], embedder, cache=cache, progress=progress)
    method: Callable[[Any, list[str], Any], list[str]] = nearest if candidate.kind == "nearest" else linear
    return method(known, [row.expected for row in train], asked)


def majority(answers: Sequence[str]) -> str:
    """The commonest text; of equally common ones the first in order of the alphabet."""
    counts = Counter(answers)
    return min(counts, key=lambda text: (-counts[text], text))


def nearest(known: np.ndarray, answers: list[str], asked: np.ndarray) -> list[str]:
    """For each row of `asked` (m, d) the answer of the row of `known` (n, d) with the largest cosine.

    Both are L2-normalised. Of equally near rows the first one wins; memory stays under 64 MB.
    """
    step = max(1, 16_000_000 // max(1, len(known)))
    found: list[str] = []
    for start in range(0, len(asked), step):
        found += [answers[int(i)] for i in (asked[start : start + step] @ known.T).argmax(axis=1)]
    return found


def linear(known: np.ndarray, answers: list[str], asked: np.ndarray) -> list[str]:
    """Labels of `asked` (m, d) by multinomial logistic regression fitted on `known` (n, d).

    C = 10 suits vectors of length 1, whose coordinates are small (scikit-learn's default of 1 shrinks
    them too far to be a fair baseline).
    """
    if len(set(answers)) < 2:
        return [answers[0]] * len(asked)
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=10.0, max_iter=1000)
    return [str(label) for label in model.fit(known, answers).predict(asked)]
