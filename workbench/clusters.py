"""What the Duplicates view shows: a window of clusters, and the members of those that are looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from curation.dedup import listing
from curation.dedup.listing import Clusters
from curation.example import Message, text_of
from curation.indent import indented, is_json
from curation.store import Store
from evals.compare import text_differences
from workbench.widgets.figures import counted

LIST, AHEAD, MOST = 120, 5, 40


@dataclass(frozen=True, slots=True)
class Listed:
    """A snapshot: the clusters in order at a threshold, under a key that is the same in every process."""

    key: str
    least: float
    found: Clusters

    def position(self, store: Store, seq: int) -> int | None:
        """Where the cluster of an example stands."""
        cluster = store.value("select cluster from duplicate where seq = ?", [seq])
        at = np.flatnonzero(self.found.cluster == (-1 if cluster is None else cluster))
        return int(at[0]) if len(at) else None

    def window(self, store: Store, pos: int) -> tuple[int, list[dict[str, Any]]]:
        """The list entries around a position, with where they start."""
        total = len(self.found.cluster)
        start = max(0, min(pos - LIST // 2, total - LIST))
        numbers = [int(one) for one in self.found.cluster[start : start + LIST]]
        known = listing.outline(store, numbers, self.least)
        return start, [_entry(known[number]) for number in numbers if number in known]

    def members(self, store: Store, pos: int, heads: Mapping[int, int]) -> dict[int, dict[str, Any]]:
        """The members of the clusters at and after a position, compared with the chosen representative."""
        numbers = [int(one) for one in self.found.cluster[max(0, pos - 1) : pos + AHEAD]]
        found = listing.members(store, numbers, self.least)
        shown = [m["seq"] for rows in found.values() for m in rows[:MOST]]
        turns = {
            seq: json.loads(text)
            for seq, text in store.rows(
                "select seq, messages from content where seq in (select unnest(?::bigint[]))", [shown]
            )
        }
        return {number: _cluster(rows, turns, heads.get(number)) for number, rows in found.items()}


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    word, tone = "", ""
    if row["dropped"]:
        word, tone = f"{row['dropped']} dropped", "drop"
    elif row["kept"] == row["size"]:
        word, tone = "kept all", "keep"
    return {**row, "preview": " ".join(str(row["preview"] or "").split()), "word": word, "tone": tone}


def _cluster(
    rows: list[dict[str, Any]], turns: Mapping[int, list[Message]], chosen: int | None
) -> dict[str, Any]:
    groups: dict[int, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["representative"], []).append(row)
    first = next(iter(groups.values()))
    head = next((row for row in first if row["seq"] == chosen), first[0])
    first.sort(key=lambda row: row is not head)
    shown = rows[:MOST]
    drawn = []
    for number, members in enumerate(groups.values()):
        cards = [_card(row, head, turns) for row in members if row in shown]
        if cards:
            drawn.append(
                {
                    "says": "Same question, linked by the user turns alone" if number else "",
                    "members": cards,
                }
            )
    alike = [seq for row in first for seq in row["copied"]]
    every = [seq for row in rows for seq in row["copied"]]
    return {
        "head": head["seq"],
        "alike": alike,
        "all": every,
        "more": len(rows) - len(shown),
        "groups": drawn,
        "says": f"{counted(len(every), 'row')}, {counted(len(rows), 'different text')}",
    }


def _card(row: dict[str, Any], head: dict[str, Any], turns: Mapping[int, list[Message]]) -> dict[str, Any]:
    is_head = row is head
    about = [row["source"], row["split"], "frozen" if row["frozen"] else "", row["label"]]
    copies = f"{row['copies']} equal rows" if row["copies"] > 1 else ""
    return {
        "seq": row["seq"],
        "id": row["id"],
        "copied": row["copied"],
        "copies": row["copies"],
        "decision": row["decision"],
        "head": is_head,
        "link": "stands for the others" if is_head else _link(row, head),
        "about": " · ".join(part for part in (*about, copies) if part),
        "turns": _turns(turns.get(row["seq"], []), turns.get(head["seq"], []), is_head),
    }


def _link(row: dict[str, Any], head: dict[str, Any]) -> str:
    if row["representative"] != head["representative"]:
        return f"question {row['similarity']:.2f} similar"
    if head["seq"] != head["representative"] and row["seq"] == row["representative"]:
        return f"{head['similarity']:.2f} similar"
    if head["seq"] != head["representative"]:
        return f"{row['similarity']:.2f} similar to the longest"
    if row["hops"]:
        return f"{row['similarity']:.2f} similar, linked through {counted(row['hops'], 'row')}"
    return f"{row['similarity']:.2f} similar"


def _turns(mine: list[Message], other: list[Message], is_head: bool) -> list[dict[str, Any]]:
    found = []
    for index, message in enumerate(mine):
        if message.get("role") in ("system", "developer"):
            continue  # deduplication does not compare them
        text = _laid_out(text_of(message))
        against = _laid_out(text_of(other[index])) if index < len(other) else ""
        pieces = [(text, "equal")] if is_head else list(text_differences(against, text))
        kind = "json" if text.lstrip()[:1] in ("{", "[") else ""
        found.append({"role": str(message.get("role", "")), "kind": kind, "pieces": pieces})
    return found


def _laid_out(text: str) -> str:
    stripped = text.strip()
    return indented(stripped, [])[0] if stripped[:1] in ("{", "[") and is_json(stripped) else text
