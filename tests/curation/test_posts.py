"""OpenAssistant's flat export: chats are paths through all rows of the file."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import importing
from curation.formats.messages import read_row
from curation.formats.posts import read_posts
from tests.curation.conftest import write_jsonl


def post(name, parent, role, text, **more):
    return {
        "message_id": name,
        "parent_id": parent,
        "role": role,
        "text": text,
        "message_tree_id": "t1",
        **more,
    }


ROWS = [
    post("d", "c", "assistant", "Yes", rank=0),  # a reply may stand before what it answers
    post("a", None, "prompter", "Hi"),
    post("b", "a", "assistant", "Hello"),
    post("c", "b", "prompter", "More?"),
    post("e", "a", "assistant", "Hey", rank=1),
    post("f", "a", "assistant", "gone", deleted=True),
    post("g", "f", "prompter", "under what is gone"),
    post("h", "e", "prompter", "never answered"),
]


def turns(opened):
    rows = opened.rows("select messages from content order by seq")
    return [[(turn["role"], turn["content"]) for turn in json.loads(text)] for (text,) in rows]


def test_each_answer_that_ends_a_path_is_an_example_of_its_tree(opened, tmp_path):
    report = importing.import_file(opened, write_jsonl(tmp_path / "flat.jsonl", ROWS), who="ann")
    assert (report.rows, report.examples, report.forms) == (2, 2, {"posts": 2})
    assert turns(opened) == [
        [("user", "Hi"), ("assistant", "Hello"), ("user", "More?"), ("assistant", "Yes")],
        [("user", "Hi"), ("assistant", "Hey")],
    ]
    assert opened.rows(
        "select line, group_key, metadata ->> 'message_id', metadata ->> 'rank' from occurrence order by line"
    ) == [(1, "t1", "d", "0"), (5, "t1", "e", "1")]


def test_a_post_of_no_whole_tree_is_kept_aside_with_the_reason(opened, tmp_path):
    rows = [
        *ROWS,
        post("x", "missing", "assistant", "whose?"),
        post("y", "x", "prompter", "and this?"),
        post("a", None, "prompter", "the same name"),
        post("z", None, "prompter", "nobody answers"),
        post("p", "q", "prompter", "in a"),
        post("q", "p", "assistant", "circle"),
        post("n", None, "prompter", 7),
        post("m", "n", "assistant", "to a number"),
    ]
    report = importing.import_file(opened, write_jsonl(tmp_path / "flat.jsonl", rows), who="ann")
    assert (report.rows, report.examples, report.quarantined) == (9, 2, 7)
    assert opened.rows("select line, reason from quarantine order by line") == [
        (9, "the first post of its tree is not among the rows"),
        (10, "the first post of its tree is not among the rows"),
        (11, "`message_id` a is that of line 2 as well"),
        (12, "no path of this tree ends with an answer of the assistant"),
        (13, "the first post of its tree is not among the rows"),
        (14, "the first post of its tree is not among the rows"),
        (16, "the user text is not text but int"),
    ]


def test_posts_and_chats_may_share_a_file_and_a_mapping_reads_posts_as_rows(opened, tmp_path):
    chat = {"messages": [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}]}
    report = importing.import_file(opened, write_jsonl(tmp_path / "a.jsonl", [*ROWS, chat]), who="ann")
    assert report.forms == {"posts": 2, "messages": 1}
    mapped = write_jsonl(tmp_path / "b.jsonl", ROWS)
    report = importing.import_file(opened, mapped, mapping={"user": "text", "label": "role"}, who="ann")
    assert report.rows == len(ROWS) and report.forms == {"mapped": len(ROWS)}


def tree(rows, name):
    replies = [tree(rows, row["message_id"]) for row in rows if row["parent_id"] == name]
    return {**next(row for row in rows if row["message_id"] == name), "replies": replies}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), min_size=1, max_size=10),
    st.randoms(),
)
def test_flat_rows_in_any_order_give_what_the_tree_gives(shape, random):
    rows = [
        post(
            str(i),
            None if i == 0 else str(at % i),
            "assistant" if bot else "prompter",
            f"text {i}",
            deleted=dead,
        )
        for i, (at, bot, dead) in enumerate(shape)
    ]
    whole = read_row(json.dumps({"message_tree_id": "t1", "prompt": tree(rows, "0")}), {})
    expected = [one.messages and [turn["content"] for turn in json.loads(one.messages)] for one in whole]
    random.shuffle(rows)
    flat = [found for _, found in read_posts([(i, "", row) for i, row in enumerate(rows)])]
    got = [None if isinstance(one, str) else [turn["content"] for turn in one.messages] for one in flat]
    assert sorted(got, key=str) == sorted(expected, key=str)


def test_a_deep_tree_is_read_without_recursion():
    rows = [
        (i, "", post(str(i), None if i == 0 else str(i - 1), "assistant" if i % 2 else "prompter", "x"))
        for i in range(4_000)
    ]
    ((_, found),) = read_posts(rows)
    assert len(found.messages) == 4_000


@pytest.mark.parametrize("parent", [None, "a"])
def test_a_post_alone_is_no_chat(parent):
    (found,) = read_row(json.dumps(post("a", parent, "assistant", "x")), {})
    assert "one post of a tree" in found.reason
