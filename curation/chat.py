"""Messages to tokens: the loss mask of training, the prompt of inference, and the coloured view of both.

What is trained on starts with exactly the tokens that inference sends: a trained answer always follows
`prompt_ids` of the turns before it, and every label equals the token at its place.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from curation.dialect import Dialect, TemplateProblem, Tokenizer, dialect_of, token_ids
from curation.example import Message, text_of

NO_LOSS = -100  # the label that torch's cross entropy leaves out
THOUGHT = re.compile(r"\A\s*<think>.*?(?:</think>\s*|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TurnSpan:
    """Tokens `start` to `end` of one turn, header and end-of-turn included.

    The role is "user + assistant" where two turns share a span.
    """

    role: str
    start: int
    end: int
    trained: bool


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters `start` to `end` of a rendered text, with loss or without."""

    text: str
    trained: bool
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """One training row.

    Attributes:
        input_ids: every token of the row.
        labels: the token where it carries loss, else -100; as long as `input_ids`.
        turns: the spans of the turns; turns the template does not write apart share one span.
        text: the row as the template wrote it.
        pieces: `text` cut where loss begins and ends.
        row_turn: index of the message this row ends with.
    """

    input_ids: tuple[int, ...]
    labels: tuple[int, ...]
    turns: tuple[TurnSpan, ...]
    text: str
    pieces: tuple[Piece, ...]
    row_turn: int


def with_system(messages: Sequence[Message], system_prompt: str | None) -> list[Message]:
    """The messages with a system turn in front, unless they have their own or there is no prompt."""
    if not system_prompt or any(message.get("role") in ("system", "developer") for message in messages):
        return list(messages)
    return [{"role": "system", "content": system_prompt}, *messages]


def prompt_ids(
    tokenizer: Tokenizer, messages: Sequence[Message], tools: Sequence[Any] | None = None
) -> list[int]:
    """The tokens inference sends for these turns: the chat so far and the opening of the answer.

    Raises:
        TemplateProblem: the turns end with an answer already, or the template refuses them.
    """
    if not messages or messages[-1].get("role") == "assistant":
        raise TemplateProblem("A prompt must end with a turn that asks for an answer.")
    return token_ids(tokenizer, [dialect_of(tokenizer).text(tokenizer, messages, tools, ask=True)])[0]


def render(
    tokenizer: Tokenizer,
    messages: Sequence[Message],
    tools: Sequence[Any] | None = None,
    *,
    after: int = 0,
) -> list[Rendered]:
    """Training rows of one conversation, loss on each assistant text and its end-of-turn token.

    A turn whose `weight` is 0 (as OpenAI's files mark answers that are context only) carries no loss.

    The first `after` turns are only read.

    One row where the template only ever appends. A template that rewrites earlier turns (Qwen3 drops their
    reasoning, Mistral moves the system text) gives one row for each assistant turn, with loss on that turn.

    Raises:
        TemplateProblem: no answer at the end, an empty answer, two answers in a row, none that counts, or a
            template that refuses the conversation or does not continue its own prompt.
    """
    _check_turns(messages)
    dialect = dialect_of(tokenizer)
    answers = [k for k, message in enumerate(messages) if message.get("role") == "assistant" and k >= after]
    if not any(_counts(messages[k]) for k in answers):
        raise TemplateProblem(
            "Every answer has weight 0: there is nothing to train on.", hint="Drop the row or its weights."
        )
    whole = _row(tokenizer, dialect, messages, tools, answers)
    if whole is not None:
        return [whole]
    rows = []
    for k in filter(lambda k: _counts(messages[k]), answers):
        row = _row(tokenizer, dialect, messages[: k + 1], tools, [k])
        if row is None:
            raise TemplateProblem(
                "The template's prompt for this answer is not how its text with the answer begins.",
                where=f"turn {k + 1}",
                hint="Name a template in task.yaml (model.template) that appends the answer to its prompt.",
            )
        rows.append(row)
    return rows


def end_of_turn(tokenizer: Tokenizer) -> int:
    """The token the template writes after an answer; it need not be the tokenizer's eos (Gemma)."""
    return dialect_of(tokenizer).turn_end


def stop_ids(tokenizer: Tokenizer, generation_config: object | None = None) -> frozenset[int]:
    """Tokens that end an answer: the template's end of turn and the eos tokens the model comes with."""
    eos = [getattr(generation_config, "eos_token_id", None), tokenizer.eos_token_id]
    listed = [value if isinstance(value, (list, tuple)) else [value] for value in eos]
    return frozenset(
        {end_of_turn(tokenizer), *(int(one) for some in listed for one in some if one is not None)}
    )


def answer_text(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    """What an answer says: no control tokens, no reasoning block in front, no outer blanks."""
    text = str(tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False))
    return (THOUGHT.sub("", text) if dialect_of(tokenizer).reasoning else text).strip()


def raw_text(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    """Every token as text, control tokens included."""
    return str(tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def pieces(tokenizer: Tokenizer, input_ids: Sequence[int], labels: Sequence[int]) -> tuple[Piece, ...]:
    """The coloured view of a stored row, decoded from the very ids and labels that are trained on."""
    cuts = [0]
    for _, run in groupby(labels, key=lambda label: label != NO_LOSS):
        cuts.append(cuts[-1] + len(list(run)))
    out: list[Piece] = []
    done = ""
    for start, end in zip(cuts, cuts[1:], strict=False):
        text = raw_text(
            tokenizer, input_ids[:end]
        )  # from the start: a tokenizer may write a first blank differently
        out.append(Piece(text[len(done) :], labels[start] != NO_LOSS, len(done), len(text)))
        done = text
    return tuple(out)


def count_tokens(
    tokenizer: Tokenizer,
    conversations: Iterable[Sequence[Message]],
    tools: Iterable[Sequence[Any] | None] | None = None,
) -> list[int]:
    """Tokens of each conversation as the template writes it; of its bare texts where it is refused."""
    dialect = dialect_of(tokenizer)
    rows = list(conversations)
    offered = list(tools) if tools is not None else [None] * len(rows)
    counts: list[int] = []
    for start in range(0, len(rows), 1000):  # one call of the tokenizer works on all cores
        texts = []
        for messages, listed in zip(rows[start : start + 1000], offered[start : start + 1000], strict=True):
            try:
                texts.append(dialect.text(tokenizer, messages, listed, ask=False))
            except TemplateProblem:
                texts.append("\n".join(text_of(message) for message in messages))
        counts += [len(ids) for ids in token_ids(tokenizer, texts)]
    return counts


def _check_turns(messages: Sequence[Message]) -> None:
    last = messages[-1].get("role") if messages else "(no turn)"
    if last != "assistant":
        raise TemplateProblem(
            f"The conversation ends with a turn of role {last}: there is no answer to train on.",
            hint="Drop the row or add the answer.",
        )
    for k, message in enumerate(messages):
        if message.get("role") != "assistant":
            continue
        if not message.get("tool_calls") and not text_of(message).strip():
            raise TemplateProblem(
                "The answer is empty.", where=f"turn {k + 1}", hint="Drop the row or write one."
            )
        if k and messages[k - 1].get("role") == "assistant":
            raise TemplateProblem(
                "Two assistant turns follow each other.",
                where=f"turn {k + 1}",
                hint="Join them into one turn.",
            )


def _counts(message: Message) -> bool:
    """Whether a turn may carry loss."""
    return bool(message.get("weight", 1))


def _row(
    tokenizer: Tokenizer,
    dialect: Dialect,
    messages: Sequence[Message],
    tools: Sequence[Any] | None,
    trained: Sequence[int],
) -> Rendered | None:
    """One row with loss on the turns `trained`; None where the template or the tokens are not append-only."""
    heads = {k: dialect.text(tokenizer, messages[:k], tools, ask=True) for k in trained}
    fulls = {k: dialect.text(tokenizer, messages[: k + 1], tools, ask=False) for k in trained}
    last = len(messages) - 1
    text = fulls[last]
    if not all(fulls[k].startswith(heads[k]) and text.startswith(fulls[k]) for k in trained):
        return None
    cuts = _cuts(tokenizer, dialect, messages, tools, fulls, text)
    known = dict(zip(texts := [*heads.values(), *cuts.values()], token_ids(tokenizer, texts), strict=True))
    ids = known[text]
    if len(trained) == 1:
        ids = _joined(tokenizer, known[heads[last]], ids, text[len(heads[last]) :])
        known[text] = ids
    labels = [NO_LOSS] * len(ids)
    marked: list[tuple[int, int]] = []
    for k in trained:
        head, turn = len(known[heads[k]]), known[fulls[k]]
        end = max((i for i in range(head, len(turn)) if turn[i] in dialect.specials), default=None)
        if ids[:head] != known[heads[k]] or ids[: len(turn)] != turn or end is None:
            return None
        if not _counts(messages[k]):
            continue
        labels[head : end + 1] = turn[head : end + 1]
        marked.append((len(heads[k]), _end_in_text(tokenizer, fulls[k], turn[end])))
    if any(label not in (NO_LOSS, token) for label, token in zip(labels, ids, strict=True)):
        return None  # the last word: whatever a template does, a label is the token at its place
    spans = _spans(messages, {k: known[cut] for k, cut in cuts.items()}, ids, labels)
    return Rendered(tuple(ids), tuple(labels), spans, text, _cut_text(text, marked), last)


def _joined(tokenizer: Tokenizer, head: list[int], whole: list[int], answer: str) -> list[int]:
    """The tokens of the prompt followed by those of the answer.

    They are those of the whole text unless the tokenizer joins the prompt's last characters with the first
    ones of the answer (an answer that begins with a newline after a header that ends with one). Inference has
    sent the prompt by then, so the answer is tokenised alone, after a control token, as inside a text.
    """
    if whole[: len(head)] == head:
        return whole
    anchor = str(tokenizer.decode([end_of_turn(tokenizer)]))
    before, both = token_ids(tokenizer, [anchor, anchor + answer])
    joined = head + both[len(before) :]
    return joined if raw_text(tokenizer, joined) == raw_text(tokenizer, whole) else whole


def _cuts(
    tokenizer: Tokenizer,
    dialect: Dialect,
    messages: Sequence[Message],
    tools: Sequence[Any] | None,
    fulls: dict[int, str],
    text: str,
) -> dict[int, str]:
    """The text up to the end of each turn, for the turns after which the template can stop."""
    cuts = {}
    for k in range(len(messages)):
        try:
            cut = fulls.get(k) or dialect.text(tokenizer, messages[: k + 1], tools, ask=False)
        except TemplateProblem:
            continue
        if text.startswith(cut):
            cuts[k] = cut
    return cuts


def _spans(
    messages: Sequence[Message], cuts: dict[int, list[int]], ids: list[int], labels: list[int]
) -> tuple[TurnSpan, ...]:
    spans: list[TurnSpan] = []
    start, roles = 0, []
    for k, message in enumerate(messages):
        roles.append(str(message.get("role")))
        cut = cuts.get(k)
        if cut is None or len(cut) <= start or ids[: len(cut)] != cut:
            continue
        trained = any(label != NO_LOSS for label in labels[start : len(cut)])
        spans.append(TurnSpan(" + ".join(roles), start, len(cut), trained))
        start, roles = len(cut), []
    return tuple(spans)


def _end_in_text(tokenizer: Tokenizer, full: str, end_token: int) -> int:
    mark = str(tokenizer.decode([end_token]))
    at = full.rfind(mark)
    return at + len(mark) if at >= 0 else len(full)


def _cut_text(text: str, marked: Sequence[tuple[int, int]]) -> tuple[Piece, ...]:
    edges = [0, *(edge for pair in marked for edge in pair), len(text)]
    cut = [
        Piece(text[start:end], index % 2 == 1, start, end)
        for index, (start, end) in enumerate(zip(edges, edges[1:], strict=False))
    ]
    return tuple(piece for piece in cut if piece.text)
