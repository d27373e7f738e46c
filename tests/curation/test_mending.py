"""A row kept aside, mended in place: it becomes an example, the counts still add up, and undo takes it back."""

from __future__ import annotations

import json

import pytest

from curation import decisions, importing, mending, quarantine
from curation.errors import BadInput, BadUsage
from tests.curation.conftest import chat

GOOD = json.dumps({"messages": chat("where is my parcel", "tracking")})


@pytest.fixture
def aside(opened, tmp_path):
    path = tmp_path / "rows.jsonl"
    first = json.dumps({"messages": chat("hello", "greeting")})
    path.write_text(f'{first}\n{GOOD[:-1]}\n{{"messages": []}}\n', "utf-8")
    importing.import_file(opened, path, who="ann")
    return quarantine.find(opened, 2)


def counts(opened):
    rows, examples, kept, repeated = opened.row(
        "select rows, examples, quarantined, repeated from source where source = 1"
    )
    assert rows == examples + kept + repeated
    assert opened.value("select count(*) from quarantine") == kept
    assert opened.value("select count(*) from occurrence where source = 1") == examples + repeated
    return examples, kept, repeated


def test_a_mended_row_is_an_example_and_the_counts_still_add_up(opened, aside):
    done = mending.mend(opened, aside, GOOD, who="ann")
    assert not done.repeated and counts(opened) == (2, 1, 0)
    assert opened.row("select line, label, present from live where id = ?", [done.id])[0] == 2
    assert decisions.recent(opened)[0].summary == "Mend line 2 of rows.jsonl"


def test_undo_puts_it_back_aside_and_redo_takes_it_again(opened, aside):
    done = mending.mend(opened, aside, GOOD, who="ann")
    decisions.undo(opened, who="ann")
    assert quarantine.find(opened, 2) == aside and counts(opened) == (1, 2, 0)
    assert not opened.value("select present from example where id = ?", [done.id])
    decisions.redo(opened, who="ann")
    assert counts(opened) == (2, 1, 0)
    assert opened.value("select present from example where id = ?", [done.id])


def test_a_row_mended_again_after_an_undo_may_say_something_else(opened, aside):
    mending.mend(opened, aside, GOOD, who="ann")
    decisions.undo(opened, who="ann")
    other = mending.mend(opened, aside, json.dumps({"messages": chat("else", "x")}), who="ann")
    assert counts(opened) == (2, 1, 0)
    assert opened.value("select count(*) from live") == 2 and not other.repeated


def test_a_row_that_was_there_already_counts_as_repeated(opened, aside):
    done = mending.mend(opened, aside, json.dumps({"messages": chat("hello", "greeting")}), who="ann")
    assert done.repeated and counts(opened) == (1, 1, 1)
    decisions.undo(opened, who="ann")
    assert counts(opened) == (1, 2, 0) and opened.value("select count(*) from live") == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{still broken", "not valid JSON"),
        ('{"messages": []}', "empty"),
        ("", "no text"),
        (f"{GOOD}\n{GOOD}", "2 rows"),
    ],
)
def test_what_still_cannot_be_read_says_why_and_changes_nothing(opened, aside, text, why):
    before = opened.rows("select * from quarantine"), opened.rows("select * from batch")
    with pytest.raises(BadInput, match=why):
        mending.mend(opened, aside, text, who="ann")
    assert (opened.rows("select * from quarantine"), opened.rows("select * from batch")) == before
    assert counts(opened) == (1, 2, 0)


def test_a_row_of_a_table_is_read_as_its_table_is(opened, tmp_path):
    path = tmp_path / "intents.csv"
    path.write_text(
        "text;label;ticket\nhello there;greeting;1\nhow are you;greeting;2\nmy card;is lost;card;3\n", "utf-8"
    )
    importing.import_file(opened, path, mapping={"user": "text", "label": "label"}, who="ann")
    kept = quarantine.find(opened, 4)
    assert "4 cells" in kept.reason
    done = mending.mend(opened, kept, '"my card; is lost";card;3', who="ann")
    messages, label = opened.row(
        "select c.messages, e.label from live e join content c using (seq) where id = ?", [done.id]
    )
    assert json.loads(messages)[0]["content"] == "my card; is lost" and label == "card"
    assert counts(opened) == (3, 0, 0)


def test_a_line_that_two_sources_keep_aside_asks_which(opened, aside, tmp_path):
    path = tmp_path / "other.jsonl"
    path.write_text(f"{GOOD}\nbroken too\n", "utf-8")
    importing.import_file(opened, path, who="ann")
    with pytest.raises(BadUsage, match="Several sources"):
        quarantine.find(opened, 2)
    assert quarantine.find(opened, 2, "other.jsonl").raw == "broken too"
    with pytest.raises(BadUsage, match="No row"):
        quarantine.find(opened, 77)
