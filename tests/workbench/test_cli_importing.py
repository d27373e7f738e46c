"""What surrounds an import on the command line."""

from __future__ import annotations

import json

import pytest

from workbench import cli


@pytest.fixture
def workbench(tmp_path, monkeypatch):
    """Run a command in this process, with the test's folder as the current one."""
    monkeypatch.setenv("TOUCHSTONE_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache").mkdir()

    def run(*args, code=0):
        done = cli.execute([str(arg) for arg in args], None, cwd=str(tmp_path), who="ann")
        assert done.exit_code == code, done
        return json.loads(done.stdout) if "--json" in args else done

    run.folder = tmp_path
    return run


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
