"""The vectors of a project's examples: what its people ask, each text embedded once and cached by content.

What it will cost is said before anything is embedded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from curation import embed, task
from curation.errors import NotReady
from curation.progress import SILENT, Progress
from curation.task import DEFAULT_EMBEDDER

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curation.store import Store

# One core, float32: 43.7 s for 1,000 rows of 80 words and 4.6 s for 1,000 of 12; text past 256 tokens is not read.
_SECONDS_A_WORD = 0.00055
_MOST_WORDS = 190
_BFLOAT16 = 0.55  # of the time of float32, measured on both lengths
_SOON = 64  # so few texts are embedded without asking
_OTHER_LETTERS = 0.15
ENGLISH = ("all-minilm-l6-v2",)


class Meaning(NamedTuple):
    """Vectors of length 1 in the order of `seqs`."""

    seqs: NDArray[np.int64]
    vectors: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the vectors of some rows still cost: distinct texts to embed, and seconds on one core."""

    rows: int
    missing: int
    seconds: float

    @property
    def time(self) -> str:
        """`about 3 minutes`."""
        return about(self.seconds)

    @property
    def sentence(self) -> str:
        """What a person reads before it starts."""
        if not self.missing:
            return f"The vectors of {self.rows:,} rows are there."
        return f"Vectors of {self.missing:,} texts of {self.rows:,} rows: {self.time}."


def about(seconds: float) -> str:
    """A length of time as people say it."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 90:
        return f"about {round(seconds / 10) * 10} seconds"
    if seconds < 90 * 60:
        return f"about {round(seconds / 60)} minutes"
    return f"about {seconds / 3600:.1f} hours"


def estimate(store: Store, embedder: str = DEFAULT_EMBEDDER, only: Sequence[int] | None = None) -> Estimate:
    """What `read` would cost now; `only` as there."""
    _, texts = _texts(store, only)
    missing = embed.missing(texts, embedder, store.project.vectors)
    words = sum(min(_MOST_WORDS, text.count(" ") + 1) for text in missing)
    speed = _BFLOAT16 if embed.precision() == "bfloat16" else 1
    return Estimate(len(texts), len(missing), words * _SECONDS_A_WORD * speed)


def read(
    store: Store,
    embedder: str = DEFAULT_EMBEDDER,
    only: Sequence[int] | None = None,
    progress: Progress = SILENT,
) -> Meaning:
    """The vectors of the user turns of all present examples that have any.

    Args:
        store: the open project.
        embedder: as `embed.vectors` takes it.
        only: some `seq` instead of all.
        progress: one unit a text that is not in the cache.
    """
    seqs, texts = _texts(store, only)
    return Meaning(seqs, embed.vectors(texts, embedder, store.project.vectors, progress))


def embedder_of(store: Store) -> str:
    """The embedder that the project's task names."""
    path = store.project.task_path
    return task.load(path).embedder if path.is_file() else DEFAULT_EMBEDDER


_kept: tuple[object, Meaning] | None = None


def at_hand(store: Store, embedder: str = DEFAULT_EMBEDDER) -> Meaning:
    """The vectors of all rows, without a long wait: kept in memory until the texts change.

    Raises:
        NotReady: too many are missing; says how long it takes to make them.
    """
    global _kept
    key = (str(store.project.folder), store.revision, embedder)
    kept = _kept
    if kept is not None and kept[0] == key:
        return kept[1]
    cost = estimate(store, embedder)
    if cost.missing > _SOON:
        raise NotReady(
            f"This needs vectors: {cost.time} for {cost.rows:,} rows.",
            hint=f"workbench vectors {store.project.folder}",
            code="no-vectors",
        )
    found = read(store, embedder)
    _kept = (key, found)
    return found


def like(store: Store, example: str, most: int, embedder: str = DEFAULT_EMBEDDER) -> list[int]:
    """The `seq` of the rows nearest in meaning to one example, itself first; none when there is no such example.

    Raises:
        NotReady: the vectors are missing.
    """
    own = store.value("select seq from live where id = ?", [example])
    if own is None:
        return []
    known = at_hand(store, embedder)
    place = np.flatnonzero(known.seqs == own)
    if not len(place):
        return []
    cosine = known.vectors @ known.vectors[place[0]]
    cosine[place[0]] = 2
    return _nearest(known, cosine, most)


def means(store: Store, words: str, most: int, embedder: str = DEFAULT_EMBEDDER) -> list[int]:
    """The `seq` of the rows nearest in meaning to some words, the nearest first; none for no words.

    Raises:
        NotReady: the vectors of the rows are missing.
        MissingModel: the embedder is not on this machine.
    """
    if not words.strip():
        return []
    known = at_hand(store, embedder)
    if not len(known.seqs):
        return []
    return _nearest(known, known.vectors @ _asked(words.strip(), embedder), most)


@lru_cache(maxsize=256)
def _asked(words: str, embedder: str) -> NDArray[np.float32]:
    vector: NDArray[np.float32] = embed.vectors([words], embedder)[0]
    return vector


def _nearest(known: Meaning, cosine: NDArray[np.float32], most: int) -> list[int]:
    return [int(seq) for seq in known.seqs[np.argsort(-cosine, kind="stable")[:most]]]


def foreign(store: Store, embedder: str = DEFAULT_EMBEDDER) -> str:
    """A sentence when the embedder reads English only and many letters are not its; else "".

    Letters outside ASCII are a sign, not a proof: French has one in thirty, Russian and Chinese nearly all.
    """
    global _told
    if embedder not in ENGLISH:
        return ""
    key = (str(store.project.folder), store.revision, embedder)
    if _told is None or _told[0] != key:
        _told = (key, _foreign(store, embedder))
    return _told[1]


_told: tuple[object, str] | None = None


def _foreign(store: Store, embedder: str) -> str:
    share = store.value(
        r"""
        with sample as (
            select regexp_replace(user_text(c.messages), '[^\p{L}]', '', 'g') as text
            from live
            join content c using (seq)
            order by live.id
            limit 2000
        ), letters as (
            select sum(length(text)) as of_all, sum(length(regexp_replace(text, '[^a-zA-Z]', '', 'g'))) as ascii,
                count(*) as rows, count(*) filter (regexp_matches(text, '[^a-zA-Z]')) as odd
            from sample
        )
        select coalesce(greatest(1 - ascii / nullif(of_all, 0), 0.3 * odd / nullif(rows, 0)), 0)
        from letters
        """
    )
    if share < _OTHER_LETTERS:
        return ""
    return (
        f"{embedder} reads English, and much of this text seems to be in another language: nearness of meaning "
        "is unreliable here. Name a multilingual embedder in the settings."
    )


def _texts(store: Store, only: Sequence[int] | None) -> tuple[NDArray[np.int64], list[str]]:
    found = store.rows(
        """
        select seq, user_text(c.messages) as text
        from live
        join content c using (seq)
        where trim(user_text(c.messages)) <> '' and ($all or seq in (select unnest($only::bigint[])))
        order by seq
        """,
        {"all": only is None, "only": [] if only is None else [int(seq) for seq in only]},
    )
    return np.array([seq for seq, _ in found], dtype=np.int64), [text for _, text in found]
