"""What a scan found, as plain data. Lines are those of the files; counts are rows unless they say otherwise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One row as a reader sees it: its line, the user turns and the answer, both cut."""

    line: int
    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two rows that belong together: of one file in its order, or `a` of train and `b` of the test.

    `kind` is one of `leakage.KINDS`; `similarity` is 1 for copies.
    """

    kind: str
    similarity: float
    a: Excerpt
    b: Excerpt


@dataclass(frozen=True, slots=True)
class Refused:
    """Rows that could not be read for one reason, with the first lines and the beginning of the first."""

    reason: str
    rows: int
    lines: tuple[int, ...]
    raw: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One flag with its place: the text before, in and after the span."""

    line: int
    message: str
    before: str
    marked: str
    after: str


@dataclass(frozen=True, slots=True)
class Flagged:
    """What one check found: rows, and its gravest findings."""

    check: str
    title: str
    severity: str
    rows: int
    examples: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Repeats:
    """Repetition within one part.

    `copies` counts rows whose conversation stood before, but for case, blanks and punctuation, in `groups` groups.
    `near_pairs` counts similar pairs of different conversations and is None where `near_pairs_at_least` is all
    that is proven. `pairs` shows the largest clusters by two of their rows.
    """

    copies: int
    groups: int
    near_pairs: int | None
    near_pairs_at_least: int
    clusters: int
    settings: dict[str, Any]
    pairs: tuple[Pair, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """One side: a file, or the rows of one split of a file.

    `rows` were there, `read` of them could be read. `blocked` counts rows with a finding that keeps a row out of
    training, those aside that rest on the guessed task; `conflicting` rows that answer the same prompt in another
    way. `labels` counts rows by label.
    """

    name: str
    form: str
    mapping: dict[str, str]
    rows: int
    read: int
    identical: int
    refused: tuple[Refused, ...]
    flagged: tuple[Flagged, ...]
    blocked: int
    conflicting: int
    repeats: Repeats
    labels: dict[str, int]


@dataclass(frozen=True, slots=True)
class Leaks:
    """What of the test is in train.

    Args:
        pairs: pairs by kind, each pair under the first kind it shows.
        complete: False: some kind has more pairs than are listed, all counts of rows are lower bounds.
        rows: test rows by the gravest kind they show.
        contradicted: test rows whose user turns stand in train, always with another answer; None where
            prompts may have several right answers.
        answers: test rows with an answer of eight words or more, and how many of these answers stand in train.
        covered: test rows with a prompt of eight words or more, and how many of them have at least half of their
            8-word sequences in some prompt of train.
        usable: different test conversations that leak in no way.
        unseen: labels of the test that train does not have, with their rows.
        shown: the closest pairs of each kind.
        settings: how texts were compared.
    """

    pairs: dict[str, int]
    complete: bool
    rows: dict[str, int]
    contradicted: int | None
    answers: tuple[int, int]
    covered: tuple[int, int]
    usable: int
    unseen: dict[str, int]
    shown: tuple[Pair, ...]
    settings: dict[str, Any]

    @property
    def leaking(self) -> int:
        """Test rows that leak in any way."""
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True)
class Scan:
    """The whole report card. Without a second file and without a split in the first one there is no test."""

    kind: str
    train: Part
    test: Part | None
    leaks: Leaks | None
    not_looked_at: tuple[str, ...]

    @property
    def parts(self) -> tuple[Part, ...]:
        """Train, and the test where there is one."""
        return (self.train, self.test) if self.test else (self.train,)

    @property
    def problems(self) -> tuple[str, ...]:
        """What breaks an evaluation, in words, the worst first; empty: nothing was found that does."""
        found = []
        if self.leaks and self.test and self.leaks.leaking:
            least = "" if self.leaks.complete else "at least "
            found.append(
                f"{least}{self.leaks.leaking:,} of {self.test.read:,} test rows stand in train, the same or nearly so"
            )
        if self.leaks and self.leaks.contradicted:
            found.append(_says(self.leaks.contradicted, "test row", "has", "have", "another answer in train"))
        for part, noun in zip(self.parts, ("train row", "test row") if self.test else ("row",), strict=True):
            if part.conflicting:
                found.append(
                    _says(part.conflicting, noun, "conflicts", "conflict", "with another of the same file")
                )
            if part.rows > part.read:
                found.append(f"{_count(part.rows - part.read, noun)} cannot be read")
            if part.blocked:
                found.append(_says(part.blocked, noun, "is", "are", "broken"))
        return tuple(found)

    @property
    def verdict(self) -> str:
        """One sentence on all of it."""
        if not self.problems:
            where = "these files" if self.test else "this file"
            return f"Nothing was found in {where} that breaks an evaluation."
        flattered = self.leaks is not None and self.leaks.leaking > 0
        first = "A score on this test would flatter the model" if flattered else "Mend this first"
        return f"{first}: {'; '.join(self.problems)}."

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return {
            **asdict(self),
            "problems": list(self.problems),
            "clean": not self.problems,
            "verdict": self.verdict,
        }


def read_as(part: Part) -> str:
    """How a part was read, in words: its form and its mapping."""
    used = ", ".join(f"{field}={column}" for field, column in part.mapping.items())
    return f"{part.form}: {used}" if used else part.form


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def _says(n: int, noun: str, one: str, many: str, what: str) -> str:
    return f"{_count(n, noun)} {one if n == 1 else many} {what}"
