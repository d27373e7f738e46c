"""Decisions on their way from the browser into the log: applied in order, once, and acknowledged.

The browser sends everything that is not acknowledged yet, again and again; the log's unique operation id
makes a second arrival a no-op, also after the server was killed between the commit and the answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from curation import decisions
from curation.changes import Kind
from curation.errors import BadUsage, TouchstoneError
from curation.store import Store
from workbench import doubts, rows


@dataclass(slots=True)
class Session:
    """What one tab has sent: its id, the last number stored, where an undo leads, the last refusal."""

    sid: str = ""
    ack: int = 0
    jump: tuple[str, int] | None = None
    trouble: TouchstoneError | None = None

    def jump_in(self, seqs: np.ndarray[Any, Any]) -> dict[str, Any] | None:
        """Where the cursor should go, as a position in this list."""
        if self.jump is None:
            return None
        op, seq = self.jump
        found = np.flatnonzero(seqs == seq)
        return {"op": op, "pos": int(found[0])} if len(found) else None


def deliver(store: Store, session: Session, box: dict[str, Any], *, who: str) -> bool:
    """Apply what the browser sent and has not been told about; True when there was anything.

    A refused item (a turn that cannot be emptied, say) is acknowledged too: sending it again would not help.
    """
    if not box:
        return False
    if box["sid"] != session.sid:
        session.sid, session.ack = box["sid"], 0
    fresh = [item for item in box["items"] if item["n"] > session.ack]
    for item in fresh:
        try:
            _apply(store, session, item, who)
            session.trouble = None
        except TouchstoneError as error:
            session.trouble = error
        session.ack = item["n"]
    return bool(fresh)


def decide_all(
    store: Store, seqs: np.ndarray[Any, Any], action: str, value: str, *, who: str, summary: str
) -> None:
    """Give every row of a selection the same value, as one batch.

    Args:
        store: the open project.
        seqs: the selection.
        action: a decision, or label, hand_flag, group_key.
        value: the decision again, the label, the reason or the group.
        who: the person.
        summary: the selection in words.
    """
    kind: Kind = action if action in ("label", "hand_flag", "group_key") else "decision"  # type: ignore[assignment]
    verb = {"label": "Label", "hand_flag": "Flag", "group_key": "Group"}.get(action)
    said = f"{verb} {value}:" if verb else value.capitalize()
    decisions.decide(store, seqs, kind, value, who=who, summary=f"{said} {len(seqs):,} {summary}")


def _apply(store: Store, session: Session, item: dict[str, Any], who: str) -> None:
    kind, op = item["kind"], item["op"]
    if kind in ("undo", "redo"):
        step = decisions.undo if kind == "undo" else decisions.redo
        batch = step(store, who=who, op_id=op)
        seq = rows.touched(store, batch.batch) if batch else None
        if seq is not None:
            session.jump = (op, seq)
        return
    value = item["value"]
    if kind == "cluster":
        _resolve(store, value, op, who)
        return
    if kind == "suggestion":
        kind, value = doubts.accepted(store, item["seq"], value)
    elif kind == "messages":
        value = _edited(rows.messages(store, item["seq"]), item)
    decisions.decide(store, [item["seq"]], kind, value, who=who, op_id=op)


def _resolve(store: Store, value: dict[str, str], op: str, who: str) -> None:
    """Decisions on the members of one cluster, as one batch."""
    values = {int(seq): decision for seq, decision in value.items()}
    dropped = sum(decision == "drop" for decision in values.values())
    said = f"Drop {dropped:,} of {len(values):,}" if dropped else f"Decide {len(values):,}"
    decisions.decide_each(
        store, values, "decision", who=who, op_id=op, summary=f"{said} examples of a duplicate cluster"
    )


def _edited(turns: list[dict[str, Any]], item: dict[str, Any]) -> list[dict[str, Any]]:
    """The turns after one edit: all of them anew, the text or role of one, one added, deleted or moved."""
    act, at, value = item.get("act", "text"), item.get("turn", 0), item["value"]
    if act == "all":
        return list(value) if isinstance(value, list) else value
    if not 0 <= at < len(turns):
        raise BadUsage("That turn is not there any more.", hint="Nothing was changed. Look at the row again.")
    if act == "text":
        turns[at] = {**turns[at], "content": value}
    elif act == "role":
        turns[at] = {**turns[at], "role": value}
    elif act == "add":
        turns.insert(at + 1, {"role": value, "content": ""})
    elif act == "delete":
        del turns[at]
    elif act == "move":
        turns.insert(max(0, min(len(turns) - 1, at + int(value))), turns.pop(at))
    return turns
