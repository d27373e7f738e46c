"""The scorer that a person wrote: a Python function, run in a process of its own with a time limit.

It runs only where a person named it; a file that came with a project never does by itself.
"""

from __future__ import annotations

import json
import math
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from evals.scorers.score import Argument, Asked, Score, ScoringContext, scorer

FOLDER = "given"
"""Where an evaluation keeps its copy of the file, beside the files of answers."""
PREFIX = "python:"
_SECONDS = 10.0
_SECONDS_TO_START = 60.0
_MOST_TIMEOUTS = 3
_CHILD = Path(__file__).with_name("child.py")


def named(argument: str) -> tuple[str, str]:
    """File and function of `FILE.py:FUNCTION`."""
    file, _, function = argument.rpartition(":")
    return file, function


def kept(folder: Path, argument: str) -> Path:
    """Where an evaluation keeps the file of `FILE.py:FUNCTION`."""
    return folder / FOLDER / Path(named(argument)[0]).name


def _problem(argument: str) -> str:
    file, function = named(argument)
    if not file.endswith(".py") or not function.isidentifier():
        return "name it as python:FILE.py:FUNCTION"
    if Path(file).is_absolute() or ".." in Path(file).parts:
        return "the file must be inside the project's folder"
    return ""


def _judge_all(asked: Sequence[Asked]) -> list[list[Score]]:
    """All answers by one process, or by the next one where one took too long."""
    if not asked:
        return []
    context = asked[0].context
    if not context.argument or context.folder is None:
        return [[_unjudged("no_function", "name one as python:FILE.py:FUNCTION")] for _ in asked]
    path, function = kept(context.folder, context.argument), named(context.argument)[1]
    with tempfile.TemporaryDirectory() as place:
        rows = Path(place, "rows.jsonl")
        with rows.open("w", encoding="utf-8") as lines:
            for one in asked:
                lines.write(json.dumps({"expected": one.expected, "answer": one.answer}) + "\n")
        return [[score] for score in _all(path, function, rows, len(asked))]


def _all(path: Path, function: str, rows: Path, n: int) -> list[Score]:
    found: list[Score] = []
    for _ in range(_MOST_TIMEOUTS):
        scores, failed = _one_process(path, function, rows, len(found), n)
        found += scores
        if failed is not None:
            return [*found, *[failed] * (n - len(found))]
        if len(found) == n:
            return found
        found.append(_unjudged("no_answer", f"the function took over {_SECONDS:.0f} s, or ended its process"))
    given_up = _unjudged("no_answer", f"not asked any more after {_MOST_TIMEOUTS} times without an answer")
    return [*found, *[given_up] * (n - len(found))]


def _one_process(
    path: Path, function: str, rows: Path, first: int, n: int
) -> tuple[list[Score], Score | None]:
    """What one process judged until it was done or silent, and why it could not start, if so."""
    command = [sys.executable, "-P", "-X", "utf8", str(_CHILD), str(path), function, str(rows), str(first)]
    child = subprocess.Popen(
        command, cwd=path.parent, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    scores: list[Score] = []
    try:
        lines = _Lines(child)
        begun = lines.next(_SECONDS_TO_START)
        if begun is None or "failed" in begun:
            why = begun["failed"] if begun else f"no sign of life within {_SECONDS_TO_START:.0f} s"
            return [], _unjudged("not_loaded", f"{path.name}: {why}")
        while first + len(scores) < n and (told := lines.next(_SECONDS)) is not None:
            scores.append(_score(told))
        return scores, None
    finally:
        _end(child)


class _Lines:
    """JSON lines of a child process, each within a time limit."""

    def __init__(self, child: subprocess.Popen[bytes]) -> None:
        assert child.stdout is not None
        self._pipe = child.stdout.fileno()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._pipe, selectors.EVENT_READ)
        self._held = b""

    def next(self, seconds: float) -> dict[str, Any] | None:
        """The next line; None when it does not come in time or the process has ended."""
        until = time.monotonic() + seconds
        while b"\n" not in self._held:
            if not self._selector.select(max(0.0, until - time.monotonic())):
                return None
            read = os.read(self._pipe, 65_536)
            if not read:
                return None
            self._held += read
        line, _, self._held = self._held.partition(b"\n")
        found: dict[str, Any] = json.loads(line)
        return found


def _end(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()
    if child.stdout is not None:
        child.stdout.close()


def _score(told: dict[str, Any]) -> Score:
    if "error" in told:
        return _unjudged("error", told["error"])
    value, reason = told["value"], told["reason"]
    if value is None:
        return _unjudged("not_judged", reason or "the function says None")
    if not math.isfinite(value) or not 0 <= value <= 1:
        return _unjudged("bad_value", f"a number from 0 to 1 is wanted, got {value:g}")
    return Score("python", value, reason or f"said: {value:.4g}")


def _unjudged(code: str, why: str) -> Score:
    return Score("python", None, f"{code}: {why}")


@scorer(
    "python",
    "Your own function",
    binary=False,
    takes=Argument("FILE.py:FUNCTION", _problem),
    judge_all=_judge_all,
)
def python(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """What a Python function of yours says of (expected, answer).

    Measures: the number from 0 to 1 it returns (True and False count), alone or with a reason as a pair; None
    where it cannot judge. FILE.py is looked for in the project's folder and copied into the evaluation, its
    hash beside it; it runs in a process of its own, ten seconds an answer.

    Traps: an exception, a time-out or a value outside 0 to 1 is *could not judge*, never 0. Only this one file is
    copied, so it can import installed packages and no neighbour. It is not fenced in: name only code you
    trust.

    Example: `python:scorers.py:same_total` with `def same_total(expected, answer): return answer.endswith(expected)`.
    """
    return _judge_all([Asked(expected, answer, context)])[0]
