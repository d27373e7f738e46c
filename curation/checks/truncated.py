"""Check: answers that break off."""

from __future__ import annotations

import pyarrow as pa

from curation.checks.check import Rows, check

_ENDS = (
    r"(?:[\p{P}\p{S}\p{Mn}\p{Co}\x{FE0F}\x{200D}0-9\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]"
    r"|(?:https?://|www\.|[#@])\S+)\s*\z"
)
_LIST_OR_CODE = r"(?:\n|\A)\s*(?:[-*•|>#]|\d+[.)]|\t| {4})[^\n]*\s*\z|[=;{}()]"


@check(
    "truncated",
    "Answer breaks off",
    "look",
    version=2,
    kinds=("free_form",),
    whole_set=True,
    options={"words": 30, "usual": 0.7, "spike": 5, "fences": True},
)
def truncated(rows: Rows) -> pa.Table:
    """Finds: a last answer of 30 or more words that ends inside a sentence, where 70 % of such answers of the set
    end with a mark; one that opens a fence of code and does not close it; among those without an end,
    lengths that many share are named as a cut.

    Why it hurts training: the model learns to stop in the middle.

    False alarms: titles, lists, code, addresses, languages without full stops: such ends are left alone, and the
    rule of the last mark is off where most answers have none.

    How to fix: complete the answer, or drop the row. Look at the export where many break off at one length.

    Example: Ends inside a sentence at 2,048 characters, as 311 other answers do: probably cut at export.
    """
    return rows.found(
        """
        with spoken as (
            select seq, answer_turn, answer, len(answer) as length,
                regexp_matches(answer, $ends) as ended,
                (len(answer) - len(replace(answer, '```', ''))) // 3 % 2 = 1
                    and regexp_matches(answer, '(?m:^\\s*```)') as open_fence,
                len(string_split_regex(trim(answer), '\\s+')) >= $words as long,
                regexp_matches(right(answer, 300), $list_or_code) as listed
            from rows
            where answer is not null and len(answer) >= 40
        ), usual as (
            select coalesce(avg(ended::integer), 0) >= $usual as holds
            from spoken
            where long
        ), broken as (
            select *, $fences and open_fence as fence,
                count(*) over (partition by length) - 1 as others
            from spoken
            cross join usual
            where ($fences and open_fence) or (holds and long and not ended and not listed)
        )
        select seq, 'look', answer_turn - 1, greatest(0, length - 40), length,
            case when fence then 'Opens a fence of code and does not close it. '
                else 'Ends inside a sentence at ' || format('{:,}', length) || ' characters'
                    || case when others >= $spike
                        then ', as ' || format('{:,}', others) || ' other answers do: probably cut at export. '
                        else '. ' end
            end || 'Complete turn ' || answer_turn
                || ', or drop the row: the model would learn to stop in the middle.',
            null
        from broken
        order by seq
        """,
        {
            "ends": _ENDS,
            "list_or_code": _LIST_OR_CODE,
            "words": int(rows.options["words"]),
            "usual": float(rows.options["usual"]),
            "spike": int(rows.options["spike"]),
            "fences": bool(rows.options["fences"]),
        },
    )
