"""Check: answers that are none of the task's labels."""

from __future__ import annotations

import pyarrow as pa

from curation.checks.check import Rows, check


@check(
    "label_set", "Label outside the list", "block", kinds=("classification",), reads=lambda task: task.labels
)
def label_set(rows: Rows) -> pa.Table:
    """Finds: an answer that is not one of the task's labels. One that differs only in case, accents of width or
    punctuation is a fix, any other blocks.

    Why it hurts training: the model learns a label that nothing downstream expects, and every such answer is
    scored wrong.

    False alarms: a rare label that is right, but was left out when the task was guessed: add it to `labels`.

    How to fix: set the label, or add it to the task.

    Example: "Refund!" is not a label; "refund" is.
    """
    return rows.found(
        """
        with odd as (
            select seq, answer_turn - 1 as turn, answer,
                list_filter($labels::varchar[], lambda l: normalise(l) = normalise(answer)) as near
            from rows
            where trim(answer, ' \t\n\r') <> ''
                and not list_contains($labels::varchar[], trim(answer, ' \t\n\r'))
        )
        select
            seq,
            case when near = [] then 'block' else 'fix' end,
            turn, 0, length(answer),
            '"' || left(regexp_replace(answer, '\\s+', ' ', 'g'), 60) || '" is not a label'
                || case when near = [] then ' of this task (' || len($labels::varchar[]) || ' labels).'
                    else '; "' || near[1] || '" is.' end,
            null
        from odd
        order by seq
        """,
        {"labels": rows.task.labels},
    )
