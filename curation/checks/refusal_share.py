"""Check: more refusals in the set than the product should give."""

from __future__ import annotations

import re

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings
from curation.checks.refusal import FIRST, REFUSAL

_LEAST_ROWS = 50


@check(
    "refusal_share",
    "Too many refusals",
    "look",
    kinds=("free_form",),
    whole_set=True,
    options={"target": 0.1},
)
def refusal_share(rows: Rows) -> pa.Table:
    """Finds: a set of 50 rows or more in which a larger share of the last answers refuses than the option `target`
    allows. Said once, at the first such row.

    Why it hurts training: a model refuses more often than it was shown; a set full of refusals makes one that
    refuses what it should do.

    False alarms: sets made to teach refusals: set `target` to the share you want. English only.

    How to fix: drop refusals, or write answers in their place, until the share is the one you want.

    Example: 9% of this set refuses (412 of 4,600); your task allows 2%.
    """
    target = float(rows.options["target"])
    total = rows.select("select count(*) as n from rows where answer is not null")["n"][0].as_py()
    refusing = rows.select(
        f"""
        select seq, answer_turn - 1 as turn, left(answer, {FIRST}) as start
        from rows
        where regexp_matches(left(answer, {FIRST}), $pattern)
        order by seq
        """,
        {"pattern": REFUSAL},
    ).to_pylist()
    if total < _LEAST_ROWS or len(refusing) <= target * total:
        return findings([])
    first = refusing[0]
    match = re.search(REFUSAL, first["start"])
    start, end = match.span() if match else (0, len(first["start"]))
    share = len(refusing) / total
    message = (
        f"{share:.1%} of this set refuses ({len(refusing):,} of {total:,}); your task allows {target:.1%}. "
        "Drop refusals or write answers, or set checks.refusal_share.options.target."
    )
    return findings([Found(first["seq"], "look", first["turn"], start, end, message, round(share, 4))])
