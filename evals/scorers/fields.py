"""Scorers of structured answers, leaf by leaf.

Key order and layout never count; types do: 1 is not true and "1" is not 1.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

from evals.scorers.arrays import Placed, aligned, problem
from evals.scorers.exact import strip_form
from evals.scorers.json_answer import as_text, json_path, read_json, unread
from evals.scorers.score import Argument, Score, ScoringContext, scorer

_RELATIVE_TOLERANCE = 1e-9


class FieldDifference(NamedTuple):
    """One leaf of the expected answer, the given answer, or both, as canonical JSON text."""

    path: str
    kind: Literal["equal", "wrong", "missing", "extra"]
    expected: str
    got: str


def leaves(value: Any) -> dict[str, Any]:  # noqa: ANN401  any JSON value
    """Path to leaf. Arrays go by position; an empty object or array is a leaf of its own."""
    flat: dict[str, Any] = {}
    _collect(value, (), flat)
    return flat


def _collect(value: Any, path: tuple[str | int, ...], flat: dict[str, Any]) -> None:  # noqa: ANN401
    if isinstance(value, dict) and value and not isinstance(value, Placed):
        for key, member in value.items():
            _collect(member, (*path, key), flat)
    elif isinstance(value, list | Placed) and value:
        for position, member in value.items() if isinstance(value, Placed) else enumerate(value):
            _collect(member, (*path, position), flat)
    else:
        flat[json_path(path)] = value


def same_leaf(expected: Any, got: Any) -> bool:  # noqa: ANN401  any JSON value
    """Typed equality: numbers to 9 digits, text after NFC and without blanks at its ends."""
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    if isinstance(expected, int) and isinstance(got, int):
        return expected == got
    if isinstance(expected, int | float) and isinstance(got, int | float):
        return _close(expected, got)
    if isinstance(expected, str) and isinstance(got, str):
        return strip_form(expected) == strip_form(got)
    return type(expected) is type(got) and expected == got


def _close(expected: float, got: float) -> bool:
    try:
        return math.isclose(expected, got, rel_tol=_RELATIVE_TOLERANCE)
    except OverflowError:
        return False


def compare_leaves(expected: Any, got: Any) -> list[FieldDifference]:  # noqa: ANN401  any JSON value
    """Every leaf of both values with what became of it, expected leaves first, in their order."""
    return leaf_differences(expected, got)


def leaf_differences(expected: Any, got: Any, arrays: str = "") -> list[FieldDifference]:  # noqa: ANN401
    """The same with arrays by position where `arrays` is empty, else as `arrays.aligned` pairs them."""
    wanted, given = leaves(expected), leaves(aligned(expected, got, arrays, same_leaf) if arrays else got)
    found = []
    for path, value in wanted.items():
        if path not in given:
            found.append(FieldDifference(path, "missing", as_text(value), ""))
            continue
        kind: Literal["equal", "wrong"] = "equal" if same_leaf(value, given[path]) else "wrong"
        found.append(FieldDifference(path, kind, as_text(value), as_text(given[path])))
    found += [
        FieldDifference(path, "extra", "", as_text(value))
        for path, value in given.items()
        if path not in wanted
    ]
    return found


_ARRAYS = Argument("set|key=NAME", problem, optional=True)


@scorer("fields_equal", "All fields right", takes=_ARRAYS)
def fields_equal(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """Every field of the JSON answer is right, none is missing and none is extra.

    Measures: 1 or 0. Compared leaf by leaf with types; arrays by position, or in any order with
    `fields_equal:set` and `fields_equal:key=NAME` (see `fields`); null is not the same as absent. An
    answer the task's parse rule cannot read scores 0. An expected answer that is not JSON cannot be
    judged against.

    Traps: key order and layout do not count; capitals inside text do; 1 equals 1.0.

    Example: expected '{"a": 1, "b": "x"}'; '{"b": "x", "a": 1.0}' gives 1; '{"a": "1", "b": "x"}'
    gives 0: `wrong: $.a expected 1, got "1"`.
    """
    return _judged("fields_equal", expected, answer, context)[:1]


@scorer("fields", "Fields right (F1)", binary=False, takes=_ARRAYS)
def fields(expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """How many fields of the JSON answer are right, with one score for each field.

    Measures: F1 over the leaves, 2 right / (2 right + wrong twice + missing + extra); a wrong value
    is one extra and one missing. Each leaf also gets its own score of 1 or 0 under its path. An
    answer the task's parse rule cannot read scores 0 on every expected leaf.

    Arrays go by position. `fields:set` pairs their elements so that the most leaves agree, nested arrays
    too; `fields:key=id` pairs those with an equal `id`. Elements without a partner are missing and extra.

    Traps: by position, an array with one element inserted in front shifts all behind it. Arrays of over 200
    elements always go by position.

    Example: expected '{"a": 1, "b": 2}'; '{"a": 1, "b": 3}' gives 0.5, `$.a` 1 and `$.b` 0.
    """
    return _judged("fields", expected, answer, context)


def _judged(name: str, expected: str, answer: str, context: ScoringContext) -> list[Score]:
    """The whole answer's score, then one score a leaf."""
    reference = read_json(expected)
    if not reference.found:
        reason = f"bad_reference: the expected answer is not JSON, {reference.message}"
        return [Score(name, None, reason)]
    parsed = read_json(answer, context.finish)
    failed = unread(name, parsed, context)
    if failed is not None:
        lost = [
            Score(name, 0.0, failed.reason, field=path, parse_level=failed.parse_level)
            for path in leaves(reference.value)
        ]
        return [failed, *lost]
    found = leaf_differences(reference.value, parsed.value, context.argument)
    right = sum(1 for leaf in found if leaf.kind == "equal")
    errors = sum(2 if leaf.kind == "wrong" else 1 for leaf in found if leaf.kind != "equal")
    value = float(errors == 0) if name == "fields_equal" else 2 * right / (2 * right + errors)
    reason = "; ".join(say(leaf) for leaf in found if leaf.kind != "equal") or "right: every field"
    overall = Score(name, value, reason, extracted=as_text(parsed.value), parse_level=parsed.level)
    return [overall, *(leaf_score(name, leaf, overall) for leaf in found)]


def leaf_score(name: str, leaf: FieldDifference, overall: Score) -> Score:
    """1 or 0 for one leaf, under its path."""
    return Score(
        name,
        float(leaf.kind == "equal"),
        say(leaf),
        field=leaf.path,
        extracted=leaf.got,
        parse_level=overall.parse_level,
    )


def say(leaf: FieldDifference) -> str:
    """What became of one leaf, as a reason."""
    match leaf.kind:
        case "equal":
            return f"right: {leaf.path} is {leaf.expected}"
        case "wrong":
            return f"wrong: {leaf.path} expected {leaf.expected}, got {leaf.got}"
        case "missing":
            return f"missing: {leaf.path} expected {leaf.expected}"
        case "extra":
            return f"extra: {leaf.path} is {leaf.got}"
