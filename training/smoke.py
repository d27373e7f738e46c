"""A few validation prompts asked of the model just trained, exactly as evaluations do: does it stop by itself?"""

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
    """The answers to the first validation rows, each also as an event."""
    import torch

    gc.collect()
    model.eval()
    model.config.use_cache = True
    stops = chat.stop_ids(tokenizer, model.generation_config)
    longest = max(row.trained for row in data.rows)
    most = limit or min(MOST_TOKENS, 2 * longest + 16)
    rows = [row for row in held.rows if row.side != "rejected"][:ROWS]
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
