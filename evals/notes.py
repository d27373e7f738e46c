"""Notes on held-out rows, kept beside the evaluations: one a row, whoever was measured; words behind # are tags."""

from __future__ import annotations

import fcntl
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from curation import events
from curation.errors import BadInput
from curation.files import add_line

FILE = "notes.jsonl"
_TAG = re.compile(r"#(\w[\w-]*)")


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about a row; an empty text takes it back."""

    op: str
    at: str
    who: str
    id: str
    text: str

    @property
    def tags(self) -> tuple[str, ...]:
        """The words behind #."""
        return tuple(dict.fromkeys(_TAG.findall(self.text)))


def read(file: Path) -> dict[str, Note]:
    """The newest note of each row that has one.

    Raises:
        BadInput: a line other than an unfinished last one cannot be read.
    """
    newest = {one.id: one for one in _lines(file)}
    return {id_: one for id_, one in newest.items() if one.text}


def write(file: Path, id_: str, text: str, *, who: str, op: str) -> None:
    """Keep a note; one with an `op` that is there already changes nothing."""
    with file.open("a", encoding="utf-8") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX)
        if all(one.op != op for one in _lines(file)):
            add_line(opened, file, asdict(Note(op, events.now(), who, id_, " ".join(text.split()))))


def _lines(file: Path) -> list[Note]:
    if not file.is_file():
        return []
    found = []
    for number, line in enumerate(file.read_text("utf-8").split("\n")[:-1], 1):
        try:
            found.append(Note(**json.loads(line)))
        except (ValueError, TypeError) as error:
            raise BadInput(f"Line {number} cannot be read.", where=str(file)) from error
    return found
