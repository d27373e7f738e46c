"""Learning from pairs (DPO, IPO): TRL's trainer on the run's own tokens of both sides.

The reference is the model as it was: the base with the adapter switched off, or a second copy of it where every
weight is trained. Nothing is cut, and no pair is dropped that the preflight did not list.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from curation import models
from curation.errors import JobFailed
from curation.work import Work
from training import attempt as attempts
from training import weights
from training.attempt import Attempt
from training.tokens import Tokenised

if TYPE_CHECKING:
    from training.manifest import Run

SIDES = ("chosen", "rejected")


def train(run: Run, work: Work) -> dict[str, Any]:
    """Train on the pairs; see `attempt.carry_through`."""
    return attempts.carry_through(run, work, build, _held)


def build(attempt: Attempt) -> Any:  # noqa: ANN401
    """TRL's trainer, ready to begin.

    Raises:
        JobFailed: this TRL is too old to be handed tokens.
    """
    from transformers import set_seed
    from trl import DPOConfig

    from training import pair_trainer as own
    from training.trainer import accepted

    if not own.takes_tokens():
        raise JobFailed("This TRL cannot be handed tokens of pairs.", hint="pip install 'trl>=1.0'")
    run, recipe, pad_id = attempt.run, attempt.run.recipe, attempt.pad_id
    set_seed(recipe.seed)
    whole = recipe.tuning == "full"
    return own.Dpo(
        order=attempt.order(),
        model=attempt.model,
        ref_model=_reference(run) if whole else None,
        peft_config=None if whole else weights.adapter_config(recipe),
        args=DPOConfig(
            **accepted(
                DPOConfig,
                **attempts.settings(attempt),
                beta=recipe.beta,
                loss_type=[recipe.loss_type],
                remove_unused_columns=False,
            )
        ),
        train_dataset=_dataset(attempt.data),
        eval_dataset=_dataset(attempt.held) if attempt.held.rows else None,
        processing_class=attempt.tokenizer,
        data_collator=lambda rows: own.pad_pairs(rows, pad_id),
        callbacks=[attempt.reporter],
    )


def _reference(run: Run) -> Any:  # noqa: ANN401
    place = models.resolve(run.task.model.name, run.task.model.revision)
    return weights.load(run, place, models.device(run.manifest.device, run.manifest.dtype)).eval()


def _dataset(rows: Tokenised) -> Any:  # noqa: ANN401
    from datasets import Dataset

    columns: dict[str, list[Any]] = {f"{side}_{what}": [] for side in SIDES for what in ("ids", "labels")}
    for pair in rows.pairs:
        for side, row in zip(SIDES, pair, strict=True):
            columns[f"{side}_ids"].append(list(row.input_ids))
            columns[f"{side}_labels"].append(list(row.labels))
    return Dataset.from_dict(columns)


def _held(trainer: Any) -> Iterable[tuple[list[int], list[int]]]:  # noqa: ANN401
    for row in trainer.train_dataset:
        for side in SIDES:
            yield row[f"{side}_ids"], row[f"{side}_labels"]
