"""What surrounds an import on the command line."""

from __future__ import annotations

import json


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
