"""Judgements on their way from the browser into the evaluation folder, and the questions still open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evals import grading
from evals.grading import Kind, Question


@dataclass(slots=True)
class Session:
    """What one tab has sent: its id and the last number stored."""

    sid: str = ""
    ack: int = 0


@dataclass(frozen=True, slots=True)
class Asking:
    """One person's questions of one kind: all, those without a judgement, and the key judged last."""

    asked: Sequence[Question]
    left: Sequence[Question]
    last: str


def asking(folder: Path, kind: Kind, who: str, *, candidate: str, baseline: str) -> Asking:
    """The questions of a person, with the judged ones set apart.

    Raises:
        TouchstoneError: these answers cannot be graded.
    """
    asked = grading.questions(folder, kind, who, candidate=candidate, baseline=baseline)
    mine = [one for one in grading.read(folder) if one.who == who]
    done, keys = {one.key for one in mine}, {one.key for one in asked}
    newest = max((one for one in mine if one.key in keys), key=lambda one: one.at, default=None)
    return Asking(asked, [one for one in asked if one.key not in done], newest.key if newest else "")


def deliver(
    folder: Path, session: Session, box: dict[str, Any], asked: Sequence[Question], kind: Kind, *, who: str
) -> bool:
    """Store what the browser sent and has not been told about; True when there was anything."""
    if not box:
        return False
    if box["sid"] != session.sid:
        session.sid, session.ack = box["sid"], 0
    known = {one.key: one for one in asked}
    fresh = [item for item in box["items"] if item["n"] > session.ack]
    for item in fresh:
        if item["kind"] == "back":
            grading.take_back(folder, item["key"], kind, who=who, op=item["op"])
        elif item["key"] in known:
            grading.record(folder, known[item["key"]], kind, item["side"], who=who, op=item["op"])
        session.ack = item["n"]
    return bool(fresh)
