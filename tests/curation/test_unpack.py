"""Any file a person may have: packed, in another encoding, an array, a table; or none that can be read, in words."""

from __future__ import annotations

import gzip
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import importing, project, store
from curation.errors import TouchstoneError
from curation.formats.unpack import _elements
from tests.curation.conftest import chat

ROWS = [{"messages": chat("Grüße", "Hallo 🙂")}, {"messages": chat("a, [b", 'said "c"')}]
LINES = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in ROWS)


@pytest.fixture
def opened(tmp_path):
    with store.create(project.reserve(tmp_path / "p")) as made:
        yield made


def take(opened, path, **more):
    return importing.import_file(opened, path, who="ann", **more)


def stored(opened):
    return [json.loads(text) for (text,) in opened.rows("select messages from content order by seq")]


def zipped(path, data):
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("__MACOSX/._rows.jsonl", "x")
        file.writestr("rows.jsonl", data)


WAYS = {
    "rows.jsonl": lambda p: p.write_text(LINES, "utf-8"),
    "rows.jsonl.gz": lambda p: p.write_bytes(gzip.compress(LINES.encode())),
    "packed-without-a-name": lambda p: p.write_bytes(gzip.compress(LINES.encode())),
    "rows.zip": lambda p: zipped(p, LINES.encode()),
    "bom.jsonl": lambda p: p.write_bytes(b"\xef\xbb\xbf" + LINES.encode()),
    "utf16.jsonl": lambda p: p.write_bytes(LINES.encode("utf-16")),
    "crlf.jsonl": lambda p: p.write_bytes(LINES.replace("\n", "\r\n").encode()),
    "cr.jsonl": lambda p: p.write_bytes(LINES.replace("\n", "\r").encode()),
    "array.json": lambda p: p.write_text(json.dumps(ROWS), "utf-8"),
    "pretty.json": lambda p: p.write_text(json.dumps(ROWS, indent=2, ensure_ascii=False), "utf-8"),
    "pretty-without-end.jsonl": lambda p: p.write_text(
        "\n".join(json.dumps(r, indent=1) for r in ROWS), "utf-8"
    ),
    "array.txt": lambda p: p.write_text(json.dumps(ROWS), "utf-8"),
    "array.json.gz": lambda p: p.write_bytes(gzip.compress(json.dumps(ROWS).encode())),
    "parts.json": lambda p: p.write_text(json.dumps({"rows": ROWS}, indent=1), "utf-8"),
}


@pytest.mark.parametrize("name", WAYS)
def test_the_same_rows_in_any_wrapping_are_the_same_examples(opened, tmp_path, name):
    WAYS[name](tmp_path / name)
    report = take(opened, tmp_path / name)
    assert (report.rows, report.examples, report.quarantined) == (2, 2, 0)
    assert stored(opened) == [row["messages"] for row in ROWS]


def test_a_broken_element_of_an_array_is_kept_aside_with_its_text_and_the_rest_is_read(opened, tmp_path):
    whole = json.dumps(ROWS)
    (tmp_path / "a.json").write_text(whole[:-1] + ', {"messages": [oops]}]', "utf-8")
    report = take(opened, tmp_path / "a.json")
    assert (report.examples, report.quarantined) == (2, 1)
    assert opened.value("select raw from quarantine") == '{"messages": [oops]}'


def test_an_array_that_was_cut_off_keeps_what_is_whole(opened, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(ROWS)[:-30], "utf-8")
    report = take(opened, tmp_path / "a.json")
    assert (report.examples, report.quarantined) == (1, 1)


@given(st.lists(st.recursive(st.text(max_size=8) | st.integers(), lambda inner: st.lists(inner, max_size=3))))
def test_the_elements_of_an_array_are_those_that_json_sees(values):
    for text in (json.dumps(values), json.dumps(values, indent=1)):
        assert [json.loads(one) for one in _elements(text)] == values


def test_lists_of_text_and_label_carry_the_name_of_their_list(opened, tmp_path):
    (tmp_path / "set.json").write_text(
        json.dumps({"train": [["hi", "greet"]], "test": [["bye", "leave"]]}), "utf-8"
    )
    assert take(opened, tmp_path / "set.json").examples == 2
    found = opened.rows(
        "select e.label, o.metadata ->> 'part' from example e join occurrence o using (seq) order by seq"
    )
    assert found == [("greet", "train"), ("leave", "test")]


def test_a_pair_of_surrogates_written_as_two_characters_is_the_character_it_means(opened, tmp_path):
    odd = json.dumps({"rows": [{"text": "PIZZA", "label": "a"}]}, indent=1).encode()
    (tmp_path / "odd.json").write_bytes(
        odd.replace(b"PIZZA", "\ud83c\udf55".encode("utf-8", "surrogatepass"))
    )
    take(opened, tmp_path / "odd.json")
    assert stored(opened)[0][0]["content"] == "\U0001f355"


def test_integer_labels_of_a_parquet_file_have_the_names_its_metadata_gives(opened, tmp_path):
    features = {"info": {"features": {"intent": {"names": ["card", "loan"], "_type": "ClassLabel"}}}}
    table = pa.table({"text": ["where is my card", "a loan please"], "intent": [0, 1]})
    table = table.replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, tmp_path / "t.parquet")
    take(opened, tmp_path / "t.parquet")
    assert opened.rows("select label from example order by seq") == [("card",), ("loan",)]


def test_a_parquet_table_of_chats_invents_no_keys(opened, tmp_path):
    rows = [{"messages": [*chat("q", "a"), {"role": "user", "content": "more", "name": "bob"}]}, ROWS[0]]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    take(opened, tmp_path / "t.parquet")
    assert stored(opened) == [row["messages"] for row in rows]


def test_a_folder_of_datasets_is_read_with_its_splits(opened, tmp_path):
    import datasets

    made = datasets.DatasetDict(
        {
            name: datasets.Dataset.from_list([{"query": f"{name}?", "response": "yes"}])
            for name in ("train", "test")
        }
    )
    made.save_to_disk(str(tmp_path / "set"))
    assert take(opened, tmp_path / "set").examples == 2
    assert {part for (part,) in opened.rows("select metadata ->> 'part' from occurrence")} == {
        "train",
        "test",
    }


BAD = {
    "nothing.jsonl": (b"", "empty"),
    "picture.jsonl": (bytes(range(256)) * 40, "binary"),
    "half.jsonl.gz": (gzip.compress(LINES.encode() * 50)[:-20], "gzip file is broken"),
    "half.zip": (b"PK\x03\x04 and no more", "zip file is broken"),
    "half.parquet": (b"PAR1 and no more", "Parquet file is broken"),
    "number.json": (b"42\n", "not recognised"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_is_refused_in_words_and_changes_nothing(opened, tmp_path, name):
    data, says = BAD[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(TouchstoneError, match=says) as caught:
        take(opened, tmp_path / name)
    assert caught.value.hint and name in str(caught.value)
    assert opened.row("select (select count(*) from source), (select count(*) from quarantine)") == (0, 0)


def test_a_folder_and_a_zip_of_several_files_say_what_to_name(opened, tmp_path):
    with pytest.raises(TouchstoneError, match="folder"):
        take(opened, tmp_path)
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as file:
        file.writestr("a.jsonl", "{}")
        file.writestr("../../b.jsonl", "{}")
    with pytest.raises(TouchstoneError, match=r"2 files: a\.jsonl"):
        take(opened, tmp_path / "two.zip")


def test_a_file_that_grows_while_it_is_read_is_refused(opened, tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(LINES, "utf-8")

    class Grows:
        def stage(self, name, total=None):
            with path.open("a") as file:
                file.write(LINES)

        def advance(self, n=1):
            pass

    with pytest.raises(TouchstoneError, match="changed while it was read"):
        take(opened, path, progress=Grows())
    assert opened.value("select count(*) from example") == 0


def test_hostile_lines_are_kept_aside_each_with_its_number(opened, tmp_path):
    good = json.dumps(ROWS[0]).encode()
    lines = [
        good,
        b'{"messages": [{"role": "user", "content": "\xff"}]}',
        b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
        b'{"messages": [{"role": "user", "content": "x"}], "score": NaN}',
        b'{"messages": ' + b"[" * 50_000,
        b"",
        good.replace(b"Hallo", b"x" * 3_000_000),
    ]
    (tmp_path / "rows.jsonl").write_bytes(b"\n".join(lines))
    report = take(opened, tmp_path / "rows.jsonl")
    assert (report.rows, report.examples, report.quarantined) == (7, 2, 5)
    assert [line for (line,) in opened.rows("select line from quarantine order by line")] == [2, 3, 4, 5, 6]


def test_nesting_too_deep_to_read_is_kept_aside_and_stops_nothing(opened, tmp_path):
    deep = "[" * 100_000
    (tmp_path / "deep.json").write_text(f'[{json.dumps(ROWS[0])}, {{"a": {deep}{"]" * 100_000}}}]', "utf-8")
    report = take(opened, tmp_path / "deep.json")
    assert (report.examples, report.quarantined) == (1, 1)
    (tmp_path / "only.json").write_text('{\n"a": ' + deep, "utf-8")
    with pytest.raises(TouchstoneError):
        take(opened, tmp_path / "only.json")
