"""Answers in batches, by a plan that is frozen before the first token.

Half-precision answers depend on the batch they are made in (float32 ones do not), hence the frozen plan; a
finished batch is not lost when the process is killed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from curation import chat
from curation.errors import MissingModel
from curation.progress import SILENT, Progress
from evals.cache import AnswerCache, answer_key
from evals.greedy import OutOfMemory, Writer

if TYPE_CHECKING:
    from curation.dialect import Tokenizer
    from evals.constrained import Guide

Finish = Literal["stop", "length", "empty", "error"]
Plan = list[list[str]]


@dataclass(frozen=True, slots=True)
class Decoding:
    """Greedy decoding: at most `max_new_tokens`, up to and with the first token of `stop_ids`."""

    max_new_tokens: int
    stop_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens of one question; `key` comes back with its answer."""

    key: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Generated:
    """One answer.

    Attributes:
        text: without control tokens, leading reasoning block and outer blanks.
        raw_text: every token as text.
        finish: "empty" is a stop before any text; "error" has its reason in `error` and no text.
        tokens_in: tokens of the prompt.
        tokens_out: tokens written, the stop token included.
        seconds: the batch's time divided by its rows: they add up to the time spent.
        batch: index of the batch in the plan.
    """

    key: str
    text: str
    raw_text: str
    finish: Finish
    tokens_in: int
    tokens_out: int
    seconds: float
    batch: int
    error: str = ""


@dataclass(frozen=True, slots=True)
class Budget:
    """How large a batch may be: padded tokens (prompt and answer) and rows."""

    tokens: int
    rows: int


# One core wrote 7.6 times as many tokens a second with 32 rows as with one, 4.0 times with 8 (SmolLM2-135M in
# float32); more rows mean more work lost when killed. 16,384 tokens are 0.8 GB of keys and values there.
BUDGETS = {"cpu": Budget(16_384, 32), "mps": Budget(16_384, 32), "cuda": Budget(131_072, 256)}


@dataclass(frozen=True, slots=True)
class Finished:
    """One unit of finished work.

    Attributes:
        batch: index in the plan.
        answers: in the order of the batch.
        made: how many of them were generated now; the others came from the cache.
        rest: set when memory ran out: from index `batch` on the plan is this one now, and `note` says why.
    """

    batch: int
    answers: tuple[Generated, ...] = ()
    made: int = 0
    rest: Plan | None = None
    note: str = ""


def plan(prompts: Sequence[Prompt], budget: Budget, new_tokens: int) -> Plan:
    """Cut the prompts into batches of keys: longest first, so that memory fails early.

    Args:
        prompts: with different keys.
        budget: limits of one batch; a prompt larger than it is a batch of its own.
        new_tokens: most tokens of an answer.
    """
    batches: Plan = []
    width = 0
    for prompt in sorted(prompts, key=lambda prompt: (-len(prompt.ids), prompt.key)):
        size = len(batches[-1]) + 1 if batches else 0
        if not batches or size > budget.rows or size * width > budget.tokens:
            batches.append([])
            width = len(prompt.ids) + new_tokens
        batches[-1].append(prompt.key)
    return batches


def generate(
    model: Any,  # noqa: ANN401  a transformers or peft model
    tokenizer: Tokenizer,
    prompts: Sequence[Prompt],
    batches: Plan,
    decoding: Decoding,
    *,
    progress: Progress = SILENT,
    cache: AnswerCache | None = None,
    identity: str = "",
    done: frozenset[int] = frozenset(),
    guide: Guide | None = None,
) -> Iterator[Finished]:
    """Answer batch after batch of the plan.

    Args:
        model: in evaluation mode, on its device, with the wanted adapter active (see `adapter`).
        tokenizer: the model's own.
        prompts: all prompts of the plan, finished ones too: what they share decides what is computed once.
        batches: from `plan`, or as stored.
        decoding: the same for all.
        progress: advances by rows, and by 0 at each token so that a stop is seen within a step.
        cache: where answers are looked up and kept.
        identity: from `cache.identity`; needed with `cache`.
        done: indices of batches to leave out.
        guide: holds every answer to a schema; `identity` must say so.

    Yields:
        One `Finished` a batch; one more without answers when memory ran out and the rest was planned anew.
    """
    by_key = {prompt.key: prompt for prompt in prompts}
    pad = getattr(tokenizer, "pad_token_id", None)
    pad = int(pad if pad is not None else decoding.stop_ids[0])
    writer = Writer(model, [prompt.ids for prompt in prompts], decoding.stop_ids, pad, progress, guide)
    waiting = [list(batch) for batch in batches]
    number = 0
    while number < len(waiting):
        if number in done:
            number += 1
            continue
        batch = [by_key[key] for key in waiting[number]]
        keys = {prompt.key: answer_key(identity, prompt.ids, asdict(decoding)) for prompt in batch}
        stored = cache.get(list(keys.values())) if cache is not None else {}
        missing = [prompt for prompt in batch if keys[prompt.key] not in stored]
        try:
            made = {answer.key: answer for answer in _answers(writer, tokenizer, missing, decoding, number)}
        except OutOfMemory:
            tokens = len(missing) * (max(len(prompt.ids) for prompt in missing) + decoding.max_new_tokens)
            rest = [by_key[key] for some in waiting[number:] for key in some]
            waiting[number:] = plan(rest, Budget(tokens // 2, len(missing) // 2), decoding.max_new_tokens)
            note = (
                f"memory ran out with {len(missing)} rows of {tokens} tokens; batches are half as large now"
            )
            yield Finished(number, rest=[list(some) for some in waiting[number:]], note=note)
            continue
        if cache is not None:
            cache.put({keys[key]: _stored(one) for key, one in made.items() if one.finish != "error"})
        answers = [
            made.get(prompt.key) or Generated(key=prompt.key, batch=number, **stored[keys[prompt.key]])
            for prompt in batch
        ]
        progress.advance(len(batch))
        yield Finished(number, tuple(answers), made=len(made))
        number += 1


def load_adapters(model: Any, folders: Mapping[str, Path]) -> Any:  # noqa: ANN401  a transformers model
    """The base model with every adapter loaded beside it; choose with `adapter`.

    Raises:
        MissingModel: an adapter without safetensors: other files of weights can run code when they are opened.
    """
    if not folders:
        return model
    from peft import PeftModel

    for folder in folders.values():
        if not (folder / "adapter_model.safetensors").is_file():
            raise MissingModel(
                "This adapter has no adapter_model.safetensors.",
                where=str(folder),
                hint="Train it again, or save it with safetensors; pickled weights are never opened.",
            )

    names = list(folders)
    loaded = PeftModel.from_pretrained(model, str(folders[names[0]]), adapter_name=names[0])
    for name in names[1:]:
        loaded.load_adapter(str(folders[name]), adapter_name=name)
    return loaded.eval()


@contextmanager
def adapter(model: Any, name: str | None) -> Iterator[Any]:  # noqa: ANN401  a transformers or peft model
    """One loaded model as the base (None) or with one of its adapters; nothing is merged."""
    if name is None:
        with model.disable_adapter() if hasattr(model, "peft_config") else nullcontext():
            yield model
        return
    before = model.active_adapter
    model.set_adapter(name)
    try:
        yield model
    finally:
        model.set_adapter(before)


def _answers(
    writer: Writer, tokenizer: Tokenizer, prompts: Sequence[Prompt], decoding: Decoding, number: int
) -> list[Generated]:
    """Answers to the prompts of one batch; what cannot be asked is an answer with its reason."""
    fit = [prompt for prompt in prompts if 0 < len(prompt.ids) < writer.limit]
    reason = f"the prompt does not fit the model's {writer.limit} tokens"
    begin = time.perf_counter()
    written: dict[str, list[int]] = {}
    try:
        ids = writer.write([prompt.ids for prompt in fit], decoding.max_new_tokens) if fit else []
        written = dict(zip((prompt.key for prompt in fit), ids, strict=True))
    except OutOfMemory:
        if len(fit) > 1:
            raise
        reason = f"memory ran out on one prompt of {len(fit[0].ids)} tokens"
    seconds = (time.perf_counter() - begin) / max(len(fit), 1)
    answers = []
    for prompt in prompts:
        size = len(prompt.ids)
        if prompt.key not in written:
            answers.append(Generated(prompt.key, "", "", "error", size, 0, 0.0, number, reason))
            continue
        ids_out = written[prompt.key]
        text, raw = chat.answer_text(tokenizer, ids_out), chat.raw_text(tokenizer, ids_out)
        stopped = ids_out[-1] in decoding.stop_ids
        finish: Finish = "length" if not stopped else "stop" if text else "empty"
        answers.append(Generated(prompt.key, text, raw, finish, size, len(ids_out), seconds, number))
    return answers


def _stored(answer: Generated) -> dict[str, Any]:
    return {key: value for key, value in asdict(answer).items() if key not in ("key", "batch")}
