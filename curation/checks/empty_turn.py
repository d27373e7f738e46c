"""Check: turns that say nothing."""

from __future__ import annotations

import pyarrow as pa

from curation.checks.check import INVISIBLE, Rows, check


@check("empty_turn", "Empty turn", "block")
def empty_turn(rows: Rows) -> pa.Table:
    """Finds: a turn without any visible character, and without a tool call or an attachment. An assistant's turn
    blocks, any other is worth a look.

    Why it hurts training: the model learns to answer nothing.

    False alarms: an empty system turn is harmless; it can be dropped.

    How to fix: write the answer, or drop the row.

    Example: The answer in turn 2 is empty: the model would learn to answer nothing.
    """
    return rows.found(
        """
        with spoken as (
            select seq, messages, unnest(roles) as role, unnest(texts) as text,
                generate_subscripts(texts, 1) - 1 as turn
            from rows
        ), silent as (
            select seq, role, text, turn, json_extract(messages, '$[' || turn || ']') as message
            from spoken
            where regexp_full_match(text, $invisible)
        )
        select
            seq,
            case role when 'assistant' then 'block' else 'look' end,
            turn, 0, length(text),
            case role when 'assistant'
                then 'The answer in turn ' || turn + 1 || ' is empty: the model would learn to answer nothing.'
                else 'Turn ' || turn + 1 || ' (' || role || ') is empty.' end,
            null
        from silent
        where coalesce(json_array_length(message, '$.tool_calls'), 0) = 0
            and json_type(message, '$.function_call') is distinct from 'OBJECT'
            and not coalesce(list_bool_or(list_transform(
                from_json(case json_type(message, '$.content') when 'ARRAY' then message -> '$.content' end,
                    '["JSON"]'),
                lambda part: coalesce(part ->> '$.type', 'text') <> 'text')), false)
        order by seq, turn
        """,
        {"invisible": f"{INVISIBLE}*"},
    )
