"""Near-duplicates against their floor: reading the same file, cutting it into shingles and hashing each once.

One core, both sides in turn, three times, medians; one line of JSON a ratio. Exit 1 when one is above `hold`.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from string import ascii_lowercase

import duckdb
import pyarrow as pa

from curation import macros
from curation.dedup import Shingle, view

REPEATS = 3
HOLD = 3.0
# rows, words of a chat (least, most), what the default cuts such chats into
SETS = (
    (10_000, (40, 120), Shingle.WORDS),
    (100_000, (40, 120), Shingle.WORDS),
    (100_000, (4, 30), Shingle.GRAMS),
)
_TEXT = "array_to_string(list_transform(messages, lambda m: m.content), chr(10))"
_SHINGLES = {
    Shingle.WORDS: r"""
        create table floor as
        with cut as (
            select string_split_regex(lower(text), '[^\p{L}\p{M}\p{N}_]+') as words
            from chat
        ), hashed as (
            select list_transform(words, lambda w: hash(w)) as h
            from cut
        )
        select list_transform(range(1, greatest(len(h) - 1, 2)), lambda i: hash(h[i], h[i + 1], h[i + 2])) as s
        from hashed
    """,
    Shingle.GRAMS: r"""
        create table floor as
        with clean as (
            select trim(regexp_replace(lower(text), '[^\p{L}\p{M}\p{N}_]+', ' ', 'g')) as t
            from chat
        )
        select list_transform(range(1, greatest(length(t) - 3, 2)), lambda i: hash(substring(t, i, 5))) as s
        from clean
    """,
}


def chats(rows: int, words: tuple[int, int], seed: int = 1) -> Iterator[str]:
    """Seeded chats as JSON lines; one in seven is a copy: exact, recased, cut, longer or with words changed."""
    rng = random.Random(seed)
    vocabulary = ["".join(rng.choices(ascii_lowercase, k=rng.randint(2, 10))) for _ in range(30_000)]
    weights = [1 / rank**0.9 for rank in range(1, len(vocabulary) + 1)]
    stream = iter(rng.choices(vocabulary, weights, k=rows * words[1]))
    made: list[list[str]] = []
    for _ in range(rows):
        if made and rng.random() < 1 / 7:
            text = _changed(list(rng.choice(made)), rng, vocabulary)
        else:
            text = [next(stream) for _ in range(rng.randint(*words))]
        made.append(text)
        middle = len(text) // 2
        question, answer = " ".join(text[:middle]) + "?", " ".join(text[middle:]).capitalize() + "."
        turns = [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
        yield json.dumps({"messages": turns})


def _changed(text: list[str], rng: random.Random, vocabulary: list[str]) -> list[str]:
    kind = rng.randrange(5)
    if kind == 1:
        return [word.upper() for word in text]
    if kind == 2 and len(text) > 4:
        return text[: -rng.randint(1, 3)]
    if kind == 3:
        return [*text, *rng.choices(vocabulary, k=3)]
    if kind == 4:
        for _ in range(max(1, len(text) * rng.randint(1, 20) // 100)):
            text[rng.randrange(len(text))] = rng.choice(vocabulary)
    return text


def read(connection: duckdb.DuckDBPyConnection, path: Path) -> None:
    """What both sides begin with: a typed read of the file."""
    connection.execute(
        f"""
        create table chat as
        select row_number() over () as seq, {_TEXT} as text
        from read_json(?, format = 'newline_delimited',
            columns = {{'messages': 'struct(role varchar, content varchar)[]'}})
        """,
        [str(path)],
    )


def near_duplicates(path: Path, shingle: Shingle) -> int:
    """The work measured: from the file to verified components and the number of pairs."""
    with duckdb.connect(config={"threads": 1}) as connection:
        macros.register(connection)
        read(connection, path)
        connection.execute("create temp table normal as select seq, normalise(text) as text from chat")
        found = view(connection, "normal")
        if found.shingle is not shingle:
            raise AssertionError(f"expected {shingle}, the median chat asks for {found.shingle}")
        return found.pairs.at_least


def floor(path: Path, shingle: Shingle) -> None:
    """The least any comparison of texts has to do."""
    with duckdb.connect(config={"threads": 1}) as connection:
        read(connection, path)
        connection.execute(_SHINGLES[shingle])


def seconds(work: Callable[[], object]) -> float:
    """CPU time of one call, all of it on one core: other work on the machine counts little."""
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(folder: Path, rows: int, words: tuple[int, int], shingle: Shingle) -> dict[str, object]:
    """One ratio, ready to print."""
    path = folder / f"{rows}-{shingle.name}.jsonl"
    path.write_text("\n".join(chats(rows, words)), "utf-8")
    pairs = near_duplicates(path, shingle)
    ours, least = [], []
    for _ in range(REPEATS):
        least.append(seconds(lambda: floor(path, shingle)))
        ours.append(seconds(lambda: near_duplicates(path, shingle)))
    name = f"near-duplicates / read, tokenise and hash every shingle once, {rows:,} chats, {shingle.unit}"
    return {
        "ratio": name,
        "measured": round(median(ours) / median(least), 2),
        "hold": HOLD,
        "seconds": round(median(ours), 3),
        "floor_seconds": round(median(least), 3),
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "pairs": pairs,
    }


def main() -> int:
    """Measure every set; 1 when a ratio is above what it has to hold."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pa.set_cpu_count(1)
    missed = 0
    with tempfile.TemporaryDirectory() as folder:
        for rows, words, shingle in SETS:
            line = measure(Path(folder), rows, words, shingle)
            missed += float(str(line["measured"])) > HOLD
            sys.stdout.write(json.dumps(line) + "\n")
            sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
