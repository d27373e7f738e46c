"""From one failing answer to the training rows behind it.

First step: nearness of meaning, rows that give the wrong answer first. Second step, where it is asked for: the
near rows by their gradients (`pushed`). Both say which rows pull towards an answer, never that they caused it.
Test answers are sealed and are refused.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from curation.embed import vectors
from curation.errors import BadUsage, NotReady, unknown
from curation.progress import SILENT, Progress
from curation.task import Task
from evals import answers, candidates, evaluation, examples, pushed, questions, scoring
from evals.examples import Example
from evals.scorers.exact import normalise
from evals.scorers.fields import leaves, same_leaf
from evals.scorers.json_answer import read_json

NEAR = 0.5
"""Below this cosine of all-MiniLM-L6-v2 two short texts rarely ask for the same thing."""
POOL = 50
_MOST_PATHS = 3


@dataclass(frozen=True, slots=True)
class Behind:
    """A training row near the failure; `contradicting` when it gives the wrong answer, `reason` says why.

    `push` is the cosine of its gradient with the way to the wrong answer, None where that was not asked for.
    """

    id: str
    cosine: float
    contradicting: bool
    reason: str
    prompt: str
    expected: str
    push: float | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """What stands behind one failing answer, contradicting rows first, then by cosine, or by push.

    `gap` is set when no training row is near: the remedy is new rows, not removal.
    """

    example: str
    candidate: str
    prompt: str
    expected: str
    answer: str
    right: bool
    rows: tuple[Behind, ...]
    gap: bool
    summary: str

    @property
    def ids(self) -> tuple[str, ...]:
        """Content ids of the rows, in order."""
        return tuple(row.id for row in self.rows)

    @property
    def traceable(self) -> bool:
        """Whether gradients can say more: a wrong answer of a run, with rows near it."""
        return not self.right and bool(self.rows) and self.candidate.startswith("run:")

    @property
    def contradicting(self) -> tuple[Behind, ...]:
        """The rows that give the wrong answer to something near."""
        return tuple(row for row in self.rows if row.contradicting)


def trace(
    folder: Path,
    example_id: str,
    candidate: str | None = None,
    *,
    most: int = 10,
    near: float = NEAR,
    gradients: bool = False,
    cache: Path | None = None,
    progress: Progress = SILENT,
) -> Trace:
    """The training rows behind one answer of a finished evaluation on validation.

    Args:
        folder: the evaluation.
        example_id: content id of the evaluated row.
        candidate: whose answer; without it the last candidate in the evaluation that failed here,
            runs before all others.
        most: rows returned at most.
        near: cosine below which a training row does not count as near.
        gradients: also weigh the near rows by their gradients; for the wrong answer of a run, minutes on a CPU.
        cache: where sentence vectors are kept.
        progress: told while vectors are made.

    Raises:
        BadUsage: the evaluation is on test, or a name does not exist.
        NotReady: the answers are not there yet.
    """
    made = evaluation.load(folder)
    if made.split == "test":
        raise BadUsage(
            "Test answers are sealed: going back from them to the data would teach the test.",
            where=folder.name,
            hint="Evaluate on validation and trace a failure there.",
        )
    rows = {row.id: row for row in examples.read(folder / "examples.parquet")}
    if example_id not in rows:
        raise unknown("evaluated row", example_id, rows, where=folder.name)
    row = rows[example_id]
    answer, right, said = _answer(folder, made, row, candidate)
    train, _ = examples.of_split(evaluation.version_of(folder, made), "train", calls=made.calls)
    asked = vectors([row.prompt], made.task.embedder, cache=cache, progress=progress)[0]
    known = vectors([one.prompt for one in train], made.task.embedder, cache=cache, progress=progress)
    cosines = known @ asked
    pool = sorted(range(len(train)), key=lambda i: (-cosines[i], train[i].id))[:POOL]
    found = [_behind(row, said, right, train[i], float(cosines[i])) for i in pool if cosines[i] >= near]
    found.sort(key=lambda one: (not one.contradicting, -one.cosine))
    if gradients and not right:
        near_rows = [train[i] for i in pool[: pushed.MOST] if cosines[i] >= near]
        found = _weighed(folder, made.task, row, answer, near_rows, found, progress)
    best = float(cosines.max()) if len(train) else None
    return Trace(
        row.id, answer.candidate, row.prompt, row.expected, answer.answer, right, tuple(found[:most]),
        not found, _summary(found, best, near, right),
    )  # fmt: skip


def _weighed(
    folder: Path,
    task: Task,
    row: Example,
    answer: answers.Answer,
    near_rows: Sequence[Example],
    found: Sequence[Behind],
    progress: Progress,
) -> list[Behind]:
    """The rows in the order of their push; those whose gradient was not taken come last."""
    one = candidates.parse(answer.candidate) if answer.candidate.startswith("run:") else None
    run = questions.run_folder(one, folder) if one else None
    if run is None:
        raise BadUsage(
            f"{answer.candidate} was not trained here: it has no gradients.",
            hint="Trace a run with --candidate.",
        )
    by_id = pushed.pushes(run, task, row, answer.answer, near_rows, progress=progress)
    weighed = [replace(one, push=by_id.get(one.id)) for one in found]
    return sorted(weighed, key=lambda one: -(one.push if one.push is not None else -2.0))


def pulls_towards(expected: str, wrong: str, other: str) -> str:
    """Why training answer `other` agrees with a wrong answer, in a few words; "" when it does not.

    JSON answers agree where a field has the wrong value in both; other texts when they are the same
    after normalisation. An answer that is right where the failure is wrong never agrees.
    """
    fields = _wrong_fields(expected, wrong)
    if fields is None:
        same = bool(normalise(wrong)) and normalise(other) == normalise(wrong) != normalise(expected)
        return f"gives the same answer, {_short(other)}" if same else ""
    theirs = _leaves(other) or {}
    shared = [path for path, value in fields.items() if path in theirs and same_leaf(theirs[path], value)]
    if not shared:
        return ""
    told = ", ".join(
        f"{path} = {_short(json.dumps(fields[path], ensure_ascii=False))}" for path in shared[:_MOST_PATHS]
    )
    return f"has the same wrong value, {told}"


def _behind(row: Example, wrong: str, right: bool, other: Example, cosine: float) -> Behind:
    why = "" if right else pulls_towards(row.expected, wrong, other.expected)
    if why:
        reason = f"It asks nearly the same (cosine {cosine:.2f}) and {why}."
    elif normalise(other.expected) == normalise(row.expected):
        reason = f"It asks nearly the same (cosine {cosine:.2f}) and gives the expected answer."
    else:
        reason = f"It asks nearly the same (cosine {cosine:.2f}) and answers {_short(other.expected)}."
    return Behind(other.id, cosine, bool(why), reason, other.prompt, other.expected)


def _summary(found: Sequence[Behind], best: float | None, near: float, right: bool) -> str:
    if best is None or not found:
        nearest = "there is no training row" if best is None else f"the nearest has {best:.2f}"
        return f"No training row within cosine {near:.2f} ({nearest}): a coverage gap; new rows would help."
    against = sum(one.contradicting for one in found)
    rows = f"{len(found)} training row{'s' if len(found) > 1 else ''} within cosine {near:.2f}"
    if right:
        return f"The answer is right; {rows}."
    if against:
        return f"{rows}; {against} of them pull{'s' if against == 1 else ''} towards this answer."
    return f"{rows}; none of them gives this answer."


class _Judged(NamedTuple):
    answer: answers.Answer
    right: bool
    said: str


def _answer(folder: Path, made: evaluation.Evaluation, row: Example, candidate: str | None) -> _Judged:
    """The answer to look behind."""
    if candidate is not None and candidate not in made.names:
        raise unknown("candidate", candidate, made.names, where=folder.name)
    given = {one.candidate: one for one in answers.read(folder) if one.id == row.id and not one.missing}
    order = sorted(made.parsed, key=lambda one: one.kind == "run")
    wanted = [candidate] if candidate else [one.name for one in reversed(order)]
    judged = [_judged(folder, made, row, given[name]) for name in wanted if name in given]
    if not judged:
        raise NotReady("There is no answer to this row yet.", where=folder.name)
    return next((one for one in judged if not one.right), judged[0])


def _judged(folder: Path, made: evaluation.Evaluation, row: Example, answer: answers.Answer) -> _Judged:
    """The answer, whether the primary scorer calls it right, and the part of it that was judged."""
    score = scoring.judge(made.primary, made.task, [row], [answer], folder)[0][0]
    return _Judged(answer, score.value == 1, score.extracted or answer.answer)


def _wrong_fields(expected: str, wrong: str) -> dict[str, Any] | None:
    """Leaves of a wrong JSON answer that the expected one does not have; None when either is not JSON."""
    wanted, got = _leaves(expected), _leaves(wrong)
    if wanted is None or got is None:
        return None
    return {
        path: value for path, value in got.items() if path not in wanted or not same_leaf(wanted[path], value)
    }


def _leaves(text: str) -> dict[str, Any] | None:
    """Path → value of the leaves of a JSON object or list; None when the text holds none."""
    parsed = read_json(text)
    return leaves(parsed.value) if parsed.found and isinstance(parsed.value, (dict, list)) else None


def _short(text: str, longest: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
