"""Check: answers that are not the JSON the task asks for."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from curation.checks.check import Found, Rows, Severity, check, findings, quoted
from curation.checks.json_spans import Path, spans

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_MOST_ERRORS = 20
_READABLE_BY = {"fenced": ("fenced", "lenient"), "prose": ("lenient",)}


class _Problem(NamedTuple):
    severity: Severity
    start: int
    end: int
    message: str


class _Reading(NamedTuple):
    """A JSON value found in an answer: where it starts, what is around it ("", fenced, prose), keys given twice."""

    value: Any
    start: int
    around: str
    twice: tuple[str, ...]


class _Refused(ValueError):
    pass


@check(
    "answer_schema",
    "Answer against the schema",
    "block",
    kinds=("structured",),
    options={"fences": "fix"},
    reads=lambda task: [task.output_schema, task.parse],
)
def answer_schema(rows: Rows) -> pa.Table:
    """Finds: a last answer that is not JSON, or breaks the task's output schema (both block; each error with its
    path); JSON inside a code fence or among prose, a key given twice (fix).

    Why it hurts training: the model learns the broken form as readily as the right one, and whatever reads its
    answers fails.

    False alarms: a set in which every answer stands in a code fence on purpose: set the option `fences` to
    `allow`. A schema that was guessed and is too narrow: mend it in the task.

    How to fix: correct the marked value; unwrap the fence; drop a row whose answer was cut off.

    Example: `$.priority` is "critical"; the schema allows "high", "low", "normal", "urgent".
    """
    validator = _validator(rows.task.output_schema)
    table = rows.select(
        "select seq, answer_turn - 1 as turn, answer from rows where trim(answer, ' \t\n\r') <> '' "
        "order by seq"
    )
    seen: dict[str, tuple[_Problem, ...]] = {}
    found: list[Found] = []
    for batch in table.to_batches(max_chunksize=10_000):
        for seq, turn, answer in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if answer not in seen:
                seen[answer] = tuple(_problems(answer, validator, rows))
            found += [Found(seq, one.severity, turn, one.start, one.end, one.message) for one in seen[answer]]
    return findings(found)


def _validator(schema: dict[str, Any] | None) -> Draft202012Validator | None:
    if schema is None:
        return None
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema)


def _problems(answer: str, validator: Draft202012Validator | None, rows: Rows) -> Iterator[_Problem]:
    try:
        reading = _read(answer)
    except RecursionError:
        yield _Problem("block", 0, len(answer), "Nested too deeply to be read.")
        return
    except ValueError as error:
        yield _unreadable(answer, error)
        return
    if reading.around and not (reading.around == "fenced" and rows.options["fences"] == "allow"):
        yield _wrapped(answer, reading, rows.task.parse)
    if reading.twice:
        yield _Problem(
            "fix", 0, len(answer), f"The key {quoted(reading.twice[0])} is given twice; readers keep one."
        )
    if validator is None:
        return
    errors = [
        error for _, error in zip(range(_MOST_ERRORS), validator.iter_errors(reading.value), strict=False)
    ]
    if errors:
        places = spans(answer, reading.start)
        for broken in errors:
            for path, message in _explained(broken):
                start, end = places.get(path, (0, len(answer)))
                yield _Problem("block", start, end, message)


def _wrapped(answer: str, reading: _Reading, rule: str) -> _Problem:
    what = "stands in a code fence" if reading.around == "fenced" else "has text around it"
    effect = "" if rule in _READABLE_BY[reading.around] else f" The task's rule ({rule}) cannot read it."
    return _Problem(
        "fix", 0, len(answer), f"The JSON {what}: the model would learn to write that too.{effect}"
    )


def _read(answer: str) -> _Reading:
    """The one JSON value of an answer.

    Raises:
        ValueError: there is none; of the whole answer, or of its code block where it is one.
    """
    start = len(answer) - len(answer.lstrip())
    try:
        return _one_value(answer, start, answer.rstrip(), "")
    except ValueError as error:
        refused = error
    blocks = list(_FENCE.finditer(answer))
    if len(blocks) == 1:
        block = blocks[0]
        inside = answer[: block.end(1)].rstrip()
        return _one_value(answer, block.start(1), inside, "fenced")
    opening = re.search(r"[{\[]", answer[start + 1 :] if answer[start] in "{[" else answer)
    if opening is None or answer[start] in "{[":
        raise refused
    return _embedded(answer, opening.start(), refused)


def _embedded(answer: str, start: int, refused: ValueError) -> _Reading:
    """The object or array among prose: the first one, when no other follows."""
    twice: list[str] = []
    try:
        value, end = _decoder(twice).raw_decode(answer, start)
    except json.JSONDecodeError as error:
        raise (error if _cut_off(error, answer) else refused) from None
    if re.search(r"[{\[]", answer[end:]):
        raise refused
    return _Reading(value, start, "prose", tuple(twice))


def _one_value(answer: str, start: int, text: str, around: str) -> _Reading:
    twice: list[str] = []
    start += len(text[start:]) - len(text[start:].lstrip())
    value, end = _decoder(twice).raw_decode(text, start)
    if end != len(text):
        raise json.JSONDecodeError("Extra text", answer, end)
    return _Reading(value, start, around, tuple(twice))


def _decoder(twice: list[str]) -> json.JSONDecoder:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for key, member in pairs:
            if key in value:
                twice.append(key)
            value[key] = member
        return value

    def refuse(name: str) -> float:
        raise _Refused(f"{name} is not JSON")

    return json.JSONDecoder(object_pairs_hook=members, parse_constant=refuse)


def _cut_off(error: ValueError, text: str) -> bool:
    """Whether the text ran out inside the value, rather than holding something wrong."""
    if not isinstance(error, json.JSONDecodeError) or text.lstrip()[:1] not in ("{", "[", "`"):
        return False
    return error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")


def _unreadable(answer: str, error: ValueError) -> _Problem:
    if _cut_off(error, answer):
        return _Problem("block", 0, len(answer), "Ends inside a JSON value: the answer was probably cut off.")
    if answer.lstrip()[:1] not in ("{", "[", "`") or not isinstance(error, json.JSONDecodeError):
        why = f": {error}" if isinstance(error, _Refused) else ""
        return _Problem("block", 0, len(answer), f"Not JSON{why}: {quoted(answer)}.")
    at = min(error.pos, len(answer) - 1)
    return _Problem(
        "block",
        at,
        at + 1,
        f"Not JSON: {error.msg.lower()} at character {at + 1}, before {quoted(answer[at:], 20)}.",
    )


def _explained(error: ValidationError) -> Iterator[tuple[Path, str]]:
    """One schema error as one or more findings: the path of the value, and what is wrong with it."""
    path = tuple(error.absolute_path)
    where = f"`{error.json_path}`" if path else "The answer"
    value = _shown(error.instance)
    if error.validator == "required":
        missing = [key for key in error.validator_value if key not in error.instance]
        named = next((key for key in missing if repr(key) in error.message), missing[0] if missing else "")
        yield path, f"{where} has no {quoted(str(named))}, which the schema requires."
    elif error.validator == "additionalProperties" and error.validator_value is False:
        known = error.schema.get("properties", {})
        shapes = [re.compile(shape) for shape in error.schema.get("patternProperties", {})]
        for key in error.instance:
            if key not in known and not any(shape.search(key) for shape in shapes):
                yield (*path, key), f"{where} has {quoted(key)}, which the schema does not know."
    elif error.validator == "enum":
        allowed = ", ".join(map(_shown, error.validator_value[:12]))
        more = ", …" if len(error.validator_value) > 12 else ""
        yield path, f"{where} is {value}; the schema allows {allowed}{more}."
    elif error.validator == "type":
        wanted = error.validator_value
        kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
        yield path, f"{where} is {value}; the schema wants {kinds}."
    else:
        yield path, f"{where}: {error.message[:200]}."


def _shown(value: Any) -> str:  # noqa: ANN401  any JSON value
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"
