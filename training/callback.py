"""From the trainer to the run's folder: events, progress, the wish to stop, and the proofs of learning.

A stop saves a checkpoint first; a checkpoint is on the disk before its event is written.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import torch
from transformers import TrainerCallback

from curation.errors import JobFailed, Stopped
from curation.work import Work
from training import checkpoints
from training.batches import StepSize

WINDOW = 20  # steps over which the speed is measured


class _Measured(NamedTuple):
    seconds: float
    tokens: int
    padded: int


class Reporter(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Writes loss, eval_loss and checkpoint events, and looks for the stop file after each step.

    Args:
        work: the job.
        sizes: what each step of the whole run computes.
        validates: whether there are validation rows.
        patience: steps with a learning rate above zero before a still untouched adapter is a failure;
            1, and more in float16, whose first steps may be skipped.
        whole: every weight is trained, not an adapter.
        after_validation: gets the model and the step after each validation loss; True ends the training.
    """

    def __init__(
        self,
        work: Work,
        sizes: Sequence[StepSize],
        *,
        validates: bool,
        patience: int = 1,
        whole: bool = False,
        after_validation: Callable[[Any, int], bool] | None = None,
    ) -> None:
        self.work = work
        self.sizes = sizes
        self.validates = validates
        self.patience = patience
        self.whole = whole
        self.after_validation = after_validation
        self._before: tuple[str, torch.Tensor] | None = None
        self.recent: deque[_Measured] = deque(maxlen=WINDOW)
        self.seconds = 0.0
        self.validation_seconds = 0.0
        self._began = time.perf_counter()
        self._learns = False

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens without padding, over the last steps."""
        return self._speed(sum(one.tokens for one in self.recent))

    @property
    def padded_per_second(self) -> float | None:
        """Tokens with padding, over the last steps."""
        return self._speed(sum(one.padded for one in self.recent))

    def _speed(self, tokens: int) -> float | None:
        seconds = sum(one.seconds for one in self.recent)
        return tokens / seconds if seconds > 0 else None

    def _eta(self, step: int, between: int) -> float | None:
        """Seconds of the steps to come at the speed measured, and of a validation every `between` steps."""
        speed = self.padded_per_second
        if not speed:
            return None
        total = len(self.sizes)
        validations = -(-total // between) - step // between
        return sum(one.padded for one in self.sizes[step:]) / speed + validations * self.validation_seconds

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Say where the steps begin; a curve forgets what an earlier attempt wrote beyond that."""
        if state.max_steps != len(self.sizes):
            raise JobFailed(f"The trainer plans {state.max_steps} steps, the preflight {len(self.sizes)}.")
        self.begin(state.global_step)

    def begin(self, step: int) -> None:
        """Say that this attempt has `step` steps behind it."""
        total = len(self.sizes)
        self.work.event("begin", step=step, total_steps=total)
        self.work.stage("Training" if not step else f"Training, resumed at step {step}", total - step)

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Start the clock of a step."""
        self._began = time.perf_counter()

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Let no gradient that is no number reach the weights, even under a sound loss.

        float16 is left alone: its scaler skips such steps by itself.
        """
        gradients = [weight.grad.sum() for weight in kwargs["model"].parameters() if weight.grad is not None]
        if gradients and not args.fp16 and not bool(torch.stack(gradients).sum().isfinite()):
            raise JobFailed(
                f"The gradient of step {state.global_step + 1} is no number; nothing was learned of it.",
                hint="Lower learning_rate, or look for odd rows; the checkpoints before this step are sound.",
            )

        if self.whole and not self._learns:
            self._before = _smallest_matrix(kwargs["model"])

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Until it is proved once: what is trained has a gradient, and the optimizer moves it."""
        if not self._learns:
            self._prove(kwargs["model"], kwargs["optimizer"])

    def _prove(self, model: Any, optimizer: Any) -> None:  # noqa: ANN401
        if self._moved(model):
            self._learns = True
            return
        trained = [
            weight for name, weight in model.named_parameters() if self.whole or "lora_B" in name
        ]  # lora_B starts at zero and is all that has a gradient in the first step
        what = "model" if self.whole else "adapter"
        if not any(weight.grad is not None and bool(weight.grad.any()) for weight in trained):
            raise JobFailed(
                f"The {what} gets no gradient: nothing would be learned.",
                hint="Check target_modules; report this with the log if they are right.",
            )
        if optimizer.param_groups[0]["lr"] > 0:  # the first step of a warm-up has 0 and moves nothing
            self.patience -= 1
            if self.patience <= 0:
                raise JobFailed(
                    f"The optimizer does not move the {what}: nothing would be learned.",
                    hint="Check learning_rate; report this with the log if it is right.",
                )

    def _moved(self, model: Any) -> bool:  # noqa: ANN401
        named = model.named_parameters()
        if not self.whole:
            return any(bool(weight.detach().any()) for name, weight in named if "lora_B" in name)
        if self._before is None:
            return False
        name, before = self._before
        return not torch.equal(dict(named)[name].detach(), before)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """Count the step; save and stop when asked; save and validate at the end."""
        size = self.sizes[state.global_step - 1]
        seconds = time.perf_counter() - self._began
        self.seconds += seconds
        self.recent.append(_Measured(seconds, size.tokens, size.padded))
        try:
            self.work.advance()
        except Stopped:
            control.should_log = control.should_save = control.should_training_stop = True
        if state.global_step >= state.max_steps:
            control.should_log = control.should_save = True
            control.should_evaluate = self.validates
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:  # noqa: ANN401
        """One line for each loss."""
        logs = logs or {}
        if "loss" in logs:
            norm = logs.get("grad_norm")
            self.work.event(
                "loss",
                step=state.global_step,
                total_steps=state.max_steps,
                loss=logs["loss"],
                learning_rate=logs.get("learning_rate"),
                gradient_norm=_number(norm),
                tokens_per_second=self.tokens_per_second,
                epoch=logs.get("epoch", state.epoch),
                eta_seconds=self._eta(state.global_step, int(args.eval_steps or len(self.sizes))),
                **_preference(logs, ""),
            )
        elif "eval_loss" in logs:
            self.validation_seconds = logs.get("eval_runtime", 0.0)
            self.work.event(
                "eval_loss",
                step=state.global_step,
                loss=_number(logs["eval_loss"]),
                **_preference(logs, "eval_"),
            )

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        """With each validation loss: what the model answers by now, and whether it pays to go on."""
        if self.after_validation is not None and self.after_validation(kwargs["model"], state.global_step):
            control.should_training_stop = True
        return control

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """A checkpoint is complete and on the disk."""
        checkpoints.settle(Path(args.output_dir) / f"checkpoint-{state.global_step}")
        self.work.event("checkpoint", step=state.global_step)


def _preference(logs: dict[str, Any], prefix: str) -> dict[str, float | None]:
    """What pairs are told by: share of chosen answers preferred, and by how much; nothing for other methods.

    A reward is beta times how much likelier an answer has become than it was for the reference.
    """
    names = {"accuracies": "accuracy", "margins": "margin", "chosen": "chosen", "rejected": "rejected"}
    told = {ours: logs.get(f"{prefix}rewards/{theirs}") for theirs, ours in names.items()}
    return {name: _number(value) for name, value in told.items() if value is not None}


def _smallest_matrix(model: Any) -> tuple[str, torch.Tensor] | None:  # noqa: ANN401
    """Name and copy of the smallest matrix that has a gradient."""
    found = [
        (name, weight)
        for name, weight in model.named_parameters()
        if weight.ndim == 2 and weight.grad is not None and bool(weight.grad.any())
    ]
    name, weight = min(found, key=lambda one: one[1].numel(), default=("", None))
    return (name, weight.detach().clone()) if weight is not None else None


def _number(value: Any) -> float | None:  # noqa: ANN401
    return float(value) if value is not None and isfinite(value) else None
