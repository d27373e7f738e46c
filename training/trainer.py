"""TRL's trainer with an own order of rows, logits only where there is loss, and a stop on NaN.

Loads torch and TRL when imported, so only a method imports it, when the job's turn has come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from itertools import chain
from typing import Any

import torch
from torch.utils.data import Sampler
from trl import SFTTrainer

from curation.errors import JobFailed
from training.batches import batches

NO_LOSS = -100


class SortedBatches(Sampler[int]):
    """Rows in the order of `training.batches.batches`, a new one for each epoch."""

    def __init__(self, lengths: Sequence[int], size: int, *, seed: int, epoch: int) -> None:
        self.lengths = lengths
        self.size = size
        self.seed = seed
        self.epoch = epoch

    def set_epoch(self, epoch: int) -> None:
        """Called by accelerate before each epoch, and again after a resume."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        return chain.from_iterable(batches(self.lengths, self.size, seed=self.seed, epoch=self.epoch))


def pad(rows: Sequence[Mapping[str, Sequence[int]]], pad_id: int) -> dict[str, torch.Tensor]:
    """A batch, padded on the right: input_ids with `pad_id`, labels with -100, attention_mask with 0."""
    width = max(len(row["input_ids"]) for row in rows)

    def filled(key: str, value: int) -> torch.Tensor:
        return torch.tensor(
            [[*row[key], *[value] * (width - len(row[key]))] for row in rows], dtype=torch.long
        )

    mask = torch.tensor([[1] * len(r["input_ids"]) + [0] * (width - len(r["input_ids"])) for r in rows])
    return {
        "input_ids": filled("input_ids", pad_id),
        "labels": filled("labels", NO_LOSS),
        "attention_mask": mask,
    }


def can_skip_unlabelled(model: Any, device: str) -> bool:  # noqa: ANN401
    """Whether the logits of labelled positions can be had from `model.model` and `model.lm_head` alone.

    Not on CUDA, where TRL's own fused loss does as much, and not where the model scales or caps its logits.
    """
    changed = ("final_logit_softcapping", "logit_scale", "logits_scaling")
    plain = all(getattr(model.config, name, None) in (None, 1, 1.0) for name in changed)
    return device != "cuda" and plain and hasattr(model, "model") and hasattr(model, "lm_head")


class InOrder:
    """What every trainer here does beside TRL's: rows in our order, a stop on a loss that is no number."""

    order: SortedBatches

    def _get_train_sampler(self, *args: Any, **kwargs: Any) -> SortedBatches:  # noqa: ANN401
        return self.order

    def training_step(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, D102
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]  # TRL's
        if not bool(torch.isfinite(loss).all()):
            step = self.state.global_step + 1  # type: ignore[attr-defined]
            raise JobFailed(
                f"The loss became {float(loss)} in step {step}; nothing was learned of it.",
                hint="Lower learning_rate, or look for odd rows; the checkpoints before this step are sound.",
            )
        return loss

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """No card: a run is described by its recipe and manifest."""


class Sft(InOrder, SFTTrainer):  # type: ignore[misc]  # TRL has no types
    """Supervised fine-tuning on ready-made tokens.

    Args:
        order: the training rows' order.
        skip_unlabelled: compute logits only where there is a label. The loss is the same; on CPU a step is
            about 1.3 times as fast as with all logits (TRL's own fused head needs CUDA).
    """

    def __init__(self, *, order: SortedBatches, skip_unlabelled: bool, **options: Any) -> None:  # noqa: ANN401
        self.order = order
        self.skip_unlabelled = skip_unlabelled
        super().__init__(**options)

    def compute_loss(  # noqa: D102  as in transformers
        self,
        model: Any,  # noqa: ANN401
        inputs: Any,  # noqa: ANN401
        return_outputs: bool = False,
        num_items_in_batch: Any = None,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401
        if not self.skip_unlabelled:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        base = self.accelerator.unwrap_model(model)
        base = base.get_base_model() if hasattr(base, "get_base_model") else base
        targets = inputs["labels"][:, 1:]
        keep = targets != NO_LOSS
        hidden = base.model(
            input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False
        ).last_hidden_state[:, :-1]
        logits = base.lm_head(hidden[keep]).float()
        count = keep.sum().clamp(min=1) if num_items_in_batch is None else num_items_in_batch
        loss = torch.nn.functional.cross_entropy(logits, targets[keep], reduction="sum") / count
        return (loss, {}) if return_outputs else loss

    def prediction_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401, D102
        if not self.skip_unlabelled:
            return super().prediction_step(model, inputs, *args, **kwargs)
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad(), self.compute_loss_context_manager():
            return self.compute_loss(model, inputs), None, None


def accepted(config: type[Any], **wanted: Any) -> dict[str, Any]:  # noqa: ANN401
    """Those of the wanted arguments that this version's config class has."""
    known = {one.name for one in fields(config)}
    return {name: value for name, value in wanted.items() if name in known}
