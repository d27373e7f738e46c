"""A chat for the review component: cutting and indenting never change a text."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from curation.indent import indented
from workbench.widgets.chat import chat, runs

spans = st.lists(st.tuples(st.integers(-3, 40), st.integers(-3, 40)), max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.text(max_size=40), spans)
def test_runs_join_to_the_text_and_carry_every_span_that_covers_them(text, marked):
    pieces = runs(text, marked)
    assert "".join(piece for piece, _ in pieces) == text
    at = 0
    for piece, found in pieces:
        for place in range(at, at + len(piece)):
            covering = [i for i, (start, end) in enumerate(marked) if max(0, start) <= place < end]
            assert found == covering
        at += len(piece)


@given(values)
def test_indenting_keeps_the_value_and_every_character_but_blanks(value):
    text = json.dumps(value, ensure_ascii=False)
    shown, _ = indented(text, [])
    assert json.loads(shown) == value
    assert "".join(shown.split()) == "".join(text.split())


def test_a_number_is_shown_as_it_was_written_and_a_span_stays_on_it():
    text = '{"amount":39.90,"list":[]}'
    start = text.index("39.90")
    shown, [(a, b)] = indented(text, [(start, start + 5)])
    assert shown == '{\n  "amount": 39.90,\n  "list": []\n}'
    assert shown[a:b] == "39.90"


def test_a_span_counts_characters_also_behind_an_emoji():
    flag = {"check": "pii", "severity": "fix", "turn": 0, "start": 2, "end": 5, "message": "found"}
    drawn = chat([{"role": "user", "content": "🙂 a@b c"}], [flag])
    assert drawn["turns"][0]["runs"] == [("🙂 ", []), ("a@b", [0]), (" c", [])]


def test_a_flag_over_the_whole_turn_is_named_above_it_and_marks_nothing():
    flag = {"check": "schema", "severity": "block", "turn": 0, "start": 0, "end": 7, "message": "no id"}
    drawn = chat([{"role": "assistant", "content": '{"a":1}'}], [flag])
    assert all(not found for _, found in drawn["turns"][0]["runs"])
    assert not drawn["flags"][0]["inline"]


def test_tool_calls_are_turns_of_their_own():
    call = {"function": {"name": "fly", "arguments": '{"to":"north"}'}}
    drawn = chat([{"role": "assistant", "content": None, "tool_calls": [call]}], [])
    assert [turn["title"] for turn in drawn["turns"]] == ["calls fly"]
    assert drawn["turns"][0]["raw"] == '{\n  "to": "north"\n}'
