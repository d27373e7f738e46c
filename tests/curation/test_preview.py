from __future__ import annotations

import json

from curation import formats, importing
from tests.curation.conftest import chat, write_jsonl


def test_a_preview_shows_rows_as_the_import_would_read_them(tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", [{"messages": chat("q", "a"), "ticket": 7}])
    path.write_text(path.read_text() + "\n{oops\n")
    seen = importing.preview(path, mapping={"group": "ticket"}, rows=5)
    assert (seen.format, seen.columns) == ("messages", ("messages", "ticket"))
    assert seen.mapping == {"messages": "messages", "group": "ticket"} and seen.reason
    first, last = seen.examples[0], seen.examples[-1]
    assert (first.line, first.messages, first.group, first.refused) == (1, chat("q", "a"), "7", None)
    assert json.loads(first.raw) == {"messages": chat("q", "a"), "ticket": 7}
    assert last.raw == "{oops" and last.messages is None and "JSON" in last.refused


def test_a_preview_of_a_table_names_its_columns_and_keeps_to_the_number_of_rows(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("text,label\naa,x\nbb,y\ncc,x\n")
    seen = importing.preview(path, rows=2)
    assert seen.columns == ("text", "label") and seen.mapping == {"user": "text", "label": "label"}
    assert [row.label for row in seen.examples] == ["x", "y"]


def test_every_format_has_a_name_and_a_line_that_says_what_it_is():
    assert len({one.name for one in formats.FORMATS}) == len(formats.FORMATS)
    assert all(one.says and "\n" not in one.says for one in formats.FORMATS)


def test_a_preview_shows_both_answers_of_a_preference_pair(tmp_path):
    row = {"prompt": "q", "chosen": "good", "rejected": "bad"}
    (shown,) = importing.preview(write_jsonl(tmp_path / "pairs.jsonl", [row])).examples
    assert shown.refused is None and shown.messages == [{"role": "user", "content": "q"}]
    assert (shown.chosen[-1]["content"], shown.rejected[-1]["content"]) == ("good", "bad")
