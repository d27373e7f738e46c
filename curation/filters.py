"""The filter language: `field op value`, joined by blanks (and). The filter is the selection.

Every field and operator has its SQL and its English, so that the page, the CLI and a bulk action use
the same object and can say in words what it selects. Values are bound, never pasted into SQL.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from curation.errors import BadUsage, unknown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from curation.store import Store

_TOKEN = re.compile(r'([A-Za-z_]+)\s*(!=|=|~|<|>)\s*("(?:[^"\\]|\\.)*"|[^\s"]+)')
_BOX = re.compile(r"\s*-?\d+(\.\d+)?\s*(,\s*-?\d+(\.\d+)?\s*){3}")
MOST_LIKE = 200
BY_MEANING = frozenset({"like", "means"})
SORTS = {
    "imported": "e.seq",
    "longest": "e.chars desc, e.seq",
    "shortest": "e.chars, e.seq",
    "flags": "(select count(*) from open_flag f where f.seq = e.seq) desc, e.seq",
    "cluster": "e.cluster nulls last, e.seq",
    "suspect": "(select max(s.score) from suspect s where s.seq = e.seq and s.text_hash = e.text_hash) desc "
    "nulls last, e.seq",
}


@dataclass(frozen=True, slots=True)
class Field:
    """What can be asked about: which operators, the SQL with one `?` for the value, and the words."""

    operators: str
    sql: Callable[[str], str]
    words: str
    number: bool = False


def _column(name: str) -> Callable[[str], str]:
    def sql(operator: str) -> str:
        if operator == "=":
            return f"e.{name} = ?"
        if operator == "!=":
            return f"e.{name} is distinct from ?"
        if operator == "~":
            return f"contains(lower(coalesce(e.{name}, '')), lower(?))"
        return f"e.{name} {operator} ?"

    return sql


def _text(operator: str) -> str:
    # `{within}` bounds the scan where only a part of the rows is looked at.
    found = "(select s.seq from search_text s where {within}contains(s.text, lower(?)))"
    return f"e.seq {'not in' if operator == '!=' else 'in'} {found}"


def _flag(column: str) -> Callable[[str], str]:
    def sql(operator: str) -> str:
        test = "any" if column == "check_name" else ""
        some = f"(? = 'any' or f.{column} = ?)" if test else f"f.{column} = ?"
        return f"{'not ' if operator == '!=' else ''}exists (from open_flag f where f.seq = e.seq and {some})"

    return sql


def _source(operator: str) -> str:
    match = "contains(lower(s.name), lower(?))" if operator == "~" else "s.name = ?"
    found = f"(select o.seq from occurrence o join source s using (source) where {match})"
    return f"e.seq {'not in' if operator == '!=' else 'in'} {found}"


def _cluster(operator: str) -> str:
    # A cluster is named by any of its members, as a person reads ids and not row numbers.
    same = "e.cluster = (select x.cluster from example x where x.id = ?)"
    return f"not coalesce({same}, false)" if operator == "!=" else same


def _reason(operator: str) -> str:
    match = "contains(lower(h.reason), lower(?))" if operator == "~" else "h.reason = ?"
    found = f"exists (from hand_flag h where h.seq = e.seq and {match})"
    return f"not {found}" if operator == "!=" else found


def _id(operator: str) -> str:
    match = "starts_with(e.id, ?)" if operator == "~" else "e.id in (select unnest(string_split(?, ',')))"
    return f"not {match}" if operator == "!=" else match


def _suspect(operator: str) -> str:
    # Rows whose label is contradicted: any of them, or those that look like one label.
    found = (
        "exists (from suspect s where s.seq = e.seq and s.text_hash = e.text_hash and s.flagged "
        "and (? = 'any' or s.suggested = ?))"
    )
    return f"not {found}" if operator == "!=" else found


def _near_rows(operator: str) -> str:
    # Which rows these are is found before, by their vectors.
    return "e.seq in (select unnest(?::bigint[]))"


def _region(operator: str) -> str:
    # A box on the map, `x,y,x,y` of two opposite corners; a row that was edited since is not on it.
    found = """(
        select m.seq, m.text_hash
        from map_point m, (select try_cast(string_split(?, ',') as double[]) as box)
        where m.x between least(box[1], box[3]) and greatest(box[1], box[3])
            and m.y between least(box[2], box[4]) and greatest(box[2], box[4])
    )"""
    return f"(e.seq, e.text_hash) {'not in' if operator == '!=' else 'in'} {found}"


FIELDS: dict[str, Field] = {
    "text": Field("=!~", _text, "text contains"),
    "label": Field("=!~", _column("label"), "label"),
    "flag": Field("=!", _flag("check_name"), "flag"),
    "reason": Field("=!~", _reason, "reason of a flag by hand"),
    "severity": Field("=!", _flag("severity"), "a flag of severity"),
    "decision": Field("=!", _column("decision"), "decision"),
    "source": Field("=!~", _source, "source"),
    "split": Field("=!", _column("split"), "split"),
    "cluster": Field("=!", _cluster, "duplicate cluster"),
    "group": Field("=!~", _column("group_key"), "group"),
    "turns": Field("=!<>", _column("turns"), "number of turns", number=True),
    "chars": Field("=!<>", _column("chars"), "number of characters", number=True),
    "tokens": Field("=!<>", _column("tokens"), "number of tokens", number=True),
    "id": Field("=!~", _id, "id"),
    "suspect": Field("=!", _suspect, "likelier label"),
    "like": Field("=", _near_rows, "meaning"),
    "means": Field("~", _near_rows, "meaning"),
    "map": Field("=!", _region, "place on the map"),
}
_SAYS = {"=": "is", "!=": "is not", "~": "contains", "<": "is under", ">": "is over"}


@dataclass(frozen=True, slots=True)
class Term:
    """One `field op value`."""

    field: str
    operator: str
    value: str

    def __str__(self) -> str:
        plain = re.fullmatch(r'[^\s"]+', self.value)
        quoted = self.value if plain else '"' + self.value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        return f"{self.field}{self.operator}{quoted}"


@dataclass(frozen=True, slots=True)
class Filter:
    """Some terms, all of which must hold; none selects everything."""

    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(str(term) for term in self.terms)

    def where(
        self, near: Sequence[int] | None = None, within: tuple[int, int] | None = None
    ) -> tuple[str, list[object]]:
        """SQL over `example e` (true for every row when there are no terms) and its parameters.

        Args:
            near: the rows that the terms `like` and `means` stand for.
            within: look only at rows from the first up to, not with, the second.
        """
        clauses, parameters = ["e.present"], []
        bound = ""
        if within is not None:
            clauses.append(f"e.seq >= {within[0]:d} and e.seq < {within[1]:d}")
            bound = f"s.seq >= {within[0]:d} and s.seq < {within[1]:d} and "
        for term in self.terms:
            field = FIELDS[term.field]
            if term.value == "none" and term.field in ("label", "split", "group", "cluster"):
                column = {"group": "group_key"}.get(term.field, term.field)
                clauses.append(f"e.{column} is {'not ' if term.operator == '!=' else ''}null")
                continue
            sql = field.sql(term.operator).replace("{within}", bound)
            clauses.append(f"({sql})")
            value: object = float(term.value) if field.number else term.value
            if term.field in BY_MEANING:
                value = list(near or ())
            parameters += [value] * sql.count("?")
        return " and ".join(clauses), parameters

    @property
    def by_meaning(self) -> bool:
        """Whether vectors are needed to know what it selects."""
        return any(term.field in BY_MEANING for term in self.terms)

    @property
    def english(self) -> str:
        """The filter as a sentence part: `examples whose label is refund and whose text contains "card"`."""
        if not self.terms:
            return "all examples"
        parts = []
        for term in self.terms:
            words = FIELDS[term.field].words
            if term.field == "text":
                parts.append(
                    f"text {'does not contain' if term.operator == '!=' else 'contains'} “{term.value}”"
                )
            elif term.field == "flag" and term.value == "any":
                parts.append(f"number of flags is {'zero' if term.operator == '!=' else 'one or more'}")
            elif term.field == "suspect" and term.value == "any":
                parts.append(
                    f"label is {'not ' if term.operator == '!=' else ''}contradicted by rows like it"
                )
            elif term.field == "like":
                parts.append(f"meaning is among the {MOST_LIKE} nearest to {term.value}")
            elif term.field == "means":
                parts.append(f"meaning is among the {MOST_LIKE} nearest to “{term.value}”")
            elif term.field == "map":
                parts.append(
                    f"place on the map is {'outside' if term.operator == '!=' else 'in'} the region drawn"
                )
            elif term.field == "id" and "," in term.value:
                parts.append(f"id is one of {term.value.count(',') + 1} chosen ones")
            else:
                parts.append(f"{words} {_SAYS[term.operator]} {term.value}")
        return "examples whose " + " and whose ".join(parts)


def parse(text: str) -> Filter:
    """Read a filter.

    Raises:
        BadUsage: what cannot be read, with the place; an unknown field with near names.
    """
    terms: list[Term] = []
    position = 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        match = _TOKEN.match(text, position)
        if not match:
            raise BadUsage(
                f"The filter cannot be read at {text[position : position + 30]!r}.",
                where="filter",
                hint='Write field=value, for example: label=refund text~"credit card" turns>3',
            )
        name, operator, value = match[1].lower(), match[2], match[3]
        if name not in FIELDS:
            raise unknown("field", name, FIELDS, where="filter")
        if operator[0] not in FIELDS[name].operators:
            known = ", ".join("!=" if one == "!" else one for one in FIELDS[name].operators)
            raise BadUsage(
                f"The field {name!r} does not take {operator!r}.", where="filter", hint=f"It takes {known}."
            )
        if value.startswith('"'):
            value = re.sub(r"\\(.)", r"\1", value[1:-1])
        if FIELDS[name].number and not re.fullmatch(r"-?\d+(\.\d+)?", value):
            raise BadUsage(f"{name}{operator} takes a number, got {value!r}.", where="filter")
        if name == "map" and not _BOX.fullmatch(value):
            raise BadUsage(
                f"map{operator} takes two opposite corners of a region, got {value!r}.",
                where="filter",
                hint="Write x,y,x,y, for example: map=-20,5,10,40",
            )
        terms.append(Term(name, operator, value))
        position = match.end()
    return Filter(tuple(terms))


def view(store: Store, chosen: Filter, sort: str = "imported") -> NDArray[np.int64]:
    """The `seq` of every selected example in order; a snapshot, so rows do not jump while one decides.

    Args:
        store: the open project.
        chosen: the filter.
        sort: one of `SORTS`.

    Raises:
        BadUsage: an unknown sort.
    """
    if sort not in SORTS:
        raise unknown("order", sort, SORTS)
    near = _near(store, chosen)
    where, parameters = chosen.where(near)
    order = SORTS[sort]
    if near and sort == "imported":
        order, parameters = "list_position(?::bigint[], e.seq)", [*parameters, list(near)]
    cursor = store.cursor()
    try:
        found = store.execute(
            cursor, f"select e.seq from example e where {where} order by {order}", parameters
        )
        return np.asarray(found.fetchnumpy()["seq"], dtype=np.int64)
    finally:
        cursor.close()


def first_matches(
    store: Store, chosen: Filter, *, enough: int = 200, seconds: float = 0.15, portion: int = 122_880
) -> tuple[NDArray[np.int64], bool]:
    """The first rows a search finds, in the order of import, and whether these are all.

    Text is searched in portions of rows (a row group of the database each) until enough rows are found or the
    time is up, so that a search over millions shows something at once.
    """
    last = int(store.value("select coalesce(max(seq), 0) from example"))
    found: list[tuple[int]] = []
    began, start = time.monotonic(), 0
    while start <= last and len(found) < enough and time.monotonic() - began < seconds:
        where, parameters = chosen.where(within=(start, start + portion))
        found += store.rows(f"select e.seq from example e where {where} order by e.seq", parameters)
        start += portion
    return np.array([seq for (seq,) in found], dtype=np.int64), start > last


def _near(store: Store, chosen: Filter) -> list[int]:
    """The rows that all terms `like` and `means` ask for, nearest to the first one first."""
    asked = [term for term in chosen.terms if term.field in BY_MEANING]
    if not asked:
        return []
    from curation import meaning

    embedder = meaning.embedder_of(store)
    found = [
        (meaning.like if term.field == "like" else meaning.means)(store, term.value, MOST_LIKE, embedder)
        for term in asked
    ]
    return [seq for seq in found[0] if all(seq in other for other in found[1:])]


def count(store: Store, chosen: Filter) -> int:
    """How many examples are selected."""
    where, parameters = chosen.where(_near(store, chosen))
    return int(store.value(f"select count(*) from example e where {where}", parameters))
