"""What surrounds an import on the command line."""

from __future__ import annotations

import json

import pytest


def row(user, answer, **more):
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": turns, **more})


def write(folder, name, rows):
    (folder / name).write_text("".join(f"{one}\n" for one in rows), "utf-8")


def test_a_row_kept_aside_is_mended_from_a_file_and_undo_takes_it_back(workbench):
    write(workbench.folder, "rows.jsonl", [row("hello", "hi"), "{broken"])
    write(workbench.folder, "fixed.json", [row("mended", "yes")])
    write(workbench.folder, "worse.json", ["{worse"])
    workbench("new", "p")
    workbench("import", "p", "rows.jsonl")
    assert "still cannot be read" in workbench("mend", "p", 2, "--file", "worse.json", code=1).stderr
    done = workbench("mend", "p", 2, "--file", "fixed.json", "--json")
    assert not done["repeated"] and not workbench("rows", "p", "--quarantine", "--json")["rows"]
    workbench("undo", "p")
    assert len(workbench("rows", "p", "--quarantine", "--json")["rows"]) == 1


def test_rows_changed_on_both_sides_wait_for_a_choice_and_the_mapping_is_that_of_the_first_file(workbench):
    write(workbench.folder, "t-2026-01.jsonl", [row(f"question {i}", "yes", ticket=str(i)) for i in range(4)])
    write(workbench.folder, "t-2026-02.jsonl", [row(f"question {i}", "no", ticket=str(i)) for i in range(3)])
    workbench("new", "p")
    workbench("import", "p", "t-2026-01.jsonl", "--map", "id=ticket")
    workbench("decide", "p", "label", "mine", "--where", "text~0")
    refused = workbench("import", "p", "t-2026-02.jsonl", code=1)
    assert "3 changed, 1 of them edited here: choose --changed theirs or --changed mine" in refused.stderr
    done = workbench("import", "p", "t-2026-02.jsonl", "--changed", "mine")
    assert "The mapping is that of t-2026-01.jsonl" in done.stdout
    assert "3 rows = 0 examples + 0 quarantined + 3 repeated" in done.stdout
    assert "2 of the repeated rows came back changed" in done.stdout
    workbench("undo", "p")
    done = workbench("import", "p", "t-2026-02.jsonl", "--changed", "theirs", "--json")
    assert (done["examples"], done["repeated"], done["revised"], done["kept"]) == (0, 3, 3, 0)


@pytest.mark.slow
def test_a_missing_file_is_named_and_what_may_be_a_data_set_is_said_not_to_be_here(workbench, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    workbench("new", "p")
    assert "There is no such file." in workbench("import", "p", "data/rows.jsonl", code=2).stderr
    refused = workbench("import", "p", "nobody/nothing-of-this-name:train", code=1).stderr
    assert "no such file here" in refused and "Traceback" not in refused
