"""A repair changes what its check found and nothing else, in one batch that one undo takes back."""

from __future__ import annotations

import json

import pytest

from curation import checks, decisions, importing
from curation.checks import fixes
from curation.errors import BadUsage
from curation.filters import parse, view
from curation.task import Task
from tests.curation.conftest import chat, write_jsonl

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
USER = {"role": "user", "content": "and then?"}
SYSTEM = {"role": "system", "content": "Be brief."}


def look(opened, tmp_path, *chats, task=None):
    rows = [{"messages": messages} for messages in [*chats, chat("fine", '{"n": 2}')]]
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
    checks.run(opened, task or Task())


def texts(opened):
    return [json.loads(text) for (text,) in opened.rows("select messages from content order by seq")]


@pytest.mark.parametrize(
    ("check", "before", "after"),
    [
        ("last_turn", [*chat("a", "b"), USER], chat("a", "b")),
        ("roles", [USER, *chat("  more", "b")], chat("and then?\n\nmore", "b")),
        (
            "roles",
            [SYSTEM, *chat("a", "b"), SYSTEM, *chat("c", "d")],
            [SYSTEM, *chat("a", "b"), *chat("c", "d")],
        ),
        ("mojibake", chat("schÃ¶n ```schÃ¶n```", "cafÃ©, Ã"), chat("schön ```schÃ¶n```", "café, Ã")),
    ],
)
def test_what_a_check_found_is_mended_and_one_undo_brings_it_back(opened, tmp_path, check, before, after):
    look(opened, tmp_path, before)
    original = texts(opened)
    (shown,) = fixes.preview(opened, check)
    assert texts(opened) == original and shown.after == after
    assert fixes.apply(opened, check, who="ann").changed == 1
    assert texts(opened) == [after, original[1]]
    assert fixes.preview(opened, check) == []
    decisions.undo(opened, who="ann")
    assert texts(opened) == original


def test_a_fence_around_json_is_taken_off_and_broken_json_is_left(opened, tmp_path):
    task = Task(kind="structured", output_schema=SCHEMA)
    look(opened, tmp_path, chat("a", '```json\n{"n": 1}\n```'), chat("b", '```json\n{"n": \n```'), task=task)
    (mended,) = fixes.preview(opened, "answer_schema")
    assert mended.after == chat("a", '{"n": 1}')


def test_only_the_rows_of_the_filter_are_mended(opened, tmp_path):
    look(opened, tmp_path, [*chat("one", "b"), USER], [*chat("two", "b"), USER])
    assert fixes.apply(opened, "last_turn", view(opened, parse("text~two")), who="ann").changed == 1
    assert [len(one) for one in texts(opened)] == [3, 2, 2]


def test_turns_that_carry_more_than_text_are_not_joined(opened, tmp_path):
    look(opened, tmp_path, [{**USER, "name": "ann"}, *chat("more", "b")])
    assert fixes.preview(opened, "roles") == [] and fixes.apply(opened, "roles", who="ann") is None


def test_a_check_without_a_repair_is_refused(opened):
    with pytest.raises(BadUsage, match="repair"):
        fixes.preview(opened, "pii")
