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


def step_sizes(lengths: Sequence[int], recipe: Recipe) -> list[StepSize]:
    """What each step of the run will compute, in order."""
    steps = total_steps(len(lengths), recipe)
    return list(islice(_endless(lengths, recipe), steps))


def _endless(lengths: Sequence[int], recipe: Recipe) -> Iterator[StepSize]:
    epoch = 0
    while True:
        order = batches(lengths, recipe.per_device_train_batch_size, seed=recipe.seed, epoch=epoch)
        for start in range(0, len(order), recipe.gradient_accumulation_steps):
            step = order[start : start + recipe.gradient_accumulation_steps]
            yield StepSize(
                sum(lengths[row] for batch in step for row in batch),
                sum(max(lengths[row] for row in batch) * len(batch) for batch in step),
            )
        epoch += 1
