"""Supervised fine-tuning: TRL's trainer on the run's own tokens, an adapter or every weight."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from curation.work import Work
from training import attempt as attempts
from training import tokens, weights
from training.attempt import Attempt
from training.tokens import Tokenised

if TYPE_CHECKING:
    from training.manifest import Run


def train(run: Run, work: Work) -> dict[str, Any]:
    """Train on every assistant turn; see `attempt.carry_through`."""
    return attempts.carry_through(run, work, build, _held)


def build(attempt: Attempt) -> Any:  # noqa: ANN401
    """TRL's trainer, ready to begin."""
    from transformers import set_seed
    from trl import SFTConfig

    from training import trainer as own

    run, model = attempt.run, attempt.model
    set_seed(run.recipe.seed)
    skip = own.can_skip_unlabelled(model, run.manifest.device)
    if run.recipe.tuning == "lora":
        from peft import get_peft_model

        model = get_peft_model(model, weights.adapter_config(run.recipe))
        if run.recipe.gradient_checkpointing:
            model.enable_input_require_grads()  # without it the adapter gets no gradient (transformers#42489)
    pad_id = attempt.pad_id
    return own.Sft(
        order=attempt.order(),
        skip_unlabelled=skip,
        model=model,
        args=SFTConfig(
            **own.accepted(
                SFTConfig,
                **attempts.settings(attempt),
                packing=False,
                dataset_kwargs={"skip_prepare_dataset": True},
                label_names=["labels"],
                remove_unused_columns=True,
            )
        ),
        train_dataset=_dataset(attempt.data),
        eval_dataset=_dataset(_by_length(attempt.held)) if attempt.held.rows else None,
        processing_class=attempt.tokenizer,
        data_collator=lambda rows: own.pad(rows, pad_id),
        callbacks=[attempt.reporter],
    )


def _held(trainer: Any) -> Iterable[tuple[list[int], list[int]]]:  # noqa: ANN401
    rows = trainer.train_dataset
    return zip(rows["input_ids"], rows["labels"], strict=True)


def _dataset(rows: Tokenised) -> Any:  # noqa: ANN401
    from datasets import Dataset
    from datasets.table import InMemoryTable

    return Dataset(InMemoryTable(tokens.table(rows).drop_columns(["side"])))


def _by_length(rows: Tokenised) -> Tokenised:
    ranked = sorted(rows.rows, key=lambda row: (-len(row.input_ids), row.id))
    return Tokenised(tuple(ranked), (), ())
