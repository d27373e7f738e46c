"""Who says what is right of answers from elsewhere: a score that the files have, or one of our scorers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from curation import task as tasks
from curation.errors import BadInput, BadUsage, unknown
from curation.task import Task
from evals import scorers
from evals.elsewhere.rows import GIVEN
from evals.elsewhere.sheet import Given, Sheet
from evals.scorers import Asked, Score, Scorer, ScoringContext

References = Mapping[str, tuple[str, ...]]
"""The accepted answers of each row; empty where none is known."""


@dataclass(frozen=True, slots=True)
class Judge:
    """A scorer of ours, or (`own` is None) the score called `name` in the files; `says` is it in words."""

    name: str
    says: str
    own: Scorer | None
    task: Task
    references: References
    pass_at: float | None

    def suits(self, sheet: Sheet) -> bool:
        """Whether it can judge this sheet."""
        return self.own is not None or self.name in sheet.scorers

    def scores(self, sheet: Sheet) -> dict[str, Score]:
        """What it says of every answer to a known row; a missing answer has no value.

        Raises:
            BadInput: a score outside 0...1 without `pass_at`.
        """
        known = {id_: given for id_, given in sheet.rows.items() if id_ in self.references}
        found = {id_: self._missing(id_, given) for id_, given in known.items()}
        open_ = [id_ for id_, score in found.items() if score is None]
        judged = (
            self._from_file(known, open_) if self.own is None else self._by_scorer(self.own, known, open_)
        )
        done = {id_: score for id_, score in found.items() if score is not None}
        return done | {id_: self._decided(score, sheet, id_) for id_, score in judged.items()}

    def _missing(self, id_: str, given: Given) -> Score | None:
        """Why an answer cannot be judged; None where it can."""
        reason = ""
        if given.error:
            reason = given.error
        elif self.own is None:
            reason = "" if self.name in given.scores else "not scored"
        elif given.answer is None:
            reason = "no answer"
        elif not self.references[id_]:
            reason = "no expected answer"
        return Score(self.name, None, f"missing: {reason}") if reason else None

    def _from_file(self, known: Mapping[str, Given], ids: Sequence[str]) -> dict[str, Score]:
        told = {id_: known[id_].scores[self.name] for id_ in ids}
        return {id_: Score(self.name, one.value, one.reason) for id_, one in told.items()}

    def _by_scorer(self, own: Scorer, known: Mapping[str, Given], ids: Sequence[str]) -> dict[str, Score]:
        """All answers judged at once; where several are accepted, the one that fits best counts."""
        pairs = [(id_, accepted) for id_ in ids for accepted in self.references[id_]]
        asked = [
            Asked(accepted, known[id_].answer or "", ScoringContext.of(self.task, _finish(known[id_])))
            for id_, accepted in pairs
        ]
        best: dict[str, Score] = {}
        for (id_, _), found in zip(pairs, own.score_all(asked), strict=True):
            if id_ not in best or _worth(found[0]) > _worth(best[id_]):
                best[id_] = found[0]
        return best

    def _decided(self, found: Score, sheet: Sheet, id_: str) -> Score:
        """The score as it counts: as it is, or right from `pass_at` on."""
        if found.value is None or (self.pass_at is None and 0 <= found.value <= 1):
            return found
        if self.pass_at is None:
            raise BadInput(
                f"Row {id_!r} of {sheet.name} has a score of {found.value:g}; scores lie between 0 and 1.",
                where=sheet.source.name,
                hint="Say from which score on an answer is right, such as --pass-at 4.",
            )
        reason = f"{found.reason} (score {found.value:g})".strip()
        right = float(found.value >= self.pass_at)
        return Score(found.scorer, right, reason, "", found.extracted, found.parse_level)


def _worth(score: Score) -> float:
    return -1.0 if score.value is None else score.value


def _finish(given: Given) -> str:
    return "length" if given.cut else "stop"


def choose(
    base: Sheet,
    candidate: Sheet,
    references: References,
    *,
    scorer: str | None,
    pass_at: float | None,
    worthwhile: float,
) -> Judge:
    """The scorer asked for, else the one score that both files have, else one that suits the expected answers.

    Raises:
        BadUsage: no such scorer, one that cannot decide, several to choose from, or nothing to score against.
    """
    shared = [name for name in candidate.scorers if name in base.scorers]
    if scorer is None and len(shared) > 1:
        raise BadUsage(
            f"Both files have scores of {', '.join(shared)}.", hint=f"Choose one: --scorer {shared[0]}"
        )
    wanted = shared[0] if scorer is None and shared else scorer
    if wanted in shared:
        says = "as scored in the files" if wanted == GIVEN else f"as scored by {wanted}"
        return Judge(str(wanted), says, None, Task(worthwhile=worthwhile), references, pass_at)
    known = [one.name for one in scorers.SCORERS if one.name != "python"]
    if wanted is not None and wanted.partition(":")[0] not in known:
        raise unknown("scorer", wanted, [*shared, *known])
    told = [one for accepted in references.values() for one in accepted[:1]]
    if not told:
        raise BadUsage(
            "There is nothing to score the answers against.",
            hint='Add "expected" to the rows, name a third file with --expected, or give rows with "pass".',
        )
    task = tasks.guess(told, []).model_copy(update={"worthwhile": worthwhile})
    own = scorers.get(wanted or task.primary_scorer)
    if own.diagnostic:
        raise BadUsage(f"The scorer {own.name!r} is shown and never decides.", hint="Choose another one.")
    if own.name == "label" and not task.labels:
        task = task.model_copy(update={"labels": list(dict.fromkeys(told))})
    chosen = "" if wanted else ", seen from the expected answers"
    return Judge(own.name, f"{own.title.lower()}{chosen}", own, task, references, pass_at)
