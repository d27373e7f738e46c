"""Human grading: blind questions about stored answers, and what the judgements in the folder add up to.

Who gave an answer is hidden, sides and order are drawn anew for each rater and row, and a tenth of the
questions comes back at the end, sides exchanged, to see whether a rater agrees with himself.
"""

from __future__ import annotations

import fcntl
import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path
from typing import Literal

from curation import events
from curation.errors import BadInput, BadUsage, unknown
from curation.files import add_line, read_json, sha256, write_json
from evals import compare, evaluation, stored
from evals.significance import Paired, paired
from evals.wording import counted, signed

FILE = "judgements.jsonl"
REFERENCES = "references.jsonl"
"""Judgements on expected answers: beside the evaluations, since they hold for every one of them."""
_NOTED = "disputed.json"
REPEATED = 0.1
Kind = Literal["pair", "single", "reference"]
TITLES: dict[Kind, str] = {
    "pair": "Which answer is better?",
    "single": "Is this answer good enough?",
    "reference": "Is the expected answer right?",
}
CHOICES: dict[Kind, tuple[str, ...]] = {
    "pair": ("left", "right", "tie", "both_bad"),
    "single": ("pass", "fail", "unsure"),
    "reference": ("right", "wrong", "unsure"),
}
"""What can be said; `both_bad` counts as a tie, `unsure` as nothing."""


@dataclass(frozen=True, slots=True)
class Question:
    """One row put to one rater; `names` say who gave `sides`, in the same order, and are never shown.

    `expected` is given only where the question is about it.
    """

    key: str
    id: str
    repeat: bool
    prompt: str
    expected: str | None
    sides: tuple[str, ...]
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one person said once. `said` names the better candidate of a pair, else it is one of `CHOICES`.

    `side` is what was pressed: with it a liking for one side shows.
    """

    op: str
    at: str
    who: str
    kind: Kind
    key: str
    id: str
    repeat: bool
    names: tuple[str, ...]
    said: str
    side: str


@dataclass(frozen=True, slots=True)
class Tally:
    """What the judgements add up to, the majority of the raters for each row.

    For a pair `won` and `lost` are the candidate's; for single answers and references they count pass and fail,
    right and wrong. `alpha` is Krippendorff's for nominal values over raters, None with one rater;
    `consistent` is the share of repeated questions answered the same way, `left` that of left among decided pairs.
    """

    kind: Kind
    raters: tuple[str, ...]
    judged: int
    won: int
    lost: int
    tied: int
    same: int
    figures: Paired | None
    alpha: float | None
    consistent: float | None
    repeats: int
    left: float | None


def questions(
    folder: Path, kind: Kind, who: str, *, candidate: str = "", baseline: str = "", all_rows: bool = False
) -> list[Question]:
    """What one rater is asked, in that rater's own order, repeats last.

    Pairs with the same answer, blanks aside, are ties and are not asked. References are asked of the rows where
    all candidates agree on another answer, mixed with as many others, so that being asked gives nothing away;
    `all_rows` asks all of them.

    Args:
        folder: a finished evaluation.
        kind: pairs of answers, single answers of `candidate`, or the expected answers.
        who: the rater.
        candidate: stored name, for pairs and single answers.
        baseline: stored name, for pairs.
        all_rows: see above.

    Raises:
        BadUsage: answers to test rows, or a name that does not exist.
        NotReady: the evaluation has not finished.
    """
    _refuse_sealed(folder, kind)
    if kind == "reference":
        first = [_reference(row) for row in _in_doubt(folder, who, all_rows)]
    else:
        rows = compare.rows(folder, candidate, baseline if kind == "pair" else candidate, limit=10**9)
        first = [
            _about(kind, row, who, candidate, baseline)
            for row in rows
            if kind == "single" or not row.same_answer
        ]
    first.sort(key=lambda one: sha256(f"order|{who}|{one.id}"))
    again = first[: math.ceil(REPEATED * len(first))] if len(first) > 1 else []
    return first + [_repeated(one) for one in again]


def record(folder: Path, question: Question, kind: Kind, side: str, *, who: str, op: str) -> None:
    """Keep one judgement; one with an `op` that is there already changes nothing.

    Raises:
        BadUsage: `side` is not one of `CHOICES`.
    """
    if side not in CHOICES[kind]:
        raise unknown("judgement", side, CHOICES[kind])
    said = (
        dict(zip(("left", "right"), question.names, strict=False)).get(side, side) if kind == "pair" else side
    )
    _append(
        folder,
        Judgement(
            op,
            events.now(),
            who,
            kind,
            question.key,
            question.id,
            question.repeat,
            question.names,
            said,
            side,
        ),
    )


def take_back(folder: Path, key: str, kind: Kind, *, who: str, op: str) -> None:
    """Make a question open again."""
    _append(folder, Judgement(op, events.now(), who, kind, key, "", False, (), "", ""))


def read(folder: Path) -> list[Judgement]:
    """Every standing judgement: the newest of each person on each question, those taken back left out.

    Raises:
        BadInput: a line other than an unfinished last one cannot be read.
    """
    standing: dict[tuple[str, str], Judgement] = {}
    for one in (*_lines(folder / FILE), *_lines(folder.parent / REFERENCES)):
        standing.pop((one.who, one.key), None)
        if one.said:
            standing[one.who, one.key] = one
    return list(standing.values())


def tally(folder: Path, kind: Kind, *, candidate: str = "", baseline: str = "") -> Tally:
    """Add the judgements up.

    Raises:
        NotReady: the evaluation has not finished.
    """
    names = {"pair": {candidate, baseline}, "single": {candidate}, "reference": set[str]()}[kind]
    given = [one for one in read(folder) if one.kind == kind and set(one.names) == names]
    once = [one for one in given if not one.repeat and one.said != "unsure"]
    good = candidate if kind == "pair" else CHOICES[kind][0]
    by_row: defaultdict[str, list[str]] = defaultdict(list)
    for one in once:
        by_row[one.id].append(side_of(one.said, good, baseline if kind == "pair" else CHOICES[kind][1]))
    outcomes = Counter(majority(said) for said in by_row.values())
    same = 0
    if kind == "pair":
        same = sum(row.same_answer for row in compare.rows(folder, candidate, baseline, limit=10**9))
    figures = _paired(outcomes, same) if kind == "pair" and by_row else None
    raters = tuple(sorted({one.who for one in once}))
    agreed = _agreed(given)
    decided = [one.side for one in once if one.side in ("left", "right")] if kind == "pair" else []
    return Tally(
        kind=kind,
        raters=raters,
        judged=len(by_row),
        won=outcomes["won"],
        lost=outcomes["lost"],
        tied=outcomes["tied"],
        same=same,
        figures=figures,
        alpha=alpha([[one.said for one in once if one.id == id_] for id_ in by_row])
        if len(raters) > 1
        else None,
        consistent=sum(agreed) / len(agreed) if agreed else None,
        repeats=len(agreed),
        left=decided.count("left") / len(decided) if decided else None,
    )


def sentences(found: Tally, candidate: str, baseline: str) -> list[str]:
    """What the judgements say, in words."""
    if not found.judged:
        return ["Nothing is judged yet."]
    by = f"{counted(found.judged, 'row')} judged by {', '.join(found.raters)}"
    if found.kind == "pair":
        said = [
            f"{by}: {candidate} is better in {found.won:,}, {baseline} in {found.lost:,}, "
            f"{found.tied:,} are ties; {found.same:,} more rows got the same answer from both."
        ]
        if found.figures is not None:
            one = found.figures
            said.append(
                f"{signed(one.difference)} points for {candidate} over {one.n:,} rows, "
                f"plausibly {signed(one.low)} to {signed(one.high)}."
            )
    else:
        said = [f"{by}: {found.won:,} {CHOICES[found.kind][0]}, {found.lost:,} {CHOICES[found.kind][1]}."]
    if found.repeats:
        said.append(
            f"Asked again, {found.consistent:.0%} of {counted(found.repeats, 'row')} got the same judgement."
        )
    if found.alpha is not None:
        weak = " That is weak: settle the rules before counting on it." if found.alpha < 0.4 else ""
        said.append(f"Agreement between raters (Krippendorff's alpha): {found.alpha:.2f}.{weak}")
    if found.left is not None and found.judged >= 20 and not 0.3 < found.left < 0.7:
        said.append(
            f"The left answer won {found.left:.0%} of the decided rows: look whether the side decides."
        )
    return said


def disputed_here(folder: Path, ids: Collection[str], *, record: bool) -> frozenset[str]:
    """The disputed rows among `ids`, noted in the folder, so that a copy of it alone gives the same verdict."""
    noted = folder / _NOTED
    beside = (folder.parent / REFERENCES).is_file()
    found = disputed(folder) if beside else frozenset(read_json(noted) if noted.is_file() else ())
    if record and beside and (found or noted.is_file()):
        write_json(noted, sorted(found))
    return found & frozenset(ids)


def disputed(folder: Path) -> frozenset[str]:
    """Rows whose expected answer most raters call wrong, in whatever evaluation they were asked."""
    said: defaultdict[str, list[str]] = defaultdict(list)
    for one in read(folder):
        if one.kind == "reference" and not one.repeat and one.said != "unsure":
            said[one.id].append(side_of(one.said, "right", "wrong"))
    return frozenset(id_ for id_, values in said.items() if majority(values) == "lost")


def alpha(units: Sequence[Sequence[str]]) -> float | None:
    """Krippendorff's alpha for nominal values; each unit holds what its raters said. None without two values.

    alpha = 1 - observed / expected disagreement. Source: Krippendorff 2011, "Computing Krippendorff's
    alpha-reliability"; units with one value are left out.
    """
    together: defaultdict[tuple[str, str], float] = defaultdict(float)
    for unit in units:
        for one, other in permutations(unit, 2):
            together[one, other] += 1 / (len(unit) - 1)
    totals: defaultdict[str, float] = defaultdict(float)
    for (one, _), weight in together.items():
        totals[one] += weight
    n = sum(totals.values())
    expected = n * n - sum(total * total for total in totals.values())
    if not expected:
        return None
    observed = sum(weight for (one, other), weight in together.items() if one != other)
    return 1 - (n - 1) * observed / expected


def _refuse_sealed(folder: Path, kind: Kind) -> None:
    if kind != "reference" and evaluation.load(folder).split == "test":
        raise BadUsage(
            "Answers to test rows are sealed.",
            where=folder.name,
            hint="Grade an evaluation on validation; expected answers of test rows can be checked.",
        )


def _about(kind: Kind, row: compare.Row, who: str, candidate: str, baseline: str) -> Question:
    sides = [(row.candidate.answer, candidate)]
    if kind == "pair":
        sides.append((row.baseline.answer, baseline))
        if int(sha256(f"side|{who}|{row.id}"), 16) % 2:
            sides = sides[::-1]
    key = f"{kind}|{'|'.join(sorted(name for _, name in sides))}|{row.id}"
    return Question(
        key,
        row.id,
        False,
        row.prompt,
        None,
        tuple(text for text, _ in sides),
        tuple(name for _, name in sides),
    )


def _reference(row: tuple[str, str, str]) -> Question:
    id_, prompt, expected = row
    return Question(f"reference|{id_}", id_, False, prompt, expected, (), ())


def _repeated(one: Question) -> Question:
    return Question(
        f"{one.key}|again", one.id, True, one.prompt, one.expected, one.sides[::-1], one.names[::-1]
    )


def _in_doubt(folder: Path, who: str, all_rows: bool) -> list[tuple[str, str, str]]:
    """(id, prompt, expected) of the rows in doubt and of as many others."""
    with stored.connect(folder) as connection:
        rows: list[tuple[str, str, str]] = connection.execute(
            "select id, prompt, expected from examples order by id"
        ).fetchall()
    if all_rows:
        return rows
    doubtful = set(stored.read(folder).doubtful)
    others = sorted(
        (row for row in rows if row[0] not in doubtful), key=lambda row: sha256(f"mixed|{who}|{row[0]}")
    )
    return [row for row in rows if row[0] in doubtful] + others[: len(doubtful)]


def side_of(said: str, good: str, bad: str) -> str:
    """What a judgement means for the one called `good`: won, lost or tied."""
    return "won" if said == good else "lost" if said == bad else "tied"


def majority(said: Iterable[str]) -> str:
    """What most say; tied where as many say won as lost."""
    counts = Counter(said)
    return "tied" if counts["won"] == counts["lost"] else "won" if counts["won"] > counts["lost"] else "lost"


def _paired(outcomes: Counter[str], same: int) -> Paired:
    """Wins and losses as a pair of columns; a tie is a row on which both are right."""
    ties = outcomes["tied"] + same
    mine = [True] * outcomes["won"] + [False] * outcomes["lost"] + [True] * ties
    theirs = [False] * outcomes["won"] + [True] * outcomes["lost"] + [True] * ties
    return paired(mine, theirs)


def _agreed(given: Sequence[Judgement]) -> list[bool]:
    first = {(one.who, one.id): one.said for one in given if not one.repeat}
    return [first[one.who, one.id] == one.said for one in given if one.repeat and (one.who, one.id) in first]


def _append(folder: Path, one: Judgement) -> None:
    path = folder.parent / REFERENCES if one.kind == "reference" else folder / FILE
    with path.open("a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if all(other.op != one.op for other in _lines(path)):
            add_line(file, path, asdict(one))


def _lines(path: Path) -> list[Judgement]:
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return []
    found = []
    for number, line in enumerate(text.split("\n")[:-1], 1):
        try:
            told = json.loads(line)
            found.append(Judgement(**{**told, "names": tuple(told["names"])}))
        except (ValueError, TypeError, KeyError) as error:
            raise BadInput(f"Line {number} cannot be read.", where=str(path)) from error
    return found
