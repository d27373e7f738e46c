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
_MOST_PROMPTS = 1_000


class _Word(NamedTuple):
    text: str
    start: int
    end: int


class _Repeated(NamedTuple):
    start: int
    end: int
    words: int


@check("prompt_leakage", "Answer repeats the system prompt", "fix", options={"words": _RUN})
def prompt_leakage(rows: Rows) -> pa.Table:
    """Finds: an assistant's turn with 8 or more words in a row from the system prompt of its own chat. Chats of
    the thousand commonest system prompts are looked at.

    Why it hurts training: the model learns to recite its instructions in place of an answer, or before it.

    False alarms: a prompt that dictates a sentence the answer has to contain.

    How to fix: cut the repeated part.

    Example: Repeats 16 words of the system prompt.
    """
    run = int(rows.options["words"])
    systems = rows.select(
        """
        select texts[1] as system, count(*) as n
        from rows
        where roles[1] in ('system', 'developer')
        group by system
        order by n desc, system
        limit $most
        """,
        {"most": _MOST_PROMPTS},
    )
    prompts = [text for text in systems["system"].to_pylist() if len(_WORD.findall(text)) >= run]
    if not prompts:
        return findings(())
    pieces = sorted({piece for text in prompts for piece in _pieces(_WORD.findall(text), run)})
    spoken = list(rows.turns("(?i)" + "|".join(pieces), roles=("assistant",)))
    system_of = _system_of(rows, [turn.seq for turn in spoken])
    runs = {text: _runs(_words(text), run) for text in prompts}
    found = []
    for seq, turn, _, text in spoken:
        repeated = _longest(runs.get(system_of.get(seq, ""), frozenset()), _words(text), run)
        if repeated:
            message = f"Repeats {repeated.words} words of the system prompt."
            found.append(
                Found(seq, "fix", turn, repeated.start, repeated.end, message, float(repeated.words))
            )
    return findings(found)


def _words(text: str) -> list[_Word]:
    return [_Word(fold(m.group()), m.start(), m.end()) for m in _WORD.finditer(text)]


def _pieces(words: Sequence[str], run: int) -> Iterator[str]:
    """RE2 for pieces of half a run, half a run apart: every run of the prompt holds one of them whole."""
    half = max(1, run // 2)
    for at in range(0, len(words) - half + 1, half):
        yield r"[^\pL\pN_]+".join(re.escape(word) for word in words[at : at + half])


def _runs(words: Sequence[_Word], run: int) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(word.text for word in words[at : at + run]) for at in range(len(words) - run + 1))


def _system_of(rows: Rows, seqs: list[int]) -> dict[int, str]:
    rows.cursor.register("spoken_seq", pa.table({"seq": pa.array(seqs, pa.int64())}))
    table = rows.select("select seq, texts[1] as system from rows semi join spoken_seq using (seq)")
    rows.cursor.unregister("spoken_seq")
    return dict(zip(table["seq"].to_pylist(), table["system"].to_pylist(), strict=True))


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
