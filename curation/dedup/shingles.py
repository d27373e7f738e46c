"""Text to sets of shingles: hashed once, in one flat array, each row's rarest shingles first.

Keys depend on the texts alone, never on the machine, the threads or DuckDB's own hash.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    import duckdb

Ints = np.ndarray[Any, np.dtype[np.int64]]
Hashes = np.ndarray[Any, np.dtype[np.uint64]]

# Scripts written without blanks: each character counts as a word.
SPACED = r"""
    case when strlen({text}) = length({text}) then {text}
    else trim(regexp_replace(regexp_replace({text},
        '([\p{{Han}}\p{{Hiragana}}\p{{Katakana}}\p{{Thai}}])', ' \1 ', 'g'), ' +', ' ', 'g')) end
"""
# A key is 7 bits of rarity above its hash; of 80 million shingles 0.04 pairs should collide.
HASH_BITS = 56
_BATCH_ROWS = 20_000
_BLOCK = 1 << 15  # 256 KiB of hashes: stays in the second-level cache


class Shingle(enum.Enum):
    """What texts are cut into: every run of `size` neighbouring units."""

    GRAMS = ("characters", 5)
    WORDS = ("words", 3)

    def __init__(self, unit: str, size: int) -> None:
        self.unit = unit
        self.size = size


@dataclass(frozen=True, slots=True)
class ShingleSets:
    """One set of shingle keys a text; row i holds `keys[start[i]:start[i + 1]]`, ascending, no key twice.

    Ascending is rarest first. `level(keys) == 1` proves that no other text holds the shingle.
    """

    seq: Ints  # ascending
    words: Ints
    chars: Ints
    keys: Ints
    start: Ints  # one longer than the rows

    @property
    def size(self) -> Ints:
        """Distinct shingles of each row."""
        return np.diff(self.start)


def level(keys: Ints) -> Ints:
    """The rarity of each key, 1 to 127: about the logarithm of how often it occurs, never too low."""
    return np.asarray(keys >> HASH_BITS)


def ranges(first: Ints, count: Ints) -> Ints:
    """first[0], first[0] + 1, … (count[0] of them), first[1], …"""
    ends = np.cumsum(count)
    places: Ints = np.arange(ends[-1] if len(ends) else 0) + np.repeat(first - (ends - count), count)
    return places


def read(
    cursor: duckdb.DuckDBPyConnection, texts: str, shingle: Shingle, progress: Progress = SILENT
) -> ShingleSets:
    """The shingle set of every text.

    Args:
        texts: name of a relation with `seq bigint, text varchar, words bigint`; text normalised, not empty.
        progress: one unit a text.
    """
    text = SPACED.format(text="text") if shingle is Shingle.WORDS else "text"
    query = f"select seq, {text} as text, words, length(text) as chars from {texts} order by seq"
    ((rows,),) = cursor.sql(f"select count(*) from {texts}").fetchall()
    progress.stage("Cutting texts into shingles", rows)
    columns: list[pa.RecordBatch] = []
    hashes: list[Hashes] = []
    counts: list[Ints] = []
    vocabulary: dict[str, int] = {}
    for batch in cursor.sql(query).to_arrow_reader(_BATCH_ROWS):
        hashed, count = _cut(batch.column("text"), shingle, vocabulary)
        hashes.append(hashed)
        counts.append(count)
        columns.append(batch.select(["seq", "words", "chars"]))
        progress.advance(len(batch))
    if not columns:
        nothing = np.zeros(0, np.int64)
        return ShingleSets(nothing, nothing, nothing, nothing, np.zeros(1, np.int64))
    flat = np.concatenate(hashes)
    hashes.clear()
    keys, start = _rarest_first(flat, np.concatenate(counts))
    table = pa.Table.from_batches(columns)
    seq, words, chars = (table.column(name).to_numpy().astype(np.int64) for name in table.column_names)
    return ShingleSets(seq, words, chars, keys, start)


def _cut(texts: pa.StringArray, shingle: Shingle, vocabulary: dict[str, int]) -> tuple[Hashes, Ints]:
    symbols, lengths = _word_codes(texts, vocabulary) if shingle is Shingle.WORDS else _characters(texts)
    if (lengths < shingle.size).any():
        symbols, lengths = _padded(symbols, lengths, shingle.size)
    ends = np.cumsum(lengths)
    inside = np.ones(len(symbols), bool)
    for back in range(1, shingle.size):
        inside[ends - back] = False
    runs = _hash_runs(symbols, shingle.size)
    return runs[inside[: len(runs)]], lengths - shingle.size + 1


def _characters(texts: pa.StringArray) -> tuple[Hashes, Ints]:
    lengths = pc.utf8_length(texts).to_numpy(zero_copy_only=False).astype(np.int64)
    large = texts.cast(pa.large_string())
    _, offsets, data = large.buffers()
    bounds = np.frombuffer(offsets, np.int64)[large.offset : large.offset + len(large) + 1]
    raw = memoryview(data)[bounds[0] : bounds[-1]]
    if len(raw) == lengths.sum():
        return np.frombuffer(raw, np.uint8).astype(np.uint64), lengths
    return np.frombuffer(str(raw, "utf-8").encode("utf-32-le"), "<u4").astype(np.uint64), lengths


def _word_codes(texts: pa.StringArray, vocabulary: dict[str, int]) -> tuple[Hashes, Ints]:
    """Words as numbers from 1, in order of first appearance: equal numbers are equal words."""
    split = pc.split_pattern(texts, " ")
    lengths = pc.list_value_length(split).to_numpy(zero_copy_only=False).astype(np.int64)
    encoded = split.flatten().dictionary_encode()
    codes = [vocabulary.setdefault(word, len(vocabulary) + 1) for word in encoded.dictionary.to_pylist()]
    return np.array(codes, np.uint64)[encoded.indices.to_numpy()], lengths


def _padded(symbols: Hashes, lengths: Ints, size: int) -> tuple[Hashes, Ints]:
    """Texts shorter than a shingle are filled up with symbol 0, which no text holds: one shingle each."""
    wide = np.maximum(lengths, size)
    filled = np.zeros(wide.sum(), np.uint64)
    filled[ranges(np.cumsum(wide) - wide, lengths)] = symbols
    return filled, wide


def _hash_runs(symbols: Hashes, size: int) -> Hashes:
    """The 56-bit hash of every run of `size` symbols; each step is one-to-one in what went before."""
    runs = len(symbols) - size + 1
    hashed = np.zeros(runs, np.uint64)
    odd, last = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93)
    for at in range(0, runs, _BLOCK):
        h = hashed[at : at + _BLOCK]
        for place in range(size):
            h ^= symbols[at + place : at + place + len(h)]
            h *= odd
            h ^= h >> np.uint64(32)
        h *= last
        h ^= h >> np.uint64(32)
        h >>= np.uint64(64 - HASH_BITS)
    return hashed


def _rarest_first(hashes: Hashes, counts: Ints) -> tuple[Ints, Ints]:
    """Put the level of rarity above each hash, sort within rows and drop what a row holds twice.

    Works in place and forwards, block by block, so that a million rows need one array and not three.
    """
    levels, shift = _levels(hashes)
    keys = hashes.view(np.int64)
    start = np.concatenate([[0], np.cumsum(counts)])
    blocks = np.unique(np.searchsorted(start, np.arange(0, start[-1], 1 << 21)).clip(max=len(counts)))
    size = np.zeros(len(counts), np.int64)
    end = 0
    for low, high in zip(blocks, [*blocks[1:], len(counts)], strict=True):
        if low == high:
            continue
        block = keys[start[low] : start[high]]
        block |= levels[block >> shift].astype(np.int64) << HASH_BITS
        local = start[low : high + 1] - start[low]
        _sort_rows(block, local)
        new = np.ones(len(block), bool)
        new[1:] = block[1:] != block[:-1]
        new[local[:-1]] = True
        size[low:high] = np.add.reduceat(new, local[:-1], dtype=np.int64)
        kept = block[new]
        keys[end : end + len(kept)] = kept
        end += len(kept)
    return keys[:end], np.concatenate([[0], np.cumsum(size)])


def _levels(hashes: Hashes) -> tuple[np.ndarray[Any, np.dtype[np.uint8]], int]:
    """Count shingles by the top bits of their hash; a bucket may hold several, so it never counts too few."""
    bits = min(25, max(16, (len(hashes) * 2 // 3).bit_length()))
    shift = HASH_BITS - bits
    counts = np.zeros(1 << bits, np.int64)
    for at in range(0, len(hashes), 1 << bits):
        part = (hashes[at : at + (1 << bits)] >> np.uint64(shift)).astype(np.int64)
        counts += np.bincount(part, minlength=1 << bits)
    return _LEVEL_OF[np.minimum(counts, len(_LEVEL_OF) - 1)], shift


def _level_table() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Exact up to 9, then in steps of an eighth: integers alone, the same on every machine."""
    bounds = [1]
    while len(bounds) < 127:
        bounds.append(max(bounds[-1] + 1, bounds[-1] * 9 // 8))
    return np.searchsorted(np.array(bounds), np.arange(1 << 16), side="right").astype(np.uint8)


_LEVEL_OF = _level_table()


def _sort_rows(keys: Ints, start: Ints) -> None:
    """Sort each row of a flat array in place, rows of one length together."""
    size = np.diff(start)
    order = np.argsort(size, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(size[order])) + 1):
        width = size[rows[0]]
        if width > 1:
            at = start[rows, None] + np.arange(width)
            keys[at] = np.sort(keys[at], axis=1)
