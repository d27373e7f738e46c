"""What can keep rows together besides duplicates: a field of the import, or something the text itself says.

A field is a metadata column, `group` (mapped on import), `external_id`, or one of `COMPUTED`; `metadata.NAME`
names a column that is called like one of these. Several fields are a list in the settings of a split.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from curation.errors import unknown

if TYPE_CHECKING:
    from curation.store import Store

NO_GROUP = "none"
MAPPED = "group"
LONG_ANSWER = 8  # words: a shorter answer is one that many rows may give
COMPUTED = {
    "first_turn": "the first user turn",
    "answer": f"an answer of {LONG_ANSWER} words or more",
    "template": "the text with numbers, dates, ids, quoted names and labels masked",
}
Setting = str | list[str] | None
MOST_OF_ALL = 0.2  # a mask that this share of the rows has is the form of the data and no template
_PLAIN_WORDS = 3  # that a mask must have left
_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"
_DAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_QUOTED = r"""["“”„«»][^"“”„«»\n]{1,80}["“”«»]|(^|[\s(])['‘][^'‘’\n]{1,60}['’]"""
_IDS = rf"https?://\S+|\S+@\S+|\S*\d\S*|\b({_MONTHS}|{_DAYS}|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)\b"


def fields_of(setting: Setting) -> tuple[str, ...]:
    """The fields that a setting names; none for `none`. The field mapped on import is `group`."""
    if setting is None:
        return (MAPPED,)
    if setting == NO_GROUP:
        return ()
    return (setting,) if isinstance(setting, str) else tuple(setting)


def checked(store: Store, names: Sequence[str]) -> Setting:
    """The setting that these names mean: None for the group mapped on import alone.

    Raises:
        BadUsage: no example has such a field.
    """
    wanted = list(dict.fromkeys(_checked(store, name) for name in names if name != NO_GROUP))
    if not wanted:
        return NO_GROUP if names else None
    if len(wanted) > 1:
        return wanted
    return None if wanted[0] == MAPPED else wanted[0]


def _checked(store: Store, name: str) -> str:
    if name in (MAPPED, "external_id") or name in COMPUTED:
        return name
    known = metadata_fields(store)
    if name.removeprefix("metadata.") in known:
        return name
    mapped = {column for (column,) in store.rows("select mapping ->> '$.group' from source")}
    if name in mapped:
        return MAPPED
    raise unknown("field to group by", name, [MAPPED, NO_GROUP, *COMPUTED, *known])


def metadata_fields(store: Store, among: int | None = None) -> list[str]:
    """Names of the metadata columns, in order.

    Args:
        store: the open project.
        among: look at so many rows only; None: at all of them.
    """
    few = f"limit {among}" if among else ""
    return [
        name
        for (name,) in store.rows(
            f"""
            select distinct unnest(json_keys(metadata)) as name
            from (select metadata from occurrence {few})
            order by name
            """
        )
    ]


def ties(setting: Setting, masked: Sequence[str] = ()) -> str:
    """SQL for `seq, group_key`: every group an example belongs to, of every field.

    Args:
        setting: as `checked` gives it.
        masked: words that `template` masks: the labels.
    """
    fields = fields_of(setting)
    if not fields:
        return group_values(NO_GROUP)
    return " union all ".join(
        f"select seq, '{number}:' || group_key as group_key from ({group_values(field, masked)})"
        for number, field in enumerate(fields)
    )


def group_values(field: str, masked: Sequence[str] = ()) -> str:
    """SQL for `seq, group_key` of one field: every group an example belongs to, by all its appearances.

    An example's own group, which a person may have changed, stands for its first appearance.
    """
    if field == NO_GROUP:
        return "select 0::bigint as seq, '' as group_key where false"
    if field == MAPPED:
        return """
            select seq, group_key
            from example
            where group_key is not null
            union
            select o.seq, o.group_key
            from occurrence o
            join example e using (seq)
            where o.group_key is not null and (o.source <> e.source or o.line <> e.line)
        """
    if field == "external_id":
        return "select distinct seq, external_id as group_key from occurrence where external_id is not null"
    if field in COMPUTED:
        return f"""
            select seq, group_key
            from ({computed(field, masked, "select e.seq, c.messages from live e join content c using (seq)")})
        """
    value = f"json_extract_string(metadata, {metadata_path(field)})"
    return f"select distinct seq, {value} as group_key from occurrence where {value} is not null"


def metadata_path(field: str) -> str:
    """The JSON path of a metadata column as an SQL literal."""
    name = field.removeprefix("metadata.").replace("\\", "\\\\").replace('"', '\\"')
    return quoted(f'$."{name}"')


def computed(field: str, masked: Sequence[str], rows: str) -> str:
    """SQL for `seq, group_key` by what the text says, over rows with `seq, messages`; not all rows have one."""
    if field == "template":
        return _templates(masked, rows)
    if field == "answer":
        text = "normalise(answer_text(messages))"
        kept = f"len(string_split(text, ' ')) >= {LONG_ANSWER}"
    else:
        text = "normalise(turn_texts(messages)[list_position(turn_roles(messages), 'user')])"
        kept = "text <> ''"
    return f"select seq, md5(text) as group_key from (select seq, {text} as text from ({rows})) where {kept}"


def _templates(masked: Sequence[str], rows: str) -> str:
    """The mask is a template when it has words left and fewer than a fifth of the rows have it."""
    text = "fold(user_text(messages))"
    words = "|".join(re.escape(word.lower()) for word in sorted(masked, key=lambda w: (-len(w), w)) if word)
    for pattern in (_QUOTED, _IDS, rf"\b({words})\b" if words else ""):
        if pattern:
            text = f"regexp_replace({text}, {quoted(pattern)}, ' # ', 'g')"
    mask = rf"trim(regexp_replace(regexp_replace({text}, '[^\p{{L}}#]+', ' ', 'g'), '#( ?#)*', '#', 'g'))"
    return f"""
        select seq, md5(mask) as group_key
        from (
            select seq, mask, count(*) over (partition by mask) as many, count(*) over () as everything
            from (select seq, {mask} as mask from ({rows}))
        )
        where many < {MOST_OF_ALL} * everything
            and len(list_filter(string_split(mask, ' '), lambda w: w <> '#' and w <> '')) >= {_PLAIN_WORDS}
    """


def quoted(value: str) -> str:
    """A text as an SQL literal."""
    return "'" + value.replace("'", "''") + "'"
