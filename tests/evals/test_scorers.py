"""Every scorer: what is right, what is wrong, why, and what it refuses to judge."""

from __future__ import annotations

import importlib
import json
import pkgutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import BadUsage
from curation.task import Task
from evals import scorers
from evals.scorers import SCORERS, Scorer, ScoringContext, get
from evals.scorers.fields import compare_leaves, leaves
from evals.scorers.json_answer import SchemaUnusable, read_json, schema_errors

STRICT = ScoringContext(parse="strict")
FENCED = ScoringContext(parse="fenced")
LENIENT = ScoringContext(parse="lenient")


def value(name: str, expected: str, answer: str, context: ScoringContext = STRICT) -> float | None:
    return get(name).score(expected, answer, context)[0].value


def reason(name: str, expected: str, answer: str, context: ScoringContext = STRICT) -> str:
    return get(name).score(expected, answer, context)[0].reason


def test_an_unknown_scorer_suggests_the_nearest():
    with pytest.raises(BadUsage, match="normalised") as caught:
        get("normalized")
    assert caught.value.exit_code == 2


def test_the_tuple_holds_every_scorer_of_the_folder():
    found = []
    for module in pkgutil.iter_modules(scorers.__path__):
        for thing in vars(importlib.import_module(f"evals.scorers.{module.name}")).values():
            found += [thing] if isinstance(thing, Scorer) and thing not in found else []
    assert set(map(id, found)) == set(map(id, SCORERS))
    assert len({one.name for one in SCORERS}) == len(SCORERS)


@pytest.mark.parametrize("one", SCORERS, ids=lambda one: one.name)
def test_the_help_says_what_is_measured_the_traps_and_an_example(one):
    for heading in ("Measures:", "Traps:", "Example:"):
        assert heading in one.help
    assert one.help.partition("\n")[0].endswith(".") and one.title


TEXTS = st.text(max_size=60) | st.sampled_from(
    [
        '{"a": 1}',
        "```json\n{}\n```",
        "[",
        '{"a":',
        "NaN",
        "not a refund",
        '{"a": NaN}',
        "refund or order",
        "\ud800",
    ]
)
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}


NEEDED = {"regex": "a|b", "python": "nowhere.py:judge"}
WITHOUT_A_MODEL = [one.given(NEEDED.get(one.name)) for one in SCORERS if one.name != "embedding"]


@pytest.mark.parametrize("one", WITHOUT_A_MODEL, ids=lambda one: one.name)
@given(expected=TEXTS, answer=TEXTS, parse=st.sampled_from(["strict", "fenced", "lenient"]))
@settings(max_examples=80, deadline=None)
def test_any_answer_gets_a_storable_score_with_a_reason(one, expected, answer, parse):
    context = ScoringContext(parse=parse, output_schema=SCHEMA, labels=("refund", "order", "cancel order"))
    found = one.score(expected, answer, context)
    assert found[0].field == "" and all(score.field for score in found[1:])
    for score in found:
        assert score.scorer == one.name and score.reason and "\n" not in score.reason
        assert score.value is None or 0 <= score.value <= 1
        assert not one.binary or score.value in (None, 0.0, 1.0)
        f"{score.reason}{score.extracted}{score.field}".encode()


def test_the_context_is_taken_from_the_task():
    task = Task(kind="classification", labels=["a", "b"], parse="lenient")
    assert ScoringContext.of(task, finish="length") == ScoringContext("lenient", None, ("a", "b"), "length")


# exact and normalised


def test_exact_compares_characters_after_nfc_and_strip():
    assert value("exact", "caf\u00e9", "  cafe\u0301\n") == 1
    assert value("exact", "Paris", "paris") == 0
    assert value("exact", "Paris", "It is Paris") == 0
    assert reason("exact", "Paris", "").startswith("empty:")


@pytest.mark.parametrize(
    ("expected", "answer", "right"),
    [
        ("The Eiffel Tower.", "the  eiffel tower", 1),
        ("It\u2019s \u201cfine\u201d", 'its "fine"', 1),
        ("1,000.50", "1,000.50.", 1),
        ("1.5", "15", 0),
        ("-3", "3", 0),
        ("\u22123", "-3", 1),
        ("5 %", "5", 1),
        ("$5", "5", 0),
        ("\uff21\uff22", "ab", 1),
        ("?!", "?!", 1),
        ("?!", "...", 0),
        ("Eiffel Tower", "The Eiffel Tower", 0),
    ],
)
def test_normalised_ignores_form_and_keeps_numbers(expected, answer, right):
    assert value("normalised", expected, answer) == right


# label


LABELS = ("refund", "order", "cancel order", "not_spam", "C++")


@pytest.mark.parametrize(
    ("parse", "answer", "code"),
    [
        ("strict", " Refund.\n", "right"),
        ("strict", "**refund**", "right"),
        ("strict", "order", "wrong"),
        ("strict", "I want a refund", "format"),
        ("strict", "```\nrefund\n```", "format"),
        ("fenced", "```\nrefund\n```", "right"),
        ("fenced", "The label is:\n```text\nrefund\n```\n", "right"),
        ("lenient", "I want a refund, please", "right"),
        ("lenient", "refunded", "no_label"),
        ("lenient", "This is not a refund", "negated"),
        ("lenient", "refund or order", "several_labels"),
        ("lenient", "please Cancel_Order now", "wrong"),
        ("lenient", "refund, really a refund", "right"),
        ("lenient", "", "empty"),
        ("lenient", "weather", "no_label"),
    ],
)
def test_a_label_is_read_as_freely_as_the_task_allows(parse, answer, code):
    context = ScoringContext(parse=parse, labels=LABELS)
    found = get("label").score("refund", answer, context)[0]
    assert found.reason.startswith(f"{code}:")
    assert found.value == (code == "right")


def test_longer_labels_are_read_first_and_odd_labels_at_all():
    context = ScoringContext(parse="lenient", labels=LABELS)
    assert value("label", "cancel order", "the cancel order button", context) == 1
    assert value("label", "C++", "c++", context) == 1
    assert value("label", "not_spam", "not spam", context) == 1


def test_a_right_label_in_a_forbidden_form_is_told_from_a_wrong_one():
    context = ScoringContext(parse="strict", labels=LABELS)
    right, wrong = (get("label").score(e, "It is a refund", context)[0] for e in ("refund", "order"))
    assert (right.value, wrong.value, right.parse_level, right.extracted) == (0, 0, "lenient", "refund")
    assert "is right" in right.reason and "is wrong" in wrong.reason


# reading JSON


@pytest.mark.parametrize(
    ("answer", "level", "code"),
    [
        ('{"a": 1}', "strict", ""),
        (" 42\n", "strict", ""),
        ("null", "strict", ""),
        ('```json\n{"a": 1}\n```', "fenced", ""),
        ('Sure!\n```\n{"a": 1}\n```\nDone.', "fenced", ""),
        ('Sure! {"a": [1, {"b": 2}]} Anything else?', "lenient", ""),
        ('as they say [sic] {"a": 1}', "lenient", ""),
        ("", "none", "empty"),
        ("I do not know", "none", "no_json"),
        ('{"a": 1} {"b": 2}', "none", "several"),
        ("42 apples", "none", "trailing_text"),
        ('{"a": [1, 2', "none", "truncated"),
        ('{"a": "never clo', "none", "truncated"),
        ('```json\n{"a": 1,', "none", "truncated"),
        ('{"a": NaN}', "none", "no_json"),
        ("Infinity", "none", "no_json"),
        ('{"a": 1e999}', "none", "no_json"),
        ('{"price": 12 EUR}', "none", "no_json"),
        ("{'a': [1, 2]}", "none", "no_json"),
        ("so: {'a': [1, 2]", "none", "no_json"),
        ('{"a": {"b": 1}, oops}', "none", "no_json"),
        ("[" * 100_000, "none", "too_deep"),
        ("[" * 150 + "]" * 150, "none", "too_deep"),
        ("9" * 5000, "none", "no_json"),
    ],
)
def test_json_is_read_at_the_strictest_level_that_finds_one_value(answer, level, code):
    parsed = read_json(answer)
    assert (parsed.level, parsed.code, parsed.found) == (level, code, level != "none")


def test_the_task_decides_how_freely_json_may_be_given():
    answer = 'Sure! {"a": 1}'
    assert [value("json_valid", "", answer, context) for context in (STRICT, FENCED, LENIENT)] == [0, 0, 1]
    assert reason("json_valid", "", answer).startswith("format:")


def test_duplicate_keys_are_read_and_flagged():
    assert value("json_valid", "", '{"a": 1, "a": 2}') == 1
    assert reason("json_valid", "", '{"a": 1, "a": 2}') == "duplicate_key: a; the last value counts"


def test_a_cut_answer_names_the_token_limit():
    cut = ScoringContext(finish="length")
    assert (
        reason("json_valid", "", '{"a": [1', cut) == "truncated: cut at the token limit inside a JSON value"
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
@settings(max_examples=150, deadline=None)
def test_any_json_value_is_read_back_and_equals_itself_field_by_field(told):
    text = json.dumps(told)
    parsed = read_json(text)
    assert parsed.level == "strict" and parsed.value == told
    assert {leaf.kind for leaf in compare_leaves(told, parsed.value)} <= {"equal"}
    assert value("fields_equal", text, f"```json\n{json.dumps(told, indent=2)}\n```", FENCED) == 1


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers(0, 9), min_size=1, max_size=4),
    st.text("xyz {}[]", max_size=12),
)
@settings(max_examples=150, deadline=None)
def test_an_object_among_prose_is_never_read_as_another_one(told, prose):
    parsed = read_json(f"{prose} {json.dumps(told)}")
    assert not parsed.found or parsed.value == told or prose.strip()[:1] in "{["


# schema


ORDER = {
    "type": "object",
    "properties": {
        "items": {"type": "array", "items": {"properties": {"qty": {"type": "integer", "minimum": 1}}}},
        "note": {"type": "string"},
    },
    "required": ["items", "id"],
    "additionalProperties": False,
}


def test_every_schema_error_is_named_by_its_path():
    context = ScoringContext(output_schema=ORDER)
    told = reason("json_schema", "", '{"items": [{"qty": 0}, {"qty": true}], "note": 1, "extra": 2}', context)
    for part in (
        "$.items[0].qty minimum 0 < 1",
        "$.items[1].qty type",
        "$.note type",
        "'id' is a required",
        "'extra' was unexpected",
    ):
        assert part in told
    assert (
        value("json_schema", "", '{"items": [{"qty": 1.0}], "id": 1}', ScoringContext(output_schema=ORDER))
        == 0
    )
    assert value("json_schema", "", '{"a": 1.0}', ScoringContext(output_schema=SCHEMA)) == 1


def test_without_a_usable_schema_nothing_is_judged():
    assert value("json_schema", "", "{}") is None
    for schema in ({"type": 3}, {"$ref": "https://example.com/elsewhere.json"}, {"$ref": "#/nowhere"}):
        context = ScoringContext(output_schema=schema)
        assert value("json_schema", "", "{}", context) is None
        assert reason("json_schema", "", "{}", context).startswith("bad_schema:")
        with pytest.raises(SchemaUnusable):
            schema_errors(schema, {})


# fields


@pytest.mark.parametrize(
    ("expected", "answer", "equal", "f1"),
    [
        ('{"a": 1, "b": "x"}', '{"b": " x", "a": 1.0}', 1, 1.0),
        ('{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 0, 0.5),
        ('{"a": 1, "b": 2}', '{"a": 1}', 0, 2 / 3),
        ('{"a": 1}', '{"a": 1, "b": 2}', 0, 2 / 3),
        ('{"a": 1}', '{"a": true}', 0, 0.0),
        ('{"a": 1}', '{"a": "1"}', 0, 0.0),
        ('{"a": null}', "{}", 0, 0.0),
        ('{"a": [1, 2]}', '{"a": [2, 1]}', 0, 0.0),
        ('{"a": []}', '{"a": []}', 1, 1.0),
        ('{"a": 0.1}', '{"a": 0.10000000000000001}', 1, 1.0),
        ('{"a": 1}', "no idea", 0, 0.0),
        ('"x"', '"x"', 1, 1.0),
    ],
)
def test_fields_are_compared_leaf_by_leaf_with_types(expected, answer, equal, f1):
    assert value("fields_equal", expected, answer) == equal
    assert value("fields", expected, answer) == pytest.approx(f1)


def test_each_field_has_its_own_score_and_reason():
    found = get("fields").score('{"a": {"b": 1}, "c": [1]}', '{"a": {"b": 2}, "d": 3}', STRICT)
    assert {score.field: (score.value, score.reason) for score in found[1:]} == {
        "$.a.b": (0.0, "wrong: $.a.b expected 1, got 2"),
        "$.c[0]": (0.0, "missing: $.c[0] expected 1"),
        "$.d": (0.0, "extra: $.d is 3"),
    }


def test_an_unreadable_answer_loses_every_expected_field():
    found = get("fields").score('{"a": 1, "b": 2}', '{"a": 1, "b"', STRICT)
    assert [(score.field, score.value) for score in found] == [("", 0), ("$.a", 0), ("$.b", 0)]
    assert all(score.reason.startswith("truncated:") for score in found)


def test_an_expected_answer_that_is_not_json_cannot_be_judged_against():
    for name in ("fields", "fields_equal"):
        assert value(name, "hello", '{"a": 1}') is None
        assert reason(name, "hello", '{"a": 1}').startswith("bad_reference:")


def test_paths_tell_odd_keys_apart():
    assert set(leaves({"a.b": 1, "a": {"b": 1}, "": {}})) == {'$["a.b"]', "$.a.b", '$[""]'}
