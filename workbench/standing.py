"""Where a project stands: the numbers of the loop, each a quick count, for Overview and the sidebar."""

from __future__ import annotations

from curation.store import Store
from curation.task import Task


def measure(store: Store, task: Task | None):
    return None


def badges(_):
    return {}
