"""Check: rows that do not fit the model's context, and rows far longer than the others."""

from __future__ import annotations

import pyarrow as pa

from curation import models
from curation.checks.check import Rows, check
from curation.task import Task

_LEAST_ROWS = 50


def _what_counts(task: Task) -> list[str | None]:
    return [*task.model.model_dump(mode="json").values(), task.system_prompt]


@check(
    "token_length",
    "Too many tokens",
    "fix",
    whole_set=True,
    counted=True,
    options={"most": 0, "spread": 3.0},
    reads=_what_counts,
)
def token_length(rows: Rows) -> pa.Table:
    """Finds: a row with more tokens than the option `most` allows, or, where that is 0, than the context of the
    task's model, which is also the default of the recipe's `max_tokens` (fix); in a set of 50 rows or more, a row
    above the third quartile by more than `spread` times the distance of the quartiles, lengths taken as logarithms,
    and at least three times the median (look; `spread: 0` turns it off).

    Why it hurts training: a row that does not fit is left out, whole: nothing is ever cut. A row much longer than
    the others decides how much memory a batch takes.

    False alarms: long rows that are right. Tokens are those of the task's model and template, which
    `workbench check` counts after the other checks; where the model is not ready on this machine, and until then,
    nothing is found. Of a preference pair the prompt alone is counted. Rows without any token that carries loss are
    those without an answer, which `roles` and `empty_turn` find.

    How to fix: shorten the row, split the chat, drop the row, or take a model with a longer context.

    Example: 2,310 tokens; the model reads 2,048. Training leaves the row out; shorten it or split the chat.
    """
    most = int(rows.options["most"])
    context = None if most else models.context(rows.task.model)
    return rows.found(
        """
        with counted as (
            select seq, tokens, ln(tokens) as length
            from rows
            where tokens > 0
        ), usual as (
            select count(*) as n, median(tokens) as middle,
                quantile_cont(length, 0.25) as low, quantile_cont(length, 0.75) as high
            from counted
        ), judged as (
            select *, coalesce(tokens > $limit, false) as over
            from counted
            cross join usual
        )
        select seq, case when over then 'fix' else 'look' end, null, null, null,
            format('{:,}', tokens) || ' tokens; '
                || case when over
                    then $who || ' ' || format('{:,}', $limit::bigint)
                        || '. Training leaves the row out; shorten it or split the chat.'
                    else 'half of the rows have at most ' || format('{:,}', middle::bigint)
                        || '. See whether all of it belongs to one chat.' end,
            tokens
        from judged
        where over
            or ($spread > 0 and n >= $least and tokens >= 3 * middle and length > high + $spread * (high - low))
        order by seq
        """,
        {
            "limit": most or context,
            "who": "the task allows" if most else "the model reads",
            "spread": float(rows.options["spread"]),
            "least": _LEAST_ROWS,
        },
    )
