"""Work of seconds to minutes inside the app's process: one piece at a time, watched from any tab.

A script run may be aborted at any moment by a click; work in a thread of its own is not, and its writes
are one transaction each.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from curation.errors import ProjectBusy, Stopped, TouchstoneError
from curation.progress import Progress


@dataclass(slots=True)
class Chore:
    """One piece of work: how far it is, and what came of it."""

    name: str
    title: str
    stage: str = ""
    done: int = 0
    total: int | None = None
    ended: bool = False
    result: Any = None
    error: TouchstoneError | None = None
    started: float = field(default_factory=time.monotonic)
    stopping: bool = False
    stage_began: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def rate(self) -> float | None:
        """Units of this stage a second, None before there are any."""
        since = time.monotonic() - self.stage_began
        return self.done / since if self.done and since > 1 else None

    @property
    def left(self) -> float | None:
        """Seconds that this stage still takes, None when nobody knows."""
        return (self.total - self.done) / self.rate if self.total and self.rate else None

    @property
    def share(self) -> float | None:
        """Part of the stage that is done, None when nobody knows."""
        return min(1.0, self.done / self.total) if self.total else None


class _Watched:
    def __init__(self, chore: Chore) -> None:
        self.chore = chore

    def stage(self, name: str, total: int | None = None) -> None:
        """Note the stage."""
        self.chore.stage, self.chore.done, self.chore.total = name, 0, total
        self.chore.stage_began = time.monotonic()
        self._look()

    def advance(self, n: int = 1) -> None:
        """Count, and stop when somebody asked for it."""
        self.chore.done += n
        self._look()

    def _look(self) -> None:
        if self.chore.stopping:
            raise Stopped("Stopped. Nothing of this was kept.")


_lock = threading.Lock()
_last: Chore | None = None


def start(name: str, title: str, work: Callable[[Progress], Any]) -> Chore:
    """Begin a piece of work.

    Args:
        name: what screens ask for.
        title: what a person reads while it runs.
        work: gets the progress to report to; what it returns is the result.

    Raises:
        ProjectBusy: another piece of work is running.
    """
    global _last
    with _lock:
        if _last is not None and not _last.ended:
            raise ProjectBusy(f"“{_last.title}” is still at work.", hint="Wait until it is done, or stop it.")
        chore = _last = Chore(name, title)
    threading.Thread(target=_run, args=(chore, work), daemon=True, name=f"chore-{name}").start()
    return chore


def newest() -> Chore | None:
    """The piece of work begun last, whether it has ended or not."""
    return _last


def running() -> Chore | None:
    """The piece of work under way."""
    return _last if _last is not None and not _last.ended else None


def finished(name: str) -> Chore | None:
    """The newest piece of work, when it is called `name` and has ended."""
    return _last if _last is not None and _last.ended and _last.name == name else None


def _run(chore: Chore, work: Callable[[Progress], Any]) -> None:
    try:
        chore.result = work(_Watched(chore))
    except TouchstoneError as error:
        chore.error = error
    except Exception as error:  # noqa: BLE001  a thread has nobody to raise to: the person is told instead
        traceback.print_exc()
        chore.error = TouchstoneError(
            f"{type(error).__name__}: {error}", hint="This is a mistake in Touchstone."
        )
    finally:
        chore.seconds = time.monotonic() - chore.started
        chore.ended = True
