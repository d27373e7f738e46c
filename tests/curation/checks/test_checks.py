"""What every check has to have, and how runs remember what was looked at."""

from __future__ import annotations

import importlib
import pkgutil

import pytest

from curation import checks, decisions, importing
from curation.checks.check import HEADINGS, Check
from curation.errors import BadTask, BadUsage, Stopped
from curation.task import CheckSettings, Task
from tests.curation.conftest import chat, write_jsonl

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
STRUCTURED = Task(kind="structured", output_schema=SCHEMA)


def fill(opened, tmp_path, rows, name="rows.jsonl"):
    importing.import_file(opened, write_jsonl(tmp_path / name, rows), who="ann")


class Counting:
    """Progress that counts, and stops when told to."""

    def __init__(self, stop_after=None):
        self.units, self.stop_after = 0, stop_after

    def stage(self, name, total=None):
        pass

    def advance(self, n=1):
        self.units += 1
        if self.stop_after is not None and self.units >= self.stop_after:
            raise Stopped("stopped")


def test_the_tuple_lists_every_check_of_the_folder_once():
    found = set()
    for module in pkgutil.iter_modules(checks.__path__):
        loaded = importlib.import_module(f"curation.checks.{module.name}")
        found |= {value.name for value in vars(loaded).values() if isinstance(value, Check)}
    assert sorted(found) == sorted(check.name for check in checks.CHECKS)


@pytest.mark.parametrize("check", checks.CHECKS, ids=lambda check: check.name)
def test_every_check_explains_itself_under_each_heading(check):
    assert tuple(check.explained) == HEADINGS
    assert all(text.endswith((".", ":", '"', "?")) for text in check.explained.values())


def test_only_what_is_new_or_changed_is_looked_at_again(opened, tmp_path, monkeypatch):
    fill(opened, tmp_path, [{"messages": chat("one", "")}, {"messages": chat("two", "2")}])
    assert checks.run(opened, Task())["empty_turn"] == 1
    looked = opened.value("select count(*) from checked where check_name = 'empty_turn'")
    fill(opened, tmp_path, [{"messages": chat("three", " ")}], "more.jsonl")
    assert "empty_turn" in checks.outdated(opened, Task())
    assert checks.run(opened, Task())["empty_turn"] == 2
    assert opened.value("select count(*) from checked where check_name = 'empty_turn'") == looked + 1
    assert checks.outdated(opened, Task()) == ()


@pytest.mark.slow
def test_a_mended_text_loses_its_flag_at_once_and_an_undo_brings_it_back(opened, tmp_path):
    fill(opened, tmp_path, [{"messages": chat("one", "")}])
    checks.run(opened, Task())
    decisions.decide(opened, [1], "messages", chat("one", "an answer"), who="ann")
    assert checks.counts(opened) == {}
    assert checks.run(opened, Task())["empty_turn"] == 0
    decisions.undo(opened, who="ann")
    assert checks.run(opened, Task())["empty_turn"] == 1


def test_a_changed_schema_hides_old_findings_and_is_looked_at_again(opened, tmp_path):
    fill(opened, tmp_path, [{"messages": chat("one", '{"n": 1}')}])
    assert checks.run(opened, STRUCTURED)["answer_schema"] == 0
    narrow = {**SCHEMA, "properties": {"n": {"type": "string"}}}
    stricter = STRUCTURED.model_copy(update={"output_schema": narrow})
    assert "answer_schema" in checks.outdated(opened, stricter)
    assert checks.run(opened, stricter)["answer_schema"] == 1
    checks.announce(opened, STRUCTURED)
    assert "answer_schema" not in checks.counts(opened)
    assert checks.run(opened, STRUCTURED)["answer_schema"] == 0


def test_a_check_that_is_turned_off_shows_nothing(opened, tmp_path):
    fill(opened, tmp_path, [{"messages": chat("one", "")}])
    checks.run(opened, Task())
    off = Task(checks={"empty_turn": CheckSettings(enabled=False)})
    assert "empty_turn" not in checks.run(opened, off) and "empty_turn" not in checks.counts(opened)
    with pytest.raises(BadUsage, match="turned off"):
        checks.run(opened, off, only=["empty_turn"])


def test_names_that_do_not_exist_are_bad_usage(opened):
    with pytest.raises(BadUsage, match="empty_turns"):
        checks.run(opened, Task(), only=["empty_turns"])
    with pytest.raises(BadUsage, match="empty_turns"):
        checks.run(opened, Task(checks={"empty_turns": CheckSettings(enabled=False)}))
    with pytest.raises(BadUsage, match="free_form"):
        checks.run(opened, Task(), only=["answer_schema"])
    with pytest.raises(BadTask, match="lenght"):
        checks.run(opened, Task(checks={"prompt_leakage": CheckSettings(options={"lenght": 3})}))


def test_a_stopped_run_keeps_the_portions_it_finished(opened, tmp_path, monkeypatch):
    monkeypatch.setattr("curation.checks.running.PORTION", 10)
    fill(opened, tmp_path, [{"messages": chat(f"question {i}", "")} for i in range(35)])
    with pytest.raises(Stopped):
        checks.run(opened, Task(), only=["empty_turn"], progress=Counting(stop_after=2))
    assert 9 <= checks.counts(opened)["empty_turn"] <= 20
    assert checks.run(opened, Task(), only=["empty_turn"]) == {"empty_turn": 35}


@pytest.mark.slow
def test_findings_do_not_depend_on_the_portions(opened, tmp_path, monkeypatch):
    rows = [{"messages": chat(f"question {i}", "" if i % 3 else '{"n": "x"}')} for i in range(40)]
    fill(opened, tmp_path, rows)
    whole = checks.run(opened, STRUCTURED)
    with opened.transaction() as cursor:
        cursor.execute("delete from flag; delete from checked; delete from meta where key like 'check:%'")
    monkeypatch.setattr("curation.checks.running.PORTION", 7)
    assert checks.run(opened, STRUCTURED) == whole


def test_rows_of_an_undone_import_show_no_flags(opened, tmp_path):
    fill(opened, tmp_path, [{"messages": chat("one", "")}])
    checks.run(opened, Task())
    decisions.undo(opened, who="ann")
    assert checks.counts(opened) == {}
    assert checks.run(opened, Task())["empty_turn"] == 0
