"""A few validation prompts asked of a model in training or just trained, exactly as evaluations do."""

from __future__ import annotations

import gc
from typing import Any

from curation import chat
from curation.work import Work
from training import tokens
from training.tokens import Tokenised

ROWS = 3
MOST_TOKENS = 256


def ask(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    data: Tokenised,
    held: Tokenised,
    limit: int | None,
    work: Work,
) -> list[dict[str, Any]]:
    """The answers of the finished model to the first validation rows, each also as an event."""
    gc.collect()
    work.stage("Asking the tuned model", min(ROWS, len(held.rows)))
    answers = sample(model, tokenizer, data, held, limit, ROWS)
    for answer in answers:
        work.event("smoke", **answer)
    return answers


def sample(
    model: Any,  # noqa: ANN401
    tokenizer: Any,  # noqa: ANN401
    data: Tokenised,
    held: Tokenised,
    limit: int | None,
    count: int,
) -> list[dict[str, Any]]:
    """Greedy answers to the first `count` validation rows; the model is left as it was, no number is drawn."""
    import torch

    training, cached = model.training, model.config.use_cache
    stops = chat.stop_ids(tokenizer, model.generation_config)
    longest = max(row.trained for row in data.rows)
    most = limit or min(MOST_TOKENS, 2 * longest + 16)
    model.eval()
    model.config.use_cache = True
    answers = []
    try:
        for row in [row for row in held.rows if row.side != "rejected"][:count]:
            prompt, expected = _last_turn(row)
            with torch.no_grad():
                made = _greedy(model, prompt, stops, most)
            answers.append(
                {
                    "id": row.id,
                    "finish": "stop" if made and made[-1] in stops else "length",
                    "answer": chat.answer_text(tokenizer, made),
                    "expected": chat.answer_text(tokenizer, expected),
                }
            )
    finally:
        model.config.use_cache = cached
        model.train(training)
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
