"""The order in which rows are trained on: batches of like length, shuffled, the same for the same seed.

Sorting before cutting removes nearly all padding; shuffling the batches mixes the lengths within a step.
The longest batch is the first of the first epoch: when memory is short, it shows in the first seconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import ceil
from random import Random

from training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class StepSize:
    """What one optimizer step computes: `tokens` without padding, `padded` with it."""

    tokens: int
    padded: int


def batches(lengths: Sequence[int], size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Row numbers of one epoch, cut into micro-batches of `size`; a short one comes last.

    Rows are sorted by falling length with random ties, so that a short batch holds the shortest rows.
    """
    random = Random(f"{seed}/{epoch}")
    ties = [random.random() for _ in lengths]
    ranked = sorted(range(len(lengths)), key=lambda row: (-lengths[row], ties[row]))
    cut = [ranked[start : start + size] for start in range(0, len(ranked), size)]
    short = [cut.pop()] if cut and len(cut[-1]) < size else []
    first = [cut.pop(0)] if cut and epoch == 0 else []
    random.shuffle(cut)
    return first + cut + short


def steps_in_epoch(rows: int, recipe: Recipe) -> int:
    """Optimizer steps of one pass; an incomplete last step counts."""
    return ceil(ceil(rows / recipe.per_device_train_batch_size) / recipe.gradient_accumulation_steps)


def total_steps(rows: int, recipe: Recipe) -> int:
    """Optimizer steps of the whole run, as transformers counts them."""
    if recipe.max_steps is not None:
        return recipe.max_steps
    return max(1, ceil(recipe.num_train_epochs * steps_in_epoch(rows, recipe)))


def step_sizes(
    widths: Sequence[int], recipe: Recipe, *, tokens: Sequence[int] | None = None, micro: int | None = None
) -> list[StepSize]:
    """What each step of the run will compute, in order.

    Args:
        widths: padded tokens of each row (of both sides of a pair).
        tokens: the same without padding; default: `widths`.
        micro: rows computed at once where memory allowed only a part of the recipe's micro-batch.
    """
    steps = total_steps(len(widths), recipe)
    size = micro or recipe.per_device_train_batch_size
    return list(islice(_endless(widths, tokens or widths, recipe, size), steps))


def _endless(widths: Sequence[int], tokens: Sequence[int], recipe: Recipe, micro: int) -> Iterator[StepSize]:
    epoch = 0
    while True:
        order = batches(widths, recipe.per_device_train_batch_size, seed=recipe.seed, epoch=epoch)
        for start in range(0, len(order), recipe.gradient_accumulation_steps):
            step = order[start : start + recipe.gradient_accumulation_steps]
            parts = [batch[at : at + micro] for batch in step for at in range(0, len(batch), micro)]
            yield StepSize(
                sum(tokens[row] for batch in step for row in batch),
                sum(max(widths[row] for row in part) * len(part) for part in parts),
            )
        epoch += 1
