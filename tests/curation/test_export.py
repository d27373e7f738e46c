from __future__ import annotations

import json

import pytest

from curation import export, importing, project, splits, store, versions
from curation.errors import BadUsage, TouchstoneError
from curation.leakage import SPLITS
from curation.task import Task
from tests.curation.conftest import chat, write_jsonl


def tool(name, **properties):
    return {
        "type": "function",
        "function": {"name": name, "parameters": {"type": "object", "properties": properties}},
    }


def rows():
    call = {
        "id": "c1",
        "type": "function",
        "function": {"name": "f", "arguments": {"a": {"deep": [1, None]}}},
    }
    special = [
        {
            "messages": [
                {"role": "user", "content": "call f"},
                {"role": "assistant", "content": None, "tool_calls": [call]},
            ],
            "tools": [tool("f", a={"type": "object"})],
        },
        {
            "messages": chat("call g, größe 😀 \u2028", "done"),
            "tools": [tool("g", b={"type": "string", "enum": ["x"]})],
        },
        {
            "messages": [
                {"role": "user", "content": [{"type": "text", "text": "what is this"}]},
                {"role": "assistant", "content": "a list"},
            ]
        },
    ]
    return special + [
        {"messages": chat(f"{'xyz'[i % 3] * 9} {i * 7919} {i}", f"answer {i}"), "n": i} for i in range(17)
    ]


@pytest.fixture
def version(opened, tmp_path):
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows()), who="ann")
    splits.make(opened, Task(), test=4, validation=3, who="ann")
    return versions.freeze(opened, Task(), who="ann")


def frozen(version):
    return {row["id"]: row for split in SPLITS for row in version.read(split).to_pylist()}


def test_jsonl_holds_real_json_values_with_id_and_split(version, tmp_path):
    counts = export.export(version.folder, tmp_path / "out", "jsonl")
    assert counts == {"train": 13, "validation": 3, "test": 4}
    assert sorted(one.name for one in (tmp_path / "out").iterdir()) == [
        "test.jsonl",
        "train.jsonl",
        "validation.jsonl",
    ]
    told = frozen(version)
    for split in SPLITS:
        lines = (tmp_path / "out" / f"{split}.jsonl").read_text("utf-8").split("\n")[:-1]
        assert len(lines) == counts[split]
        for row in map(json.loads, lines):
            assert row["split"] == split
            assert row["messages"] == json.loads(told[row["id"]]["messages"])
            assert row.get("tools") == json.loads(told[row["id"]]["tools"] or "null")


def test_what_was_exported_can_be_imported_with_the_same_ids(version, tmp_path):
    export.export(version.folder, tmp_path / "out", "jsonl")
    with store.create(project.reserve(tmp_path / "again")) as again:
        for split in SPLITS:
            importing.import_file(again, tmp_path / "out" / f"{split}.jsonl", who="ann")
        assert {one for (one,) in again.rows("select id from example")} == set(frozen(version))


def test_parquet_is_the_frozen_files(version, tmp_path):
    import pyarrow.parquet as pq

    export.export(version.folder, tmp_path / "out", "parquet")
    for split in SPLITS:
        assert pq.read_table(tmp_path / "out" / f"{split}.parquet").equals(pq.read_table(version.path(split)))


@pytest.mark.slow
def test_a_datasets_folder_keeps_tools_of_different_shapes(version, tmp_path):
    from datasets import load_from_disk

    export.export(version.folder, tmp_path / "out", "hf")
    told, seen = frozen(version), set()
    for split, rows_ in load_from_disk(str(tmp_path / "out")).items():
        for row in rows_:
            seen.add(row["id"])
            assert row["split"] == split
            for column in ("messages", "tools", "metadata"):
                value = json.loads(row[column]) if isinstance(row[column], str) else row[column]
                assert value == json.loads(told[row["id"]][column] or "null")
    assert seen == set(told)


def test_an_empty_split_is_exported_in_every_form(opened, tmp_path):
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows()), who="ann")
    splits.make(opened, Task(), test=4, validation=0, who="ann")
    version = versions.freeze(opened, Task(), who="ann")
    for form in ("jsonl", "parquet", "hf"):
        assert export.export(version.folder, tmp_path / form, form)["validation"] == 0


def test_an_empty_folder_is_filled_and_a_full_one_is_left_alone(version, tmp_path):
    (tmp_path / "out").mkdir()
    export.export(version.folder, tmp_path / "out")
    with pytest.raises(TouchstoneError, match="not empty") as error:
        export.export(version.folder, tmp_path / "out")
    assert error.value.exit_code == 1
    (tmp_path / "file").write_text("x")
    with pytest.raises(TouchstoneError, match="not empty"):
        export.export(version.folder, tmp_path / "file")


def test_an_unknown_form_is_bad_usage_and_writes_nothing(version, tmp_path):
    with pytest.raises(BadUsage, match="jsonl"):
        export.export(version.folder, tmp_path / "out", "json")
    assert not (tmp_path / "out").exists()


def test_a_failure_leaves_nothing_behind(version, tmp_path):
    version.path("test").unlink()
    with pytest.raises(OSError):
        export.export(version.folder, tmp_path / "deep" / "out")
    assert list((tmp_path / "deep").iterdir()) == []


CHATS = [
    {"messages": [{"role": "system", "content": "Be kind."}, *chat(f"question {i * 7919}", f"answer {i}")]}
    for i in range(12)
]
PAIRS = [{"prompt": f"question {i * 7919}", "chosen": f"good {i}", "rejected": f"bad {i}"} for i in range(12)]
WANTED = [
    {"prompt": f"question {i * 7919}", "completion": f"answer {i}", "label": i % 2 == 0} for i in range(12)
]
CALLS = [
    {
        "messages": [
            {"role": "user", "content": f"call it {i * 7919}"},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": {f"a{i}": i}}}
                ],
            },
        ],
        "tools": [tool("f", **{f"a{i}": {"type": "integer"}})],
    }
    for i in range(12)
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "rows"),
    [
        ("openai", CHATS),
        ("openai", CALLS),
        ("sharegpt", CHATS),
        ("sharegpt", CALLS),
        ("alpaca", CHATS),
        ("completion", CHATS),
        ("completion", CALLS),
        ("preference", PAIRS),
        ("kto", WANTED),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value[0])),
)
def test_every_form_read_back_gives_the_same_examples(opened, tmp_path, form, rows):
    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
    splits.make(opened, Task(), test=3, validation=2, who="ann")
    version = versions.freeze(opened, Task(), who="ann")
    counts = export.export(version.folder, tmp_path / "out", form)
    assert counts == {"train": 7, "validation": 2, "test": 3}
    with store.create(project.reserve(tmp_path / "again")) as again:
        for split in SPLITS:
            importing.import_file(again, tmp_path / "out" / f"{split}.jsonl", who="ann")
        assert {i for (i,) in again.rows("select id from example")} == set(frozen(version))


def test_what_a_form_cannot_carry_is_named_and_nothing_is_written(version, tmp_path):
    with pytest.raises(TouchstoneError, match="cannot be written as preference"):
        export.export(version.folder, tmp_path / "out", "preference")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("form", "rows"), [("completion", CALLS), ("preference", PAIRS), ("openai", CHATS)])
def test_datasets_reads_the_exported_lines_without_inventing_turns(opened, tmp_path, form, rows):
    import datasets

    importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
    splits.make(opened, Task(), test=3, validation=2, who="ann")
    version = versions.freeze(opened, Task(), who="ann")
    export.export(version.folder, tmp_path / "out", form)
    lines = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text("utf-8").splitlines()]
    loaded = datasets.load_dataset(
        "json",
        data_files=str(tmp_path / "out" / "train.jsonl"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    keys = {"messages", "prompt", "completion", "chosen", "rejected"} & set(loaded.column_names)
    assert keys and [[len(row[key]) for key in sorted(keys)] for row in loaded] == [
        [len(line[key]) for key in sorted(keys)] for line in lines
    ]
