"""Answers made elsewhere: a file of one {"id", "answer"} a line, ids as exported."""

from __future__ import annotations

import json
from pathlib import Path

from curation.errors import BadInput

_MISTAKES_SHOWN = 5


def read_answers(path: Path) -> dict[str, str | None]:
    """Answers made elsewhere: content id → answer, None where the file says null (missing).

    An answer that is a JSON object or list is kept as JSON text.

    Raises:
        BadInput: the file is missing, or lines are wrong; the first five are named by number.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except FileNotFoundError as error:
        raise BadInput("There is no such file of answers.", where=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The file cannot be read: {error}", where=str(path)) from error
    answers: dict[str, str | None] = {}
    mistakes: list[str] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            key, answer = _answer_line(line)
            if key in answers and answers[key] != answer:
                raise ValueError(f"the id {key} was given another answer before")
            answers[key] = answer
        except ValueError as error:
            mistakes.append(f"line {number}: {error}")
    if mistakes:
        more = len(mistakes) - _MISTAKES_SHOWN
        text = "; ".join(mistakes[:_MISTAKES_SHOWN]) + (f"; and {more} more" if more > 0 else "")
        raise BadInput(
            text, where=str(path), hint='Each line must be one object: {"id": "...", "answer": "..."}.'
        )
    return answers


def _answer_line(line: str) -> tuple[str, str | None]:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError("not JSON") from error
    if not isinstance(value, dict):
        raise ValueError(f"an object is wanted, found {type(value).__name__}")
    if not isinstance(value.get("id"), str):
        raise ValueError("no `id` that is text")
    if "answer" not in value:
        raise ValueError("no `answer`")
    answer = value["answer"]
    if isinstance(answer, (dict, list)):
        answer = json.dumps(answer, ensure_ascii=False)
    if answer is not None and not isinstance(answer, str):
        raise ValueError(f"`answer` must be text, found {type(answer).__name__}")
    try:
        f"{value['id']}{answer}".encode()
    except UnicodeEncodeError as error:
        raise ValueError("half of a surrogate pair, which is no text") from error
    return value["id"], answer
