"""One attempt at a run: from its newest checkpoint to the saved weights, whatever the method.

The tokens trained on are those of the preflight: their digest is computed again from what the trainer holds.
When memory runs out the micro-batch is halved and the accumulation doubled, so that every step sees the same
rows; the attempt begins again from the newest checkpoint.
"""

from __future__ import annotations

import gc
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from curation import events, models
from curation.errors import JobFailed, Stopped
from curation.work import Work
from training import best, checkpoints, smoke, tokens, weights
from training.batches import StepSize, step_sizes, steps_in_epoch
from training.curve import loss_curve
from training.recipe import every, warmup
from training.tokens import Tokenised

if TYPE_CHECKING:
    from training.callback import Reporter
    from training.manifest import Run
    from training.trainer import SortedBatches

EVERY_STEP_UP_TO = 2000  # steps that are all logged; a longer run has about 1000 points
SMALLER = "smaller_micro_batch"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a method makes its trainer from; `micro` rows are computed at once, `step` steps lie behind."""

    run: Run
    work: Work
    model: Any
    tokenizer: Any
    data: Tokenised
    held: Tokenised
    sizes: list[StepSize]
    micro: int
    step: int
    reporter: Reporter

    @property
    def pad_id(self) -> int:
        """The token that fills up a batch; it carries no loss."""
        ends, pads = self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        return int(ends if pads is None else pads)

    def order(self) -> SortedBatches:
        """The rows' order: cut as the recipe says, whatever the memory allowed."""
        from training.trainer import SortedBatches

        recipe, widths = self.run.recipe, self.data.widths
        epoch = self.step // steps_in_epoch(len(widths), recipe)
        return SortedBatches(widths, recipe.per_device_train_batch_size, seed=recipe.seed, epoch=epoch)


Build = Callable[[Attempt], Any]  # gives TRL's trainer
Held = Callable[[Any], Any]  # the rows a trainer holds, as (input_ids, labels)


def carry_through(run: Run, work: Work, build: Build, held_by: Held) -> dict[str, Any]:
    """Train, save, and ask a few validation prompts; with a smaller micro-batch each time memory runs out.

    Args:
        build: makes the method's trainer.
        held_by: gives the rows a trainer holds, in the order of the prepared ones.

    Returns:
        What goes into result.json: steps, losses, speed and seconds of this attempt, peak memory, smoke test.

    Raises:
        Stopped: a person asked for it; a checkpoint was saved.
        JobFailed: a loss that is no number, weights that do not move, other tokens than shown, or no memory
            for a single row.
    """
    while True:
        micro = _micro(run)
        try:
            return _once(run, work, build, held_by, micro)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
        _free_memory()  # outside the handler, whose traceback keeps the batch alive
        _halve(run, work, micro)


def out_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: each device says it in its own way."""
    told = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in told or "can't allocate memory" in told


def _micro(run: Run) -> int:
    """Rows computed at once: the recipe's, or what an earlier attempt had to fall back to."""
    said = events.read(run.folder, kinds=(SMALLER,))
    return int(said[-1].fields["rows"]) if said else run.recipe.per_device_train_batch_size


def _halve(run: Run, work: Work, micro: int) -> None:
    """Say that half as many rows are computed at once from now on.

    Raises:
        JobFailed: it is one row already.
    """
    less = next((size for size in range(micro // 2, 0, -1) if micro % size == 0), 0)
    if not less:
        raise JobFailed(
            "Memory ran out with a single row at a time.",
            hint="In this order: lora_dropout 0; gradient_checkpointing; max_tokens; quantization nf4; a smaller r.",
        )
    together = run.recipe.rows_per_step // less
    work.event(
        SMALLER,
        rows=less,
        accumulation=together,
        message=f"Memory ran out with {micro} rows at once; {less} at once and {together} together from now on: "
        "every step still sees the same rows.",
    )


def _free_memory() -> None:
    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _once(run: Run, work: Work, build: Build, held_by: Held, micro: int) -> dict[str, Any]:
    work.stage("Loading the model")
    data, held = run.tokens("train"), run.tokens("validation")
    place = models.resolve(run.task.model.name, run.task.model.revision)
    device = models.device(run.manifest.device, run.manifest.dtype)
    tokenizer = models.load_tokenizer(place, run.template)
    start = checkpoints.newest(run.checkpoints)
    checkpoints.clear_incomplete(run.checkpoints)
    if work.should_stop():
        raise Stopped("Stopped before the first step.")
    sizes = step_sizes(data.widths, run.recipe, tokens=data.sizes, micro=micro)
    attempt = Attempt(
        run,
        work,
        weights.load(run, place, device),
        tokenizer,
        data,
        held,
        sizes,
        micro,
        start.step if start else 0,
        _reporter(run, work, sizes, tokenizer, data, held),
    )
    trainer = build(attempt)
    weights.keep_adapter_precise(trainer.model, run.recipe)
    _same_tokens(held_by(trainer), run.manifest.digest)
    _train(trainer, attempt, start)
    kept = best.restore(run, trainer.model) if run.recipe.keep == "best" else None
    work.stage("Saving the weights")
    weights.save(run, trainer.model, tokenizer, place)
    best.forget(run)
    if run.recipe.gradient_checkpointing:  # it excludes the cache that answering needs
        off = "activation_checkpointing_disable"
        older = "gradient_checkpointing_disable"
        getattr(trainer.model, off if hasattr(trainer.model, off) else older)()
    answers = smoke.ask(trainer.model, tokenizer, data, held, run.task.max_new_tokens, work)
    return _result(attempt, device, answers) | {"kept_step": kept}


def _reporter(
    run: Run,
    work: Work,
    sizes: list[StepSize],
    tokenizer: Any,  # noqa: ANN401
    data: Tokenised,
    held: Tokenised,
) -> Reporter:
    from training.callback import Reporter

    recipe = run.recipe
    whole = recipe.tuning == "full"
    patience = 10 if run.manifest.dtype == "float16" else 1
    if whole:  # a step of the warm-up may be too small to change a weight
        patience += warmup(recipe, len(sizes))
    # checkpointing of gradients excludes the cache that answering needs
    count = 0 if recipe.gradient_checkpointing else recipe.sample_rows

    def after_validation(model: Any, step: int) -> bool:  # noqa: ANN401
        if count:
            for answer in smoke.sample(model, tokenizer, data, held, run.task.max_new_tokens, count):
                work.event("sample", step=step, **answer)
        if recipe.keep == "best":
            best.keep(run, model, step)
        over = best.tired(run.folder, recipe.patience) and step < len(sizes)
        if over:
            told = f"Stopped at step {step}: {recipe.patience} validation losses without a better one."
            work.event("early_stop", step=step, message=told)
        return over

    return Reporter(
        work,
        sizes,
        validates=bool(held.rows),
        patience=patience,
        whole=whole,
        after_validation=after_validation,
    )


def _train(trainer: Any, attempt: Attempt, start: checkpoints.Checkpoint | None) -> None:  # noqa: ANN401
    if start and start.step == len(attempt.sizes):  # transformers would take a step too many
        attempt.reporter.begin(start.step)
        weights.take(trainer.model, start.folder)
        return
    trainer.train(resume_from_checkpoint=str(start.folder) if start else None)
    if attempt.work.should_stop() and trainer.state.global_step < len(attempt.sizes):
        raise Stopped("Stopped on request.")


def _same_tokens(held: Any, digest: str) -> None:  # noqa: ANN401
    """Prove that the trainer holds the preflight's tokens.

    Raises:
        JobFailed: it holds others.
    """
    if tokens.digest(held) != digest:
        raise JobFailed(
            "The trainer was handed other tokens than the preflight showed.",
            hint="The files in data/ were changed, or the trainer changed its rows. Start a new run.",
        )


def _result(attempt: Attempt, device: models.Device, answers: list[dict[str, Any]]) -> dict[str, Any]:
    curve, reporter = loss_curve(attempt.run.folder), attempt.reporter
    return {
        "steps": len(attempt.sizes),
        "loss": curve.train[-1].loss if curve.train else None,
        "eval_loss": curve.validation[-1].loss if curve.validation else None,
        "seconds": reporter.seconds,
        "tokens_per_second": reporter.tokens_per_second,
        "padded_tokens_per_second": reporter.padded_per_second,
        "peak_memory_bytes": _peak(device.kind),
        "micro_batch": attempt.micro,
        "device": device.kind,
        "dtype": device.dtype,
        "smoke": answers,
    }


def _peak(device: str) -> int:
    """Bytes at the peak: of the device's memory on CUDA, else of the process."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def settings(attempt: Attempt) -> dict[str, Any]:
    """The trainer's settings that all methods share, each that matters written out: TRL's defaults mislead.

    bf16 is on by default and raises without a GPU; a length limit cuts answers; NaN losses are replaced
    by the mean; gradient checkpointing is on and costs a fifth of the speed.
    """
    run, recipe = attempt.run, attempt.run.recipe
    steps, validates = len(attempt.sizes), bool(attempt.held.rows)
    logged = 1 if steps <= EVERY_STEP_UP_TO else -(-steps // 1000)
    saved = max(1, round(every(recipe.save_steps, steps) / logged)) * logged
    cuda = run.manifest.device == "cuda"
    reentrant = {"use_reentrant": False}
    return {
        "output_dir": str(run.checkpoints),
        "use_cpu": run.manifest.device == "cpu",
        "bf16": cuda and run.manifest.dtype == "bfloat16",
        "fp16": cuda and run.manifest.dtype == "float16",
        "tf32": None,
        "seed": recipe.seed,
        "data_seed": recipe.seed,
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.lr_scheduler_type,
        "warmup_steps": warmup(recipe, steps),
        "num_train_epochs": recipe.num_train_epochs,
        "max_steps": recipe.max_steps or -1,
        "per_device_train_batch_size": attempt.micro,
        "per_device_eval_batch_size": attempt.micro,
        "gradient_accumulation_steps": recipe.rows_per_step // attempt.micro,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "optim": recipe.optim,
        "gradient_checkpointing": recipe.gradient_checkpointing,
        "activation_checkpointing": recipe.gradient_checkpointing,  # its new name
        "gradient_checkpointing_kwargs": reentrant,
        "activation_checkpointing_kwargs": reentrant,
        "max_length": None,
        "eval_strategy": "steps" if validates else "no",
        "eval_steps": every(recipe.eval_steps, steps),
        "prediction_loss_only": True,
        "save_strategy": "steps",
        "save_steps": saved,
        "save_total_limit": recipe.save_total_limit,
        "logging_strategy": "steps",
        "logging_steps": logged,
        "logging_nan_inf_filter": False,
        "report_to": "none",
        "disable_tqdm": True,
        "push_to_hub": False,
        "dataloader_num_workers": 0,
        "dataloader_pin_memory": cuda,
    }
