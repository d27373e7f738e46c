"""The outbox: whatever the browser sends again is applied once, in order, and acknowledged."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from curation import importing, label_errors, project, store
from workbench import outbox


@pytest.fixture
def opened(tmp_path):
    rows = [
        {"messages": [{"role": "user", "content": f"q{n}"}, {"role": "assistant", "content": f"a{n}"}]}
        for n in range(5)
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    with store.create(project.reserve(tmp_path / "p")) as made:
        importing.import_file(made, file, who="ann")
        yield made


def decision(n, seq, value, sid="tab"):
    return {"n": n, "op": f"{sid}:{n}", "kind": "decision", "seq": seq, "value": value}


def decided(opened):
    return [one for (one,) in opened.rows("select decision from example order by seq")]


def logged(opened):
    return opened.value("select count(*) from decision where kind = 'decision'")


def test_items_are_applied_in_order_and_acknowledged(opened):
    tab = outbox.Session()
    box = {"sid": "tab", "items": [decision(1, 1, "drop"), decision(2, 1, "keep"), decision(3, 2, "drop")]}
    assert outbox.deliver(opened, tab, box, who="ann")
    assert decided(opened) == ["keep", "drop", "undecided", "undecided", "undecided"]
    assert (tab.sid, tab.ack) == ("tab", 3)


def test_a_box_sent_again_changes_nothing_even_in_a_new_session(opened):
    box = {"sid": "tab", "items": [decision(1, 1, "drop"), decision(2, 2, "keep")]}
    tab = outbox.Session()
    outbox.deliver(opened, tab, box, who="ann")
    before = logged(opened)
    assert not outbox.deliver(opened, tab, box, who="ann")
    assert outbox.deliver(opened, outbox.Session(), box, who="ann")
    assert logged(opened) == before


def test_an_undo_sent_again_is_one_undo(opened):
    tab = outbox.Session()
    box = {"sid": "tab", "items": [decision(1, 1, "drop"), decision(2, 2, "drop")]}
    outbox.deliver(opened, tab, box, who="ann")
    undo = {"sid": "tab", "items": [{"n": 3, "op": "tab:3", "kind": "undo"}]}
    outbox.deliver(opened, tab, undo, who="ann")
    outbox.deliver(opened, outbox.Session(), undo, who="ann")
    assert decided(opened)[:2] == ["drop", "undecided"]
    assert tab.jump_in(np.array([5, 2, 1])) == {"op": "tab:3", "pos": 1}


def test_a_refused_item_is_told_and_does_not_hold_up_the_others(opened):
    tab = outbox.Session()
    box = {"sid": "tab", "items": [decision(1, 1, "maybe"), decision(2, 2, "drop")]}
    outbox.deliver(opened, tab, {**box, "items": box["items"][:1]}, who="ann")
    assert "maybe" in tab.trouble.message
    outbox.deliver(opened, tab, box, who="ann")
    assert tab.ack == 2 and tab.trouble is None
    assert decided(opened)[1] == "drop"


def test_an_edit_changes_one_turn(opened):
    item = {"n": 1, "op": "tab:1", "kind": "messages", "seq": 3, "turn": 1, "value": "better"}
    outbox.deliver(opened, outbox.Session(), {"sid": "tab", "items": [item]}, who="ann")
    turns = json.loads(opened.value("select messages from content where seq = 3"))
    assert [turn["content"] for turn in turns] == ["q2", "better"]


@pytest.mark.parametrize(
    ("act", "turn", "value", "roles"),
    [
        ("role", 0, "system", ["system", "assistant"]),
        ("add", 0, "assistant", ["user", "assistant", "assistant"]),
        ("delete", 0, 0, ["assistant"]),
        ("move", 1, -1, ["assistant", "user"]),
        ("all", 0, [{"role": "tool", "content": "x"}], ["tool"]),
    ],
)
def test_turns_are_added_deleted_moved_and_given_another_role(opened, act, turn, value, roles):
    item = {"n": 1, "op": "tab:1", "kind": "messages", "seq": 3, "act": act, "turn": turn, "value": value}
    tab = outbox.Session()
    outbox.deliver(opened, tab, {"sid": "tab", "items": [item]}, who="ann")
    assert tab.trouble is None
    turns = json.loads(opened.value("select messages from content where seq = 3"))
    assert [one["role"] for one in turns] == roles


def test_turns_that_cannot_be_an_example_are_refused_and_nothing_is_lost(opened):
    before = opened.value("select messages from content where seq = 3")
    for n, value in enumerate(("text", [{"role": "user"}], [])):
        item = {"n": n + 1, "op": f"tab:{n}", "kind": "messages", "seq": 3, "act": "all", "value": value}
        tab = outbox.Session()
        outbox.deliver(opened, tab, {"sid": "tab", "items": [item]}, who="ann")
        assert "cannot be an example" in tab.trouble.message
    assert opened.value("select messages from content where seq = 3") == before


def test_an_accepted_suggestion_changes_one_field_of_the_answer_and_nothing_else(opened, monkeypatch):
    found = SimpleNamespace(field="answer.intent")
    monkeypatch.setattr(label_errors, "last", lambda store: found)
    answer = '{"intent":  "refund", "total": 39.90}'
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": answer}]
    tab, sent = outbox.Session(), {"kind": "suggestion", "seq": 1, "value": 'say "hi"'}
    edit = {"n": 1, "op": "tab:1", "kind": "messages", "act": "all", "seq": 1, "value": turns}
    box = {
        "sid": "tab",
        "items": [edit, {**sent, "n": 2, "op": "tab:2"}, {**sent, "seq": 2, "n": 3, "op": "tab:3"}],
    }
    outbox.deliver(opened, tab, box, who="ann")
    now = json.loads(opened.value("select messages from content where seq = 1"))
    assert now[1]["content"] == '{"intent":  "say \\"hi\\"", "total": 39.90}'
    assert "exactly once" in str(tab.trouble)
