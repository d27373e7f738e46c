"""Two candidates side by side: who got which row right, and where an answer leaves the expected one.

The Parquet files are read in place and paged in SQL; differences are plain data, never markup.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Literal, NamedTuple

from curation.errors import BadUsage, unknown
from evals import spec
from evals.scorers.fields import FieldDifference, compare_leaves
from evals.scorers.json_answer import read_json
from evals.stored import connect

Kind = Literal["equal", "missing", "extra"]
Quadrant = Literal["lost", "won", "both_wrong", "not_judged", "both_right"]
QUADRANTS: tuple[Quadrant, ...] = ("lost", "won", "both_wrong", "not_judged", "both_right")
"""In the order a reader wants them: what the candidate lost comes first."""

_MOST_TOKENS = 4_000
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")


class Counts(NamedTuple):
    """Rows in each quadrant; `won` is only the candidate right, `lost` only the baseline.

    Of graded scores, `won` is the candidate higher, `both_wrong` an equal score below 1.
    """

    lost: int
    won: int
    both_wrong: int
    not_judged: int
    both_right: int

    @property
    def n(self) -> int:
        """All rows."""
        return sum(self)


@dataclass(frozen=True, slots=True)
class Side:
    """One candidate's answer to one row; `value` is None when it could not be judged."""

    answer: str
    value: float | None
    reason: str
    extracted: str
    parse_level: str
    finish: str
    error: str


@dataclass(frozen=True, slots=True)
class Row:
    """One held-out row with both answers."""

    id: str
    prompt: str
    expected: str
    label: str | None
    group: str | None
    quadrant: Quadrant
    candidate: Side
    baseline: Side

    @property
    def same_answer(self) -> bool:
        """Whether both gave the same answer, blanks aside."""
        return self.candidate.answer.split() == self.baseline.answer.split()


class Segment(NamedTuple):
    """A stretch of text: in both, only in the expected answer, or only in the given one."""

    text: str
    kind: Kind


def quadrants(
    folder: Path,
    candidate: str,
    baseline: str,
    scorer: str | None = None,
    *,
    search: str = "",
    ids: Sequence[str] | None = None,
) -> Counts:
    """How many rows each of two candidates got right.

    Args:
        folder: the evaluation folder.
        candidate: stored name; so is `baseline`.
        baseline: see `candidate`.
        scorer: whose judgement; the evaluation's primary scorer where None. A value of 1 is right.
        search: only rows that hold these words, in the question, the expected answer, the label or an answer.
        ids: only these rows.

    Raises:
        BadUsage: no such candidate or scorer in this evaluation.
        NotReady: the evaluation has not finished.
    """
    parameters = _parameters(folder, candidate, baseline, scorer) | {"search": search, "ids": ids}
    with connect(folder) as connection:
        rows = connection.execute(
            f"{_PAIRED} select quadrant, count(*) from paired group by quadrant", parameters
        ).fetchall()
    found = dict(rows)
    return Counts(*(found.get(quadrant, 0) for quadrant in QUADRANTS))


def rows(
    folder: Path,
    candidate: str,
    baseline: str,
    scorer: str | None = None,
    *,
    quadrant: Quadrant | None = None,
    search: str = "",
    ids: Sequence[str] | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[Row]:
    """One page of rows, lost ones first, then in the order of `QUADRANTS` and by id.

    Args:
        folder: the evaluation folder.
        candidate: stored name; so is `baseline`.
        baseline: see `candidate`.
        scorer: whose judgement; the evaluation's primary scorer where None.
        quadrant: only these rows.
        search: only rows that hold these words, as `quadrants` looks for them.
        ids: only these rows.
        limit: rows on a page.
        offset: rows before this page.

    Raises:
        BadUsage: no such candidate, scorer or quadrant, or a negative size.
        NotReady: the evaluation has not finished.
    """
    if quadrant is not None and quadrant not in QUADRANTS:
        raise unknown("quadrant", quadrant, QUADRANTS)
    if limit < 0 or offset < 0:
        raise BadUsage(f"A page cannot begin at {offset} and hold {limit} rows.")
    parameters = _parameters(folder, candidate, baseline, scorer)
    parameters |= {
        "quadrant": quadrant,
        "order": list(QUADRANTS),
        "limit": limit,
        "offset": offset,
        "search": search,
        "ids": ids,
    }
    with connect(folder) as connection:
        found = connection.execute(_PAIRED + _PAGE, parameters).fetchall()
    return [_row(cells) for cells in found]


_PAIRED = """
with judged as (
    select id, candidate, value, reason, extracted, parse_level
    from scores
    where scorer = $scorer and coalesce(field, '') = ''
),
side as (
    select
        id, candidate, answer, finish, error, reason, extracted, parse_level,
        case when finish = 'error' then null else value end as value
    from answers
    left join judged using (id, candidate)
    qualify row_number() over (partition by id, candidate order by attempt desc nulls last) = 1
),
paired as (
    select
        e.id, e.prompt, e.expected, e.label, e."group",
        case
            when c.value is null or b.value is null then 'not_judged'
            when c.value > b.value then 'won'
            when c.value < b.value then 'lost'
            when c.value >= 1 then 'both_right'
            else 'both_wrong'
        end as quadrant,
        c.answer as answer_c, c.value as value_c, c.reason as reason_c, c.extracted as extracted_c,
        c.parse_level as level_c, c.finish as finish_c, c.error as error_c,
        b.answer as answer_b, b.value as value_b, b.reason as reason_b, b.extracted as extracted_b,
        b.parse_level as level_b, b.finish as finish_b, b.error as error_b
    from examples e
    left join side c on c.id = e.id and c.candidate = $candidate
    left join side b on b.id = e.id and b.candidate = $baseline
    where
        ($ids::varchar[] is null or list_contains($ids::varchar[], e.id))
        and (
            $search = ''
            or contains(
                lower(concat_ws(chr(10), e.prompt, e.expected, e.label, c.answer, b.answer)), lower($search)
            )
        )
)
"""

_PAGE = """
select *
from paired
where $quadrant is null or quadrant = $quadrant
order by list_position($order, quadrant), id
limit $limit
offset $offset
"""


def _parameters(folder: Path, candidate: str, baseline: str, scorer: str | None) -> dict[str, object]:
    """The values every query binds, once the names are known to exist."""
    wanted = scorer or spec.load(folder).primary
    with connect(folder) as connection:
        names = [row[0] for row in connection.execute("select distinct candidate from answers").fetchall()]
        scorers = [row[0] for row in connection.execute("select distinct scorer from scores").fetchall()]
    for name in (candidate, baseline):
        if name not in names:
            raise unknown("candidate in this evaluation", name, names, where=str(folder))
    if wanted not in scorers:
        raise unknown("scorer in this evaluation", wanted, scorers, where=str(folder))
    return {"candidate": candidate, "baseline": baseline, "scorer": wanted}


def _row(cells: Sequence[Any]) -> Row:
    id_, prompt, expected, label, group, quadrant, *sides = cells
    half = len(sides) // 2
    return Row(id_, prompt, expected, label, group, quadrant, _side(sides[:half]), _side(sides[half:]))


def _side(cells: Sequence[Any]) -> Side:
    answer, value, *texts = cells
    return Side(answer or "", value, *(text or "" for text in texts))


def text_differences(expected: str, answer: str, *, blanks: bool = False) -> tuple[Segment, ...]:
    """Word by word, what the answer lacks of the expected text and what it adds.

    The segments that are not `missing` join to the answer. Texts of over 4,000 words and signs are
    compared line by line.

    Args:
        expected: the expected answer.
        answer: the answer given, or another candidate's.
        blanks: whether a difference in blanks alone counts; by default it is shown as equal.
    """
    left, right = _TOKEN.findall(expected), _TOKEN.findall(answer)
    if max(len(left), len(right)) > _MOST_TOKENS:
        left, right = expected.splitlines(keepends=True), answer.splitlines(keepends=True)
    shape = (lambda token: token) if blanks else _without_blanks
    matcher = difflib.SequenceMatcher(None, [*map(shape, left)], [*map(shape, right)], autojunk=False)
    opcodes = matcher.get_opcodes()
    segments: list[Segment] = []
    for position, (kind, i, j, k, m) in enumerate(opcodes):
        lost, added = "".join(left[i:j]), "".join(right[k:m])
        between = 0 < position < len(opcodes) - 1 and not added.strip()
        if kind == "equal" and not between or not (blanks or lost.strip() or added.strip() or between):
            segments.append(Segment(added, "equal"))
        else:
            segments += [Segment(lost, "missing"), Segment(added, "extra")]
    return tuple(_joined(segments))


def _without_blanks(token: str) -> str:
    """A token as it is compared when blanks do not count: any run of them is one."""
    return " ".join(token.split()) or " "


def _joined(segments: Sequence[Segment]) -> Iterator[Segment]:
    """One stretch of missing and one of extra text between two equal ones; empty stretches left out."""
    for _, run in groupby(segments, key=lambda segment: segment.kind == "equal"):
        texts: dict[Kind, str] = {}
        for segment in run:
            texts[segment.kind] = texts.get(segment.kind, "") + segment.text
        yield from (Segment(text, kind) for kind, text in texts.items() if text)


def field_differences(expected: str, answer: str) -> tuple[FieldDifference, ...] | None:
    """Field by field, where both are JSON under the most forgiving rule; None where one is not.

    Key order and layout never count as a difference.
    """
    wanted, given = read_json(expected), read_json(answer)
    if not wanted.found or not given.found:
        return None
    return tuple(compare_leaves(wanted.value, given.value))
