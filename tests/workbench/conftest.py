"""A command run in this process, for every test of the command line."""

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
