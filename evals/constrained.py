"""Answers held to the task's JSON Schema while they are written: only tokens that can still lead to it are allowed.

Without it, asking a model for JSON in words alone is a straw baseline for a fine-tune.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from curation.errors import BadInput, TouchstoneError
from curation.files import canonical_json, sha256

if TYPE_CHECKING:
    from torch import Tensor

    from curation.dialect import Tokenizer

# as json.dumps writes; free blanks let a weak model write blanks until its tokens are spent
_BLANKS = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}


def check(schema: Mapping[str, Any]) -> None:
    """Refuse a schema that answers cannot be held to.

    Raises:
        BadInput: a part of it is not known to the library that does it.
    """
    from llguidance import LLMatcher

    problem = LLMatcher.validate_grammar(_grammar(schema))
    if problem:
        raise BadInput(
            f"Answers cannot be held to this schema: {problem.splitlines()[0]}",
            where="output_schema",
            hint="Take that part out of the schema, or measure without @schema.",
        )


def fingerprint(schema: Mapping[str, Any]) -> str:
    """What answers held to the schema depend on beside everything else."""
    return sha256(canonical_json([_grammar(schema), version("llguidance")]))


class Guide:
    """The tokens a schema allows next, for one tokenizer.

    Args:
        schema: the task's.
        tokenizer: the model's own.
        stop_ids: tokens that may end an answer, once it is whole.
        width: how many tokens the model chooses from.
    """

    def __init__(
        self, schema: Mapping[str, Any], tokenizer: Tokenizer, stop_ids: Sequence[int], width: int
    ) -> None:
        from llguidance.hf import from_tokenizer

        self.width = width
        self._tokenizer = from_tokenizer(tokenizer, n_vocab=width, eos_token=list(stop_ids))
        self._grammar = _grammar(schema)

    def rows(self, n: int) -> Rows:
        """The state of `n` answers that are about to begin."""
        from llguidance import LLMatcher

        return Rows([LLMatcher(self._tokenizer, self._grammar) for _ in range(n)], self.width)


class Rows:
    """How far each answer of a batch has come in the schema."""

    def __init__(self, matchers: list[Any], width: int) -> None:
        self._matchers = matchers
        self._width = width

    def allowed(self, scores: Tensor, lines: Sequence[int | None]) -> Tensor:
        """The scores (lines, width) without the tokens that lead out of the schema.

        Args:
            scores: of the next token, one line for each answer that is being written.
            lines: which answer each line writes, None where it has ended.
        """
        import numpy as np
        import torch
        from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask

        bits = allocate_token_bitmask(len(lines), self._width)
        for line, row in enumerate(lines):
            if row is not None:
                fill_next_token_bitmask(self._matchers[row], bits, line)
        unpacked = np.unpackbits(bits.view(np.uint8), axis=1, bitorder="little")[:, : self._width]
        mask = torch.from_numpy(unpacked.astype(bool)).to(scores.device)
        return scores[:, : self._width].masked_fill(~mask, float("-inf"))

    def take(self, tokens: Sequence[int], lines: Sequence[int | None]) -> None:
        """Go on with the token chosen in each line.

        Raises:
            TouchstoneError: a token was chosen that the schema does not allow.
        """
        for token, row in zip(tokens, lines, strict=True):
            if row is not None and not self._matchers[row].consume_token(token):
                why = self._matchers[row].get_error() or "no token was left to choose"
                raise TouchstoneError(f"An answer left the schema it was held to: {why}")


def response_format(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same wish to an endpoint; `strict` where the schema is of the kind that strict endpoints take."""
    wish = {"name": "answer", "schema": dict(schema)} | ({"strict": True} if _strict(schema) else {})
    return {"type": "json_schema", "json_schema": wish}


def _grammar(schema: Mapping[str, Any]) -> str:
    from llguidance import LLMatcher

    return str(LLMatcher.grammar_from_json_schema(dict(schema), defaults=_BLANKS))


def _strict(schema: object) -> bool:
    """Whether every object in it is closed and requires all of its properties."""
    if isinstance(schema, list):
        return all(map(_strict, schema))
    if not isinstance(schema, Mapping):
        return True
    closed = schema.get("additionalProperties") is False
    properties = schema.get("properties")
    if isinstance(properties, Mapping):
        whole = set(properties) == set(schema.get("required", []))
        return closed and whole and all(map(_strict, properties.values()))
    return (closed or schema.get("type") != "object") and all(map(_strict, schema.values()))
