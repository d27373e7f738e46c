"""Check: chats that go on after the last answer."""

from __future__ import annotations

import pyarrow as pa

from curation.checks.check import Rows, check


@check("last_turn", "Does not end with an answer", "fix")
def last_turn(rows: Rows) -> pa.Table:
    """Finds: a chat whose last turn is not the assistant's. Preference pairs, whose answers stand beside the
    chat, are left out.

    Why it hurts training: nothing after the last answer carries loss; it only costs tokens.

    False alarms: prompts without an answer, kept on purpose for reinforcement learning.

    How to fix: cut what comes after the last answer, or write the answer.

    Example: Ends with a user turn: nothing after turn 2 is learned.
    """
    return rows.found(
        """
        select seq, 'fix', len(roles) - 1, null, null,
            'Ends with a ' || roles[-1] || ' turn: nothing after turn ' || answer_turn || ' is learned. '
                || 'Cut what follows, or keep it as a prompt without an answer.',
            null
        from rows
        where answer_turn is not null and chosen is null and roles[-1] in ('user', 'tool', 'function')
        order by seq
        """
    )
