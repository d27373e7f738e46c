"""Guarantee 2: any decision can be undone; the state after undo equals the state before."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from curation import decisions, importing, project, store, task
from tests.curation.conftest import chat, write_jsonl

pytestmark = pytest.mark.slow

STATE = """
    select e.id, e.label, e.group_key, e.turns, e.chars, e.text_hash, e.decision, e.edited, e.present, e.split,
        c.messages, s.text, (select list(h.reason order by h.who) from hand_flag h where h.seq = e.seq)
    from example e
    join content c using (seq)
    join search_text s using (seq)
    order by e.seq
"""


class Undoing(RuleBasedStateMachine):
    """Random decisions, undos and redos against a list of remembered states."""

    @initialize(folder=st.just(None))
    def begin(self, folder):
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        self.opened = store.create(project.reserve(root / "project"))
        rows = [
            {"messages": chat(f"question {i}", f"label{i % 2}"), "label": f"label{i % 2}", "key": i}
            for i in range(6)
        ]
        self.files = 0
        importing.import_file(
            self.opened, write_jsonl(root / "rows.jsonl", rows), mapping={"id": "key"}, who="ann"
        )
        self.states = [[], self.state()]  # before and after the import
        self.at = 1

    def state(self):
        return [row for row in self.opened.rows(STATE) if row[8]]

    def decided(self, batch):
        if batch is not None:
            del self.states[self.at + 1 :]
            self.states.append(self.state())
            self.at += 1

    seqs = st.lists(st.integers(1, 6), min_size=1, max_size=6)

    @rule(seqs=seqs, value=st.sampled_from(["keep", "drop", "undecided"]))
    def keep_or_drop(self, seqs, value):
        self.decided(decisions.decide(self.opened, seqs, "decision", value, who="ann"))

    @rule(seqs=seqs, value=st.sampled_from(["label0", "other", None]))
    def label(self, seqs, value):
        self.decided(decisions.decide(self.opened, seqs, "label", value, who="bob"))

    @rule(seqs=seqs, value=st.sampled_from(["odd", "ask Eve", None]), who=st.sampled_from(["ann", "bob"]))
    def flag(self, seqs, value, who):
        self.decided(decisions.decide(self.opened, seqs, "hand_flag", value, who=who))

    @rule(seq=st.integers(1, 6), text=st.sampled_from(["new", 'ünïcode\n"', "label1"]))
    def edit(self, seq, text):
        self.decided(
            decisions.decide(self.opened, [seq], "messages", chat("edited question", text), who="ann")
        )

    @rule(
        keys=st.sets(st.integers(0, 5), min_size=1),
        label=st.sampled_from(["label0", "third"]),
        changed=st.sampled_from(["theirs", "mine"]),
    )
    def another_edition(self, keys, label, changed):
        self.files += 1
        rows = [
            {"messages": chat(f"question {key}", f"edition {self.files}"), "label": label, "key": key}
            for key in sorted(keys)
        ]
        path = write_jsonl(Path(self.folder.name) / f"rows-v{self.files}.jsonl", rows)
        importing.import_file(self.opened, path, mapping={"id": "key"}, changed=changed, who="ann")
        self.decided(decisions.recent(self.opened, 1)[0])

    @rule()
    def undo(self):
        done = decisions.undo(self.opened, who="ann")
        assert (done is not None) == (self.at > 0)
        self.at -= done is not None

    @rule()
    def redo(self):
        done = decisions.redo(self.opened, who="ann")
        assert (done is not None) == (self.at < len(self.states) - 1)
        self.at += done is not None

    @invariant()
    def the_state_is_the_remembered_one(self):
        if hasattr(self, "states"):
            assert self.state() == self.states[self.at]

    def teardown(self):
        if hasattr(self, "opened"):
            self.opened.close()
            self.folder.cleanup()


TestUndoing = Undoing.TestCase
TestUndoing.settings = settings(max_examples=12, stateful_step_count=14, deadline=None)


def test_undo_works_after_the_project_was_closed_and_opened_again(filled):
    before = filled.rows(STATE)
    decisions.decide(filled, range(1, 41), "decision", "drop", who="ann", reason="test")
    place = filled.project
    filled.close()
    with store.open_store(place) as again:
        assert decisions.undo(again, who="bob").changed == 40
        assert again.rows(STATE) == before


def test_an_operation_sent_twice_is_done_once(filled):
    first = decisions.decide(filled, [1], "decision", "drop", who="ann", op_id="tab:1")
    again = decisions.decide(filled, [1], "decision", "keep", who="ann", op_id="tab:1")
    assert first is not None and again is None
    assert filled.value("select decision from example where seq = 1") == "drop"


def test_every_decision_carries_who_when_and_what_was_before(filled):
    task.save(task.Task(), filled.project.task_path)  # no labels known: the label is noted, the answer stays
    decisions.decide(filled, [3], "label", "other", who="ann", reason="typo")
    (change,) = decisions.history(filled, 3)
    assert (change.who, change.kind, change.before, change.after, change.reason) == (
        "ann",
        "label",
        None,
        "other",
        "typo",
    )
    assert change.made is not None


def test_messages_that_cannot_be_an_example_are_refused(filled):
    with pytest.raises(decisions.BadInput):
        decisions.decide(filled, [1], "messages", [{"role": "user"}], who="ann")
    stored = filled.value("select messages from content where seq = 1")
    assert json.loads(stored)[0]["role"] == "user"
