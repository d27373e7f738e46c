from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks.json_spans import spans
from curation.task import CheckSettings, Task
from tests.curation.conftest import chat

SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"enum": ["cancel", "refund"]},
        "items": {"type": "array", "items": {"type": "object", "properties": {"qty": {"type": "integer"}}}},
    },
    "required": ["intent"],
    "additionalProperties": False,
}
TASK = Task(kind="structured", output_schema=SCHEMA)


def look(flags, answer, task=TASK):
    return [
        (severity, marked, message)
        for _, severity, _, marked, message in flags(
            "answer_schema", [{"messages": chat("go", answer)}], task
        )
    ]


@pytest.mark.parametrize("answer", ['{"intent": "cancel"}', '\n {"intent":"refund","items":[]} \n'])
def test_a_right_answer_is_left_alone(flags, answer):
    assert look(flags, answer) == []


@pytest.mark.parametrize(
    ("answer", "marked", "message"),
    [
        ('{"intent": "Cancel"}', '"Cancel"', '`$.intent` is "Cancel"; the schema allows "cancel", "refund".'),
        (
            '{"intent":"cancel","items":[{"qty":1},{"qty":"2"}]}',
            '"2"',
            '`$.items[1].qty` is "2"; the schema wants integer',
        ),
        ('{"items": []}', '{"items": []}', 'The answer has no "intent"'),
        ('{"intent":"cancel","größe":"\\"ü"}', '"\\"ü"', 'has "größe", which the schema does not know'),
        ("[1]", "[1]", "The answer is [1]; the schema wants object."),
        ('{"intent": "cancel",}', "}", "Not JSON"),
        ("{'intent': 'cancel'}", "'", "Not JSON"),
        ("I cannot do that.", "I cannot do that.", 'Not JSON: "I cannot do that."'),
        ('{"intent": NaN}', '{"intent": NaN}', "NaN is not JSON"),
        ('{"intent": "can', '{"intent": "can', "cut off"),
        ('{"intent": "cancel", "items"', '{"intent": "cancel", "items"', "cut off"),
    ],
)
def test_each_error_blocks_and_marks_the_characters_it_is_about(flags, answer, marked, message):
    ((severity, found, text),) = look(flags, answer)
    assert (severity, found) == ("block", marked)
    assert message in text


def test_every_error_of_an_answer_is_reported(flags):
    found = look(flags, '{"intent": "x", "a": 1, "b": 2}')
    assert [marked for _, marked, _ in found] == ['"x"', "1", "2"]


def test_a_fence_or_prose_around_the_json_is_a_fix_and_what_is_inside_is_still_judged(flags):
    fenced = '```json\n{"intent": "x"}\n```'
    found = look(flags, fenced)
    assert [(severity, marked) for severity, marked, _ in found] == [("fix", fenced), ("block", '"x"')]
    assert "cannot read it" not in found[0][2]


@pytest.mark.parametrize(
    ("answer", "rule", "readable"),
    [
        ('```\n{"intent": "cancel"}\n```', "strict", False),
        ('```\n{"intent": "cancel"}\n```', "fenced", True),
        ('Sure! {"intent": "cancel"}', "fenced", False),
        ('Sure! {"intent": "cancel"} Bye.', "lenient", True),
    ],
)
def test_the_message_says_whether_the_tasks_rule_can_read_it(flags, answer, rule, readable):
    ((severity, _, message),) = look(flags, answer, TASK.model_copy(update={"parse": rule}))
    assert severity == "fix" and ("cannot read it" not in message) == readable


def test_two_objects_in_one_answer_are_not_json(flags):
    ((severity, _, message),) = look(flags, '{"intent": "cancel"} {"intent": "refund"}')
    assert severity == "block" and "Not JSON" in message


def test_fences_can_be_allowed(flags):
    task = TASK.model_copy(update={"checks": {"answer_schema": CheckSettings(options={"fences": "allow"})}})
    assert look(flags, '```\n{"intent": "cancel"}\n```', task) == []


def test_a_key_given_twice_is_a_fix(flags):
    ((severity, _, message),) = look(flags, '{"intent": "cancel", "intent": "refund"}')
    assert severity == "fix" and "twice" in message


def test_an_empty_answer_is_left_to_the_check_for_empty_turns(flags):
    assert look(flags, " ") == []


def test_without_a_schema_any_json_will_do(flags):
    assert look(flags, "[1, 2]", Task(kind="structured")) == []


def test_an_answer_nested_without_end_is_reported_and_not_a_crash(flags):
    ((severity, *_),) = look(flags, "[" * 100_000)
    assert severity == "block"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from([None, 1]), st.booleans(), st.sampled_from(["", " ", "x "]))
def test_the_characters_of_every_value_are_that_value(value, indent, ascii_only, before):
    text = before + json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    found = spans(text, len(before))

    def at(path):
        inner = value
        for step in path:
            inner = inner[step]
        return inner

    assert () in found
    for path, (start, end) in found.items():
        assert json.loads(text[start:end]) == at(path)
