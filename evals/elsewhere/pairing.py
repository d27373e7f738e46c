"""Two files of answers, row by row: what both hold is paired by id, what only one holds is listed.

A row that one side lacks is a missing answer and counts as the verdict's rule counts it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation import task as tasks
from curation.errors import BadInput, BadUsage, unknown
from curation.task import Task
from evals import scorers, stored
from evals.case import Case
from evals.compare import Quadrant, Row, Side
from evals.elsewhere.rows import GIVEN
from evals.elsewhere.sheet import Given, Sheet
from evals.rule import Mode
from evals.scorers import Score, Scorer, ScoringContext
from evals.stored import Outcome, Stored


@dataclass(frozen=True, slots=True)
class Terms:
    """How two files are compared; gains and margins are fractions.

    Args:
        scorer: one of ours, or of the files' own; None for what there is.
        pass_at: from which score on an answer is right; None where scores are 0 and 1 already.
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
    for part in ("stem", "name"):
        ends = [getattr(one.source, part) for one in (base, candidate)]
        if ends[0] != ends[1]:
            break
    else:
        ends = [str(one.source) for one in (base, candidate)]
    for one, end in zip((base, candidate), ends, strict=True):
        one.name = f"{one.name} ({end})" if one.name != end else end


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
    judge = _judge(base, candidate, references, terms)
    sheets = [base, candidate, *(one for one in others if judge.suits(one))]
    outcomes = {
        one.name: tuple(judge.outcome(one, id_) if id_ in one.rows else None for id_ in ids) for one in sheets
    }
    groups = tuple(_first(id_, "group", base, candidate, expected) or None for id_ in ids)
    held = _held(candidate, judge, tuple(ids), groups, references, outcomes)
    case = Case(held, candidate.name, {base.name: terms.mode}, terms.margin, terms.saving)
    rows = tuple(_row(id_, base, candidate, expected, judge) for id_ in ids)
    return Pair(base, candidate, case, rows, judge.says, only_base, only_candidate, terms.common)


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


@dataclass(frozen=True, slots=True)
class _Judge:
    """Who says what is right: a score of the files (`own` is None), or one of our scorers."""

    name: str
    says: str
    own: Scorer | None
    task: Task
    references: Mapping[str, tuple[str, ...]]
    pass_at: float | None

    def suits(self, sheet: Sheet) -> bool:
        """Whether it can judge this sheet."""
        return self.own is not None or self.name in sheet.scorers

    def score(self, sheet: Sheet, id_: str) -> Score:
        """What it says of one answer; a value of 1 is right."""
        given = sheet.rows[id_]
        if given.error:
            return Score(self.name, None, f"missing: {given.error}")
        if self.own is None:
            told = given.scores.get(self.name)
            if told is None:
                return Score(self.name, None, "missing: not scored")
            found = Score(self.name, told.value, told.reason)
        elif given.answer is None:
            return Score(self.name, None, "missing: no answer")
        elif not self.references[id_]:
            return Score(self.name, None, "missing: no expected answer")
        else:
            context = ScoringContext.of(self.task, "length" if given.cut else "stop")
            tried = [self.own.score(one, given.answer, context)[0] for one in self.references[id_]]
            found = max(tried, key=lambda one: -1.0 if one.value is None else one.value)
        return self._decided(found, sheet, id_)

    def _decided(self, found: Score, sheet: Sheet, id_: str) -> Score:
        """The score as right or wrong."""
        if found.value is None or (self.pass_at is None and found.value in (0.0, 1.0)):
            return found
        if self.pass_at is None:
            raise BadInput(
                f"Row {id_!r} of {sheet.name} has a score of {found.value:g}, neither right nor wrong.",
                where=sheet.source.name,
                hint="Say from which score on an answer is right: --pass-at 0.5",
            )
        right = float(found.value >= self.pass_at)
        reason = f"{found.reason} (score {found.value:g})".strip()
        return Score(found.scorer, right, reason, "", found.extracted, found.parse_level)

    def outcome(self, sheet: Sheet, id_: str) -> Outcome:
        """One answer as the verdict reads it."""
        given, score = sheet.rows[id_], self.score(sheet, id_)
        return Outcome(given.answer or "", _finish(given), score.value, score.extracted, None, None)

    def side(self, sheet: Sheet, id_: str) -> Side:
        """One answer as it is shown."""
        if id_ not in sheet.rows:
            return Side("", None, "", "", "", "error", "not in this file")
        given, score = sheet.rows[id_], self.score(sheet, id_)
        return Side(
            given.answer or "", score.value, score.reason, score.extracted, score.parse_level, _finish(given),
            given.error,
        )  # fmt: skip


def _finish(given: Given) -> str:
    return "error" if given.error else "length" if given.cut else "stop"


def _judge(base: Sheet, candidate: Sheet, references: Mapping[str, tuple[str, ...]], terms: Terms) -> _Judge:
    """Who judges: the scorer asked for, else the one score both files have, else one that suits the answers."""
    shared = [name for name in candidate.scorers if name in base.scorers]
    wanted = terms.scorer
    if wanted is None and len(shared) > 1:
        raise BadUsage(
            f"Both files have scores of {', '.join(shared)}.", hint=f"Choose: --scorer {shared[0]}"
        )
    if wanted is None and shared:
        wanted = shared[0]
    settings = {"worthwhile": terms.worthwhile}
    if wanted in shared:
        says = "as scored in the files" if wanted == GIVEN else f"as scored by {wanted}"
        return _Judge(wanted, says, None, Task(**settings), references, terms.pass_at)
    known = [one.name for one in scorers.SCORERS]
    if wanted is not None and wanted not in known:
        raise unknown("scorer", wanted, [*shared, *known])
    told = [one for accepted in references.values() for one in accepted[:1]]
    if not told:
        raise BadUsage(
            "There is nothing to score the answers against.",
            hint='Add "expected" to the rows, name a third file with --expected, or give rows with "pass".',
        )
    task = tasks.guess(told, []).model_copy(update=settings)
    own = scorers.get(wanted or task.primary_scorer)
    if own.name == "label" and not task.labels:
        task = task.model_copy(update={"labels": list(dict.fromkeys(told))})
    chosen = "" if wanted else ", seen from the expected answers"
    return _Judge(own.name, f"{own.title.lower()}{chosen}", own, task, references, terms.pass_at)


def _held(
    candidate: Sheet,
    judge: _Judge,
    ids: tuple[str, ...],
    groups: tuple[str | None, ...],
    references: Mapping[str, tuple[str, ...]],
    outcomes: dict[str, tuple[Outcome | None, ...]],
) -> Stored:
    """The answers as an evaluation of a project would hold them."""
    rows = [(id_, group, list(references[id_])) for id_, group in zip(ids, groups, strict=True)]
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


def _row(id_: str, base: Sheet, candidate: Sheet, expected: Mapping[str, Given] | None, judge: _Judge) -> Row:
    mine, theirs = judge.side(candidate, id_), judge.side(base, id_)
    accepted = judge.references[id_]
    return Row(
        id_,
        _first(id_, "prompt", base, candidate, expected),
        accepted[0] if accepted else "",
        _first(id_, "note", base, candidate, expected) or None,
        _first(id_, "group", base, candidate, expected) or None,
        _quadrant(mine.value, theirs.value),
        mine,
        theirs,
    )


def _quadrant(mine: float | None, theirs: float | None) -> Quadrant:
    if mine is None or theirs is None:
        return "not_judged"
    if mine >= 1:
        return "both_right" if theirs >= 1 else "won"
    return "lost" if theirs >= 1 else "both_wrong"


def _first(id_: str, name: str, base: Sheet, candidate: Sheet, expected: Mapping[str, Given] | None) -> str:
    """The first of the files that says something about a row."""
    for rows in (candidate.rows, base.rows, expected or {}):
        if id_ in rows and getattr(rows[id_], name):
            return str(getattr(rows[id_], name))
    return ""
