from __future__ import annotations

import errno
import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import importing, project, store
from curation.errors import BadInput, BadUsage, TouchstoneError
from curation.formats.messages import read_row
from curation.task import load
from tests.curation.conftest import chat, write_jsonl


def take(opened, path, **options):
    return importing.import_file(opened, path, who="ann", **options)


def test_a_byte_order_mark_and_mixed_line_ends_change_nothing(opened, tmp_path):
    rows = [json.dumps({"messages": chat(f"q{i}", "a")}) for i in range(4)]
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + rows[0].encode() + b"\r\n" + "\n".join(rows[1:]).encode())
    report = take(opened, path)
    assert (report.rows, report.examples, report.quarantined) == (4, 4, 0)
    assert [line for (line,) in opened.rows("select line from example order by seq")] == [1, 2, 3, 4]


def test_what_cannot_be_read_is_quarantined_with_its_text_line_and_reason(opened, tmp_path):
    good = json.dumps({"messages": chat("q", "a")})
    lines = [
        good.encode(),
        b"",
        b"{broken",
        b"[1]",
        b'{"messages": 5}',
        b'{"messages": []}',
        b'{"other": 1}',
        b'{"messages": [{"role": "user"}]}',
        b'{"messages": [{"role": "user", "content": 5}]}',
        b'{"messages": [{"content": "no role"}]}',
        b'{"messages": [{"role": "user", "content": "\xff"}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "score": NaN}',
    ]
    path = tmp_path / "bad.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    report = take(opened, path)
    assert (report.rows, report.examples, report.quarantined, report.repeated) == (12, 1, 11, 0)
    kept = opened.rows("select line, raw, reason from quarantine order by line")
    assert [line for line, _, _ in kept] == list(range(2, 13))
    assert kept[1][1] == "{broken" and "JSON" in kept[1][2]
    assert "\\xff" in kept[9][1]
    assert all(reason for _, _, reason in kept)


def test_the_same_file_twice_adds_nothing_and_says_so(opened, tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", [{"messages": chat(f"q{i % 3}", "a")} for i in range(5)])
    path.write_text(path.read_text() + "\n{oops\n")
    first, second = take(opened, path), take(opened, path)
    assert (first.examples, first.repeated, first.quarantined) == (3, 2, 2)
    assert second.already_imported
    assert (second.rows, second.examples, second.repeated, second.quarantined) == (7, 0, 5, 2)
    assert opened.value("select count(*) from occurrence") == 5
    assert opened.value("select count(*) from quarantine") == 2


def test_a_longer_copy_of_a_file_adds_only_what_is_new(opened, tmp_path):
    rows = [{"messages": chat(f"q{i}", "a")} for i in range(3)]
    take(opened, write_jsonl(tmp_path / "one.jsonl", rows))
    report = take(opened, write_jsonl(tmp_path / "two.jsonl", [*rows, {"messages": chat("new", "a")}]))
    assert (report.examples, report.repeated) == (1, 3)


def test_a_labelled_table_becomes_user_text_and_assistant_label(opened, tmp_path):
    path = tmp_path / "intents.csv"
    path.write_text(
        'text,category\n"I lost my card, help",lost_card\nwhere is it,lost_card\n"two\nlines",arrival\n'
        "only one cell\n"
    )
    report = take(opened, path)
    assert report.mapping == {"user": "text", "label": "category"}
    assert (report.rows, report.examples, report.quarantined) == (4, 3, 1)
    messages, label = opened.row(
        "select c.messages, e.label from content c join example e using (seq) where seq = 1"
    )
    assert json.loads(messages) == chat("I lost my card, help", "lost_card")
    assert label == "lost_card"
    assert opened.row("select line, raw from quarantine") == (6, "only one cell")


@pytest.mark.parametrize("text", ["aa\tx\nbb\ty\ncc\tx\n", "label,text\nx,aa\ny,bb\nx,cc\n"])
def test_the_label_is_the_column_with_fewer_values_wherever_it_stands(opened, tmp_path, text):
    path = tmp_path / ("table.tsv" if "\t" in text else "table.csv")
    path.write_text(text)
    take(opened, path)
    assert {label for (label,) in opened.rows("select label from example")} == {"x", "y"}


def test_a_tie_between_columns_asks_for_a_mapping(opened, tmp_path):
    path = tmp_path / "pairs.csv"
    path.write_text("question,answer\na,b\nc,d\n")
    with pytest.raises(BadUsage, match="which one is the label"):
        take(opened, path)
    assert take(opened, path, mapping={"label": "answer"}).examples == 2


@pytest.mark.parametrize("content", ["", "\n\n", "{oops\n[]\n"])
def test_a_file_without_one_readable_row_changes_nothing(opened, tmp_path, content):
    path = tmp_path / "empty.jsonl"
    path.write_text(content)
    before = opened.rows("select * from meta order by key")
    with pytest.raises((BadInput, BadUsage)):
        take(opened, path, format="messages")
    assert opened.rows("select * from meta order by key") == before
    assert opened.value("select count(*) from quarantine") == 0


def test_tools_and_tool_calls_survive_with_arguments_as_objects(opened, tmp_path):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    calls = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}]
    rows = [
        {
            "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "tool_calls": calls}],
            "tools": tools,
        },
        {"messages": chat("plain", "row")},
    ]
    take(opened, write_jsonl(tmp_path / "tools.jsonl", rows))
    stored = opened.rows("select messages, tools from content order by seq")
    calls[0]["function"]["arguments"] = {"a": 1}
    assert json.loads(stored[0][0]) == rows[0]["messages"] and json.loads(stored[0][1]) == tools
    assert json.loads(stored[1][0]) == rows[1]["messages"] and stored[1][1] is None


def test_other_fields_are_kept_as_metadata_and_a_group_can_be_mapped(opened, tmp_path):
    rows = [{"messages": chat("q", "a"), "ticket": 7, "who": {"name": "Ö"}}]
    take(opened, write_jsonl(tmp_path / "rows.jsonl", rows), mapping={"group": "ticket"})
    group, metadata = opened.row("select group_key, metadata from occurrence")
    assert group == "7" and json.loads(metadata) == {"ticket": 7, "who": {"name": "Ö"}}


TEXT = st.text(st.characters(codec="utf-8"), max_size=30)
TURN = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "x"]), "content": TEXT})
ODD = st.fixed_dictionaries({"role": st.just("assistant"), "content": TEXT, "weight": st.integers(0, 1)})


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.lists(TURN | ODD, min_size=1, max_size=3), st.none() | TEXT, st.booleans()),
        min_size=1,
        max_size=8,
    )
)
def test_the_sql_and_the_python_reading_of_a_row_give_the_same_id(tmp_path_factory, rows):
    from curation.example import content_id

    folder = tmp_path_factory.mktemp("p")
    lines = []
    for messages, label, ascii_only in rows:
        row = {"messages": messages} | ({"label": label} if label is not None else {})
        lines.append(json.dumps(row, ensure_ascii=ascii_only))
    (folder / "rows.jsonl").write_text("\n".join(lines) + "\n", "utf-8", newline="\n")
    with store.create(project.reserve(folder / "project")) as opened:
        report = take(opened, folder / "rows.jsonl", format="messages")
        ids = {one for (one,) in opened.rows("select id from example")}
    read = [read_row(line, {})[0] for line in lines]
    assert ids == {content_id(r.messages, r.tools, None, None, r.label) for r in read if r.messages}
    assert report.rows == len(rows) == report.examples + report.quarantined + report.repeated


class Meddling:
    """A progress that does something to the file once, while it is read."""

    def __init__(self, act):
        self.act = act

    def stage(self, name, total=None):
        if self.act:
            act, self.act = self.act, None
            act()

    def advance(self, n=1):
        pass


def _fail(error):
    raise error


def test_a_file_that_changes_while_it_is_read_leaves_the_project_as_it_was(opened, tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", [{"messages": chat("q", "a")}])
    more = json.dumps({"messages": chat("later", "a")}) + "\n"
    with pytest.raises(BadInput, match="changed while it was read"):
        take(opened, path, progress=Meddling(lambda: path.write_text(path.read_text() + more)))
    assert opened.value("select count(*) from example") == opened.value("select count(*) from source") == 0
    assert take(opened, path).examples == 2


def test_a_full_disk_is_said_in_words_and_leaves_the_project_as_it_was(opened, tmp_path):
    path = write_jsonl(tmp_path / "rows.jsonl", [{"messages": chat("q", "a")}])
    full = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(TouchstoneError, match="No space left on device") as error:
        take(opened, path, progress=Meddling(lambda: _fail(full)))
    assert error.value.hint
    assert opened.value("select count(*) from example") == opened.value("select count(*) from source") == 0


def test_a_folder_is_refused_as_a_folder(opened, tmp_path):
    with pytest.raises(BadUsage, match="folder"):
        take(opened, tmp_path)


def test_a_packed_or_differently_encoded_file_gives_the_same_examples(opened, tmp_path):
    path = write_jsonl(
        tmp_path / "rows.jsonl", [{"messages": chat("größe 😀", "a")}, {"messages": chat("q", "b")}]
    )
    take(opened, path)
    (tmp_path / "rows.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    (tmp_path / "wide.jsonl").write_text(path.read_text("utf-8"), "utf-16")
    for name in ("rows.jsonl.gz", "wide.jsonl"):
        assert importing.preview(tmp_path / name).examples[0].messages == chat("größe 😀", "a")
        report = take(opened, tmp_path / name)
        assert (report.rows, report.examples, report.repeated) == (2, 0, 2), name


def test_a_damaged_gzip_file_changes_nothing(opened, tmp_path):
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"messages": []}' * 99)[:-12])
    with pytest.raises(BadInput, match="gzip file is broken"):
        take(opened, path)
    assert opened.value("select count(*) from source") == 0


def test_preference_pairs_make_the_task_a_preference(opened, tmp_path):
    rows = [{"prompt": f"q{i}", "chosen": "good", "rejected": "bad"} for i in range(3)]
    take(opened, write_jsonl(tmp_path / "pairs.jsonl", rows))
    assert load(opened.project.task_path).kind == "preference"


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_array_is_read_like_lines(opened, tmp_path, indent):
    rows = [{"messages": chat("{[,]} \n", "a")}, {"other": 1}, {"instruction": "q", "output": "b"}]
    (tmp_path / "rows.json").write_text(json.dumps(rows, indent=indent))
    report = take(opened, tmp_path / "rows.json")
    assert (report.rows, report.examples, report.quarantined) == (3, 2, 1)
    assert opened.row("select line, raw from quarantine")[0] == 2
