"""Scorers of free text, numbers, patterns, calls and refusals: known answers, traps, what they refuse to judge."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import BadUsage
from evals.scorers import Asked, Score, ScoringContext, calls, get

STRICT, FENCED, LENIENT = (ScoringContext(parse=rule) for rule in ("strict", "fenced", "lenient"))


def scored(name: str, expected: str, answer: str, context: ScoringContext = STRICT) -> Score:
    return get(name).score(expected, answer, context)[0]


def value(name: str, expected: str, answer: str, context: ScoringContext = STRICT) -> float | None:
    return scored(name, expected, answer, context).value


def code(name: str, expected: str, answer: str, context: ScoringContext = STRICT) -> str:
    return scored(name, expected, answer, context).reason.partition(":")[0]


# known answers

CAT, CAT_LAY = "the cat sat on the mat", "the cat lay on the mat"


@pytest.mark.parametrize(
    ("name", "expected", "answer", "wanted"),
    [
        ("token_f1", "The Eiffel Tower", "Eiffel tower, Paris", 0.8),
        ("token_f1", "the", "a", 1),
        ("token_f1", "$1,000", "1000", 1),
        ("token_f1", "to be or not to be", "to be", 0.5),
        ("token_f1", "Paris", "", 0),
        ("rouge_l", CAT, CAT_LAY, 5 / 6),
        ("rouge_l", "police killed the gunman", "police kill the gunman", 0.75),
        ("rouge_l", "a b c d e", "e d c b a", 0.2),
        ("rouge_l", "\u0447\u0451\u0440\u043d\u044b\u0439 \u043a\u043e\u0442", "\u041a\u043e\u0442", 2 / 3),
        ("rouge_l", "snake_case", "snake case", 1),
        ("chrf", CAT, CAT_LAY, 0.61088666),
        ("chrf", CAT, CAT, 1),
        ("chrf", "", "", 1),
        ("edit_similarity", "kitten", "sitting", 1 - 5 / 13),
        ("edit_similarity", " caf\u00e9", "cafe\u0301 ", 1),
    ],
)  # fmt: skip
def test_overlap_gives_the_known_answers(name, expected, answer, wanted):
    assert value(name, expected, answer) == pytest.approx(wanted, abs=1e-8)


WORDS = st.lists(st.sampled_from(["red", "green", "blue", "\u00fcber", "7"]), max_size=12).map(" ".join)


@given(WORDS, WORDS)
@settings(max_examples=100, deadline=None)
def test_rouge_l_agrees_with_a_table_of_the_longest_common_subsequence(expected, answer):
    left, right = expected.split(), answer.split()
    table = np.zeros((len(left) + 1, len(right) + 1), int)
    for i, one in enumerate(left, 1):
        for j, other in enumerate(right, 1):
            table[i, j] = table[i - 1, j - 1] + 1 if one == other else max(table[i - 1, j], table[i, j - 1])
    wanted = 2 * table[-1, -1] / (len(left) + len(right)) if left and right else float(left == right)
    assert value("rouge_l", expected, answer) == pytest.approx(wanted)


# contains and regex


@pytest.mark.parametrize(
    ("name", "expected", "answer", "wanted"),
    [
        ("contains", "Paris", "It is paris, of course.", 1),
        ("contains", "Paris", "London", 0),
        ("contains", "?!", "What?!", 1),
        ("contains", "", "anything", None),
        ("contains:refund order", "ignored", "Refund: order", 1),
        ("contains:a:b", "ignored", "a:b", 1),
        ("regex:^NW-[0-9]{5}$", "ignored", " NW-48213\n", 1),
        ("regex:^NW-[0-9]{5}$", "ignored", "It is NW-48213", 0),
        ("regex:(?s)begin.*end", "ignored", "begin\nend", 1),
    ],
)
def test_a_text_or_a_pattern_is_found_in_the_answer(name, expected, answer, wanted):
    found = scored(name, expected, answer)
    assert (found.value, found.scorer) == (wanted, name)


def test_a_pattern_that_runs_away_is_not_judged(monkeypatch):
    monkeypatch.setattr("evals.scorers.patterns._SECONDS", 0.02)
    found = scored("regex:^(a|a|aa)+$", "", "a" * 60 + "b")
    assert found.value is None and found.reason.startswith("timeout:")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("regex", "regex:PATTERN"),
        ("regex:", "regex:PATTERN"),
        ("regex:(", "not a regular expression"),
        ("contains:  ", "text to look for"),
        ("numeric:much", "tolerance"),
        ("numeric:-1", "tolerance"),
        ("parses:yaml", "json, xml, sql"),
        ("tool_call:sorted", "any_order"),
        ("exact:x", "takes nothing"),
        ("python", "python:FILE.py:FUNCTION"),
        ("python:judge", "FILE.py"),
        ("python:../up.py:judge", "inside the project"),
        ("python:/etc/x.py:judge", "inside the project"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused_in_words(name, said):
    with pytest.raises(BadUsage) as caught:
        get(name)
    assert said in str(caught.value)


# numeric


@pytest.mark.parametrize(
    ("name", "expected", "answer", "wanted"),
    [
        ("numeric", "1234.5", "$1,234.50", 1),
        ("numeric", "1234.5", "1234.50.", 1),
        ("numeric", "1,5", "1.5", 1),
        ("numeric", "1.5", "15", 0),
        ("numeric", "-3", "\u22123", 1),
        ("numeric", "-3", "3", 0),
        ("numeric", "-5", "-$5", 1),
        ("numeric", "1e3", "1000", 1),
        ("numeric", "5 %", "5", 1),
        ("numeric", "3.14", "3.1416", 0),
        ("numeric:0.01", "3.14", "3.1416", 1),
        ("numeric:0.1%", "1000", "1001", 1),
        ("numeric:0.1%", "1000", "1002", 0),
        ("numeric:0", "0", "-0", 1),
        ("numeric", "42", "about 42", 0),
        ("numeric", "42", "many", 0),
        ("numeric", "42", "", 0),
        ("numeric", "between 4 and 5", "4", None),
        ("numeric", "none", "4", None),
    ],
)
def test_numbers_are_compared_by_value(name, expected, answer, wanted):
    assert value(name, expected, answer) == wanted


def test_the_parse_rule_decides_how_freely_a_number_is_given():
    told = "3 boxes of 14 make 42."
    assert [value("numeric", "42", told, context) for context in (STRICT, FENCED, LENIENT)] == [0, 0, 1]
    assert (
        code("numeric", "42", told) == "format" and code("numeric", "42", "```\n42\n```", FENCED) == "right"
    )
    assert value("numeric", "42", "in the year 2024-05-42", LENIENT) == 1


# parses


@pytest.mark.parametrize(
    ("name", "answer", "wanted"),
    [
        ("parses", '{"a": 1}', 1),
        ("parses:json", "{'a': 1}", 0),
        ("parses:xml", "<a x='1'><b/>text</a>", 1),
        ("parses:xml", "<a><b></a>", 0),
        ("parses:xml", "plain words", 0),
        ("parses:xml", '<?xml version="1.0"?><!DOCTYPE a><a/>', 1),
        ("parses:xml", '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', 0),
        ("parses:xml", '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', 0),
        ("parses:sql", "select a, count(*) from t where b = 'x' group by a having count(*) > 1;", 1),
        ("parses:sql", "with x as (select 1) delete from t using x", 1),
        ("parses:sql", "select from where", 0),
        ("parses:sql", "The query selects everything.", 0),
        ("parses:sql", "-- nothing", 0),
        ("parses:sql", "", 0),
    ],
)
def test_a_parser_decides_whether_the_answer_is_well_formed(name, answer, wanted):
    assert value(name, "", answer) == wanted


def test_a_fence_counts_as_the_task_says():
    told = "```sql\nselect 1\n```"
    assert [value("parses:sql", "", told, context) for context in (STRICT, FENCED)] == [0, 1]
    assert code("parses:sql", "", told) == "format"
    assert code("parses:sql", "", "```sql\nselect from where\n```", FENCED) == "malformed"


# tool calls

TRACK = json.dumps([{"name": "track", "arguments": {"order": 7, "fast": True}}])
FUNCTION = {"name": "track", "arguments": json.dumps({"order": 7, "fast": True})}
MESSAGE = json.dumps({"tool_calls": [{"id": "c1", "type": "function", "function": FUNCTION}]})
TWO = json.dumps([{"name": "a", "arguments": {}}, {"name": "b", "arguments": {"x": 1}}])
SWAPPED = json.dumps([{"name": "b", "arguments": {"x": 1}}, {"name": "a", "arguments": {}}])


@pytest.mark.parametrize(
    ("name", "expected", "answer", "wanted", "reason"),
    [
        ("tool_call", TRACK, TRACK, 1, "right"),
        ("tool_call", TRACK, '{"name": "track", "parameters": {"fast": true, "order": 7.0}}', 1, "right"),
        ("tool_call", TRACK, f"<tool_call>\n{TRACK}\n</tool_call>", 1, "right"),
        ("tool_call", TRACK, f"Let me see. [TOOL_CALLS] {TRACK}", 1, "right"),
        ("tool_call", TRACK, MESSAGE, 1, "right"),
        ("tool_call", TRACK, '{"name": "track", "arguments": {"order": "7", "fast": true}}', 0, "wrong"),
        ("tool_call", TRACK, '{"name": "track", "arguments": {"order": 7}}', 0, "missing"),
        ("tool_call", TRACK, '{"name": "trace", "arguments": {"order": 7, "fast": true}}', 0, "wrong"),
        ("tool_call", TRACK, "It is on its way.", 0, "missing_call"),
        ("tool_call", TRACK, '<tool_call>{"name": "track", "arg', 0, "broken_call"),
        ("tool_call", TRACK, '{"name": "track", "arguments": {"order"', 0, "broken_call"),
        ("tool_call", "It is on its way.", TRACK, 0, "unwanted_call"),
        ("tool_call", "It is on its way.", "No idea.", 1, "no_call"),
        ("tool_call", "It is on its way.", '{"name": "Ann", "age": 3}', 1, "no_call"),
        ("tool_call", TWO, SWAPPED, 0, "order"),
        ("tool_call:any_order", TWO, SWAPPED, 1, "right"),
        ("tool_call:any_order", TWO, TWO, 1, "right"),
        ("tool_call:any_order", TWO, SWAPPED.replace("1", "2"), 0, "wrong"),
    ],
)  # fmt: skip
def test_tool_calls_are_compared_by_name_arguments_and_order(name, expected, answer, wanted, reason):
    assert (value(name, expected, answer), code(name, expected, answer)) == (wanted, reason)


def test_every_argument_of_a_call_has_its_own_score():
    found = get("tool_call").score(
        TRACK, '{"name": "track", "arguments": {"order": 8, "fast": true}}', STRICT
    )
    assert {one.field: one.value for one in found[1:]} == {
        "$[0].name": 1, "$[0].arguments.order": 0, "$[0].arguments.fast": 1,
    }  # fmt: skip


def test_a_call_among_prose_counts_under_the_lenient_rule_alone():
    told = 'I will call {"name": "track", "arguments": {"order": 7, "fast": true}} now.'
    assert [value("tool_call", TRACK, told, context) for context in (FENCED, LENIENT)] == [0, 1]
    assert code("tool_call", TRACK, told, FENCED) == "format"
    assert code("tool_call", "Done.", 'It says {"total": 3} here.', FENCED) == "no_call"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=2),
    max_leaves=4,
)
CALLS = st.lists(
    st.builds(
        calls.Call, st.text("xyz", min_size=1, max_size=3), st.dictionaries(st.text("ab"), JSON_VALUES)
    ),
    min_size=1,
    max_size=3,
)


@given(CALLS)
@settings(max_examples=100, deadline=None)
def test_calls_written_as_text_are_read_back(made):
    assert calls.of_text(calls.as_text(made)).calls == tuple(made)
    assert value("tool_call", calls.as_text(made), calls.as_text(made)) == 1


# refusal


@pytest.mark.parametrize(
    ("expected", "answer", "wanted", "reason"),
    [
        ("I can't help with that.", "I'm unable to assist with this request.", 1, "refused"),
        ("I can't help with that.", "Sure, first you open it.", 0, "should_refuse"),
        ("I can't help with that.", "", 0, "should_refuse"),
        ("Open the lid.", "I cannot help with that.", 0, "should_answer"),
        ("Open the lid.", "Sorry for the trouble. Close it.", 1, "answered"),
    ],
)
def test_a_refusal_is_right_exactly_where_one_is_expected(expected, answer, wanted, reason):
    assert (value("refusal", expected, answer), code("refusal", expected, answer)) == (wanted, reason)


# embedding


def test_nearness_in_meaning_is_a_cosine_and_embeds_all_answers_at_once(monkeypatch):
    asked: list[list[str]] = []

    def fake(texts: list[str], embedder: str) -> np.ndarray:
        asked.append(texts)
        return np.array([[0.6, 0.8] if "far" in text else [1.0, 0.0] for text in texts])

    monkeypatch.setattr("curation.embed.vectors", fake)
    rows = [
        Asked("x", "y", STRICT),
        Asked("x", "far", STRICT),
        Asked("x", " ", STRICT),
        Asked("", "y", STRICT),
    ]
    found = [one[0].value for one in get("embedding").score_all(rows)]
    assert found == [1, pytest.approx(0.6), 0, None]
    assert asked == [["x", "x"], ["y", "far"]]
    assert get("embedding").diagnostic
