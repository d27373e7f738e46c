"""What the preflight looks for in the prepared rows: each function yields what it found, with the rows.

An error keeps the run from starting; a warning is worth knowing before it does.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from curation import chat
from curation.dialect import TemplateProblem, Tokenizer
from curation.example import text_of
from curation.task import Task
from training import tokens
from training.batches import total_steps
from training.estimate import Estimate, ModelFacts
from training.fields import RATES
from training.recipe import Recipe
from training.tokens import Row, Tokenised

FEW_ROWS = 50  # OpenAI's fine-tuning guide: gains are usual from 50 to 100 examples, 10 is the least
FEW_STEPS = 30
MANY_EPOCHS = 20
RARE, COMMON = 0.02, 0.80
LEAST_COMPLETION = 0.05


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong (`error`: no start) or worth knowing (`warning`), with the rows it concerns."""

    severity: Literal["error", "warning"]
    code: str
    message: str
    hint: str = ""
    ids: tuple[str, ...] = ()


def _error(code: str, message: str, hint: str = "", ids: Iterable[str] = ()) -> Finding:
    return Finding("error", code, message, hint, tuple(ids))


def _warning(code: str, message: str, hint: str = "", ids: Iterable[str] = ()) -> Finding:
    return Finding("warning", code, message, hint, tuple(ids))


def _rows(n: int) -> str:
    return f"{n:,} row" if n == 1 else f"{n:,} rows"


def no_test(test: Sequence[Row]) -> Iterable[Finding]:
    """No held-out row to prove anything with."""
    if not test:
        yield _error(
            "no-test-set",
            "The version has no test rows, so nothing could ever be proved.",
            "Split with a test set and freeze again: workbench split PROJECT --test 0.2",
        )


def leaked(splits: Mapping[str, list[Row]]) -> Iterable[Finding]:
    """Held-out rows in the training rows, recomputed from the frozen files."""
    for split in ("test", "validation"):
        for what, field in (("id", "id"), ("duplicate cluster", "cluster"), ("group", "group")):
            held = {getattr(row, field) for row in splits[split]} - {None, ""}
            ids = [row.id for row in splits["train"] if getattr(row, field) in held]
            if ids:
                yield _error(
                    "leak",
                    f"{_rows(len(ids))} in train share their {what} with a {split} row.",
                    "Split again and freeze a new version.",
                    ids,
                )


def rows_that_cannot(train: Tokenised, facts: ModelFacts, tokenizer: Tokenizer) -> Iterable[Finding]:
    """Rows that cannot be trained on as they are."""
    problems = train.problems if tokenizer.chat_template else ()  # without one, `stops` says it once
    for reason, n in Counter(one.reason for one in problems).most_common(5):
        ids = [one.id for one in problems if one.reason == reason]
        yield _error(
            "template", f"{_rows(n)}: {reason}", "Edit or drop them in Review, then freeze again.", ids
        )
    masked = [row.id for row in train.rows if not row.trained]
    if masked:
        yield _error(
            "no-loss",
            f"{_rows(len(masked))} without a token that carries loss.",
            "Drop them in Review, then freeze again.",
            masked,
        )
    if facts.context:
        long = [row for row in train.rows if len(row.input_ids) > facts.context]
        if long:
            yield _error(
                "too-long",
                f"{_rows(len(long))} longer than the model's context of {facts.context:,} tokens.",
                f"Leave them out, listed, with --set max_tokens={facts.context}.",
                (row.id for row in long),
            )
    bos = getattr(tokenizer, "bos_token_id", None)
    doubled = [row.id for row in train.rows if bos is not None and row.input_ids[:2] == (bos, bos)]
    if doubled:
        yield _warning(
            "double-bos",
            f"{_rows(len(doubled))} begin with the beginning-of-text token twice.",
            "The chat template and the tokenizer both write it.",
            doubled,
        )


def stops(tokenizer: Tokenizer, facts: ModelFacts) -> Iterable[Finding]:
    """Whether the token that ends an answer is one at which the model is known to stop."""
    try:
        end = chat.end_of_turn(tokenizer)
    except TemplateProblem as problem:
        yield _error("template", problem.message, problem.hint)
        return
    if facts.eos_ids and end not in facts.eos_ids:
        yield _warning(
            "end-of-turn",
            "The template's end-of-turn token is not among the tokens at which the model stops "
            "by its own generation settings.",
            "Evaluations here stop at it; another server must be told to.",
        )


def listed(train: Tokenised) -> Iterable[Finding]:
    """Rows left out for their length."""
    long = [one for one in train.left_out if one.tokens is not None]
    if long:
        yield _warning(
            "left-out",
            f"{_rows(len(long))} over max_tokens left out: longest "
            f"{max(one.tokens or 0 for one in long):,} tokens.",
            "They are listed by id; raise max_tokens to train on them.",
            (one.id for one in long),
        )


def pairs(train: Tokenised, used: Sequence[Row], recipe: Recipe) -> Iterable[Finding]:
    """Rows and method that do not go together."""
    none = [one.id for one in train.left_out if one.reason.startswith("no pair")]
    if none:
        yield _warning(
            "no-pair",
            f"{_rows(len(none))} left out: dpo needs a chosen and a rejected answer, and they differ.",
            "They are listed by id; import preference pairs, or train with method sft.",
            none,
        )
    both = [row.id for row in used if row.rejected is not None]
    if both and recipe.method == "sft":
        yield _warning(
            "pairs",
            f"{_rows(len(both))} are pairs: sft imitates the chosen answer and never reads the rejected one.",
            "That is the usual first run; method dpo learns from both.",
            both,
        )


def few(train: Tokenised, recipe: Recipe) -> Iterable[Finding]:
    """Too little to learn from, or the same few rows too often."""
    n = len(train.ids)
    if not n:
        yield _error(
            "no-rows",
            "No row is left to train on.",
            "Freeze a version with training rows that fit the method, or raise max_tokens.",
        )
    elif n < FEW_ROWS:
        yield _warning("few-rows", f"Only {_rows(n)}; gains are usual from {FEW_ROWS} on.")
    steps = total_steps(len(train.widths), recipe)
    if n and recipe.max_steps is None and steps < FEW_STEPS:
        yield _warning(
            "few-steps",
            f"Only {steps} steps; under {FEW_STEPS} little is learned.",
            "Add rows or epochs, lower the accumulation, or raise the learning rate.",
        )
    if recipe.num_train_epochs > MANY_EPOCHS and n < 1000:
        yield _warning(
            "many-epochs",
            f"{recipe.num_train_epochs:g} epochs over {_rows(n)} learn them by heart.",
            "Watch the validation loss.",
        )


def system(rows: Sequence[Row], task: Task) -> Iterable[Finding]:
    """System prompts in the rows that are not what the served model gets."""
    own = [
        (row.id, text_of(m)) for row in rows for m in row.messages if m.get("role") in ("system", "developer")
    ]
    other = [i for i, text in own if text != task.system_prompt]
    if other:
        yield _warning(
            "system-prompt",
            f"{_rows(len(other))} bring a system prompt that is not the task's; "
            "the served model is asked with the task's.",
            "Set system_prompt in task.yaml to the one in the rows, or mend the rows.",
            other,
        )


def answers(rows: Sequence[Row], task: Task) -> Iterable[Finding]:
    """The same question with different answers."""
    clashes = tokens.conflicts(rows)
    if clashes and task.traits.one_answer_per_prompt:
        yield _warning(
            "conflicting-answers",
            f"{len(clashes):,} prompts are answered in more than one way.",
            "Decide in Review which answer is right.",
            (i for ids in clashes for i in ids),
        )


def balance(shares: Counter[str]) -> Iterable[Finding]:
    """Labels that are too rare or too common."""
    total = shares.total()
    rare = [name for name, n in shares.items() if n < RARE * total]
    if rare:
        yield _warning(
            "rare-labels",
            f"{len(rare)} of {len(shares)} labels have under {RARE:.0%} of the rows: "
            f"{', '.join(sorted(rare)[:5])}.",
            "They will be learned badly; collect more of them.",
        )
    if len(shares) > 1:
        name, n = shares.most_common(1)[0]
        if n > COMMON * total:
            yield _warning(
                "one-label",
                f"{name!r} is the answer of {n / total:.0%} of the rows.",
                "A model that always says it would look good; compare with the baseline majority.",
            )


def settings(recipe: Recipe, train: Tokenised, labelled: int) -> Iterable[Finding]:
    """Settings and data that make training slow or useless."""
    usual, low, high = RATES[recipe.method, recipe.tuning]
    if not low <= recipe.learning_rate <= high:
        what = f"{recipe.method} with {'an adapter' if recipe.tuning == 'lora' else 'every weight trained'}"
        yield _warning(
            "learning-rate",
            f"A learning rate of {recipe.learning_rate:g} is outside {low:g} to {high:g}, "
            f"where {what} is known to work.",
            f"The usual value is {usual:g}: --set learning_rate={usual:g}",
        )
    total = sum(train.lengths)
    if total and labelled < LEAST_COMPLETION * total:
        yield _warning(
            "mostly-prompt",
            f"Only {labelled / total:.1%} of the tokens carry loss; the rest of the "
            "time goes into reading prompts.",
            "A shorter system prompt would train faster.",
        )


def room(cost: Estimate | None, version: Path, recipe: Recipe) -> Iterable[Finding]:
    """Memory and disk."""
    if cost is None:
        return
    if cost.tight and cost.free is not None:
        yield _warning(
            "memory",
            f"About {cost.memory / 1e9:.1f} GB needed, {cost.free / 1e9:.1f} GB free.",
            "In this order: lora_dropout 0; micro-batch down and accumulation up; "
            "gradient_checkpointing; max_tokens; quantization nf4; a smaller r."
            if recipe.tuning == "lora"
            else "In this order: micro-batch down and accumulation up; gradient_checkpointing; max_tokens; "
            "tuning lora.",
        )
    need = cost.checkpoint * (recipe.save_total_limit + 1) + 4 * cost.trainable
    free = shutil.disk_usage(version).free
    if need > free:
        yield _error(
            "disk",
            f"Checkpoints need {need / 1e9:.2f} GB, {free / 1e9:.2f} GB are free.",
            "Free some space or lower save_total_limit.",
        )
