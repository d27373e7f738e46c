"""What a scorer is and what it returns.

A score always carries its reason, and "could not judge" (value None) is never written as 0.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from curation.task import Task

ParseRule = Literal["strict", "fenced", "lenient"]
ParseLevel = Literal["strict", "fenced", "lenient", "none", ""]

LEVELS: tuple[ParseRule, ...] = ("strict", "fenced", "lenient")
"""From the strictest to the most forgiving way of reading an answer."""

_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True)
class Score:
    """One judgement of one answer; its texts can always be stored, and the reason is one line.

    Args:
        scorer: name of the scorer.
        value: 0...1, or None when the scorer could not judge.
        reason: one line, `code: what was seen`.
        field: the path of the leaf judged; empty for the whole answer.
        extracted: the part of the answer that was judged.
        parse_level: the strictest rule under which the answer could be read; `none` when under no
            rule, empty when nothing had to be read.
    """

    scorer: str
    value: float | None
    reason: str
    field: str = ""
    extracted: str = ""
    parse_level: ParseLevel = ""

    def __post_init__(self) -> None:
        """Bring the texts into a form that every file can hold."""
        object.__setattr__(self, "reason", _one_line(self.reason))
        object.__setattr__(self, "extracted", _storable(self.extracted))
        object.__setattr__(self, "field", _storable(self.field))


@dataclass(frozen=True, slots=True)
class ScoringContext:
    """What a scorer may know about the task, the same for every candidate.

    `finish` is how this answer ended; `length` turns "ends inside a JSON value" into "truncated".
    """

    parse: ParseRule = "strict"
    output_schema: dict[str, Any] | None = None
    labels: tuple[str, ...] = ()
    finish: str = "stop"

    @classmethod
    def of(cls, task: Task, finish: str = "stop") -> ScoringContext:
        """The context of one answer under `task`."""
        return cls(
            parse=task.parse, output_schema=task.output_schema, labels=tuple(task.labels), finish=finish
        )

    def accepts(self, level: ParseLevel) -> bool:
        """Whether an answer read at `level` counts under the task's parse rule."""
        return level in LEVELS and LEVELS.index(level) <= LEVELS.index(self.parse)


@dataclass(frozen=True, slots=True)
class Scorer:
    """A scoring function and its description.

    Args:
        name: what `--scorer` and the files call it.
        title: what a page calls it.
        binary: every value is 0 or 1, so that it can be the primary scorer of a verdict.
        judge: (expected, answer, context) to scores; the first one is about the whole answer.
    """

    name: str
    title: str
    binary: bool
    judge: Callable[[str, str, ScoringContext], list[Score]]

    def score(self, expected: str, answer: str, context: ScoringContext) -> list[Score]:
        """Judge one answer; the first score is about the whole of it, further ones about its fields."""
        return self.judge(expected, answer, context)

    @property
    def help(self) -> str:
        """The docstring of the scoring function: what is measured, its traps, an example."""
        return inspect.getdoc(self.judge) or ""


Judge = Callable[[str, str, ScoringContext], list[Score]]


def scorer(name: str, title: str, *, binary: bool = True) -> Callable[[Judge], Scorer]:
    """Describe a scoring function; `evals.scorers.SCORERS` lists it."""

    def describe(judge: Judge) -> Scorer:
        return Scorer(name=name, title=title, binary=binary, judge=judge)

    return describe


def _storable(text: str) -> str:
    """`text` with lone surrogates, which no file can hold, replaced by question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


def shown(text: str, longest: int = 60) -> str:
    """`text` quoted on one line and cut, for use inside a reason."""
    line = " ".join(_storable(text).split())
    return repr(line if len(line) <= longest else line[: longest - 3] + "...")


def _one_line(text: str) -> str:
    """A reason kept to one storable line of at most 2,000 characters."""
    line = " ".join(_storable(text).split())
    return line if len(line) <= _LONGEST_REASON else line[: _LONGEST_REASON - 3] + "..."
