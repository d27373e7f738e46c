"""Check: preference pairs that teach nothing, or the wrong thing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from curation.checks.check import FOUND, Rows, check

if TYPE_CHECKING:
    from numpy.typing import NDArray

_JUDGED = """
    create or replace temp table judged as
    select seq, len(roles) as turns,
        array_to_string(turn_texts(case json_type(chosen) when 'ARRAY' then chosen
            else '[' || chosen || ']' end), chr(10))
            as better,
        array_to_string(turn_texts(case json_type(rejected) when 'ARRAY' then rejected
            else '[' || rejected || ']' end),
            chr(10)) as worse,
        md5(normalise(conversation_text(messages))) as prompt
    from rows
    where chosen is not null and rejected is not null
"""
_FOUND = """
    with folded as (
        select seq, turns, better, worse, prompt, md5(normalise(better)) as b, md5(normalise(worse)) as w
        from judged
    ), reversed as (
        select distinct f.seq
        from folded f
        join folded g on g.prompt = f.prompt and g.b = f.w and g.w = f.b and g.seq <> f.seq
        where f.b <> f.w
    )
    select seq,
        case when trim(better) = '' then 'block' when b = w then 'block' else 'fix' end,
        null, null, null,
        case
            when trim(better) = '' then 'The chosen answer is empty. Write it, or drop the pair.'
            when trim(worse) = '' then 'The rejected answer is empty. Write one, or drop the pair.'
            when better = worse then 'Chosen and rejected are the same text. The pair teaches nothing; drop it.'
            when b = w then 'Chosen and rejected differ only in case, blanks or punctuation. '
                || 'The pair teaches almost nothing; drop it.'
            else 'The same two answers stand the other way round in another pair of this prompt. '
                || 'The two pairs cancel; keep one.' end,
        null
    from folded
    where trim(better) = '' or trim(worse) = '' or b = w or seq in (select seq from reversed)
    order by seq
"""
_FEWEST = 50  # pairs before length is judged


@check(
    "preference_pairs",
    "Preference pairs",
    "block",
    kinds=("preference",),
    whole_set=True,
    options={"auc": 0.7},
)
def preference_pairs(rows: Rows) -> pa.Table:
    """Finds: pairs whose answers are equal after normalising or whose chosen answer is empty (block), whose rejected
    answer is empty or that stand the other way round elsewhere (fix). For the set: length alone tells the chosen
    answer from the rejected one (AUC above the option `auc`; said once, at the first pair).

    Why it hurts training: the loss of an equal pair is constant, opposed pairs cancel, and a model that can win by
    length learns length.

    False alarms: answers that differ in nothing but the form asked for (capital letters, punctuation).

    How to fix: drop the pair, or write the answer that was meant. Against length: add pairs whose shorter answer
    is the better one.

    Example: Chosen and rejected are the same text. The pair teaches nothing; drop it.
    """
    rows.cursor.execute(_JUDGED)
    try:
        found = rows.found(_FOUND)
        lengths = rows.select("select seq, length(better) as b, length(worse) as w from judged order by seq")
    finally:
        rows.cursor.execute("drop table judged")
    auc = length_auc(lengths["b"].to_numpy(), lengths["w"].to_numpy())
    most = float(rows.options["auc"])
    if len(lengths) < _FEWEST or max(auc, 1 - auc) <= most:
        return found
    which = "longer" if auc > 0.5 else "shorter"
    message = (
        f"For the whole set: the {which} answer is the chosen one so often that length alone predicts the choice "
        f"(AUC {max(auc, 1 - auc):.2f}). A model can learn length in place of quality."
    )
    one = {name: None for name in FOUND.names} | {
        "seq": lengths["seq"][0].as_py(),
        "severity": "look",
        "message": message,
        "score": max(auc, 1 - auc),
    }
    return pa.concat_tables([found, pa.Table.from_pylist([one], schema=FOUND)])


def length_auc(better: NDArray[Any], worse: NDArray[Any]) -> float:
    """Chance that a chosen answer is longer than a rejected one of any pair, ties half (Mann-Whitney U / nm)."""
    if not len(better):
        return 0.5
    ordered = np.sort(worse)
    below = np.searchsorted(ordered, better, "left")
    upto = np.searchsorted(ordered, better, "right")
    return float((below + upto).mean() / 2 / len(worse))
