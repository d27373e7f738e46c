"""Labels over the whole set: rename, merge and split, each as one batch that also says how the task's list changes.

An answer that is the label changes with it. Undo puts the rows and the task's list back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from curation import changes, decisions, filters
from curation import task as tasks
from curation.errors import BadUsage, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curation.decisions import Batch
    from curation.filters import Filter
    from curation.store import Store


def counts(store: Store) -> dict[str, int]:
    """How many examples have each label, the most frequent first; labels of the task that none has come last."""
    found: dict[str, int] = dict(
        store.rows(
            "select label, count(*) as n from live where label is not null group by label order by n desc, label"
        )
    )
    return {**found, **{label: 0 for label in _listed(store) if label not in found}}


def rename(store: Store, old: str, new: str, *, who: str) -> Batch:
    """Give a label another name.

    Raises:
        BadUsage: there is no such label, or one of the new name already (merge them instead).
    """
    known = _known(store, [old], new)
    if new in known:
        raise BadUsage(f"There is a label {new!r} already.", hint="Merge the two instead.")
    listed = [new if label == old else label for label in _listed(store)]
    return _relabel(store, _having(store, [old]), new, listed, who, f"Rename label {old} to {new}")


def merge(store: Store, olds: Sequence[str], into: str, *, who: str) -> Batch:
    """Make one label of several; `into` may be one of them, or new.

    Raises:
        BadUsage: there is no such label, or nothing to merge.
    """
    gone = [label for label in dict.fromkeys(olds) if label != into]
    if not gone:
        raise BadUsage("There is nothing to merge.", hint="Name the labels that become another one.")
    _known(store, gone, into)
    listed = list(dict.fromkeys(into if label in gone else label for label in _listed(store)))
    return _relabel(
        store, _having(store, gone), into, listed, who, f"Merge label {', '.join(gone)} into {into}"
    )


def split(store: Store, label: str, chosen: Filter, new: str, *, who: str) -> Batch:
    """Give those examples of a label that a filter selects a label of their own.

    Raises:
        BadUsage: there is no such label, the new one is the same, or the filter selects none of its examples.
    """
    _known(store, [label], new)
    seqs = np.intersect1d(_having(store, [label]), filters.view(store, chosen))
    if new == label or not len(seqs):
        raise BadUsage(f"Nothing of the label {label!r} would change.", hint="Choose another filter or name.")
    listed = _listed(store)
    if label in listed and new not in listed:
        listed.insert(listed.index(label) + 1, new)
    return _relabel(store, seqs, new, listed, who, f"Split label {label}: {len(seqs):,} become {new}")


def _relabel(
    store: Store, seqs: NDArray[np.int64], new: str, listed: list[str], who: str, summary: str
) -> Batch:
    before = _listed(store)
    with store.transaction() as cursor:
        number = decisions.log(cursor, who, summary, "do", None)
        changes.stage(cursor, seqs, "label", [new], who)
        batch = decisions.record_change(store, "label", who=who, batch=number)
        if before and listed != before:
            decisions.record_labels(store, number, before, listed)
    return batch


def _listed(store: Store) -> list[str]:
    path = store.project.task_path
    return list(tasks.load(path).labels) if path.is_file() else []


def _having(store: Store, labels: Sequence[str]) -> NDArray[np.int64]:
    found = store.rows(
        "select seq from live where label in (select unnest(?::varchar[])) order by seq", [list(labels)]
    )
    return np.array([seq for (seq,) in found], dtype=np.int64)


def _known(store: Store, asked: Sequence[str], new: str) -> dict[str, int]:
    known = counts(store)
    for label in asked:
        if label not in known:
            raise unknown("label", label, known)
    if not new.strip():
        raise BadUsage("A label needs a name.")
    return known
