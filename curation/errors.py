"""The one tree of errors a person may see: message, where, hint, code.

TouchstoneError            the work failed (exit 1)
├── BadUsage               a name, size or filter that cannot be meant (exit 2)
│   └── BadRecipe          a recipe that cannot be read or does not make sense
├── BadInput               a file, row or answer that cannot be used
├── BadTask                task.yaml has mistakes; all of them are listed
├── NotReady               a step that must come first is missing (no split, no version, no baseline)
├── ProjectBusy            another process holds the project
├── MissingModel           a model that is not on this machine and cannot be fetched
├── JobFailed              a training or evaluation process ended without a result
└── Stopped                a person asked the work to stop
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class TouchstoneError(Exception):
    """An error written for the person who has to act on it.

    Args:
        message: what was found, with the value seen.
        where: file, row, field or step it concerns.
        hint: the command or click that mends it.
        code: a stable kebab-case name; the class's own when empty.
    """

    exit_code: ClassVar[int] = 1
    default_code: ClassVar[str] = "failed"

    def __init__(self, message: str, *, where: str = "", hint: str = "", code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint
        self.code = code or self.default_code

    def __str__(self) -> str:
        """One or two lines: where and what, then the hint."""
        head = f"{self.where}: {self.message}" if self.where else self.message
        return f"{head}\n{self.hint}" if self.hint else head


class BadUsage(TouchstoneError):
    """A name that does not exist, a size below zero, a filter that cannot be read."""

    exit_code = 2
    default_code = "bad-usage"


class BadRecipe(BadUsage):
    """A recipe with unknown keys or values out of range; every mistake is listed."""

    default_code = "bad-recipe"


class BadInput(TouchstoneError):
    """A file, row or answer that cannot be used as it is."""

    default_code = "bad-input"


class BadTask(TouchstoneError):
    """task.yaml has mistakes; every one is listed."""

    default_code = "bad-task"


class NotReady(TouchstoneError):
    """A step that must come first has not been done; the hint names it."""

    default_code = "not-ready"


class NoBaseline(NotReady):
    """Training was asked for before a baseline was measured or queued."""

    default_code = "no-baseline"


class ProjectBusy(TouchstoneError):
    """Another process holds the project's database."""

    default_code = "project-busy"


class MissingModel(TouchstoneError):
    """A model that is not on this machine and cannot be fetched from here."""

    default_code = "missing-model"


class JobFailed(TouchstoneError):
    """A training or evaluation process ended without a result."""

    default_code = "job-failed"


class Stopped(TouchstoneError):
    """A person asked the work to stop; what was finished is kept."""

    default_code = "stopped"


def unknown(kind: str, name: str, known: Iterable[str], *, where: str = "") -> BadUsage:
    """The error for a name that does not exist, with the nearest ones that do."""
    names = sorted(known)
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"Known: {', '.join(names) or 'none yet'}."
    return BadUsage(f"There is no {kind} called {name!r}.", where=where, hint=hint)
