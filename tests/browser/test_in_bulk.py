"""What changes many rows at once: a repair and a change of labels, each looked at first and one undo."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from curation import checks, importing, project, store, task

from .conftest import IDLE, chat

BROKEN = [
    [*chat(f"Where is parcel {n}?", f"On its way, {n}."), {"role": "user", "content": "ok"}] for n in range(3)
]


def checked(folder):
    """Run the checks as the command does; returns the folder."""
    with store.open_store(project.locate(folder)) as opened:
        checks.run(opened, task.load(opened.project.task_path))
    return folder


def answers(folder):
    """The last turn of every example and its label, in order."""
    with store.open_store(project.locate(folder)) as opened:
        rows = opened.rows(
            "select c.messages, e.label from content c join example e using (seq) order by seq"
        )
    return [(json.loads(messages)[-1]["content"], label) for messages, label in rows]


def test_a_repair_shows_what_it_changes_and_is_one_undo(make, start, visit):
    app = start(checked(make(BROKEN)))
    page = visit(app.at("review?flag=last_turn"))
    expect(page.locator(".row.on")).to_have_count(1)
    page.locator(".st-key-bulk button").click()
    page.get_by_text("Repair what is safe").click()
    dialog = page.get_by_test_id("stDialog")
    expect(dialog.locator(".ts-change")).to_have_count(3)
    expect(dialog.locator(".ts-change del").first).to_contain_text("user: ok")
    dialog.get_by_role("button", name="Repair 3").click()
    expect(page.locator(".row")).to_have_count(0)
    page.goto(app.at("review"))
    expect(page.locator(".row.on")).to_have_count(1)
    page.keyboard.press("u")
    expect(page.locator(".unsaved")).to_have_text("")
    page.wait_for_selector(IDLE)
    app.stop()
    assert [text for text, _ in answers(app.folder)] == ["ok", "ok", "ok"]


def test_labels_are_renamed_for_every_row_that_has_them(tmp_path, start, visit):
    file = tmp_path / "labelled.csv"
    lines = [f"Where is parcel {n}?,{'delivery' if n % 2 else 'refund'}" for n in range(12)]
    file.write_text("text,label\n" + "\n".join(lines), "utf-8")
    with store.create(project.reserve(tmp_path / "labelled")) as opened:
        importing.import_file(opened, file, who="test")
    app = start(tmp_path / "labelled")
    page = visit(app.at("settings?part=Labels"))
    page.get_by_test_id("stMultiSelect").locator("input").click()
    page.get_by_role("option", name="refund").click()
    page.keyboard.press("Escape")
    page.locator(".st-key-labels-into input").fill("money back")
    page.locator(".st-key-labels-into input").press("Enter")
    page.get_by_role("button", name="Change 6 rows").click()
    expect(page.locator(".ts-table")).to_contain_text("money back")
    expect(page.locator(".ts-table")).not_to_contain_text("refund")
    app.stop()
    assert answers(app.folder)[0] == ("money back", "money back")
