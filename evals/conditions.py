"""What model answers depend on beside the question, frozen before the first token: the same for a second try."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from curation import chat, models
from curation.dialect import Tokenizer
from curation.errors import BadInput
from curation.files import write_json
from curation.task import Task
from evals import examples, generate, spec
from evals.examples import Example
from evals.questions import Asked
from evals.spec import DecodingOf, Evaluation, Generation

PLAN = "plan.json"
LEAST_NEW_TOKENS = 64
_MEASURED_ROWS = 2000


def new_tokens(task: Task, train: Sequence[Example], tokenizer: Tokenizer) -> tuple[int, str]:
    """Most tokens of an answer, the same for all candidates and splits of a version, with the reason.

    1.5 times the 99th percentile of the training answers (at most 2,000 of them are measured), at least 64.
    """
    if task.max_new_tokens:
        return task.max_new_tokens, "max_new_tokens in the task"
    texts = [row.expected for row in examples.sample(train, _MEASURED_ROWS)]
    lengths = sorted(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]) or [0]
    longest = lengths[math.ceil(0.99 * len(lengths)) - 1] + 1
    most = max(LEAST_NEW_TOKENS, math.ceil(1.5 * longest))
    return (
        most,
        f"1.5 times the 99th percentile of training answers ({longest} tokens), at least {LEAST_NEW_TOKENS}",
    )


def freeze(
    folder: Path,
    made: Evaluation,
    asked: Sequence[Asked],
    place: models.ModelPlace,
    on: models.Device,
    tokenizer: Tokenizer,
    train: Sequence[Example],
) -> Generation:
    """Write down what the answers depend on; a second try must find the same.

    A model with another tokenizer has its own stop tokens, and as much room for an answer in its own tokens.

    Raises:
        BadInput: it does not: other weights, another adapter, another device or precision.
    """
    most, why = new_tokens(made.task, train, tokenizer)
    ends = _generation_config(place.path)
    on_base = [tokenizer, *(one.tokenizer for one in asked if one.candidate.kind != "model")]
    others = {one.name: _of_model(one, made.task, train) for one in asked if one.candidate.kind == "model"}
    now = Generation(
        model=place.name,
        model_fingerprint=models.fingerprint(place),
        adapters={one.name: one.weights.fingerprint for one in asked if one.weights.fingerprint},
        device=on.kind,
        dtype=on.dtype,
        device_reason=on.reason,
        max_new_tokens=most,
        max_new_tokens_reason=why,
        stop_ids=sorted({stop for used in on_base for stop in chat.stop_ids(used, ends)}),
        plan=PLAN,
        others=others,
    )
    if made.generation is None:
        budget = generate.BUDGETS[on.kind]
        plans = {
            one.name: generate.plan(one.prompts, budget, now.decoding(one.name).max_new_tokens)
            for one in asked
        }
        write_json(folder / PLAN, plans)
        spec.save(folder, made.model_copy(update={"generation": now}))
        return now
    before, after = made.generation.model_dump(), now.model_dump()
    other = [key for key in before if before[key] != after[key] and not key.endswith("reason")]
    if other:
        told = "; ".join(f"{key} was {before[key]!r} and is {after[key]!r}" for key in other)
        raise BadInput(
            f"The answers so far were made under other conditions: {told}.",
            where=folder.name,
            hint="Make a new evaluation; answers that can be used again are taken from the cache.",
        )
    return now


def _of_model(one: Asked, task: Task, train: Sequence[Example]) -> DecodingOf:
    ends = _generation_config(one.weights.base.model) if one.weights.base.model else None
    most, _ = new_tokens(task, train, one.tokenizer)
    return DecodingOf(max_new_tokens=most, stop_ids=sorted(chat.stop_ids(one.tokenizer, ends)))


def stop_ids(tokenizer: Tokenizer, model: Path) -> frozenset[int]:
    """The tokens that end an answer of the model in this folder."""
    return chat.stop_ids(tokenizer, _generation_config(model))


def _generation_config(folder: Path) -> object | None:
    from transformers import GenerationConfig

    try:
        found: object = GenerationConfig.from_pretrained(str(folder), local_files_only=True)
        return found
    except OSError:
        return None
