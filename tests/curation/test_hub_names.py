"""Data sets by their name on the hub, from what lies on this machine: no test asks the network."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curation import importing, preview
from curation.errors import BadInput, BadUsage
from curation.formats import hub
from tests.curation.conftest import chat, write_jsonl


def rows(start):
    return [{"messages": chat(f"question {i}", "answer"), "kind": "a"} for i in range(start, start + 3)]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("org/name", ("org/name", None, None)),
        ("org/name:train", ("org/name", None, "train")),
        ("org/na.me/main:train[:10%]", ("org/na.me", "main", "train[:10%]")),
    ],
)
def test_a_name_has_an_owner_and_may_have_a_configuration_and_a_split(text, parts):
    named = hub.parse(text)
    assert (named.repository, named.config, named.split) == parts


@pytest.mark.parametrize(
    "text",
    [
        "rows.jsonl",
        "/org/name",
        "../org",
        "./org/name",
        "org/../name",
        "a/b/c/d",
        "org/",
        "",
        "a b/c",
        "C:\\x",
    ],
)
def test_what_is_a_path_is_no_name(text):
    assert hub.parse(text) is None


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache of the hub with `org/made`, downloaded whole, and `org/read`, which `datasets` has read once."""
    import datasets
    from datasets.packaged_modules.json.json import Json
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets")
    made = tmp_path / "hub" / "datasets--org--made"
    data = made / "snapshots" / ("a" * 40) / "data"
    data.mkdir(parents=True)
    files = {
        split: write_jsonl(data / f"{split}.jsonl", rows(at)) for split, at in (("train", 0), ("test", 10))
    }
    (made / "refs").mkdir()
    (made / "refs" / "main").write_text("a" * 40)
    builder = Json(
        dataset_name="read",
        cache_dir=str(tmp_path / "built"),
        data_files={split: str(path) for split, path in files.items()},
        hash="b" * 40,
    )
    builder.download_and_prepare()
    (config,) = (tmp_path / "built" / "read").iterdir()
    (tmp_path / "datasets" / "org___read").mkdir(parents=True)
    config.rename(tmp_path / "datasets" / "org___read" / "default")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["org/made", "org/read"])
def test_all_splits_or_one_of_them_come_in(cache, opened, monkeypatch, name):
    monkeypatch.chdir(cache)
    seen = preview.preview(Path(f"{name}:train"))
    assert [one.messages for one in seen.examples] == [one["messages"] for one in rows(0)]
    one = importing.import_file(opened, Path(f"{name}:train"), who="ann")
    assert (one.source, one.rows, one.examples) == (f"{name}:train", 3, 3)
    both = importing.import_file(opened, Path(name), who="ann")
    assert (both.rows, both.examples, both.repeated) == (6, 3, 3)
    parts = opened.rows("select metadata ->> 'part', metadata ->> 'kind' from occurrence where source = 2")
    assert sorted(parts) == [("test", "a")] * 3 + [("train", "a")] * 3
    again = importing.import_file(opened, Path(f"{name}:train"), who="ann")
    assert again.already_imported and opened.value("select count(*) from source") == 2


@pytest.mark.slow
def test_what_is_not_here_and_cannot_be_fetched_is_said(cache, opened, monkeypatch):
    monkeypatch.chdir(cache)
    with pytest.raises(
        BadInput, match="org/none: There is no such file here, and the data set cannot be fetched"
    ):
        importing.import_file(opened, Path("org/none:train"), who="ann")
    with pytest.raises(BadUsage, match="nope"):
        importing.import_file(opened, Path("org/made:nope"), who="ann")
    with pytest.raises(BadUsage, match="other"):
        importing.import_file(opened, Path("org/made/other"), who="ann")
    assert opened.value("select count(*) from batch") == 0


@pytest.mark.slow
def test_a_file_of_that_name_wins(cache, opened, monkeypatch):
    monkeypatch.chdir(cache)
    (cache / "org").mkdir()
    (cache / "org" / "made").write_text(json.dumps(rows(50)[0]) + "\n")
    report = importing.import_file(opened, Path("org/made"), who="ann")
    assert (report.source, report.rows) == ("made", 1)
