"""How each kind of change is applied: one field of some examples, and whatever follows from it.

The changes of a batch wait in the temporary table `change(seq, before, after)`, fields as JSON. Undo applies the
same function with before and after exchanged, so that no kind needs to know in which direction it is used.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from curation import quarantine
from curation.example import Message, content_id, expected_of, last_assistant, text_of
from curation.files import canonical_json

if TYPE_CHECKING:
    import duckdb
    from numpy.typing import NDArray

Kind = Literal["decision", "label", "messages", "split", "hand_flag", "group_key"]
TEXTUAL = (
    "label",
    "messages",
    "present",
    "mended",
    "revised",
)  # kinds after which results over all examples are out of date
_AT_ONCE = 5_000


def stage(
    cursor: duckdb.DuckDBPyConnection, seqs: NDArray[np.int64], kind: str, values: Sequence[Any], who: str
) -> int:
    """Fill `change` with the examples whose field would change.

    Args:
        cursor: of an open transaction.
        seqs: which examples, each once.
        kind: a key of `APPLY`.
        values: the new value of each example, or a single one for all.
        who: the person, for flags by hand.

    Returns:
        How many examples change.
    """
    texts = [after(kind, value, who) for value in values]
    chosen = pa.table({"seq": seqs, "after": texts * len(seqs) if len(texts) == 1 else texts})  # noqa: F841
    now = before(kind)
    cursor.execute(
        f"""
        create or replace temp table change as
        select e.seq, {now} as before, chosen.after
        from chosen
        join example e using (seq)
        join content c using (seq)
        where {now} is distinct from chosen.after
        """,
        {"who": who} if kind == "hand_flag" else {},
    )
    return int((cursor.execute("select count(*) from change").fetchone() or (0,))[0])


def after(kind: str, value: Any, who: str) -> str:  # noqa: ANN401  the field's own type
    """JSON of the field as it will be, as the database writes it."""
    if kind == "messages":
        return canonical_json(value)
    if kind == "hand_flag":
        value = {"who": who, "reason": value}
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def before(kind: str, who: str = "$who") -> str:
    """SQL for the JSON of the field as it is now, over `example e` and `content c`; `who`: SQL for the person."""
    if kind == "messages":
        return "c.messages"
    if kind == "hand_flag":  # the flag is one person's, whoever takes it back
        return (
            f"to_json({{'who': {who}, 'reason': (select max(h.reason) from hand_flag h "
            f"where h.seq = e.seq and h.who = {who})}})::varchar"
        )
    return f"coalesce(to_json(e.{kind})::varchar, 'null')"


def _apply_column(column: str) -> Callable[[duckdb.DuckDBPyConnection], None]:
    def apply(cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute(
            f"update example set {column} = change.after ->> '$' from change where example.seq = change.seq"
        )

    return apply


def _apply_hand_flag(cursor: duckdb.DuckDBPyConnection) -> None:
    cursor.execute(
        "delete from hand_flag h using change c where h.seq = c.seq and h.who = c.after ->> '$.who'"
    )
    cursor.execute(
        """
        insert into hand_flag
        select seq, after ->> '$.reason', after ->> '$.who', utc_now()
        from change
        where after ->> '$.reason' is not null
        """
    )


def _apply_label(cursor: duckdb.DuckDBPyConnection) -> None:
    """A label that is the answer takes the answer with it: the two mean the same thing."""
    _apply_column("label")(cursor)
    cursor.execute(
        """
        create or replace temp table follow as
        select ch.seq, c.messages, ch.after ->> '$' as answer
        from change ch
        join content c using (seq)
        where answer_text(c.messages) = ch.before ->> '$' and ch.after ->> '$' is not null
        """
    )
    for rows in _portions(cursor, "select seq, messages, answer from follow"):
        _write_messages(cursor, [(seq, canonical_json(answered(text, answer))) for seq, text, answer in rows])
    cursor.execute("drop table follow")
    _renew(cursor)


def answered(text: str, answer: str) -> list[Message]:
    """The turns of a chat (JSON text) with another last answer."""
    messages: list[Message] = json.loads(text)
    index = last_assistant(messages)
    if index is not None:
        messages[index] = {**messages[index], "content": answer}
    return messages


def _apply_messages(cursor: duckdb.DuckDBPyConnection) -> None:
    """An answer that is the label takes the label with it."""
    for rows in _portions(cursor, "select seq, before, after from change"):
        _write_messages(cursor, [(seq, after) for seq, _, after in rows])
        answers = pa.table(  # noqa: F841  DuckDB reads it by name
            {
                "seq": [seq for seq, _, _ in rows],
                "old": [expected_of(json.loads(before)) for _, before, _ in rows],
                "new": [expected_of(json.loads(after)) for _, _, after in rows],
            }
        )
        cursor.execute(
            """
            update example
            set label = answers.new
            from answers
            where example.seq = answers.seq and example.label = answers.old
            """
        )
    _renew(cursor)


def _apply_revised(cursor: duckdb.DuckDBPyConnection) -> None:
    """The whole content at once, as a file has it: label and answer need not follow one another."""
    cursor.execute(
        """
        update content
        set messages = r.after ->> '$.messages', tools = r.after ->> '$.tools', chosen = r.after ->> '$.chosen',
            rejected = r.after ->> '$.rejected'
        from change r
        where content.seq = r.seq
        """
    )
    cursor.execute(
        "update example set label = change.after ->> '$.label' from change where example.seq = change.seq"
    )
    _renew(cursor)


def _write_messages(cursor: duckdb.DuckDBPyConnection, rows: list[tuple[int, str]]) -> None:
    written = pa.table({"seq": [seq for seq, _ in rows], "messages": [text for _, text in rows]})  # noqa: F841
    cursor.execute(
        "update content set messages = written.messages from written where content.seq = written.seq"
    )


def _renew(cursor: duckdb.DuckDBPyConnection) -> None:
    """Recompute what is derived from the text of the changed examples."""
    for rows in _portions(
        cursor,
        """
        select c.seq, c.messages, c.tools, c.chosen, c.rejected, e.label
        from content c
        join example e using (seq)
        semi join change using (seq)
        """,
    ):
        texts = [[text_of(turn) for turn in json.loads(row[1])] for row in rows]
        renewed = pa.table(  # noqa: F841  DuckDB reads it by name
            {
                "seq": [row[0] for row in rows],
                "text_hash": [content_id(*row[1:]) for row in rows],
                "turns": [len(one) for one in texts],
                "chars": [sum(map(len, one)) for one in texts],
                "text": ["\n".join(one).lower() for one in texts],
            }
        )
        cursor.execute(
            """
            update example
            set text_hash = r.text_hash, turns = r.turns, chars = r.chars, tokens = null,
                edited = (select messages <> original from content c where c.seq = example.seq)
            from renewed r
            where example.seq = r.seq
            """
        )
        cursor.execute("update search_text set text = r.text from renewed r where search_text.seq = r.seq")


def _portions(cursor: duckdb.DuckDBPyConnection, query: str) -> Iterator[list[Any]]:
    """The rows of a query a few thousand at a time; between two portions the cursor may be used.

    Places are numbered here: rows written in this transaction have no row ids to count on.
    """
    cursor.execute(
        f"""
        create or replace temp table portion as
        select row_number() over () - 1 as place, found.*
        from ({query}) found
        """
    )
    total = int((cursor.execute("select count(*) from portion").fetchone() or (0,))[0])
    for at in range(0, total, _AT_ONCE):
        yield cursor.execute(
            "select * exclude place from portion where place >= ? and place < ?", [at, at + _AT_ONCE]
        ).fetchall()
    cursor.execute("drop table portion")


def set_present(cursor: duckdb.DuckDBPyConnection, source: int, present: bool) -> None:
    """Hide or show an import; an example stays as long as one shown import holds it."""
    cursor.execute("update source set present = ? where source = ?", [present, source])
    cursor.execute(
        """
        update example
        set present = held.present
        from (
            select o.seq, bool_or(s.present) as present
            from occurrence o
            join source s using (source)
            where o.seq in (select seq from occurrence where source = ?)
            group by o.seq
        ) held
        where example.seq = held.seq
        """,
        [source],
    )


APPLY: dict[str, Callable[[duckdb.DuckDBPyConnection], None]] = {
    "decision": _apply_column("decision"),
    "group_key": _apply_column("group_key"),
    "split": _apply_column("split"),
    "label": _apply_label,
    "messages": _apply_messages,
    "hand_flag": _apply_hand_flag,
    "mended": quarantine.apply,
    "revised": _apply_revised,
}
