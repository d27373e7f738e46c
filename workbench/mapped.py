"""What the map of Review draws: a sample of the placed rows, where each stands, its colour and its first words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curation import filters, label_errors
from curation.errors import NotReady
from curation.store import Store
from curation.task import Task
from workbench.selection import Selection, select

MOST, MOST_OTHERS = 5000, 1500  # points drawn; of them rows that the filter leaves out
VALUES = 7  # with a colour of their own
_COLOURS = {
    "decision": "nullif(e.decision, 'undecided')",
    "flag": "(select min(f.check_name) from open_flag f where f.seq = e.seq)",
    "source": "s.name",
    "split": "e.split",
}


@dataclass(frozen=True, slots=True)
class Drawn:
    """Points of the map, those that the filter leaves out first; the values with a colour, most frequent first."""

    points: tuple[dict[str, Any], ...]
    values: tuple[str, ...]
    selected: int
    shown: int

    @property
    def sentence(self) -> str:
        """What a person must know about the picture."""
        told = f"{self.shown:,} of {self.selected:,} rows are drawn, " if self.shown < self.selected else ""
        told += "a box drawn on the map takes in all that lie in it"
        return f"{told[0].upper()}{told[1:]}; hover a point to read it."


def colours(known: dict[str, list[str]], task: Task | None) -> list[str]:
    """What can be told apart by colour in this project, the most telling first."""
    found = [name for name in ("flag", "split") if known.get(name)]
    if len(known.get("source", ())) > 1:
        found.append("source")
    return [*(["label"] if known.get("label") or _field(task) != "label" else []), "decision", *found]


def base(store: Store, chosen: Selection, kept: Selection | None) -> Selection:
    """The selection without any region of the map: what the map shows in colour."""
    terms = filters.parse(chosen.words).terms
    if all(term.field != "map" for term in terms):
        return chosen
    words = str(filters.Filter(tuple(term for term in terms if term.field != "map")))
    return select(store, words, "imported", kept=kept)


def draw(store: Store, base: Selection, colour: str, task: Task | None) -> Drawn:
    """Choose and read the points; the same ones as long as the selection is the same."""
    everyone = _placed(store)
    selected = np.intersect1d(everyone, base.seqs)
    rest = np.setdiff1d(everyone, selected, assume_unique=True)
    others = _some(rest, min(MOST_OTHERS, MOST // 4))
    mine = _some(selected, MOST - len(others))
    rows = _read(store, np.concatenate([others, mine]), _sql(colour, task))
    shown = set(mine.tolist())
    names, n = np.unique(
        [row["value"] for row in rows if row["seq"] in shown and row["value"] is not None], return_counts=True
    )
    values = tuple(str(names[at]) for at in np.lexsort((names, -n))[:VALUES])
    points = [_point(row, row["seq"] in shown, values) for row in rows]
    points.sort(key=lambda point: (point["strength"], not point["grey"]))
    return Drawn(tuple(points), values, len(selected), len(mine))


def _point(row: dict[str, Any], selected: bool, values: tuple[str, ...]) -> dict[str, Any]:
    grey = (
        not selected or row["value"] not in values
    )  # grey is one colour; fainter where the filter leaves out
    return {
        "x": round(row["x"], 2),
        "y": round(row["y"], 2),
        "value": row["value"] or "none",
        "words": " ".join(row["words"].split())[:90],
        "grey": grey,
        "strength": (0.55 if grey else 0.85) if selected else 0.16,
    }


def _placed(store: Store) -> NDArray[np.int64]:
    found = store.rows(
        "select m.seq from map_point m join live e on e.seq = m.seq and e.text_hash = m.text_hash order by m.seq"
    )
    return np.array([seq for (seq,) in found], dtype=np.int64)


def _some(seqs: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    if len(seqs) <= most:
        return seqs
    return np.sort(np.random.default_rng(0).choice(seqs, most, replace=False))


def _read(store: Store, seqs: NDArray[np.int64], value: str) -> list[dict[str, Any]]:
    return store.dicts(
        f"""
        select m.seq, m.x, m.y, {value} as value,
            left(coalesce(nullif(user_text(c.messages), ''), ''), 200) as words
        from map_point m
        join example e on e.seq = m.seq and e.text_hash = m.text_hash
        join content c on c.seq = m.seq
        join source s using (source)
        where m.seq in (select unnest(?::bigint[]))
        order by m.seq
        """,
        [seqs.tolist()],
    )


def _sql(colour: str, task: Task | None) -> str:
    return _COLOURS.get(colour) or label_errors.value_of(_field(task))


def _field(task: Task | None) -> str:
    """The label of this task: the row's own, or a field of its answer."""
    try:
        return label_errors.field_of(task) if task else "label"
    except NotReady:
        return "label"
