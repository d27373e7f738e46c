"""What the decision log says: the batches of a project and the changes of one example, newest first."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curation.store import Store


@dataclass(frozen=True, slots=True)
class Batch:
    """One action as the log shows it. `changed` counts examples (for an import: sources)."""

    batch: int
    summary: str
    who: str
    made: datetime
    changed: int
    direction: str = "do"


@dataclass(frozen=True, slots=True)
class Change:
    """One line of an example's history; `before` and `after` are plain JSON values."""

    batch: int
    made: datetime
    who: str
    kind: str
    before: Any
    after: Any
    reason: str | None
    direction: str
    summary: str


def history(store: Store, seq: int) -> list[Change]:
    """Every change to one example, newest first; its imports are in `occurrence`."""
    rows = store.rows(
        """
        select b.batch, b.made, b.who, d.kind, d.before, d.after, d.reason, b.direction, b.summary
        from decision d
        join batch b using (batch)
        where d.seq = ?
        order by d.n desc
        """,
        [seq],
    )
    return [
        Change(
            batch,
            made,
            who,
            kind,
            _value(kind, before),
            _value(kind, after),
            reason,
            direction,
            summary,
        )
        for batch, made, who, kind, before, after, reason, direction, summary in rows
    ]


def _value(kind: str, text: str | None) -> Any:  # noqa: ANN401  the field's own type
    """The JSON of a field as a value; a revision keeps each of its parts as text."""
    value = json.loads(text or "null")
    if kind == "revised":
        return {
            name: part if name == "label" or part is None else json.loads(part)
            for name, part in value.items()
        }
    return value


def recent(store: Store, limit: int = 10) -> list[Batch]:
    """The newest batches, newest first."""
    rows = store.rows(
        """
        select b.batch, b.summary, b.who, b.made, count(coalesce(d.seq, d.source)), b.direction
        from batch b
        left join decision d using (batch)
        group by all
        order by b.batch desc
        limit ?
        """,
        [limit],
    )
    return [Batch(*row) for row in rows]
