"""Check: answers that go round in circles."""

from __future__ import annotations

import re
from typing import NamedTuple

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings, quoted

_LEAST = 50  # words; in less, a phrase said twice is a large share
_WORD = re.compile(r"\S+")
_SET_APART = re.compile(r"```.*?(?:```|\Z)|^[ \t]*\|.*$|^ {4,}.*$|^\t.*$", re.DOTALL | re.MULTILINE)
_OPENS_JSON = re.compile(r"\s*[{\[]")


class _Loop(NamedTuple):
    start: int
    end: int
    share: float


@check("repetition", "Answer repeats itself", "look", options={"lines": 0.3, "words": 0.2, "run": 10})
def repetition(rows: Rows) -> pa.Table:
    """Finds: an assistant's turn of 50 or more words in which more than 30 % of the lines, or of more than 20 % of
    the words a run of 10, were there before (after the Gopher rules, Rae et al. 2021). Fenced and indented code,
    tables and JSON are left out.

    Why it hurts training: a model that learns to repeat itself does not find the end of an answer.

    False alarms: refrains, forms with the same sentence under every heading, answers that a user asked to repeat.

    How to fix: cut the repetition, or drop the row.

    Example: Turn 2 repeats itself: 43 % of its words stand in runs that were there before.
    """
    run = max(2, int(rows.options["run"]))
    found = []
    for seq, turn, text in _candidates(rows, run):
        if _OPENS_JSON.match(text):
            continue
        plain = _SET_APART.sub(lambda match: " " * len(match.group()), text)
        if len(_WORD.findall(plain)) < _LEAST:
            continue
        lines, words = _lines(plain), _words(plain, run)
        if lines and lines.share > float(rows.options["lines"]):
            loop, of = lines, "lines were"
        elif words and words.share > float(rows.options["words"]):
            loop, of = words, "words stand in runs that were"
        else:
            continue
        message = (
            f"Turn {turn + 1} repeats itself: {loop.share:.0%} of its {of} there before, such as "
            f"{quoted(text[loop.start : loop.end])}. A model that learns this does not find an end; cut it."
        )
        found.append(Found(seq, "look", turn, loop.start, loop.end, message, round(loop.share, 3)))
    return findings(found)


def _candidates(rows: Rows, run: int) -> list[tuple[int, int, str]]:
    """Turns long enough in which a tenth of the runs of words, or of the lines, occur again."""
    table = rows.select(
        f"""
        with turn as (
            select seq, unnest(roles) as role, unnest(texts) as text,
                generate_subscripts(texts, 1) - 1 as turn
            from rows
        ), spoken as (
            select seq, turn, text, string_split_regex(text, '\\s+') as words,
                list_filter(string_split(text, chr(10)), lambda line: trim(line) <> '') as lines
            from turn
            where role = 'assistant' and len(text) >= {2 * _LEAST}
        )
        select seq, turn, text
        from spoken
        where len(words) >= {_LEAST} and (
            list_unique(lines) < 0.9 * len(lines)
            or list_unique(list_transform(
                range(1, len(words) - {run - 2}),
                lambda i: hash(lower(array_to_string(words[i : i + {run - 1}], ' ')))
            )) < 0.9 * (len(words) - {run - 1})
        )
        order by seq, turn
        """
    )
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def _lines(text: str) -> _Loop | None:
    """The share of the lines that were there before, and the first of them."""
    seen: set[str] = set()
    again, total, first, place = 0, 0, None, 0
    for line in text.split("\n"):
        told = " ".join(line.casefold().split())
        if told:
            total += 1
            if told in seen:
                again += 1
                first = first or (place, place + len(line))
            seen.add(told)
        place += len(line) + 1
    return _Loop(*first, again / total) if first and total >= 4 else None


def _words(text: str, run: int) -> _Loop | None:
    """The share of the words inside runs that were there before, and the first such stretch."""
    words = [(match.group().casefold(), match.start(), match.end()) for match in _WORD.finditer(text)]
    seen: set[tuple[str, ...]] = set()
    again: set[int] = set()
    for at in range(len(words) - run + 1):
        told = tuple(word for word, _, _ in words[at : at + run])
        if told in seen:
            again.update(range(at, at + run))
        seen.add(told)
    if not again:
        return None
    first = last = min(again)
    while last + 1 in again:
        last += 1
    return _Loop(words[first][1], words[last][2], len(again) / len(words))
