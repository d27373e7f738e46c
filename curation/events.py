"""A job's diary: `events.jsonl`, append-only, one JSON object a line with a literal `kind` and `at`.

A line is written whole and flushed; a torn last line (the process was killed) is ignored by readers.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FILE = "events.jsonl"
_TAIL_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Event:
    """One line: its kind, when it was written (ISO 8601, UTC), and its own fields."""

    kind: str
    at: str
    fields: dict[str, Any] = field(default_factory=dict)


def now() -> str:
    """The time as events, decisions and manifests write it: ISO 8601, UTC, seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def append(folder: Path, kind: str, **fields: Any) -> Event:  # noqa: ANN401  JSON values
    """Add one event; the line is on its way to the disk when this returns."""
    event = Event(kind, now(), fields)
    line = json.dumps({"kind": kind, "at": event.at, **fields}, ensure_ascii=False, allow_nan=False)
    with (folder / FILE).open("ab") as file:
        file.write(line.encode("utf-8") + b"\n")
        file.flush()
        os.fsync(file.fileno())
    return event


def read(folder: Path, *, kinds: tuple[str, ...] = ()) -> list[Event]:
    """All events of these kinds (of every kind when none is named), oldest first."""
    try:
        data = (folder / FILE).read_bytes()
    except FileNotFoundError:
        return []
    return [event for event in _parse(data) if not kinds or event.kind in kinds]


def tail(folder: Path) -> list[Event]:
    """The newest events, at most 64 KiB of them, oldest first."""
    try:
        with (folder / FILE).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            data = file.read()
    except FileNotFoundError:
        return []
    if size > _TAIL_BYTES:
        data = data.partition(b"\n")[2]
    return _parse(data)


def _parse(data: bytes) -> list[Event]:
    events: list[Event] = []
    for line in data.split(b"\n"):
        try:
            value = json.loads(line)
            events.append(Event(value.pop("kind"), value.pop("at"), value))
        except (ValueError, KeyError, AttributeError):
            continue
    return events
