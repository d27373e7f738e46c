"""Check: one prompt, several answers."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from typing import Any, NamedTuple

import pyarrow as pa

from curation.checks.check import Rows, check
from curation.files import canonical_json

_MOST_SHOWN = 5
_PROMPTED = r"""
    create or replace temp table prompted as
    with spoken as (
        select seq, messages, tools, answer_turn, list_zip(roles, texts)[:answer_turn - 1] as turns
        from rows
        where answer_turn is not null
    )
    select seq,
        md5(normalise(case when contains(messages, '"tool_calls"')
            then array_to_string(from_json(messages, '["VARCHAR"]')[:answer_turn - 1], ' xqturn ')
            else array_to_string(list_transform(turns, lambda z: 'xqturn' || z[1] || ' ' || z[2]), ' ') end)
        || coalesce(tools, '')) as prompt
    from spoken
    where list_bool_or(list_transform(turns, lambda z: z[1] = 'user' and regexp_matches(z[2], '[\pL\pN]')))
"""
"""The prompt of each row as one number. A word that nobody writes stands between turns, so that they stay apart."""

_NUMBERS = r"""
    nullif(array_to_string(list_sort(list_distinct(regexp_extract_all(
        regexp_replace(said, '(?m)^[ \t#*>]*\d+[.):][ \t]', '', 'g'), '\d+(?:[.,]\d+)*'))), ' '), '')
"""
"""The numbers of an answer, those that count the points of a list left out; null: there is none."""


class _Told(NamedTuple):
    """One answer to one prompt: how it is compared, one wording of it, how often."""

    variant: str
    answer: str
    times: int


@check(
    "conflicting_answers",
    "Same prompt, different answers",
    "fix",
    version=2,
    whole_set=True,
    reads=lambda task: task.traits.one_answer_per_prompt,
)
def conflicting_answers(rows: Rows) -> pa.Table:
    """Finds: rows whose prompts are equal (every turn before the last answer, tools included, after normalising)
    and whose answers are not. Where a prompt has more than one right wording, only answers that name different
    numbers count. Dropped rows are not looked at.

    Why it hurts training: no model can learn both; what it learns depends on the order of the rows.

    False alarms: several answers to one prompt on purpose; facts that changed with time.

    How to fix: keep the majority's answer, or add to the prompt what tells the cases apart.

    Example: Same prompt, 3 different answers: refund x5, cancel x2, other x1.
    """
    variant = "normalise(said)"
    if not rows.task.traits.one_answer_per_prompt:
        variant = _NUMBERS
    rows.cursor.execute(_PROMPTED)
    rows.cursor.execute(
        f"""
        create or replace temp table asked as
        with repeated as (
            select seq, prompt
            from prompted
            where prompt in (select prompt from prompted group by prompt having count(*) > 1)
        ), spoken as (
            select r.seq, r.answer_turn - 1 as turn, r.answer, p.prompt,
                case when contains(r.messages, '"tool_calls"')
                    then json_extract(r.messages, '$[' || (r.answer_turn - 1) || ']')::varchar
                    else r.answer end as said
            from rows r
            join repeated p using (seq)
        )
        select seq, turn, answer, prompt, {variant} as variant
        from spoken
        """
    )
    rows.cursor.execute("drop table prompted")
    told: dict[str, list[_Told]] = defaultdict(list)
    counted = rows.select(
        """
        select prompt, variant, min(answer) as answer, count(*) as times
        from asked
        where variant is not null
            and prompt in (select prompt from asked group by prompt having count(distinct variant) > 1)
        group by prompt, variant
        order by prompt, variant
        """
    )
    for prompt, *rest in zip(*(column.to_pylist() for column in counted.columns), strict=True):
        told[prompt].append(_Told(*rest))
    conflicts = [line for prompt, answers in told.items() for line in _conflict(prompt, answers)]
    kinds = [
        ("prompt", pa.string()),
        ("variant", pa.string()),
        ("message", pa.string()),
        ("score", pa.float64()),
    ]
    rows.cursor.register("conflict", pa.Table.from_pylist(conflicts, schema=pa.schema(kinds)))
    try:
        return rows.found(
            """
            select a.seq, 'fix', a.turn, 0, length(a.answer), c.message, c.score
            from asked a
            join conflict c using (prompt, variant)
            order by a.seq
            """
        )
    finally:
        rows.cursor.unregister("conflict")
        rows.cursor.execute("drop table asked")


def _conflict(prompt: str, answers: list[_Told]) -> list[dict[str, Any]]:
    """A line for each answer of a prompt; none where they are the same JSON written in different ways."""
    values = [_parsed(one.answer) for one in answers]
    keys = [
        one.variant if value is None else canonical_json(value)
        for one, value in zip(answers, values, strict=True)
    ]
    times: Counter[str] = Counter()
    for key, one in zip(keys, answers, strict=True):
        times[key] += one.times
    if len(times) < 2:
        return []
    names = dict(zip(keys, _names(answers, values), strict=True))
    shown = ", ".join(f"{names[key]} x{n}" for key, n in times.most_common(_MOST_SHOWN))
    more = f", and {len(times) - _MOST_SHOWN} more" if len(times) > _MOST_SHOWN else ""
    message = f"Same prompt, {len(times)} different answers: {shown}{more}."
    return [
        {
            "prompt": prompt,
            "variant": one.variant,
            "message": message,
            "score": 1 - times[key] / times.total(),
        }
        for key, one in zip(keys, answers, strict=True)
    ]


def _parsed(answer: str) -> dict[str, Any] | None:
    if not answer.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(answer)
        canonical_json(value)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _names(answers: list[_Told], values: list[dict[str, Any] | None]) -> list[str]:
    """How each answer is called: by the fields that differ where all are JSON objects, else by its beginning."""
    objects = [value for value in values if value is not None]
    if len(objects) < len(values):
        return [_short(one.answer) for one in answers]
    fields = [
        key
        for key in sorted({key for value in objects for key in value})
        if len({canonical_json(value.get(key)) for value in objects}) > 1
    ]
    return [_short(", ".join(f"{key} {_plain(value.get(key))}" for key in fields)) for value in objects]


def _plain(value: Any) -> str:  # noqa: ANN401  any JSON value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str, most: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"
