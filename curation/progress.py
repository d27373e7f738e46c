"""How long work tells how far it is: two calls, made at least once a second.

Cancelling is raising `Stopped` from `advance`; the work leaves its last finished unit behind.
"""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A bar in a terminal, in the app, or lines in a job's event file."""

    def stage(self, name: str, total: int | None = None) -> None:
        """Begin a stage; `total` is in units of `advance`, None when it is not known."""
        ...

    def advance(self, n: int = 1) -> None:
        """Say that `n` more units are done. May raise `Stopped`."""
        ...


class _Silent:
    def stage(self, name: str, total: int | None = None) -> None:
        """Say nothing."""

    def advance(self, n: int = 1) -> None:
        """Say nothing."""


SILENT: Progress = _Silent()
