"""Greedy tokens of one batch: left padding with its mask, and what all prompts share computed once.

In float32 a row's tokens depend neither on the rows beside it nor on the shared beginning.
"""

from __future__ import annotations

import copy
import gc
import inspect
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from curation.errors import BadInput
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    from torch import Tensor

    from evals.constrained import Guide, Rows

LEAST_PREFIX = 16  # shared tokens under which copying their cache is not worth it
COMPACT_AT = 0.75  # finished rows leave a batch once this share or less is still being written
BETWEEN = 16  # least steps between two compactions: one copies the cache, as a step does


class OutOfMemory(Exception):
    """The rows did not fit; nothing of them was kept."""


def shared_prefix(rows: Sequence[Sequence[int]]) -> int:
    """How many first tokens all rows share, leaving each at least one of its own."""
    if not rows:
        return 0
    lists = [list(row) for row in rows]
    first, last = min(lists), max(lists)  # what the two ends of the sorted rows share, all share
    most = min(map(len, lists)) - 1
    return next((index for index in range(most) if first[index] != last[index]), max(most, 0))


class Writer:
    """One model in one adapter state, writing answers to prompts with a common beginning.

    Args:
        model: a transformers or peft model in evaluation mode, on its device.
        rows: every prompt that will be written, so that their common beginning is known.
        stop_ids: tokens that end an answer.
        pad: the id for padding; it is masked out.
        progress: advanced by 0 at each token, so that a stop is seen within a step.
        guide: holds every answer to a schema.

    Attributes:
        limit: most tokens of prompt and answer together.
    """

    def __init__(
        self,
        model: Any,  # noqa: ANN401
        rows: Sequence[Sequence[int]],
        stop_ids: Sequence[int],
        pad: int,
        progress: Progress = SILENT,
        guide: Guide | None = None,
    ) -> None:
        self.guide = guide
        base = model.get_base_model() if hasattr(model, "get_base_model") else model
        accepted = inspect.signature(base.forward).parameters
        self.model, self.stop_ids, self.pad, self.progress = model, list(stop_ids), pad, progress
        self.limit = int(getattr(base.config.get_text_config(), "max_position_embeddings", None) or 1 << 40)
        self.kind = _cache_kind(base)
        if guide is not None and self.kind == "other":
            raise BadInput("Answers of a model with a cache of its own kind cannot be held to a schema.")
        self.positions = "position_ids" in accepted
        self.options = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        same = shared_prefix(rows) if self.kind == "plain" and len(rows) > 1 else 0
        self.prefix = list(rows[0][:same]) if same >= LEAST_PREFIX else []
        self._prefix_cache: Any = None

    def write(self, rows: Sequence[Sequence[int]], new_tokens: int) -> list[list[int]]:
        """The tokens of each row's answer, up to and with its stop token.

        Raises:
            OutOfMemory: fewer rows at a time may fit.
        """
        import torch

        room = [min(new_tokens, self.limit - len(row)) for row in rows]
        try:
            with torch.inference_mode():
                return self._library(rows, min(room)) if self.kind == "other" else self._greedy(rows, room)
        except (RuntimeError, MemoryError) as error:
            if not _is_out_of_memory(error):
                raise
        gc.collect()  # outside the handler, whose traceback keeps the batch alive
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise OutOfMemory

    def _greedy(self, rows: Sequence[Sequence[int]], room: Sequence[int]) -> list[list[int]]:
        """Rows as prefix | padding | own tokens; a row leaves the batch soon after its answer has ended."""
        import torch

        cache = self._cache(len(rows))
        ids, mask = self._padded(rows, len(self.prefix))
        stops = torch.tensor(self.stop_ids, device=ids.device)
        most = torch.tensor(room, device=ids.device)
        place = torch.arange(len(rows), device=ids.device)  # which row each line of the batch writes
        out = torch.full((len(rows), max(room)), -1, dtype=torch.long, device=ids.device)
        alive = torch.ones(len(rows), dtype=torch.bool, device=ids.device)
        positions = (mask.cumsum(1) - 1).clamp(min=0)[:, len(self.prefix) :]
        since, held = 0, self.guide.rows(len(rows)) if self.guide else None
        for step in range(max(room)):
            scores = self._forward(ids, mask, positions, cache)[:, -1].float()
            token = scores.argmax(-1) if held is None else _held(held, scores, place, alive)
            out[place[alive], step] = token[alive]
            alive &= ~torch.isin(token, stops) & (step + 1 < most[place])
            self.progress.advance(0)
            left, since = int(alive.sum()), since + 1
            if not left:
                break
            ids, positions = token[:, None], positions[:, -1:] + 1
            mask = torch.cat([mask, mask.new_ones((len(mask), 1))], dim=1)
            if left <= COMPACT_AT * len(alive) and since >= BETWEEN:
                stay, since = alive.nonzero()[:, 0], 0
                cache.batch_select_indices(stay)
                ids, mask, positions, place, alive = (x[stay] for x in (ids, mask, positions, place, alive))
        return [[token for token in line if token >= 0] for line in out.tolist()]

    def _forward(self, ids: Tensor, mask: Tensor, positions: Tensor, cache: Any) -> Tensor:  # noqa: ANN401
        where = {"position_ids": positions} if self.positions else {}
        inputs = {"input_ids": ids, "attention_mask": mask, "past_key_values": cache}
        logits: Tensor = self.model(**inputs, use_cache=True, **where, **self.options).logits
        return logits

    def _cache(self, rows: int) -> Any:  # noqa: ANN401  a transformers cache
        import torch
        from transformers import DynamicCache

        if not self.prefix:
            return DynamicCache(config=self.model.config)
        if self._prefix_cache is None:
            made = DynamicCache(config=self.model.config)
            ids = torch.tensor([self.prefix], device=self.model.device)
            self._forward(
                ids, torch.ones_like(ids), torch.arange(len(self.prefix), device=ids.device)[None], made
            )
            self._prefix_cache = made
        cache = copy.deepcopy(self._prefix_cache)
        cache.batch_repeat_interleave(rows)
        return cache

    def _padded(self, rows: Sequence[Sequence[int]], same: int) -> tuple[Tensor, Tensor]:
        """(own tokens, padded on the left; mask over prefix and own tokens)."""
        import torch

        width = max(len(row) for row in rows) - same
        ids = torch.full((len(rows), width), self.pad)
        mask = torch.zeros((len(rows), same + width), dtype=torch.long)
        mask[:, :same] = 1
        for index, row in enumerate(rows):
            own = len(row) - same
            ids[index, width - own :] = torch.tensor(list(row[same:]))
            mask[index, same + width - own :] = 1
        return ids.to(self.model.device), mask.to(self.model.device)

    def _library(self, rows: Sequence[Sequence[int]], room: int) -> list[list[int]]:
        """For models with a cache of their own kind (state spaces, hybrids): transformers' own loop."""
        import torch
        from transformers import StoppingCriteria, StoppingCriteriaList

        class Heartbeat(StoppingCriteria):  # type: ignore[misc]  # transformers is not typed here
            def __call__(criteria, seen: Tensor, scores: object, **_: object) -> Tensor:
                self.progress.advance(0)
                return torch.zeros(len(seen), dtype=torch.bool, device=seen.device)

        ids, mask = self._padded(rows, 0)
        # every sampling field is named, because the model's own generation_config would fill in the others
        greedy = {"do_sample": False, "num_beams": 1, "temperature": None, "top_p": None, "top_k": None}
        plain = {"repetition_penalty": 1.0, "no_repeat_ngram_size": 0}
        ends = {"max_new_tokens": room, "eos_token_id": self.stop_ids, "pad_token_id": self.pad,
                "stopping_criteria": StoppingCriteriaList([Heartbeat()])}  # fmt: skip
        out = self.model.generate(input_ids=ids, attention_mask=mask, **greedy, **plain, **ends)
        return [self._cut(line) for line in out[:, ids.shape[1] :].tolist()]

    def _cut(self, line: list[int]) -> list[int]:
        end = next((index for index, token in enumerate(line) if token in self.stop_ids), len(line) - 1)
        return line[: end + 1]


def _held(held: Rows, scores: Tensor, place: Tensor, alive: Tensor) -> Tensor:
    """The best token of each line that its schema allows."""
    lines = [row if ok else None for row, ok in zip(place.tolist(), alive.tolist(), strict=True)]
    token = held.allowed(scores, lines).argmax(-1)
    held.take(token.tolist(), lines)
    return token


def _cache_kind(base: Any) -> Literal["plain", "sliding", "other"]:  # noqa: ANN401  a transformers model
    """Whether the model's cache is keys and values, which can be repeated and selected by row."""
    from transformers import DynamicCache

    if getattr(base, "_is_stateful", False) or "mrope" in str(base.config):
        return "other"
    try:
        layers = {type(layer).__name__ for layer in DynamicCache(config=base.config).layers}
    except (TypeError, AttributeError, KeyError):  # transformers before 4.56
        return "other"
    if layers <= {"DynamicLayer"}:
        return "plain"
    return "sliding" if layers <= {"DynamicLayer", "DynamicSlidingWindowLayer"} else "other"


def _is_out_of_memory(error: BaseException) -> bool:
    text = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text
