"""Safe repairs of what a check found: from the turns of a chat to better turns, applied as one batch of the log."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from curation import decisions
from curation.checks.mojibake import repaired
from curation.errors import unknown
from curation.history import Batch

if TYPE_CHECKING:
    from curation.store import Store

Turns = list[dict[str, Any]]
_FENCED = re.compile(r"\s*```[A-Za-z]*[ \t]*\n(.*?)\s*```\s*", re.DOTALL)
_PORTION = 5_000  # rows read at once


class Fix(NamedTuple):
    """One repair: what it does in words, and how; what it cannot mend it gives back as it was."""

    says: str
    mend: Callable[[Turns], Turns]


class Mended(NamedTuple):
    """One example before and after."""

    seq: int
    id: str
    before: Turns
    after: Turns


def preview(store: Store, check: str, chosen: Iterable[int] | None = None) -> list[Mended]:
    """What the repair of a check would change among the rows with its flag; nothing is written.

    Args:
        store: the open project.
        check: a name of `FIXES`.
        chosen: only these examples.

    Raises:
        BadUsage: there is no repair for this check.
    """
    if check not in FIXES:
        raise unknown("repair", check, FIXES)
    rows = store.rows("select distinct seq from open_flag where check_name = ? order by seq", [check])
    flagged = [seq for (seq,) in rows]
    if chosen is not None:
        within = set(map(int, chosen))
        flagged = [seq for seq in flagged if seq in within]
    mended = []
    for start in range(0, len(flagged), _PORTION):
        for seq, name, messages in store.rows(
            """
            select e.seq, e.id, c.messages
            from example e
            join content c using (seq)
            where e.seq in (select unnest(?::bigint[]))
            order by e.seq
            """,
            [flagged[start : start + _PORTION]],
        ):
            before = json.loads(messages)
            after = FIXES[check].mend(json.loads(messages))
            if after and after != before:
                mended.append(Mended(seq, name, before, after))
    return mended


def apply(
    store: Store, check: str, chosen: Iterable[int] | None = None, *, who: str, op_id: str | None = None
) -> Batch | None:
    """Repair what `preview` shows, as one batch that can be undone; None where nothing would change.

    Raises:
        BadUsage: there is no repair for this check.
    """
    mended = preview(store, check, chosen)
    if not mended:
        return None
    return decisions.decide_each(
        store,
        {one.seq: one.after for one in mended},
        "messages",
        who=who,
        reason=f"fix {check}",
        op_id=op_id,
        summary=f"Fix {check} in {len(mended):,} example{'s' if len(mended) != 1 else ''}",
    )


def _cut_after_the_last_answer(turns: Turns) -> Turns:
    answers = [place for place, turn in enumerate(turns) if turn.get("role") == "assistant"]
    return turns[: answers[-1] + 1] if answers else turns


def _join_users_and_drop_repeated_prompts(turns: Turns) -> Turns:
    """Users' turns in a row become one, with a blank line; a system turn that says the first one again goes."""
    kept: Turns = []
    for turn in turns:
        last = kept[-1] if kept else {}
        if turn.get("role") in ("system", "developer") and kept and turn == kept[0]:
            continue
        if turn.get("role") == last.get("role") == "user" and _plain(turn) and _plain(last):
            last["content"] = f"{last['content'].rstrip()}\n\n{turn['content'].lstrip()}"
        else:
            kept.append(turn)
    return kept


def _plain(turn: Mapping[str, Any]) -> bool:
    """A turn of text alone, which loses nothing when it is joined."""
    return isinstance(turn.get("content"), str) and set(turn) == {"role", "content"}


def _unwrap_json(turns: Turns) -> Turns:
    """The last answer without the code fence around its JSON."""
    answer: dict[str, Any] = next((turn for turn in reversed(turns) if turn.get("role") == "assistant"), {})
    text = answer.get("content")
    match = _FENCED.fullmatch(text) if isinstance(text, str) else None
    if match:
        try:
            json.loads(match.group(1))
        except (ValueError, RecursionError):
            return turns
        answer["content"] = match.group(1).strip()
    return turns


def _repair_letters(turns: Turns) -> Turns:
    return [
        {**turn, "content": repaired(turn["content"])} if isinstance(turn.get("content"), str) else turn
        for turn in turns
    ]


FIXES: Mapping[str, Fix] = {
    "last_turn": Fix("Cut what follows the last answer.", _cut_after_the_last_answer),
    "roles": Fix(
        "Join users' turns in a row; drop a repeated system prompt.", _join_users_and_drop_repeated_prompts
    ),
    "answer_schema": Fix("Take the code fence off a JSON answer.", _unwrap_json),
    "mojibake": Fix("Write broken letters as they should be.", _repair_letters),
}
