"""Check: system prompts that differ from the one nearly every chat has."""

from __future__ import annotations

import difflib
import re

import pyarrow as pa

from curation.checks.check import Found, Rows, check, findings, quoted

_LEAST_ROWS = 40
_COMPARED = 4_000  # characters
_PIECE = re.compile(r"\w+|\s+|[^\w\s]")


@check(
    "system_prompt_drift",
    "Another system prompt",
    "look",
    whole_set=True,
    options={"main": 0.5, "rare": 0.01, "nearly_all": 0.95, "near": 0.05, "seldom": 0.1, "most": 20},
)
def system_prompt_drift(rows: Rows) -> pa.Table:
    """Finds: in a set of 40 rows or more, chats without a system prompt where 95% have one; and, where one prompt
    has half of the chats, prompts that differ from it by at most 5% (and that at most 10% of the rows have), or that
    fewer than 1% of the rows have.

    Why it hurts training: at inference there is one prompt; what was learned under another is not called up.

    False alarms: sets with many roles on purpose: over 20 prompts, the rare ones are not named.

    How to fix: use the prompt of inference in every row, or drop the row.

    Example: The system prompt differs from that of 4,980 other rows in "an" for "a". Use the prompt of inference.
    """
    told = rows.select(
        """
        select case when roles[1] in ('system', 'developer') then texts[1] end as system, count(*) as n
        from rows
        group by 1
        order by n desc, system
        """
    )
    counted = dict(zip(told["system"].to_pylist(), told["n"].to_pylist(), strict=True))
    reasons = _reasons(counted, {name: float(value) for name, value in rows.options.items()})
    if not reasons:
        return findings([])
    odd = pa.table({"system": pa.array(list(reasons), pa.string()), "reason": list(reasons.values())})
    rows.cursor.register("odd_prompt", odd)
    table = rows.select(
        """
        select r.seq, r.system is null, coalesce(len(r.system), 0), o.reason
        from (
            select seq, case when roles[1] in ('system', 'developer') then texts[1] end as system
            from rows
        ) r
        join odd_prompt o on o.system is not distinct from r.system
        order by r.seq
        """
    )
    rows.cursor.unregister("odd_prompt")
    return findings(
        Found(
            seq, "look", None if missing else 0, None if missing else 0, None if missing else length, reason
        )
        for seq, missing, length, reason in zip(*(one.to_pylist() for one in table.columns), strict=True)
    )


def _reasons(counted: dict[str | None, int], options: dict[str, float]) -> dict[str | None, str]:
    """What to say of each prompt that is not as it should be."""
    total = sum(counted.values())
    prompts = {text: n for text, n in counted.items() if text is not None}
    if total < _LEAST_ROWS or not prompts:
        return {}
    reasons: dict[str | None, str] = {}
    without = counted.get(None, 0)
    if without and sum(prompts.values()) >= options["nearly_all"] * total:
        reasons[None] = (
            f"Has no system prompt; {sum(prompts.values()):,} of {total:,} rows have one. Use that of inference."
        )
    main, most = next(iter(prompts.items()))
    if most < options["main"] * total:
        return reasons
    few = len(prompts) <= options["most"]
    for text, n in list(prompts.items())[1:1_000]:
        if n > options["seldom"] * total:
            continue
        change = _small_change(main, text, options["near"])
        if change:
            reasons[text] = (
                f"The system prompt differs from that of {most:,} other rows {change}. Use the prompt of inference."
            )
        elif few and n < options["rare"] * total:
            reasons[text] = (
                f"{n:,} of {total:,} rows have this system prompt; {most:,} have another. "
                "Use the prompt of inference, or drop the row."
            )
    return reasons


def _small_change(main: str, other: str, near: float) -> str:
    """The first difference of two texts that are nearly the same; "" where they are not."""
    ours, theirs = _PIECE.findall(main[:_COMPARED]), _PIECE.findall(other[:_COMPARED])
    if abs(len(main) - len(other)) > max(3.0, near * len(main)):
        return ""
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    if matcher.quick_ratio() < 0.8:
        return ""
    changes = [one for one in matcher.get_opcodes() if one[0] != "equal"]
    changed = sum(max(len("".join(ours[a:b])), len("".join(theirs[c:d]))) for _, a, b, c, d in changes)
    if not changes or changed > max(3.0, near * len(main)):
        return ""
    _, a, b, c, d = changes[0]
    before, after = "".join(ours[a:b]), "".join(theirs[c:d])
    if not before.strip() and not after.strip():
        return "in blanks only"
    if not before:
        return f"by {quoted(after)} more"
    return f"in {quoted(after)} for {quoted(before)}" if after else f"by {quoted(before)} less"
