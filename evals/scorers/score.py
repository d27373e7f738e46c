"""What a scorer is and what it returns.

A score always carries its reason, and "could not judge" (value None) is never written as 0.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from curation.errors import BadUsage
from curation.task import DEFAULT_EMBEDDER

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
    `argument` is what followed the scorer's name, `embedder` the task's model of meaning, `folder`
    the evaluation folder with the files a scorer needs.
    """

    parse: ParseRule = "strict"
    output_schema: dict[str, Any] | None = None
    labels: tuple[str, ...] = ()
    finish: str = "stop"
    argument: str = ""
    embedder: str = DEFAULT_EMBEDDER
    folder: Path | None = None

    @classmethod
    def of(cls, task: Task, finish: str = "stop", folder: Path | None = None) -> ScoringContext:
        """The context of one answer under `task`."""
        return cls(
            parse=task.parse,
            output_schema=task.output_schema,
            labels=tuple(task.labels),
            finish=finish,
            embedder=task.embedder,
            folder=folder,
        )

    def accepts(self, level: ParseLevel) -> bool:
        """Whether an answer read at `level` counts under the task's parse rule."""
        return level in LEVELS and LEVELS.index(level) <= LEVELS.index(self.parse)


class Asked(NamedTuple):
    """One answer to be judged against one expected answer."""

    expected: str
    answer: str
    context: ScoringContext


Judge = Callable[[str, str, ScoringContext], list[Score]]
JudgeAll = Callable[[Sequence[Asked]], list[list[Score]]]


@dataclass(frozen=True, slots=True)
class Argument:
    """What may follow a scorer's name and a colon.

    Args:
        name: as it stands in help, such as `TEXT`.
        problem: why a text cannot be used; empty where it can.
        optional: whether the scorer works without it.
    """

    name: str
    problem: Callable[[str], str]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Scorer:
    """A scoring function and its description.

    Args:
        name: what `--scorer` and the files call it, its argument included.
        title: what a page calls it.
        binary: every value is 0 or 1.
        judge: (expected, answer, context) to scores; the first one is about the whole answer.
        takes: what may follow the name and a colon, None for nothing.
        argument: what did follow it.
        diagnostic: it is shown and never decides.
        judge_all: judges many answers at once where that is cheaper; else they are judged one by one.
    """

    name: str
    title: str
    binary: bool
    judge: Judge
    takes: Argument | None = None
    argument: str = ""
    diagnostic: bool = False
    judge_all: JudgeAll | None = None

    def score(self, expected: str, answer: str, context: ScoringContext) -> list[Score]:
        """Judge one answer; the first score is about the whole of it, further ones about its fields."""
        return self.score_all([Asked(expected, answer, context)])[0]

    def score_all(self, asked: Sequence[Asked]) -> list[list[Score]]:
        """Judge many answers, each as `score` does, in order."""
        if self.argument:
            asked = [one._replace(context=replace(one.context, argument=self.argument)) for one in asked]
        found = self.judge_all(asked) if self.judge_all else [self.judge(*one) for one in asked]
        if self.argument:
            return [[replace(score, scorer=self.name) for score in scores] for scores in found]
        return found

    def given(self, argument: str | None) -> Scorer:
        """This scorer with its argument; None for a name without a colon.

        Raises:
            BadUsage: it takes none, needs one, or cannot use this one.
        """
        if self.takes is None:
            if argument is not None:
                raise BadUsage(f"The scorer {self.name!r} takes nothing after a colon, got {argument!r}.")
            return self
        if not argument:
            if self.takes.optional and argument is None:
                return self
            raise BadUsage(f"The scorer {self.name!r} needs {self.usage}.")
        if problem := self.takes.problem(argument):
            raise BadUsage(f"{self.name}:{argument}: {problem}")
        return replace(self, name=f"{self.name}:{argument}", argument=argument)

    @property
    def usage(self) -> str:
        """How it is named: `regex:PATTERN`."""
        if self.takes is None:
            return self.name
        return f"{self.name}[:{self.takes.name}]" if self.takes.optional else f"{self.name}:{self.takes.name}"

    @property
    def help(self) -> str:
        """The docstring of the scoring function: what is measured, its traps, an example."""
        return inspect.getdoc(self.judge) or ""


def scorer(
    name: str,
    title: str,
    *,
    binary: bool = True,
    takes: Argument | None = None,
    diagnostic: bool = False,
    judge_all: JudgeAll | None = None,
) -> Callable[[Judge], Scorer]:
    """Describe a scoring function; `evals.scorers.SCORERS` lists it."""

    def describe(judge: Judge) -> Scorer:
        return Scorer(name, title, binary, judge, takes, "", diagnostic, judge_all)

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
