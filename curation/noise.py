"""Which labels the vectors of the other rows contradict: two passes of softmax regression and nearest neighbours.

Numpy alone. Nothing a row says about itself is used to judge it: regression is out of fold, votes come from
other clusters, and the second pass leaves rows under suspicion out of what it learns from, never out of the ranking.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Ints = NDArray[np.int64]
    Mask = NDArray[np.bool_]

FOLDS = 5
VOTERS = 20
SHARPNESS = 12.0  # a vote weighs exp(12 cos)
FLAG_ABOVE = 1.5
FEW = 5  # rows of a label under which regression learns nothing about it
_SMOOTHING = 0.02
_DROP_OWN_BELOW, _DROP_OTHER_ABOVE = 0.1, 0.4
_STEPS = 60
_RATE = 0.03  # of .02, .03, .05, .1 the best mean average precision on the demo set with noise added
_BLOCK = 2048


class Judged(NamedTuple):
    """For each row: log odds, the best other label and its probability, whether it is flagged."""

    score: NDArray[np.float64]
    suggested: Ints
    probability: Floats
    flagged: Mask


def judge(
    vectors: Floats, given: Ints, clusters: Ints, labels: int, *, seed: int = 0, progress: Progress = SILENT
) -> Judged:
    """How strongly the other rows contradict each label.

    `python -m bench.labels` compares its mean average precision with cleanlab's on noise added to the demo set.

    Args:
        vectors: float32 of shape (rows, dimensions), each of length 1.
        given: label of each row, as a number from 0 to `labels` - 1.
        clusters: rows with the same number never judge each other.
        labels: how many there are; at least two.
        seed: of the assignment to folds.
        progress: one unit a fold and a block of votes.

    Returns:
        Scores log(best other + .02) - log(own + .02); flagged above 1.5 where the other is likelier.
    """
    rows = np.arange(len(given))
    size = np.bincount(given, minlength=labels)
    common = size >= FEW
    folds = _folds(clusters, seed)
    near, weight = _neighbours(vectors, clusters, progress)
    use = np.ones(len(given), bool)
    found = np.zeros((len(given), labels), np.float32)
    for name in ("Reading labels from meaning", "Once more without suspects"):
        votes = _votes(near, weight, given, use, labels)
        learnt = _regress(vectors, given, folds, use & common[given], labels, progress, name)
        learnt[:, ~common] = 0
        found = np.where(common[given][:, None], (votes + learnt) / 2, votes)
        own = found[rows, given]
        use = ~((own < _DROP_OWN_BELOW) & (_best_other(found, given)[1] > _DROP_OTHER_ABOVE))
    own = found[rows, given]
    suggested, other = _best_other(found, given)
    score = np.log(other.astype(np.float64) + _SMOOTHING) - np.log(own.astype(np.float64) + _SMOOTHING)
    return Judged(score, suggested, other, (score > FLAG_ABOVE) & (own < other))


def nearest(vectors: Floats, clusters: Ints, most: int, progress: Progress = SILENT) -> tuple[Ints, Floats]:
    """The nearest rows of other clusters, nearest first, and their cosines (-1 where there are fewer)."""
    most = min(most, max(1, len(vectors) - 1))
    near = np.zeros((len(vectors), most), np.int64)
    cosine = np.full((len(vectors), most), -1, np.float32)
    progress.stage("Comparing meanings", len(vectors))
    for start in range(0, len(vectors), _BLOCK):
        block = slice(start, start + _BLOCK)
        product = vectors[block] @ vectors.T
        product[clusters[block, None] == clusters[None, :]] = -1
        at = np.argpartition(-product, most - 1, axis=1)[:, :most]
        value = np.take_along_axis(product, at, 1)
        order = np.argsort(-value, axis=1, kind="stable")
        near[block], cosine[block] = np.take_along_axis(at, order, 1), np.take_along_axis(value, order, 1)
        progress.advance(len(product))
    return near, cosine


def _neighbours(vectors: Floats, clusters: Ints, progress: Progress) -> tuple[Ints, Floats]:
    near, cosine = nearest(vectors, clusters, VOTERS * 2, progress)
    return near, np.where(cosine > -1, np.exp(SHARPNESS * cosine), 0).astype(np.float32)


def _votes(near: Ints, weight: Floats, given: Ints, use: Mask, labels: int) -> Floats:
    """Similarity-weighted shares of the labels among the nearest usable rows."""
    counted = use[near] & (weight > 0)
    counted &= np.cumsum(counted, axis=1) <= VOTERS
    cast = np.where(counted, weight, 0)
    votes = np.zeros((len(near), labels), np.float32)
    np.add.at(votes, (np.arange(len(near))[:, None], given[near]), cast)
    total = votes.sum(axis=1, keepdims=True)
    even = np.full_like(votes, 1 / labels)
    shares: Floats = np.where(total > 0, votes / np.maximum(total, 1e-30), even)
    return shares


def _folds(clusters: Ints, seed: int) -> Ints:
    """A fold for each row; the rows of a cluster share one."""
    _, cluster = np.unique(clusters, return_inverse=True)
    count = int(cluster.max()) + 1 if len(cluster) else 0
    folds = np.random.default_rng(seed).permutation(count) % FOLDS
    found: Ints = folds[cluster].astype(np.int64)
    return found


def _regress(
    vectors: Floats, given: Ints, folds: Ints, use: Mask, labels: int, progress: Progress, stage: str
) -> Floats:
    """Out-of-fold probabilities of softmax regression."""
    found = np.full((len(given), labels), 1 / labels, np.float32)
    progress.stage(stage, FOLDS * _STEPS)
    for fold in range(FOLDS):
        train, held = np.flatnonzero(use & (folds != fold)), np.flatnonzero(folds == fold)
        if len(train) and len(held):
            weights, bias = _fit(vectors[train], given[train], labels, progress)
            found[held] = _softmax(vectors[held] @ weights + bias)
    return found


def _fit(features: Floats, given: Ints, labels: int, progress: Progress) -> tuple[Floats, Floats]:
    """Full-batch Adam; the few steps are the regularisation."""
    rows = np.arange(len(given))
    parts = [np.zeros((features.shape[1], labels), np.float32), np.zeros(labels, np.float32)]
    first, second = ([np.zeros_like(part) for part in parts] for _ in range(2))
    for step in range(1, _STEPS + 1):
        slope = _softmax(features @ parts[0] + parts[1])
        slope[rows, given] -= 1
        slope /= len(given)
        slopes: list[Any] = [features.T @ slope, slope.sum(axis=0)]
        rate = _RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        for part, mean, square, change in zip(parts, first, second, slopes, strict=True):
            mean += 0.1 * (change - mean)
            square += 0.001 * (change * change - square)
            part -= (rate * mean / (np.sqrt(square) + 1e-8)).astype(np.float32)
        progress.advance()
    return parts[0], parts[1]


def _softmax(logits: Floats) -> Floats:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: Floats = raised / raised.sum(axis=1, keepdims=True)
    return shares


def _best_other(found: Floats, given: Ints) -> tuple[Ints, Floats]:
    others = found.copy()
    others[np.arange(len(given)), given] = -1
    best = others.argmax(axis=1)
    return best, others[np.arange(len(given)), best]
