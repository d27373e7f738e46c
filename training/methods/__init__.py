"""The ways to train: one file each, listed in one tuple.

A method's `train` gets an open run and the job, and returns the result; it imports torch when called.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.work import Work
from training import manifest, runs
from training.manifest import Run
from training.methods import dpo, sft

__all__ = ["METHODS", "Method", "carry_out", "find"]


@dataclass(frozen=True, slots=True)
class Method:
    """One way to train, under the name recipes give it."""

    name: str
    says: str
    train: Callable[[Run, Work], dict[str, Any]]


METHODS: tuple[Method, ...] = (
    Method("sft", "imitates the assistant turns", sft.train),
    Method("dpo", "prefers the chosen answer to the rejected one", dpo.train),
)


def find(name: str) -> Method:
    """The method a recipe names; the recipe has checked that there is one."""
    return next(method for method in METHODS if method.name == name)


def carry_out(folder: Path, work: Work) -> dict[str, Any]:
    """The body of the job: prove that the run is what it was and may begin, then train; gives the result.

    Raises:
        BadRecipe: the recipe was changed since the run was made.
        BadInput: so were the task, the rows or the base model, or a held-out row is among the rows.
        NoBaseline: the baseline has gone or has not finished.
    """
    work.stage("Checking the run")
    run = manifest.open_run(folder)
    runs.ask_again(run)
    import torch

    torch.set_num_threads(run.manifest.threads)
    for difference in manifest.other_packages(run):
        logging.getLogger(__name__).warning("the run was made with %s", difference)
    return find(run.recipe.method).train(run, work)
