"""Two files of answers, row by row: what both hold is paired by id, what only one holds is listed.

A row that one side lacks is a missing answer and counts as the verdict's rule counts it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from curation.errors import BadInput, BadUsage, unknown
from evals import stored
from evals.case import Case
from evals.compare import Quadrant, Row, Side
from evals.elsewhere import scoring
from evals.elsewhere.scoring import Judge
from evals.elsewhere.sheet import Given, Sheet
from evals.rule import Mode
from evals.scorers import Score
from evals.stored import Outcome, Stored


@dataclass(frozen=True, slots=True)
class Terms:
    """How two files are compared; gains and margins are fractions.

    Args:
        scorer: one of ours, or of the files' own; None for what there is.
        pass_at: from which score on an answer is right; None to take scores between 0 and 1 as they are.
        common: whether only rows that both files hold are compared.
        mode: whether the base is to be beaten, or to be matched within `margin` for a `saving`.
        worthwhile: smallest gain worth shipping.
        margin: see `mode`.
        saving: see `mode`.
    """

    scorer: str | None = None
    pass_at: float | None = None
    common: bool = False
    mode: Mode = "beat"
    worthwhile: float = 0.03
    margin: float = 0.03
    saving: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sheets side by side.

    Args:
        base: who is to be beaten.
        candidate: who is judged.
        case: what the rule is applied to.
        rows: every row with both answers, in the order of the files.
        scorer: what right means, in words.
        only_base: ids that only the base holds; `only_candidate` those of the candidate.
        only_candidate: see `only_base`.
        common: whether those ids were left out.
    """

    base: Sheet
    candidate: Sheet
    case: Case
    rows: tuple[Row, ...]
    scorer: str
    only_base: tuple[str, ...]
    only_candidate: tuple[str, ...]
    common: bool


def choose(sheets: Sequence[Sheet], name: str | None, option: str, other: str | None = None) -> Sheet:
    """The sheet of that name, or the only one besides `other`.

    Raises:
        BadUsage: there is none of that name, or several and none was named.
    """
    if name is not None:
        for one in sheets:
            if one.name == name:
                return one
        raise unknown(
            "candidate in this file", name, [one.name for one in sheets], where=str(sheets[0].source)
        )
    left = [one for one in sheets if one.name != other]
    if not left:
        raise BadUsage(
            f"The file holds the answers of {other} alone.",
            where=str(sheets[0].source),
            hint="Name a second file.",
        )
    if len(left) != 1:
        names = ", ".join(repr(one.name) for one in left)
        raise BadUsage(
            f"Which one is meant? The file holds {names}.",
            where=str(sheets[0].source),
            hint=f"Name it with {option}.",
        )
    return left[0]


def told_apart(base: Sheet, candidate: Sheet) -> None:
    """Give two sheets of one name the names of their files too.

    Raises:
        BadUsage: they are one and the same.
    """
    if base.name != candidate.name:
        return
    if base.source == candidate.source:
        raise BadUsage(f"{base.name} cannot be compared with itself.", where=str(base.source))
    sources = (base.source, candidate.source)
    ways: tuple[Callable[[Path], str], ...] = (
        lambda path: path.stem,
        lambda path: path.name,
        lambda path: f"{path.parent.name}/{path.stem}",
        str,
    )
    ends = next(found for way in ways if (found := [way(path) for path in sources])[0] != found[1])
    for one, end in zip((base, candidate), ends, strict=True):
        one.name = end if one.form == "rows" else f"{one.name} ({end})"


def pair(
    base: Sheet,
    candidate: Sheet,
    terms: Terms,
    expected: Mapping[str, Given] | None = None,
    others: Sequence[Sheet] = (),
) -> Pair:
    """Pair two sheets and judge every answer.

    Args:
        base: who is to be beaten or matched.
        candidate: who is judged.
        terms: how.
        expected: the third file; where None, the rows carry what they need.
        others: candidates measured in the same file; Holm's correction counts them.

    Raises:
        BadInput: no id stands in both, or a score cannot be taken as right or wrong.
        BadUsage: no such scorer, several to choose from, or nothing to score against.
    """
    told_apart(base, candidate)
    both = [id_ for id_ in candidate.rows if id_ in base.rows]
    if not both:
        first, second = next(iter(base.rows), "none"), next(iter(candidate.rows), "none")
        raise BadInput(
            f"No id stands in both: {base.name} has {first!r}, {candidate.name} has {second!r}.",
            where=f"{base.source.name}, {candidate.source.name}",
            hint="Rows are paired by `id`, tests of promptfoo by their variables.",
        )
    only_base = tuple(id_ for id_ in base.rows if id_ not in candidate.rows)
    only_candidate = tuple(id_ for id_ in candidate.rows if id_ not in base.rows)
    ids = both if terms.common else [*candidate.rows, *only_base]
    references = _references(ids, base, candidate, expected)
    judge = scoring.choose(
        base, candidate, references,
        scorer=terms.scorer, pass_at=terms.pass_at, worthwhile=terms.worthwhile,
    )  # fmt: skip
    sheets = [base, candidate, *(one for one in others if judge.suits(one))]
    scores = {one.name: judge.scores(one) for one in sheets}
    outcomes = {
        one.name: tuple(_outcome(one, id_, scores[one.name]) if id_ in one.rows else None for id_ in ids)
        for one in sheets
    }
    groups = tuple(_first(id_, "group", base, candidate, expected) or None for id_ in ids)
    held = _held(candidate, judge, tuple(ids), groups, outcomes)
    case = Case(held, candidate.name, {base.name: terms.mode}, terms.margin, terms.saving)
    rows = tuple(
        Row(
            id_,
            _first(id_, "prompt", base, candidate, expected),
            next(iter(references[id_]), ""),
            _first(id_, "note", base, candidate, expected) or None,
            group,
            _quadrant(scores[candidate.name].get(id_), scores[base.name].get(id_)),
            _side(candidate, id_, scores[candidate.name]),
            _side(base, id_, scores[base.name]),
        )
        for id_, group in zip(ids, groups, strict=True)
    )
    return Pair(base, candidate, case, rows, judge.says, only_base, only_candidate, terms.common)


def _outcome(sheet: Sheet, id_: str, scores: Mapping[str, Score]) -> Outcome:
    """One answer as the verdict reads it."""
    given, score = sheet.rows[id_], scores[id_]
    return Outcome(given.answer or "", _finish(given), score.value, score.extracted, None, None)


def _side(sheet: Sheet, id_: str, scores: Mapping[str, Score]) -> Side:
    """One answer as it is shown."""
    if id_ not in sheet.rows:
        return Side("", None, "", "", "", "error", "not in this file")
    given, score = sheet.rows[id_], scores[id_]
    return Side(
        given.answer or "", score.value, score.reason, score.extracted, score.parse_level, _finish(given),
        given.error,
    )  # fmt: skip


def _finish(given: Given) -> str:
    return "error" if given.error else "length" if given.cut else "stop"


def _quadrant(mine: Score | None, theirs: Score | None) -> Quadrant:
    if mine is None or theirs is None or mine.value is None or theirs.value is None:
        return "not_judged"
    if mine.value != theirs.value:
        return "won" if mine.value > theirs.value else "lost"
    return "both_right" if mine.value >= 1 else "both_wrong"


def _references(
    ids: Sequence[str], base: Sheet, candidate: Sheet, expected: Mapping[str, Given] | None
) -> dict[str, tuple[str, ...]]:
    """The accepted answers of each row; empty where none is known."""
    if expected is not None:
        if not any(id_ in expected for id_ in ids):
            raise BadInput(
                f"None of the {len(ids):,} rows has an expected answer: they are called like {ids[0]!r}, "
                f"the expected ones like {next(iter(expected), 'none')!r}.",
            )
        return {id_: expected[id_].expected if id_ in expected else () for id_ in ids}
    found = {}
    for id_ in ids:
        told = [
            one.rows[id_].expected for one in (base, candidate) if id_ in one.rows and one.rows[id_].expected
        ]
        if len(told) == 2 and told[0] != told[1]:
            raise BadInput(
                f"Row {id_!r} has two expected answers: the files do not agree.", where=candidate.source.name
            )
        found[id_] = told[0] if told else ()
    return found


def _held(
    candidate: Sheet,
    judge: Judge,
    ids: tuple[str, ...],
    groups: tuple[str | None, ...],
    outcomes: dict[str, tuple[Outcome | None, ...]],
) -> Stored:
    """The answers as an evaluation of a project would hold them."""
    rows = [(id_, group, list(judge.references[id_])) for id_, group in zip(ids, groups, strict=True)]
    given = [
        (id_, name, one)
        for position, id_ in enumerate(ids)
        for name, column in outcomes.items()
        if (one := column[position]) is not None
    ]
    return Stored(
        folder=candidate.source,
        specs=(),
        split="given",
        version="",
        primary=judge.name,
        task=judge.task,
        audit=None,
        ids=ids,
        groups=groups,
        outcomes=outcomes,
        strangers=0,
        answers_fingerprint=stored.fingerprint_of(judge.name, rows, given),
    )


def _first(id_: str, name: str, base: Sheet, candidate: Sheet, expected: Mapping[str, Given] | None) -> str:
    """The first of the files that says something about a row."""
    for rows in (candidate.rows, base.rows, expected or {}):
        if id_ in rows and getattr(rows[id_], name):
            return str(getattr(rows[id_], name))
    return ""
