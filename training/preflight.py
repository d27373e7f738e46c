"""What is known about a run before it starts: its tokens, what is left out, what is wrong, what it costs.

The tokens shown here are the tokens trained on: their digest goes into the run and is checked by the trainer.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from curation import chat, models
from curation.dialect import TemplateProblem, Tokenizer
from curation.errors import NotReady
from curation.progress import SILENT, Progress
from curation.task import Task
from training import findings as look
from training import tokens
from training.batches import step_sizes
from training.estimate import Estimate, ModelFacts, Speed, estimate, free_memory, read_facts, speed_guess
from training.findings import Finding
from training.recipe import Recipe
from training.tokens import LeftOut, Tokenised

BINS = 24


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of the rows: a few quantiles, and counts in `len(counts)` bins between `edges`."""

    shortest: int
    median: int
    p95: int
    longest: int
    edges: tuple[int, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """One real row in colour: pieces of text with or without loss."""

    id: str
    why: str
    tokens: int
    trained: int
    pieces: tuple[chat.Piece, ...]


@dataclass(frozen=True, slots=True)
class Preflight:
    """The whole answer. `read` = examples in `train` + `train.left_out` + `train.problems`."""

    read: int
    train: Tokenised
    validation: Tokenised
    findings: tuple[Finding, ...]
    lengths: Lengths | None
    labelled_tokens: int
    shares: tuple[tuple[str, int], ...]
    previews: tuple[Preview, ...]
    estimate: Estimate | None
    device: str
    dtype: str
    device_reason: str
    template: str

    @property
    def errors(self) -> tuple[Finding, ...]:
        """What keeps the run from starting."""
        return tuple(one for one in self.findings if one.severity == "error")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is worth knowing before it starts."""
        return tuple(one for one in self.findings if one.severity == "warning")

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """Training rows that are not trained on, each with its reason."""
        return self.train.left_out

    @property
    def tokens(self) -> int:
        """Tokens of one pass over the training rows."""
        return sum(self.train.lengths)

    @property
    def steps(self) -> int:
        """Optimizer steps of the run."""
        return self.estimate.steps if self.estimate else 0

    def raise_if_blocked(self) -> None:
        """Refuse to go on while there are errors.

        Raises:
            NotReady: with every error, and the hint of the first.
        """
        if self.errors:
            text = "; ".join(one.message for one in self.errors)
            raise NotReady(text, where="preflight", hint=self.errors[0].hint, code=self.errors[0].code)


def prepare(
    version: Path, task: Task, recipe: Recipe, *, speed: Speed | None = None, progress: Progress = SILENT
) -> Preflight:
    """Look at a version with the task's model: find the model, its tokenizer and the device, then `check`.

    Args:
        version: folder of a frozen version.
        speed: a measured speed to use in place of the guess.

    Raises:
        MissingModel: the base model is not on this machine.
        BadRecipe: a target module the model does not have.
    """
    progress.stage("Finding the model")
    place = models.resolve(task.model.name, task.model.revision, progress)
    tokenizer = models.load_tokenizer(place, task.model.template)
    bare = task.model.template and not models.load_tokenizer(place).chat_template
    return check(
        version,
        task,
        recipe,
        tokenizer,
        read_facts(place.path),
        models.device(recipe.device, task.model.dtype),
        speed=speed,
        bare=bool(bare),
        progress=progress,
    )


def check(
    version: Path,
    task: Task,
    recipe: Recipe,
    tokenizer: Tokenizer,
    facts: ModelFacts,
    device: models.Device,
    *,
    speed: Speed | None = None,
    bare: bool = False,
    progress: Progress = SILENT,
) -> Preflight:
    """Turn the version's rows into tokens and look for everything that would spoil the run.

    Args:
        bare: the model has no chat template of its own; the task's is used.
    """
    splits = {name: tokens.read_split(version, name, task) for name in ("train", "validation", "test")}
    leaked = look.leaked(splits)
    if recipe.tuning == "lora":
        facts.targets(recipe.target_modules)
    train = tokens.tokenise(
        splits["train"],
        task,
        tokenizer,
        max_rows=recipe.max_rows,
        max_tokens=recipe.max_tokens,
        seed=recipe.seed,
        render=tokens.RENDERS[recipe.method],
        progress=progress,
        name="Turning rows into tokens",
    )
    validation = tokens.tokenise(
        splits["validation"],
        task,
        tokenizer,
        max_rows=recipe.max_eval_rows,
        max_tokens=recipe.max_tokens or facts.context,
        seed=recipe.seed,
        render=tokens.RENDERS[recipe.method],
        progress=progress,
        name="Turning validation rows into tokens",
    )
    chosen = frozenset(train.ids)
    used = [row for row in splits["train"] if row.id in chosen]
    shares = Counter(row.stratum for row in used if row.stratum)
    cost = _cost(train, validation, facts, recipe, device, speed) if train.rows else None
    labelled = sum(row.trained for row in train.rows)
    found = [
        *look.no_test(splits["test"]),
        *leaked,
        *look.rows_that_cannot(train, facts, tokenizer),
        *look.stops(tokenizer, facts),
        *look.listed(train),
        *look.pairs(train, used, recipe),
        *look.few(train, recipe),
        *look.system(used, task),
        *look.answers(used, task),
        *look.balance(shares),
        *look.settings(recipe, train, labelled),
        *look.room(cost, version, recipe),
    ]
    return Preflight(
        read=len(splits["train"]),
        train=train,
        validation=validation,
        findings=tuple(found),
        lengths=_lengths(train.lengths),
        labelled_tokens=labelled,
        shares=tuple(sorted(shares.items(), key=lambda one: (-one[1], one[0]))),
        previews=_previews(train, tokenizer),
        estimate=cost,
        device=device.kind,
        dtype=device.dtype,
        device_reason=device.reason,
        template=_template(task, tokenizer, bare),
    )


def _template(task: Task, tokenizer: Tokenizer, bare: bool) -> str:
    """Which chat template is used, and how answers end with it."""
    if not tokenizer.chat_template:
        return ""
    own = task.model.template
    why = "the model has none" if bare else "in place of the model's own"
    which = f"Chat template {own}: {why}." if own else "The model's own chat template."
    try:
        end = chat.end_of_turn(tokenizer)
    except TemplateProblem:
        return which
    known = ", its own end of text" if end == tokenizer.eos_token_id else ""
    return f"{which} Answers end with {tokenizer.decode([end])}{known}; no token is added."


def _cost(
    train: Tokenised,
    held: Tokenised,
    facts: ModelFacts,
    recipe: Recipe,
    device: models.Device,
    speed: Speed | None,
) -> Estimate:
    widths = train.widths
    sizes = step_sizes(widths, recipe, tokens=train.sizes)
    n = recipe.per_device_train_batch_size
    longest = max(widths) * min(n, len(widths))
    at_once = n * len(train.rows) // len(widths)
    most = sum(sorted((row.trained for row in train.rows), reverse=True)[:at_once])
    return estimate(
        facts,
        recipe,
        device.kind,
        device.dtype,
        sizes,
        longest,
        most,
        sum(held.lengths),
        speed or speed_guess(facts, recipe, device.kind, os.cpu_count() or 1),
        free_memory(device.kind),
    )


def _lengths(lengths: Sequence[int]) -> Lengths | None:
    if not lengths:
        return None
    ranked = sorted(lengths)
    low, high = ranked[0], ranked[-1]
    width = max(1, -(-(high - low + 1) // BINS))
    edges = tuple(range(low, high + width + 1, width))
    counts = tuple(sum(a <= n < b for n in ranked) for a, b in pairwise(edges))
    return Lengths(
        low,
        ranked[len(ranked) // 2],
        ranked[min(len(ranked) - 1, int(0.95 * len(ranked)))],
        high,
        edges,
        counts,
    )


def _previews(train: Tokenised, tokenizer: Tokenizer) -> tuple[Preview, ...]:
    """The shortest, the median and the longest row, decoded from the stored tokens."""
    if not train.rows:
        return ()
    units = [list(pair) for pair in train.pairs] if train.rows[0].side else [[row] for row in train.rows]
    ranked = sorted(units, key=lambda unit: (sum(len(row.input_ids) for row in unit), unit[0].id))
    picks = {"median": ranked[len(ranked) // 2], "longest": ranked[-1], "shortest": ranked[0]}
    seen: dict[tuple[int, ...], Preview] = {}
    for why, unit in picks.items():
        for row in unit:
            seen.setdefault(
                row.input_ids,
                Preview(
                    row.id,
                    f"{why}, {row.side}" if row.side else why,
                    len(row.input_ids),
                    row.trained,
                    chat.pieces(tokenizer, row.input_ids, row.labels),
                ),
            )
    return tuple(seen.values())
