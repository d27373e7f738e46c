"""Reading JSON from an answer, and the scorers of its form: is it JSON, does it fit the schema?

Python's decoder accepts more than JSON (NaN, Infinity, 1e999); none of that passes here.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from curation.files import canonical_json
from evals.scorers.score import ParseLevel, Score, ScoringContext, scorer, shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_BLOCK = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_OPENING = re.compile(r"[{\[]")
_STRUCTURE = re.compile(r"\\.|[\"{}\[\]]", re.DOTALL)
_DEEPEST = 100
_MOST_STARTS = 200
"""Brackets at which the lenient rule tries to decode; an answer with more is prose or noise."""


@dataclass(frozen=True, slots=True)
class ParsedJson:
    """What was read from an answer.

    Args:
        found: whether a value was read at all; `value` may itself be None.
        level: the strictest rule that reads it, `none` if no rule does.
        code: why nothing was read: no_json, several, trailing_text, truncated, too_deep, empty.
        message: what the decoder says, for a person.
        duplicates: keys that occur twice in one object; the last value won.
    """

    found: bool
    value: Any
    level: ParseLevel
    code: str = ""
    message: str = ""
    duplicates: tuple[str, ...] = ()


class _Rejected(ValueError):
    """What Python's decoder reads although it should not: a number JSON lacks, or endless nesting."""

    def __init__(self, message: str, code: str = "no_json") -> None:
        super().__init__(message)
        self.code = code


class _Decoder:
    """One decoder of one text; remembers the duplicate keys it saw."""

    def __init__(self) -> None:
        self.duplicates: list[str] = []
        self._decoder = json.JSONDecoder(
            object_pairs_hook=self._object, parse_constant=_no_constant, parse_float=_finite
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key, member in pairs:
            if key in value:
                self.duplicates.append(key)
            value[key] = member
        return value

    def decode(self, text: str, start: int = 0) -> tuple[Any, int]:
        """One value at `start` and the position after it.

        Raises:
            ValueError: no JSON value stands there, or one nested more than 100 deep.
        """
        too_deep = _Rejected(f"nested more than {_DEEPEST} deep", "too_deep")
        try:
            value, end = self._decoder.raw_decode(text, start)
        except RecursionError:
            raise too_deep from None
        level = [value]
        for _ in range(_DEEPEST):
            level = [inner for outer in level for inner in _members(outer)]
            if not level:
                return value, end
        raise too_deep


def _members(value: Any) -> Iterable[Any]:  # noqa: ANN401  any JSON value
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _no_constant(name: str) -> float:
    raise _Rejected(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise _Rejected(f"{digits} is too large for a number")
    return number


def code_blocks(text: str) -> list[str]:
    """The contents of the fenced code blocks; a block left open runs to the end."""
    return [match.group(1) for match in _BLOCK.finditer(text)]


def read_json(text: str, finish: str = "stop") -> ParsedJson:
    """Read the one JSON value of an answer, at the strictest level that finds it.

    strict: the whole answer, blanks at its ends apart, is one value. fenced: its only code block
    is. lenient: exactly one object or array stands in it that is not inside another bracket.
    """
    if not text.strip():
        return ParsedJson(False, None, "none", "empty", "the answer is empty")
    whole = _one_value(text, "strict", finish)
    if whole.found:
        return whole
    blocks = code_blocks(text)
    if len(blocks) == 1:
        block = _one_value(blocks[0], "fenced", finish)
        if block.found or block.code in ("truncated", "too_deep"):
            return block
    return _embedded(text, finish, whole)


def _one_value(text: str, level: ParseLevel, finish: str) -> ParsedJson:
    decoder, stripped = _Decoder(), text.strip()
    try:
        value, end = decoder.decode(stripped)
    except ValueError as error:
        return _failed(error, stripped, finish)
    if end != len(stripped):
        return ParsedJson(False, None, "none", "trailing_text", f"{shown(stripped[end:])} after the value")
    return ParsedJson(True, value, level, duplicates=tuple(dict.fromkeys(decoder.duplicates)))


def _failed(error: ValueError, text: str, finish: str) -> ParsedJson:
    if isinstance(error, _Rejected):
        return ParsedJson(False, None, "none", error.code, str(error))
    if isinstance(error, json.JSONDecodeError) and text[:1] in "{[" and _ran_out(error, text):
        cut = "cut at the token limit" if finish == "length" else "the text ends"
        return ParsedJson(False, None, "none", "truncated", f"{cut} inside a JSON value")
    return ParsedJson(False, None, "none", "no_json", str(error))


def _ran_out(error: json.JSONDecodeError, text: str) -> bool:
    return error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")


def _embedded(text: str, finish: str, whole: ParsedJson) -> ParsedJson:
    """Lenient: the one object or array among prose.

    A bracket that begins a broken object makes the answer unreadable; its inner objects are never
    taken for the answer. A bracket that is only prose, as in `[sic]`, is passed over.
    """
    decoder, values, position = _Decoder(), [], 0
    for _ in range(_MOST_STARTS):
        opening = _OPENING.search(text, position)
        if opening is None:
            break
        start = opening.start()
        try:
            value, position = decoder.decode(text, start)
            values.append(value)
        except ValueError as error:
            closing = _closing(text, start)
            if not _only_prose(error, text, start, closing):
                rest = text[start:]
                return _failed(_relative(error, rest, start), rest, finish)
            position = start + 1 if closing is None else closing
    if len(values) > 1:
        return ParsedJson(False, None, "none", "several", f"{len(values)} JSON values, one was asked for")
    if values:
        return ParsedJson(True, values[0], "lenient", duplicates=tuple(dict.fromkeys(decoder.duplicates)))
    return whole


def _only_prose(error: ValueError, text: str, start: int, closing: int | None) -> bool:
    """Whether the bracket at `start` begins nothing like JSON: the first sign behind it is already wrong."""
    if not isinstance(error, json.JSONDecodeError) or _ran_out(error, text):
        return False
    behind = text[start + 1 : error.pos]
    return not behind.strip() and (closing is not None or text[error.pos] != "'")


def _relative(error: ValueError, rest: str, start: int) -> ValueError:
    if isinstance(error, json.JSONDecodeError):
        return json.JSONDecodeError(error.msg, rest, error.pos - start)
    return error


def _closing(text: str, start: int) -> int | None:
    """The position behind the bracket that closes the one at `start`, strings respected."""
    depth, inside = 0, False
    for match in _STRUCTURE.finditer(text, start):
        mark = match.group()
        if mark == '"':
            inside = not inside
        elif not inside and mark in "{[":
            depth += 1
        elif not inside and mark in "}]":
            depth -= 1
            if depth == 0:
                return match.end()
    return None


def as_text(value: Any) -> str:  # noqa: ANN401  any JSON value
    """A JSON value as canonical text."""
    return canonical_json(value)


def unread(name: str, parsed: ParsedJson, context: ScoringContext) -> Score | None:
    """The score 0 of an answer the task's rule cannot read, or None where it can."""
    if not parsed.found:
        return Score(name, 0.0, f"{parsed.code}: {parsed.message}", parse_level="none")
    if not context.accepts(parsed.level):
        reason = f"format: readable only under the {parsed.level} rule, the task asks for {context.parse}"
        return Score(name, 0.0, reason, extracted=as_text(parsed.value), parse_level=parsed.level)
    return None


@scorer("json_valid", "Valid JSON")
def json_valid(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer can be read as JSON under the task's parse rule.

    Measures: 1 if it can, else 0. Rule `strict`: the whole answer is one JSON value. `fenced`: or
    its only code block is. `lenient`: or exactly one object or array stands in it. The expected
    answer plays no part.

    Traps: NaN, Infinity and 1e999 are not JSON. A key given twice is read (the last value wins) and
    flagged as `duplicate_key`. Text that ends inside an object is `truncated`: the token limit may
    be too low.

    Example: 'Sure! {"a": 1}' gives 1 under `lenient`, and 0 with the reason `format` otherwise.
    """
    parsed = read_json(answer, context.finish)
    failed = unread("json_valid", parsed, context)
    if failed is not None:
        return [failed]
    reason = f"valid: read under the {parsed.level} rule"
    if parsed.duplicates:
        reason = f"duplicate_key: {', '.join(parsed.duplicates)}; the last value counts"
    return [Score("json_valid", 1.0, reason, extracted=as_text(parsed.value), parse_level=parsed.level)]


@scorer("json_schema", "Fits the schema")
def json_schema(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The answer is JSON and fits the task's output schema.

    Measures: 1 if it fits (JSON Schema, draft 2020-12), else 0; the reason lists every error by its
    path. The expected answer plays no part. Without a schema, or with one that is itself wrong,
    the answer is not judged.

    Traps: `format` is not checked. 1.0 is a valid integer and true is not. References to other
    documents are not fetched.

    Example: '{"qty": 0}' with a minimum of 1 gives 0: `schema: $.qty minimum 0 < 1`.
    """
    if context.output_schema is None:
        return [Score("json_schema", None, "no_schema: the task has no output schema")]
    parsed = read_json(answer, context.finish)
    failed = unread("json_schema", parsed, context)
    if failed is not None:
        return [failed]
    try:
        errors = schema_errors(context.output_schema, parsed.value)
    except SchemaUnusable as error:
        return [Score("json_schema", None, f"bad_schema: {error}")]
    reason = f"schema: {'; '.join(errors)}" if errors else "fits: no error"
    return [
        Score(
            "json_schema",
            float(not errors),
            reason,
            extracted=as_text(parsed.value),
            parse_level=parsed.level,
        )
    ]


class SchemaUnusable(ValueError):
    """The output schema itself is wrong or refers to something that is not there."""


def schema_errors(schema: dict[str, Any], value: Any) -> list[str]:  # noqa: ANN401  any JSON value
    """Every way in which `value` does not fit `schema`, sorted by path.

    Raises:
        SchemaUnusable: the schema is not valid, or a reference in it cannot be resolved.
    """
    from referencing.exceptions import Unresolvable

    validator = _validator(canonical_json(schema))
    try:
        errors = sorted(
            validator.iter_errors(value), key=lambda e: ([str(p) for p in e.absolute_path], e.message)
        )
    except (Unresolvable, RecursionError, re.error) as error:
        raise SchemaUnusable(str(error)) from error
    return [f"{json_path(error.absolute_path)} {_short(error)}" for error in errors]


@lru_cache(maxsize=8)
def _validator(schema_text: str) -> Draft202012Validator:
    """A compiled validator; the empty registry keeps references from being fetched over the network."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry

    schema = json.loads(schema_text)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise SchemaUnusable(error.message) from error
    return Draft202012Validator(schema, registry=Registry())


_COMPARED = {
    "minimum": "<",
    "maximum": ">",
    "exclusiveMinimum": "<=",
    "exclusiveMaximum": ">=",
}


def _short(error: ValidationError) -> str:
    rule = str(error.validator)
    if rule in _COMPARED:
        return f"{rule} {error.instance} {_COMPARED[rule]} {error.validator_value}"
    return f"{rule}: {error.message}"


def json_path(parts: Any) -> str:  # noqa: ANN401  a deque of str and int, or a tuple
    """A path in the form `$.items[0].qty`; unusual keys are quoted."""
    path = "$"
    for part in parts:
        if isinstance(part, int):
            path += f"[{part}]"
        elif re.fullmatch(r"[A-Za-z_][\w-]*", part):
            path += f".{part}"
        else:
            path += f"[{json.dumps(part, ensure_ascii=False)}]"
    return path
