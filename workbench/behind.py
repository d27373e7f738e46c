"""The training rows behind a failing answer, as a list for Review; found in the background, kept for the process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from curation import jobs
from curation.errors import BadUsage
from curation.progress import Progress
from curation.store import Store
from evals import trace
from evals.trace import Trace
from workbench import chores, rows, state

_found: dict[str, Trace] = {}


def find(store: Store, near: str) -> Trace | None:
    """The trace for `EVALUATION:ID` or `EVALUATION:ID:CANDIDATE`; None while it is being made.

    Raises:
        BadUsage: no such evaluation or row, or its rows are sealed.
    """
    key = f"{store.project.folder}|{near}"
    chore = chores.finished("trace")
    if chore is not None and chore.title.endswith(near):
        if chore.error is not None and key not in _found:
            raise chore.error
        if chore.result is not None:
            _found[key] = chore.result
    if key in _found:
        return _found[key]
    if chores.running() is None:
        chores.start("trace", f"Finding the training rows behind {near}", _search(store, near))
    return None


def weigh(store: Store, near: str) -> None:
    """Find them again, this time by their gradients too; `find` has the new trace when that is done.

    Raises:
        ProjectBusy: other work is under way.
    """
    chores.start("trace", f"Weighing the training rows behind {near}", _search(store, near, gradients=True))


def _search(store: Store, near: str, *, gradients: bool = False) -> Callable[[Progress], Any]:
    name, _, rest = near.partition(":")
    example, _, candidate = rest.partition(":")
    if not example:
        raise BadUsage(f"Expected EVALUATION:ID, got {near!r}.")
    folder = jobs.find(store.project.evals, name)
    return lambda progress: trace.trace(
        folder,
        example,
        candidate or None,
        gradients=gradients,
        cache=state.project().vectors,
        progress=progress,
    )


def as_list(store: Store, found: Trace) -> tuple[np.ndarray[Any, Any], dict[int, str]]:
    """The rows' `seq` in the order of the trace, and what stands beside each."""
    seqs = rows.ids_to_seqs(store, found.ids)
    by_id = dict(zip((one for one in found.ids if rows.ids_to_seqs(store, [one])), seqs, strict=False))
    asides = {
        by_id[row.id]: (
            f"push {row.push:+.2f}"
            if row.push is not None
            else "contradicts"
            if row.contradicting
            else f"near {row.cosine:.2f}"
        )
        for row in found.rows
        if row.id in by_id
    }
    return np.array(seqs, dtype=np.int64), asides
