"""The register of looks: which verdict on a test set this is.

A line is only ever added. A test set is known by its rows, so adding rows or a new version does not
reset the count; the same answers, judged again, are the same look.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from curation.errors import BadInput
from curation.files import add_line, read_json, write_json

REGISTER = "looks.jsonl"
_NOTE = "look.json"


@dataclass(frozen=True, slots=True)
class Look:
    """One verdict that was shown. `answers` is the fingerprint of what it was computed from."""

    look: int
    at: str
    evaluation: str
    candidate: str
    answers: str
    ids: tuple[str, ...]


def read(register: Path) -> list[Look]:
    """Every look so far; a last line that a crash left unfinished was never shown and is passed over.

    Raises:
        BadInput: another line cannot be read.
    """
    try:
        text = register.read_text("utf-8")
    except FileNotFoundError:
        return []
    return [_look(line, number, register) for number, line in enumerate(text.split("\n")[:-1], 1) if line]


def _look(line: str, number: int, register: Path) -> Look:
    try:
        told = json.loads(line)
        return Look(**{**told, "ids": tuple(told["ids"])})
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(
            f"Line {number} cannot be read.",
            where=str(register),
            hint="The count of verdicts on this test set is kept here: restore the file, do not delete it.",
        ) from error


def number(earlier: Iterable[Look], answers: str, ids: Sequence[str], noted: int | None = None) -> int:
    """The number of a verdict: its old one for the same answers, else one after those that saw its rows.

    Args:
        earlier: the looks registered so far.
        answers: fingerprint of the stored answers.
        ids: the test rows; a look that saw any of them counts.
        noted: the number a copied evaluation folder brings along, used where the register has none.
    """
    wanted, seen = set(ids), 0
    for look in earlier:
        if look.answers == answers:
            return look.look
        seen += not wanted.isdisjoint(look.ids)
    return noted or seen + 1


def opened(register: Path, evaluation: Path, answers: str) -> bool:
    """Whether a verdict on these answers has been shown, here or where the folder was copied from."""
    return _noted(evaluation, answers) is not None or any(look.answers == answers for look in read(register))


def take(
    register: Path, evaluation: Path, candidate: str, answers: str, ids: Sequence[str], *, record: bool
) -> int:
    """The number of this verdict, registered on its first showing.

    The number is also noted in the evaluation folder, so that a copy of the folder alone gives the
    same verdict. Two processes that ask at once get two numbers.

    Args:
        register: the project's looks.jsonl.
        evaluation: the evaluation folder.
        candidate: who was judged.
        answers: fingerprint of the stored answers.
        ids: the test rows.
        record: False to ask without being counted.
    """
    noted = _noted(evaluation, answers)
    if not record:
        return number(read(register), answers, ids, noted)
    register.parent.mkdir(parents=True, exist_ok=True)
    with register.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        earlier = read(register)
        look = number(earlier, answers, ids, noted)
        if all(one.answers != answers for one in earlier):
            at = datetime.now(UTC).isoformat(timespec="seconds")
            told = Look(look, at, evaluation.name, candidate, answers, tuple(sorted(ids)))
            add_line(file, register, asdict(told))
    if noted != look:
        write_json(evaluation / _NOTE, {"look": look, "answers": answers})
    return look


def _noted(evaluation: Path, answers: str) -> int | None:
    path = evaluation / _NOTE
    if not path.is_file():
        return None
    told = read_json(path)
    return int(told["look"]) if told.get("answers") == answers else None
