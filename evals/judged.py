"""What a judge's replies add up to: wins that hold in both orders, its biases, and its agreement with people.

It informs and never enters a verdict.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals import compare, grading, judge
from evals.grading import Judgement
from evals.judge import Said
from evals.significance import Paired, paired
from evals.wording import counted, signed

LEAST_KAPPA = 0.4
LEAST_LABELS = 50
NEAR = 0.2
"""Answers whose lengths differ by less than this share of the longer one are alike in length."""
_APART = 0.05
_OUTCOME = {"won": 1.0, "tied": 0.5, "lost": 0.0}


@dataclass(frozen=True, slots=True)
class Judged:
    """One judge with one rubric on one pair of candidates.

    `pairs` have two different answers; `judged` of them were read in both orders, `unread` have a reply that is not
    A, B or tie, `open` were not asked or not answered. Only `judged` rows are in the figures. A win must hold in both
    orders; `consistent` is the share that said the same in both, `first` that of A among the replies that
    decided. Win rates count a tie as half; `near` rows are alike in length. `kappa` is Cohen's, with the majority of
    the raters, over `labels` rows judged by people too.
    """

    judge: str
    rubric: str
    candidate: str
    baseline: str
    pairs: int
    judged: int
    unread: int
    open: int
    same: int
    won: int
    lost: int
    tied: int
    figures: Paired | None
    consistent: float | None
    first: float | None
    win_rate: float | None
    near: int
    near_win_rate: float | None
    labels: int
    kappa: float | None

    @property
    def length_decides(self) -> bool:
        """Whether the win rate moves by more than 5 points once the answers are alike in length."""
        if self.win_rate is None or self.near_win_rate is None:
            return False
        return abs(self.win_rate - self.near_win_rate) > _APART + 1e-9

    @property
    def agrees(self) -> bool:
        """Whether it agrees with enough judgements of people to be listened to."""
        return self.kappa is not None and self.kappa >= LEAST_KAPPA and self.labels >= LEAST_LABELS


def tallies(folder: Path, candidate: str, baseline: str) -> list[Judged]:
    """The tally of every judge that was asked about these two, in the order they were first asked.

    Raises:
        NotReady: the evaluation has not finished.
    """
    found: dict[tuple[str, str], list[Said]] = {}
    for one in judge.read(folder):
        if {one.first, one.second} == {candidate, baseline}:
            found.setdefault((one.who, one.rubric), []).append(one)
    return [_tally(folder, said, candidate, baseline) for said in found.values()]


def tally(folder: Path, who: str, rubric: str, candidate: str, baseline: str) -> Judged:
    """The tally of one judge with one rubric, also where it has not said anything yet."""
    for one in tallies(folder, candidate, baseline):
        if (one.judge, one.rubric) == (who, rubric):
            return one
    return _tally(folder, [], candidate, baseline, who, rubric)


def judgements(said: Sequence[Said], candidate: str, baseline: str) -> list[Judgement]:
    """Like a person's, one for each pair read in both orders: the better answer, or a tie where the two differ."""
    found = []
    for id_, (one, other) in _in_both_orders(said).items():
        better = one.better if one.better == other.better else "tie"
        names = tuple(sorted((candidate, baseline)))
        key = f"pair|{'|'.join(names)}|{id_}"
        found.append(
            Judgement(one.asked, one.at, one.who, "pair", key, id_, False, names, better or "tie", "")
        )
    return found


def sentences(found: Judged) -> list[str]:
    """What the judge says and how far it can be believed, in words."""
    mine, other = found.candidate, found.baseline
    if not found.judged:
        return [f"{found.judge} has judged nothing yet.", *_missing(found), _weight(found)]
    said = [
        f"{counted(found.judged, 'row')} judged by {found.judge} in both orders: {mine} is better in {found.won:,}, "
        f"{other} in {found.lost:,}, {found.tied:,} are ties; {found.same:,} more rows got the same answer from both."
    ]
    if found.figures is not None:
        one = found.figures
        said.append(
            f"{signed(one.difference)} points for {mine} over the {one.n:,} judged rows, plausibly {signed(one.low)} "
            f"to {signed(one.high)}; p {one.p:.2g}."
        )
    said += _missing(found)
    said.append(f"It said the same in both orders for {found.consistent:.0%} of them.")
    if found.first is not None and found.judged >= 20 and not 0.3 < found.first < 0.7:
        said.append(
            f"The answer shown first won {found.first:.0%} of its decided replies: position sways it."
        )
    rate = f"Win rate, a tie as half: {found.win_rate:.0%}"
    if found.near_win_rate is None:
        said.append(f"{rate}; no two answers are alike in length.")
    else:
        sways = " They are more than 5 points apart: length sways it." if found.length_decides else ""
        near = counted(found.near, "row")
        said.append(
            f"{rate}; {found.near_win_rate:.0%} in the {near} whose answers differ in length by under 20%.{sways}"
        )
    return [*said, _weight(found)]


def _missing(found: Judged) -> list[str]:
    said = []
    if found.unread:
        rows = counted(found.unread, "row")
        said.append(f"{rows} missing: a reply was not A, B or tie. That is neither a tie nor a loss.")
    if found.open:
        said.append(f"{counted(found.open, 'row')} not judged yet; the same command asks them.")
    return said


def _weight(found: Judged) -> str:
    rule = (
        f"A judge decides nothing unless kappa is at least {LEAST_KAPPA} on at least {LEAST_LABELS} rows that people "
        "judged too"
    )
    if found.kappa is None:
        here = "nobody has" if not found.labels else f"{found.labels:,} rows of one kind give no kappa"
    else:
        here = f"here it is {found.kappa:.2f} on {found.labels:,}"
    return f"{rule}: {here}. It never enters the verdict."


def _tally(
    folder: Path, said: Sequence[Said], candidate: str, baseline: str, who: str = "", rubric: str = ""
) -> Judged:
    answered = compare.rows(folder, candidate, baseline, limit=10**9)
    rows = {row.id: row for row in answered if judge.worth_asking(row)}
    said = [one for one in said if one.id in rows]
    outcome = {
        one.id: grading.side_of(one.said, candidate, baseline)
        for one in judgements(said, candidate, baseline)
    }
    unread = {one.id for one in said if one.better is None}
    both = _in_both_orders(said).values()
    decided = [one.said for pair in both for one in pair if one.said != "tie"]
    near = [id_ for id_ in outcome if _alike(rows[id_])]
    labels, kappa = _agreement(folder, outcome, candidate, baseline)
    values = list(outcome.values())
    return Judged(
        judge=said[0].who if said else who,
        rubric=said[0].rubric if said else rubric,
        candidate=candidate,
        baseline=baseline,
        pairs=len(rows),
        judged=len(outcome),
        unread=len(unread),
        open=len(rows.keys() - outcome.keys() - unread),
        same=sum(row.same_answer for row in answered),
        won=values.count("won"),
        lost=values.count("lost"),
        tied=values.count("tied"),
        figures=_figures(outcome, rows),
        consistent=sum(one.better == other.better for one, other in both) / len(both) if both else None,
        first=decided.count("A") / len(decided) if decided else None,
        win_rate=_rate(values),
        near=len(near),
        near_win_rate=_rate([outcome[id_] for id_ in near]),
        labels=labels,
        kappa=kappa,
    )


def _in_both_orders(said: Sequence[Said]) -> dict[str, tuple[Said, Said]]:
    """The two replies about each row, where both could be read."""
    by_row: defaultdict[str, list[Said]] = defaultdict(list)
    for one in said:
        if one.better is not None:
            by_row[one.id].append(one)
    return {id_: (given[0], given[1]) for id_, given in by_row.items() if len(given) == 2}


def _figures(outcome: dict[str, str], rows: dict[str, compare.Row]) -> Paired | None:
    """Wins and losses as a pair of columns; a tie is a row on which both are right."""
    if not outcome:
        return None
    groups = [rows[id_].group for id_ in outcome]
    return paired(
        [value != "lost" for value in outcome.values()],
        [value != "won" for value in outcome.values()],
        groups if any(groups) else None,
    )


def _alike(row: compare.Row) -> bool:
    short, long = sorted((len(row.candidate.answer), len(row.baseline.answer)))
    return long - short < NEAR * long


def _rate(outcomes: Sequence[str]) -> float | None:
    return sum(_OUTCOME[one] for one in outcomes) / len(outcomes) if outcomes else None


def _agreement(
    folder: Path, outcome: dict[str, str], candidate: str, baseline: str
) -> tuple[int, float | None]:
    """Rows judged by people too, and Cohen's kappa with the majority of them; None where all are alike."""
    by_row: defaultdict[str, list[str]] = defaultdict(list)
    for one in grading.read(folder):
        if one.kind == "pair" and not one.repeat and set(one.names) == {candidate, baseline}:
            by_row[one.id].append(grading.side_of(one.said, candidate, baseline))
    people = [grading.majority(by_row[id_]) for id_ in outcome if id_ in by_row]
    own = [value for id_, value in outcome.items() if id_ in by_row]
    if len({*people, *own}) < 2:
        return len(people), None
    from sklearn.metrics import cohen_kappa_score

    return len(people), float(cohen_kappa_score(people, own))
