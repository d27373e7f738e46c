"""The rows a screen shows: a window of the filtered ids, with wide columns for the few that need them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from curation import decisions
from curation.example import text_of
from curation.store import Store
from evals.compare import text_differences
from workbench.widgets.bulk import Touched
from workbench.widgets.chat import chat
from workbench.widgets.filter_bar import ANY_FLAG

LIST, BEFORE, AFTER = 160, 12, 32
_WORST = {"block": 3, "fix": 2, "look": 1}


def window(
    store: Store, seqs: Iterable[int], *, chats: Iterable[int] = (), asides: dict[int, str] | None = None
) -> list[dict[str, Any]]:
    """List entries for `seqs`, in that order; those in `chats` carry their chat.

    Args:
        store: the open project.
        seqs: at most some hundred rows.
        chats: which of them are drawn in full.
        asides: a short text shown at the right of a row instead of its decision.
    """
    ids = [int(seq) for seq in seqs]
    full = {int(seq) for seq in chats}
    found = store.dicts(
        """
        select e.seq, e.id, e.label, e.turns, e.chars, e.decision, e.edited, e.split, e.text_hash as rev,
            s.name as source,
            left(coalesce(nullif(user_text(c.messages), ''), turn_texts(c.messages)[1], ''), 200) as preview
        from example e
        join content c using (seq)
        join source s using (source)
        where e.seq in (select unnest(?::bigint[]))
        """,
        [ids],
    )
    flags = _flags(store, ids)
    wide = _wide(store, sorted(full))
    by_seq = {}
    for row in found:
        seq = row["seq"]
        mine = flags.get(seq, [])
        worst = max((flag["severity"] for flag in mine), key=lambda s: _WORST.get(s, 0), default="look")
        by_seq[seq] = {
            **row,
            "preview": " ".join(row["preview"].split())[:160],
            "flags": len(mine),
            "worst": worst,
            "rev": f"{row['rev']}:{len(mine)}",
            "aside": (asides or {}).get(seq),
            "chat": _chat(wide[seq], mine) if seq in wide else None,
        }
    return [by_seq[seq] for seq in ids if seq in by_seq]


def nothing(store: Store) -> bool:
    """Whether there is not one example."""
    return not store.value("select exists (from live)")


def many(store: Store, most: int) -> bool:
    """Whether there are more examples than that."""
    return bool(store.value("select max(seq) > ? from example", [most]))


def mark(store: Store) -> tuple[object, ...]:
    """Changes whenever a count over the examples may have changed; asking takes about a millisecond."""
    found = store.row(
        """
        select (select max(batch) from batch), (select count(*) from flag), (select max(rowid) from flag),
            (select count(*) from duplicate), (select count(*) from source), (select count(*) from quarantine)
        """
    )
    return (*looked_at(store), *(found or ()))


def looked_at(store: Store) -> tuple[object, ...]:
    """Changes whenever a check may have looked at more: also where it replaced what it had seen, row for row."""
    found = store.row(
        """
        select count(*), max(rowid),
            (select string_agg(value, ' ' order by key) from meta where starts_with(key, 'check:'))
        from checked
        """
    )
    return (str(store.project.folder), store.revision, *(found or ()))


_facets: tuple[object, dict[str, list[str]]] | None = None


def facets(store: Store) -> dict[str, list[str]]:
    """What can be chosen in the filter bar, most frequent first (at most 500 of each); counted when it may change."""
    global _facets
    key = mark(store)
    if _facets is None or _facets[0] != key:
        _facets = (key, _count_facets(store))
    return _facets[1]


def _count_facets(store: Store) -> dict[str, list[str]]:
    rows = store.rows(
        """
        select 'label' as kind, label as value, count(*) as n from live where label is not null group by all
        union all
        select 'source', s.name, count(*) from live e join source s using (source) group by all
        union all
        select 'split', split, count(*) from live where split is not null group by all
        union all
        select 'flag', check_name, count(distinct seq) from open_flag group by all
        order by 1, 3 desc, 2
        """
    )
    found: dict[str, list[str]] = {"label": [], "source": [], "split": [], "flag": []}
    for kind, value, _ in rows:
        if len(found[kind]) < 500:
            found[kind].append(value)
    if found["flag"]:
        found["flag"].insert(0, ANY_FLAG)
    return found


def ids_to_seqs(store: Store, ids: Sequence[str]) -> list[int]:
    """The `seq` of each content id that exists, in the order asked for."""
    known: dict[str, int] = dict(
        store.rows("select id, seq from live where id in (select unnest(?::varchar[]))", [list(ids)])
    )
    return [int(known[one]) for one in ids if one in known]


def touched(store: Store, batch: int) -> int | None:
    """The first example a batch changed; None when it changed a whole source."""
    seq: int | None = store.value("select min(seq) from decision where batch = ?", [batch])
    return seq


def touching(store: Store, seqs: NDArray[np.int64]) -> Touched:
    """What a change of these examples would touch."""
    cursor = store.cursor()
    try:
        cursor.register("touching", pa.table({"seq": seqs}))
        found = store.execute(
            cursor,
            """
            select decision, count(*), count(*) filter (frozen and split = 'test')
            from example
            semi join touching using (seq)
            group by decision
            """,
        ).fetchall()
    finally:
        cursor.close()
    return Touched(len(seqs), sum(frozen for *_, frozen in found), {what: n for what, n, _ in found})


def past(store: Store, seq: int) -> dict[str, Any]:
    """Who changed one example when, with the words that changed, and what differs from the import."""
    now, original = store.row("select messages, original from content where seq = ?", [seq]) or ("[]", "[]")
    entries = [
        {
            "when": f"{change.made.replace(tzinfo=UTC).astimezone():%d %b %Y %H:%M}",
            "who": change.who,
            "what": change.summary if change.direction != "do" else _CALLED.get(change.kind, change.kind),
            "why": change.reason or "",
            "pieces": _words(change.kind, change.before, change.after),
        }
        for change in decisions.history(store, seq)[:50]
    ]
    imported = text_differences(_spoken(json.loads(original)), _spoken(json.loads(now)))
    return {"seq": seq, "entries": entries, "imported": list(imported) if now != original else []}


_CALLED = {"messages": "edit", "hand_flag": "flag", "group_key": "group", "revised": "revised by its file"}


def _words(kind: str, before: Any, after: Any) -> list[tuple[str, str]]:  # noqa: ANN401  the field's own type
    if kind == "messages":
        return list(text_differences(_spoken(before), _spoken(after)))
    if kind == "revised":
        return list(text_differences(_whole(before), _whole(after)))
    told = [one.get("reason") if isinstance(one, dict) else one for one in (before, after)]
    return [(str(one), side) for one, side in zip(told, ("missing", "extra"), strict=True) if one is not None]


def _spoken(turns: list[dict[str, Any]]) -> str:
    return "\n".join(f"{turn.get('role')}: {text_of(turn)}" for turn in turns)


def _whole(parts: dict[str, Any]) -> str:
    """Everything a revision may change, the turns first."""
    rest = [
        f"{name}: {_told(parts[name])}" for name in ("tools", "chosen", "rejected", "label") if parts[name]
    ]
    return "\n".join([_spoken(parts["messages"]), *rest])


def _told(part: Any) -> str:  # noqa: ANN401  a text, or JSON
    return part if isinstance(part, str) else json.dumps(part, ensure_ascii=False)


def newest_batch(store: Store) -> int:
    """The number of the newest action; a list made earlier may be behind it."""
    return int(store.value("select coalesce(max(batch), 0) from batch"))


def messages(store: Store, seq: int) -> list[dict[str, Any]]:
    """The turns of one example as they are now."""
    found: list[dict[str, Any]] = json.loads(
        store.value("select messages from content where seq = ?", [seq]) or "[]"
    )
    return found


def _flags(store: Store, ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for flag in store.dicts(
        """
        select seq, check_name as "check", severity, turn, span_start as start, span_end as "end", message
        from open_flag
        where seq in (select unnest(?::bigint[]))
        """,
        [ids],
    ):
        found.setdefault(flag["seq"], []).append(flag)
    for mine in found.values():
        mine.sort(key=lambda f: (-_WORST.get(f["severity"], 0), f["turn"] or 0, f["start"] or 0))
    return found


def _wide(store: Store, ids: list[int]) -> dict[int, dict[str, Any]]:
    rows = store.dicts(
        "select seq, messages, tools, chosen, rejected from content where seq in (select unnest(?::bigint[]))",
        [ids],
    )
    return {row["seq"]: row for row in rows}


def _chat(wide: dict[str, Any], flags: list[dict[str, Any]]) -> dict[str, Any]:
    answers = [(name, json.loads(wide[name])) for name in ("chosen", "rejected") if wide[name]]
    drawn = chat(
        json.loads(wide["messages"]),
        flags,
        tools=json.loads(wide["tools"] or "[]"),
        answers=[(name, turns) for name, turns in answers if isinstance(turns, list)],
    )
    return {**drawn, "source": wide["messages"]}
