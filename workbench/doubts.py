"""Rows whose label is doubted: their order in Review, what explains each, and a suggestion that a person accepts."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import numpy as np

from curation import label_errors
from curation.changes import Kind
from curation.errors import BadUsage
from curation.label_errors import Ranking
from curation.store import Store
from workbench import rows
from workbench.selection import Selection


def ranked(store: Store, chosen: Selection, ranking: Ranking, kept: Selection | None) -> Selection:
    """The rows of a selection that were ranked, the most doubtful first; `kept` as long as the choice is the same."""
    stamp = f"{chosen.key}|{chosen.batch}|suspects|{ranking.revision}|{ranking.batch}"
    key = hashlib.sha256(stamp.encode()).hexdigest()[:12]
    if kept is not None and kept.key == key:
        return kept
    order = np.array(label_errors.order(store), dtype=np.int64)
    return Selection(key, order[np.isin(order, chosen.seqs)], chosen.english, chosen.batch)


def explain(store: Store, listed: list[dict[str, Any]]) -> None:
    """Add to the entries of a list what is likelier, and to those with a chat all that explains it."""
    found = {one.seq: one for one in label_errors.listed(store, len(listed), [row["seq"] for row in listed])}
    for row in listed:
        one = found.get(row["seq"])
        if one is None:
            continue
        row["aside"] = f"→ {one.suggested}" if one.flagged else None
        row["doubt"] = {
            "given": one.given,
            "suggested": one.suggested,
            "probability": f"{one.probability:.2f}",
            "flagged": one.flagged,
            "reason": one.reason,
            "near": [[near["id"], near["label"], f"{near['similarity']:.2f}"] for near in one.neighbours],
        }


def accepted(store: Store, seq: int, suggested: str) -> tuple[Kind, Any]:
    """The change that makes a suggestion true: the label, or one field of the answer.

    Raises:
        BadUsage: the field does not stand in the answer exactly once.
    """
    ranking = label_errors.last(store)
    if ranking is None or ranking.field == "label":
        return "label", suggested
    turns = rows.messages(store, seq)
    place = max((i for i, turn in enumerate(turns) if turn.get("role") == "assistant"), default=None)
    if place is None:
        raise BadUsage("This row has no answer.", hint="Set its label by hand (L).")
    answer = turns[place].get("content")
    field = ranking.field.removeprefix("answer.")
    new = _with(answer if isinstance(answer, str) else "", field, suggested)
    turns[place] = {**turns[place], "content": new}
    return "messages", turns


def _with(answer: str, field: str, value: str) -> str:
    name, new = (json.dumps(text, ensure_ascii=False) for text in (field, value))
    changed, n = re.subn(
        rf'({re.escape(name)}\s*:\s*)"(?:[^"\\]|\\.)*"', lambda match: match[1] + new, answer
    )
    if n != 1:
        raise BadUsage(f"The answer does not have {name} exactly once.", hint="Edit the answer by hand (E).")
    return changed
