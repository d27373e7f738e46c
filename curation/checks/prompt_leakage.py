"""Check: answers that repeat the system prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings
from curation.example import fold

_WORD = re.compile(r"\w+")
_RUN = 8  # words
_MOST_PIECES = 1_000  # in one pattern: RE2 compiles it in 8 MiB
_ADDRESSED = """
    select seq, roles, texts, texts[1] as system
    from rows
    where roles[1] in ('system', 'developer')
"""
_HOLDS_ANY = "regexp_matches(said, $pattern)"
_HOLDS_ITS_OWN = "list_bool_or(list_transform(pieces, lambda piece: contains(said, piece)))"


class _Word(NamedTuple):
    text: str
    start: int
    end: int


class _Repeated(NamedTuple):
    start: int
    end: int
    words: int


@check("prompt_leakage", "Answer repeats the system prompt", "fix", version=2, options={"words": _RUN})
def prompt_leakage(rows: Rows) -> pa.Table:
    """Finds: an assistant's turn with 8 or more words in a row from the system prompt of its own chat.

    Why it hurts training: the model learns to recite its instructions in place of an answer, or before it.

    False alarms: a prompt that dictates a sentence the answer has to contain, or that holds the document the
    answer is to quote.

    How to fix: cut the repeated part.

    Example: Repeats 16 words of the system prompt.
    """
    run = int(rows.options["words"])
    found = []
    runs: dict[str, frozenset[tuple[str, ...]]] = {}
    for seq, turn, text, system in _candidates(rows, run):
        if system not in runs:
            runs[system] = _runs(_words(system), run)
        repeated = _longest(runs[system], _words(text), run)
        if repeated:
            message = f"Repeats {repeated.words} words of the system prompt."
            found.append(
                Found(seq, "fix", turn, repeated.start, repeated.end, message, float(repeated.words))
            )
    return findings(found)


def _candidates(rows: Rows, run: int) -> Iterator[tuple[int, int, str, str]]:
    """Assistant's turns that hold half a run of a prompt: seq, turn, text, the chat's own system prompt.

    Half runs, half a run apart: every run of a prompt holds one of them whole. Few prompts make one pattern,
    which is tried on every turn; with many of them each turn is compared with its own prompt.
    """
    half = max(1, run // 2)
    prompt = f"""
        select system, list_transform(range(0, len(words) - {half} + 1, {half}),
            lambda i: ' ' || array_to_string(words[i + 1 : i + {half}], ' ') || ' ') as pieces
        from (
            select distinct system, string_split(normalise(system), ' ') as words
            from ({_ADDRESSED})
        )
        where len(words) >= {run}
    """
    pieces = rows.select(
        f"select distinct unnest(pieces) as piece from ({prompt}) order by piece limit {_MOST_PIECES + 1}"
    )["piece"].to_pylist()
    few = len(pieces) <= _MOST_PIECES
    if not pieces:
        return
    table = rows.select(
        f"""
        with turn as (
            select seq, system, unnest(roles) as role, unnest(texts) as text,
                generate_subscripts(texts, 1) - 1 as turn
            from ({_ADDRESSED})
        ), spoken as (
            select seq, turn, text, system, ' ' || normalise(text) || ' ' as said
            from turn
            where role = 'assistant'
        )
        select seq, turn, text, system
        from spoken
        {"" if few else f"join ({prompt}) using (system)"}
        where {_HOLDS_ANY if few else _HOLDS_ITS_OWN}
        order by seq, turn
        """,
        {"pattern": "|".join(pieces)} if few else None,
    )
    for batch in table.to_batches(max_chunksize=10_000):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _words(text: str) -> list[_Word]:
    return [_Word(fold(m.group()), m.start(), m.end()) for m in _WORD.finditer(text)]


def _runs(words: Sequence[_Word], run: int) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(word.text for word in words[at : at + run]) for at in range(len(words) - run + 1))


def _longest(runs: frozenset[tuple[str, ...]], said: Sequence[_Word], run: int) -> _Repeated | None:
    """The longest stretch of which every `run` words stand together in the prompt; None where there is none."""
    best: _Repeated | None = None
    first: int | None = None
    for at in range(len(said) - run + 1):
        if tuple(word.text for word in said[at : at + run]) not in runs:
            first = None
            continue
        first = at if first is None else first
        words = at + run - first
        if best is None or words > best.words:
            best = _Repeated(said[first].start, said[at + run - 1].end, words)
    return best
