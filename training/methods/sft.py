"""Supervised fine-tuning with LoRA: TRL's trainer on the run's own tokens, from its newest checkpoint.

The tokens trained on are those of the preflight: their digest is computed again from what the trainer holds.
"""

from __future__ import annotations

import gc
import os
import resource
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curation import chat, models
from curation.errors import JobFailed, Stopped
from curation.work import Work
from training import checkpoints, tokens
from training.batches import step_sizes, steps_in_epoch
from training.curve import loss_curve
from training.recipe import Recipe, every, warmup
from training.tokens import Tokenised

if TYPE_CHECKING:
    from training.callback import Reporter
    from training.manifest import Run

EVERY_STEP_UP_TO = 2000  # steps that are all logged; a longer run has about 1000 points
SMOKE_ROWS = 3
SMOKE_TOKENS = 256


def train(run: Run, work: Work) -> dict[str, Any]:
    """Train the adapter, save it, and ask it a few validation prompts.

    Returns:
        What goes into result.json: steps, losses, speed and seconds of this attempt, peak memory, smoke test.

    Raises:
        Stopped: a person asked for it; a checkpoint was saved.
        JobFailed: a loss that is no number, an adapter that does not learn, other tokens than shown.
    """
    work.stage("Loading the model")
    data, held = run.tokens("train"), run.tokens("validation")
    place = models.resolve(run.task.model.name, run.task.model.revision)
    device = models.device(run.manifest.device, run.manifest.dtype)
    tokenizer = models.load_tokenizer(place, run.template)
    start = checkpoints.newest(run.checkpoints)
    checkpoints.clear_incomplete(run.checkpoints)
    if work.should_stop():
        raise Stopped("Stopped before the first step.")
    trainer, reporter = _trainer(
        run, work, models.load_model(place, device), tokenizer, data, held, start.step if start else 0
    )
    _same_tokens(trainer, run.manifest.digest)
    if start and start.step == len(reporter.sizes):  # transformers would take a step too many
        reporter.begin(start.step)
        _take_weights(trainer.model, start.folder)
    else:
        trainer.train(resume_from_checkpoint=str(start.folder) if start else None)
        if work.should_stop() and trainer.state.global_step < len(reporter.sizes):
            raise Stopped("Stopped on request.")
    work.stage("Saving the adapter")
    _save(trainer.model, tokenizer, place, run.adapter)
    if run.recipe.gradient_checkpointing:  # it excludes the cache that answering needs
        off = "activation_checkpointing_disable"
        older = "gradient_checkpointing_disable"
        getattr(trainer.model, off if hasattr(trainer.model, off) else older)()
    smoke = _smoke(trainer.model, tokenizer, data, held, run.task.max_new_tokens, work)
    curve = loss_curve(run.folder)
    return {
        "steps": len(reporter.sizes),
        "loss": curve.train[-1].loss if curve.train else None,
        "eval_loss": curve.validation[-1].loss if curve.validation else None,
        "seconds": reporter.seconds,
        "tokens_per_second": reporter.tokens_per_second,
        "padded_tokens_per_second": reporter.padded_per_second,
        "peak_memory_bytes": _peak(device.kind),
        "device": device.kind,
        "dtype": device.dtype,
        "smoke": smoke,
    }


def _trainer(
    run: Run,
    work: Work,
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    data: Tokenised,
    held: Tokenised,
    step: int,
) -> tuple[Any, Reporter]:
    from peft import LoraConfig, get_peft_model
    from transformers import set_seed

    from training import trainer as own
    from training.callback import Reporter

    recipe, on = run.recipe, run.manifest
    sizes = step_sizes(data.lengths, recipe)
    set_seed(recipe.seed)
    skip = own.can_skip_unlabelled(model, on.device)
    targets = recipe.target_modules
    model = get_peft_model(
        model,
        LoraConfig(
            task_type="CAUSAL_LM",
            r=recipe.r,
            lora_alpha=recipe.lora_alpha,
            lora_dropout=recipe.lora_dropout,
            target_modules=targets if isinstance(targets, str) else list(targets),
            bias="none",
        ),
    )
    if recipe.gradient_checkpointing:
        model.enable_input_require_grads()  # without it the adapter gets no gradient (transformers#42489)
    pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
    reporter = Reporter(work, sizes, validates=bool(held.rows), patience=10 if on.dtype == "float16" else 1)
    epoch = step // steps_in_epoch(len(data.rows), recipe)
    trainer = own.Sft(
        order=own.SortedBatches(
            data.lengths, recipe.per_device_train_batch_size, seed=recipe.seed, epoch=epoch
        ),
        skip_unlabelled=skip,
        model=model,
        args=_arguments(recipe, run, len(sizes), bool(held.rows)),
        train_dataset=_dataset(data),
        eval_dataset=_dataset(_by_length(held)) if held.rows else None,
        processing_class=tokenizer,
        data_collator=lambda rows: own.pad(rows, pad_id),
        callbacks=[reporter],
    )
    return trainer, reporter


def _arguments(recipe: Recipe, run: Run, steps: int, validates: bool) -> Any:  # noqa: ANN401
    """TRL's settings, each that matters written out: several of its defaults fail or mislead here.

    bf16 is on by default and raises without a GPU; a length limit cuts answers; NaN losses are replaced
    by the mean; gradient checkpointing is on and costs a fifth of the speed.
    """
    from trl import SFTConfig

    from training.trainer import accepted

    logged = 1 if steps <= EVERY_STEP_UP_TO else -(-steps // 1000)
    saved = max(1, round(every(recipe.save_steps, steps) / logged)) * logged
    cuda = run.manifest.device == "cuda"
    reentrant = {"use_reentrant": False}
    return SFTConfig(
        **accepted(
            SFTConfig,
            output_dir=str(run.checkpoints),
            use_cpu=run.manifest.device == "cpu",
            bf16=cuda and run.manifest.dtype == "bfloat16",
            fp16=cuda and run.manifest.dtype == "float16",
            tf32=None,
            seed=recipe.seed,
            data_seed=recipe.seed,
            learning_rate=recipe.learning_rate,
            lr_scheduler_type=recipe.lr_scheduler_type,
            warmup_steps=warmup(recipe, steps),
            num_train_epochs=recipe.num_train_epochs,
            max_steps=recipe.max_steps or -1,
            per_device_train_batch_size=recipe.per_device_train_batch_size,
            per_device_eval_batch_size=recipe.per_device_train_batch_size,
            gradient_accumulation_steps=recipe.gradient_accumulation_steps,
            weight_decay=recipe.weight_decay,
            max_grad_norm=recipe.max_grad_norm,
            optim=recipe.optim,
            gradient_checkpointing=recipe.gradient_checkpointing,
            activation_checkpointing=recipe.gradient_checkpointing,  # its new name
            gradient_checkpointing_kwargs=reentrant,
            activation_checkpointing_kwargs=reentrant,
            max_length=None,
            packing=False,
            dataset_kwargs={"skip_prepare_dataset": True},
            eval_strategy="steps" if validates else "no",
            eval_steps=every(recipe.eval_steps, steps),
            prediction_loss_only=True,
            label_names=["labels"],
            save_strategy="steps",
            save_steps=saved,
            save_total_limit=recipe.save_total_limit,
            logging_strategy="steps",
            logging_steps=logged,
            logging_nan_inf_filter=False,
            report_to="none",
            disable_tqdm=True,
            push_to_hub=False,
            dataloader_num_workers=0,
            dataloader_pin_memory=cuda,
            remove_unused_columns=True,
        )
    )


def _dataset(rows: Tokenised) -> Any:  # noqa: ANN401
    from datasets import Dataset
    from datasets.table import InMemoryTable

    return Dataset(InMemoryTable(tokens.table(rows)))


def _by_length(rows: Tokenised) -> Tokenised:
    ranked = sorted(rows.rows, key=lambda row: (-len(row.input_ids), row.id))
    return Tokenised(tuple(ranked), (), ())


def _same_tokens(trainer: Any, digest: str) -> None:  # noqa: ANN401
    """Prove that the trainer holds the preflight's tokens.

    Raises:
        JobFailed: it holds others.
    """
    held = trainer.train_dataset
    found = tokens.digest(zip(held["input_ids"], held["labels"], strict=True))
    if found != digest:
        raise JobFailed(
            "The trainer was handed other tokens than the preflight showed.",
            hint="The files in data/ were changed, or the trainer changed its rows. Start a new run.",
        )


def _take_weights(model: Any, checkpoint: Path) -> None:  # noqa: ANN401
    """Put a checkpoint's adapter into the model."""
    from peft import set_peft_model_state_dict
    from safetensors.torch import load_file

    set_peft_model_state_dict(model, load_file(checkpoint / checkpoints.WEIGHTS))


def _save(model: Any, tokenizer: Any, place: models.ModelPlace, folder: Path) -> None:  # noqa: ANN401
    """Write adapter/ whole or not at all; its base is the task's name for it, not a local path."""
    part = folder.with_name(f".{folder.name}.part")
    for old in (part, folder):
        shutil.rmtree(old, ignore_errors=True)
    config = model.peft_config["default"]
    config.base_model_name_or_path = place.name
    config.revision = place.revision
    if not isinstance(config.target_modules, str):
        config.target_modules = sorted(config.target_modules)  # a set: its order would change the file
    model.save_pretrained(str(part), save_embedding_layers=False)
    tokenizer.save_pretrained(str(part))
    (part / "README.md").unlink(missing_ok=True)
    checkpoints.settle(part)
    os.replace(part, folder)


def _smoke(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    data: Tokenised,
    held: Tokenised,
    limit: int | None,
    work: Work,
) -> list[dict[str, Any]]:
    """Ask a few validation prompts, exactly as evaluations do: does the model stop by itself?"""
    import torch

    gc.collect()
    model.eval()
    model.config.use_cache = True
    stops = chat.stop_ids(tokenizer, model.generation_config)
    longest = max(row.trained for row in data.rows)
    most = limit or min(SMOKE_TOKENS, 2 * longest + 16)
    rows = held.rows[:SMOKE_ROWS]
    work.stage("Asking the tuned model", len(rows))
    answers = []
    for row in rows:
        prompt, expected = _last_turn(row)
        with torch.no_grad():
            made = _greedy(model, prompt, stops, most)
        finish = "stop" if made and made[-1] in stops else "length"
        answers.append(
            {
                "id": row.id,
                "finish": finish,
                "answer": chat.answer_text(tokenizer, made),
                "expected": chat.answer_text(tokenizer, expected),
            }
        )
        work.event("smoke", **answers[-1])
    return answers


def _last_turn(row: tokens.Encoded) -> tuple[list[int], list[int]]:
    """The prompt of the row's last trained turn, and that turn."""
    end = max(i for i, label in enumerate(row.labels) if label != chat.NO_LOSS) + 1
    start = end
    while start and row.labels[start - 1] != chat.NO_LOSS:
        start -= 1
    return list(row.input_ids[:start]), list(row.input_ids[start:end])


def _greedy(model: Any, prompt: list[int], stops: frozenset[int], most: int) -> list[int]:  # noqa: ANN401
    import torch
    from transformers import GenerationConfig

    ids = torch.tensor([prompt], device=model.device)
    settings = GenerationConfig(
        do_sample=False, max_new_tokens=most, eos_token_id=sorted(stops), pad_token_id=min(stops)
    )
    made = model.generate(input_ids=ids, attention_mask=torch.ones_like(ids), generation_config=settings)
    return [int(token) for token in made[0][len(prompt) :]]


def _peak(device: str) -> int:
    """Bytes at the peak: of the device's memory on CUDA, else of the process."""
    if device == "cuda":
        import torch

        return int(torch.cuda.max_memory_allocated())
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
