"""What Review shows: the rows a filter selects, as a snapshot that does not move while one decides."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation import filters
from curation.store import Store
from workbench import behind, rows
from workbench.widgets.figures import counted

Place = dict[str, Any]
LONG_SEARCH = 200_000  # rows


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected rows in order, what selects them in English, and short texts beside some of them.

    `key` is the same for the same choice in every process; `batch` is the newest action when it was made; it is
    not `complete` while a search has looked at a part of the rows only. `words` is the filter in its own language.
    """

    key: str
    seqs: NDArray[np.int64]
    english: str
    batch: int
    asides: dict[int, str] = field(default_factory=dict)
    complete: bool = True
    words: str = ""

    @property
    def sentence(self) -> str:
        """The selection in words, with its count in front."""
        n, words = len(self.seqs), self.english
        if self.everything:
            return f"All {counted(n, 'example')}"
        if n == 1:
            words = words.replace("examples", "example", 1).replace("rows", "row", 1)
        return f"{n:,} {words}" if self.complete else f"{n:,} so far, still looking: {words}"

    @property
    def everything(self) -> bool:
        """Whether nothing was left out."""
        return self.english == "all examples"

    @property
    def by_meaning(self) -> bool:
        """Whether it rests on vectors."""
        return filters.parse(self.words).by_meaning

    def position(self, store: Store, example: str | None) -> int:
        """Where an example stands in the list; the top where it does not."""
        found: Sequence[int] | NDArray[np.intp] = ()
        if example and (seqs := rows.ids_to_seqs(store, [example])):
            found = np.flatnonzero(self.seqs == seqs[0])
        return int(found[0]) if len(found) else 0

    def samples(self, n: int = 5) -> NDArray[np.int64]:
        """A few rows at random, the same ones as long as the selection is the same."""
        if len(self.seqs) <= n:
            return self.seqs
        random = np.random.default_rng(int(self.key, 16))
        chosen: NDArray[np.int64] = self.seqs[np.sort(random.choice(len(self.seqs), n, replace=False))]
        return chosen

    def window(self, store: Store, around: int) -> tuple[int, list[dict[str, Any]]]:
        """The list entries around a position, with where they start; the chats nearest to it in full."""
        start = max(0, min(around - rows.LIST // 2, len(self.seqs) - rows.LIST))
        chats = self.seqs[max(0, around - rows.BEFORE) : around + rows.AFTER]
        listed = self.seqs[start : start + rows.LIST]
        return start, rows.window(store, listed, chats=chats, asides=self.asides)


def select(
    store: Store,
    words: str,
    sort: str,
    *,
    near: str = "",
    ids: str = "",
    kept: Selection | None,
    at_once: bool = False,
) -> Selection:
    """The snapshot for a choice; the one that is kept while the choice stays the same.

    Args:
        store: the open project.
        words: a filter in its own language.
        sort: a name of `filters.SORTS`.
        near: the training rows behind `EVALUATION:ID` instead; they must have been found before.
        ids: content ids joined by commas instead.
        kept: the snapshot shown until now.
        at_once: a search over very many rows may give its first matches only.

    Raises:
        BadUsage: the filter cannot be read.
    """
    found = behind.find(store, near) if near else None
    order = ",".join(found.ids) if found else ""  # weighing the rows of a trace gives another order
    key = hashlib.sha256(f"{words}|{sort}|{near}|{ids}|{order}".encode()).hexdigest()[:12]
    if kept is not None and kept.key == key and (kept.complete or at_once):
        return kept
    batch = rows.newest_batch(store)
    if found is not None:
        seqs, asides = behind.as_list(store, found)
        return Selection(key, seqs, "training rows behind one answer", batch, asides)
    if ids:
        named = np.array(rows.ids_to_seqs(store, ids.split(",")), dtype=np.int64)
        return Selection(key, named, "examples named in the address", batch)
    chosen = filters.parse(words)
    if at_once and sort == "imported" and _long_search(store, chosen):
        seqs, complete = filters.first_matches(store, chosen)
        return Selection(key, seqs, chosen.english, batch, complete=complete, words=words)
    return Selection(key, filters.view(store, chosen, sort), chosen.english, batch, words=words)


def _long_search(store: Store, chosen: filters.Filter) -> bool:
    """Whether it is a search for words, and nothing by meaning, that takes longer than a blink."""
    text = any(term.field == "text" for term in chosen.terms)
    return text and not chosen.by_meaning and rows.many(store, LONG_SEARCH)
