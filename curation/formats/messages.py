r"""JSON lines: one object a row, in any of the forms of `forms`.

The common row (`messages`, every turn just a role and a text) is read and made canonical in SQL. Every other row
(tool calls, parts, control characters, other forms) goes through `read_row`, which gives the very same canonical
text for the common ones; a property test holds the two together.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from curation.files import canonical_json
from curation.formats import forms, posts
from curation.formats.turns import Read, Row, Unreadable

if TYPE_CHECKING:
    import duckdb

    from curation.progress import Progress

MAX_LINE = 134_217_728
_BATCH = 5_000
_BLOCK = 1 << 20


def recognise(path: Path, head: str) -> bool:
    """Whether most of the first lines are JSON objects."""
    lines = [line for line in head.splitlines()[:20] if line.strip()]
    return bool(lines) and sum(line.lstrip("\ufeff ").startswith("{") for line in lines) * 2 >= len(lines)


def stage(
    cursor: duckdb.DuckDBPyConnection, path: Path, mapping: dict[str, str], progress: Progress
) -> dict[str, str]:
    """Fill `staged` from a file of JSON lines.

    Args:
        cursor: holds the empty temporary table `staged`.
        path: the file; lines that are not UTF-8 are refused.
        mapping: columns by field; `messages`, `tools` and `label` default to their own names. A row with keys of
            another form is read as that form.
        progress: told in rows.
    """
    used = {"messages": "messages", "tools": "tools", "label": "label"} | mapping
    at = {field: '$."' + column.replace('"', '\\"') + '"' for field, column in used.items()}
    with _clean_text(path, progress) as readable:
        _parse(cursor, readable, at["messages"])
    _stage_plain_rows(cursor, used, at, "label" in mapping)
    cursor.execute("insert into staged by name select line, raw, reason from parsed where reason is not null")
    _stage_odd_rows(cursor, mapping, progress)
    cursor.execute("drop table parsed")
    chats = cursor.execute("select count(*) from staged where form = 'messages'").fetchone() or (0,)
    return {
        field: column
        for field, column in used.items()
        if field in mapping or (field == "messages" and chats[0])
    }


def _parse(cursor: duckdb.DuckDBPyConnection, path: Path, messages: str) -> None:
    """Cut the file into lines and say of each whether it is an object at all."""
    # The delimiter is impossible in JSON text, so that each line is one value of one column.
    cursor.execute(
        """
        create or replace temp table parsed as
        with lines as (
            select row_number() over () as line, raw
            from read_csv($path, columns = {'raw': 'VARCHAR'}, delim = chr(1) || chr(2) || chr(3), quote = '',
                escape = '', header = false, auto_detect = false, max_line_size = $max_line, strict_mode = false)
        ),
        valid as (
            select line, raw, case when json_valid(raw) then raw::json end as j
            from lines
        )
        select
            line, raw, j,
            json_extract(j, $messages) as m,
            case
                when raw is null or trim(raw) = '' then 'blank line'
                when j is null then 'not valid JSON'
                when json_type(j) <> 'OBJECT' then 'not a JSON object but ' || lower(json_type(j))
            end as reason
        from valid
        """,
        {"path": str(path), "max_line": MAX_LINE, "messages": messages},
    )


def _stage_plain_rows(
    cursor: duckdb.DuckDBPyConnection, used: dict[str, str], at: dict[str, str], any_label: bool
) -> None:
    """Stage the rows that SQL can make canonical by itself."""
    # A row is plain when its turns have exactly a role and a content, both text, and nothing needs an escape
    # that DuckDB and Python might write differently.
    cursor.execute(
        r"""
        insert into staged by name
        with plain as (
            select
                line, raw, j,
                case when json_type(j, $label) = 'VARCHAR' or $map_label
                then json_extract_string(j, $label) end as label,
                case when json_structure(m)::varchar in (
                    '[{"role":"VARCHAR","content":"VARCHAR"}]', '[{"content":"VARCHAR","role":"VARCHAR"}]')
                then to_json(try(json_transform_strict(m, '[{"content":"VARCHAR","role":"VARCHAR"}]')))::varchar
                end as messages
            from parsed
            where reason is null and json_type(m) = 'ARRAY' and json_type(j, $tools) is null
                and not list_has_any(json_keys(j), $other_forms)
                -- DuckDB takes NaN for JSON; it can only stand outside the turns' texts
                and (len(json_keys(j)) = 1 or not regexp_matches(raw, '(?i)[:,\[]\s*-?(nan|inf)'))
        )
        select
            line, raw, 'messages' as form, messages, label,
            to_json(label)::varchar as label_json,
            json_extract_string(j, $group) as group_key,
            case when len(json_keys(j)) = 1 then '{}'
            else json_merge_patch(j, $known)::varchar end as metadata
        from plain
        where messages is not null and not contains(messages, '\u') and not contains(messages, ':null')
            and (label is null or not contains(to_json(label)::varchar, '\u'))
        """,
        {
            "tools": at["tools"],
            "label": at["label"],
            "map_label": any_label,
            "group": at.get("group", '$."\x01"'),
            "known": json.dumps({used[field]: None for field in ("messages", "tools")}),
            "other_forms": list(forms.BESIDE_MESSAGES),
        },
    )


def _stage_odd_rows(cursor: duckdb.DuckDBPyConnection, mapping: dict[str, str], progress: Progress) -> None:
    """Read in Python what is neither plain nor already refused, some thousands of rows at a time."""
    odd = cursor.execute(
        "select line, raw from parsed anti join staged using (line) order by line"
    ).fetchall()
    if odd:
        progress.stage("Reading rows of other forms", len(odd))
    apart = "messages" not in mapping and not forms.names_the_question(mapping)
    waiting: list[posts.Post] = []
    for start in range(0, len(odd), _BATCH):
        batch = odd[start : start + _BATCH]
        if apart:
            held = [(line, raw, row) for line, raw in batch if (row := _post(raw)) is not None]
            waiting += held
            lines = {line for line, *_ in held}
            batch = [one for one in batch if one[0] not in lines]
        _insert(cursor, [(line, raw, *one) for line, raw in batch for one in read_row(raw, mapping)])
        progress.advance(len(batch))
    found = posts.read_posts(waiting)
    while some := list(islice(found, _BATCH)):
        _insert(cursor, [(line, raw, *_of_post(row, one, mapping)) for (line, raw, row), one in some])
        progress.advance(len(some))


def _insert(cursor: duckdb.DuckDBPyConnection, read: list[tuple[object, ...]]) -> None:
    import pyarrow as pa

    arrow = pa.table(  # noqa: F841  DuckDB reads it by name
        {
            name: pa.array([row[i] for row in read], pa.int64() if name == "line" else pa.string())
            for i, name in enumerate(("line", "raw", *ReadRow._fields))
        }
    )
    cursor.execute("insert into staged by name select * from arrow")


def _post(raw: str) -> Row | None:
    """The row of a line that is one post of a tree."""
    if '"parent_id"' not in raw:
        return None
    try:
        row = json.loads(raw, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) and posts.is_post(row) else None


def _of_post(row: Row, found: Read | str, mapping: dict[str, str]) -> ReadRow:
    if isinstance(found, str):
        return ReadRow(reason=found)
    try:
        return _canonical("posts", found, dict(row), mapping)
    except (ValueError, TypeError) as error:
        return ReadRow(reason=f"not readable: {error}")


def names(cursor: duckdb.DuckDBPyConnection, path: Path) -> tuple[str, ...]:
    """The keys of the staged rows, in the order in which they appear."""
    found: dict[str, None] = {}
    for (raw,) in cursor.execute("select raw from staged order by line limit 200").fetchall():
        try:
            row = json.loads(raw or "null")
        except (ValueError, RecursionError):
            continue
        found |= dict.fromkeys(row if isinstance(row, dict) else ())
    return tuple(found)


class ReadRow(NamedTuple):
    """One example of a row, read: canonical JSON of its parts, or the reason why there is none."""

    form: str | None = None
    messages: str | None = None
    tools: str | None = None
    chosen: str | None = None
    rejected: str | None = None
    label: str | None = None
    label_json: str | None = None
    group_key: str | None = None
    metadata: str | None = None
    reason: str | None = None


def read_row(raw: str, mapping: dict[str, str]) -> list[ReadRow]:
    """Read one JSON line; the reference for what the SQL does.

    Args:
        raw: the line.
        mapping: columns by field, as a person named them; `label` then takes any scalar, else only text.

    Returns:
        Its examples (a tree has one a path), or one row with the reason why there is none.
    """
    try:
        row = json.loads(raw, parse_constant=_refuse)
        form, found = forms.read(row, mapping)
        return [_canonical(form, one, row, mapping) for one in found]
    except Unreadable as error:
        return [ReadRow(reason=str(error))]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return [ReadRow(reason=f"not readable: {error}")]


def _canonical(form: str, found: Read, row: dict[str, Any], mapping: dict[str, str]) -> ReadRow:
    label = _scalar(row.get(mapping["label"])) if "label" in mapping else found.label
    group = _scalar(row.get(mapping["group"])) if "group" in mapping else found.group
    rest = {key: value for key, value in row.items() if key not in found.taken} | found.more
    text = canonical_json(found.messages)
    text.encode("utf-8")
    chosen, rejected = (canonical_json(side) if side else None for side in (found.chosen, found.rejected))
    return ReadRow(
        form,
        text,
        canonical_json(found.tools) if found.tools else None,
        chosen,
        rejected,
        label,
        canonical_json(label) if label is not None else None,
        group,
        canonical_json(rest),
    )


def _scalar(value: Any) -> str | None:  # noqa: ANN401  JSON values
    if value is None or isinstance(value, dict | list):
        return None
    return value if isinstance(value, str) else json.dumps(value)


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


@contextmanager
def _clean_text(path: Path, progress: Progress) -> Iterator[Path]:
    """The file itself when it is UTF-8 with one kind of line end, else a copy that is.

    A byte that is no UTF-8 becomes a backslash escape: no JSON holds one, so exactly those lines are
    refused, with text a person can read.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    clean = True
    crlf = lf = 0
    progress.stage(f"Reading {path.name}", path.stat().st_size)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            pairs = block.count(b"\r\n")
            crlf, lf = crlf + pairs, lf + block.count(b"\n") - pairs
            if clean:
                try:
                    decoder.decode(block)
                except UnicodeDecodeError:
                    clean = False
            progress.advance(len(block))
    if clean and not (crlf and lf):
        yield path
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        with path.open("rb") as file, copy.open("wb") as out:
            for line in file:
                text = line.removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "backslashreplace")
                out.write(text.encode("utf-8") + b"\n")
        yield copy
