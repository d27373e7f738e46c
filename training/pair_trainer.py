"""TRL's trainer for pairs with an own order and ready-made tokens. Loads torch and TRL when imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from trl import DPOTrainer

from training.trainer import NO_LOSS, InOrder, SortedBatches, pad


def takes_tokens() -> bool:
    """Whether this TRL computes the loss of one batch of chosen above rejected rows."""
    return hasattr(DPOTrainer, "_compute_loss") and hasattr(DPOTrainer, "_prepare_dataset")


def pad_pairs(rows: Sequence[Mapping[str, Sequence[int]]], pad_id: int) -> dict[str, torch.Tensor]:
    """A batch: every chosen row, then every rejected one; `completion_mask` is 1 where there is loss."""
    both = [
        {"input_ids": row[f"{side}_ids"], "labels": row[f"{side}_labels"]}
        for side in ("chosen", "rejected")
        for row in rows
    ]
    batch = pad(both, pad_id)
    batch["completion_mask"] = (batch.pop("labels") != NO_LOSS).long()
    return batch


class Dpo(InOrder, DPOTrainer):  # type: ignore[misc]  # TRL has no types
    """Preference optimisation on ready-made tokens; `order` is the training pairs' order."""

    def __init__(self, *, order: SortedBatches, **options: Any) -> None:  # noqa: ANN401
        self.order = order
        super().__init__(**options)

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return dataset  # tokens already: TRL would make its own, and drop what it finds too long
