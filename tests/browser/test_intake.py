"""Import in the browser: a look before anything is written, and rows kept aside mended in place."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from curation import decisions, importing, project, store
from tests.browser.conftest import chat


def test_rows_are_seen_before_they_come_in_and_what_cannot_be_read_is_mended(tmp_path, start, visit):
    store.create(project.reserve(tmp_path / "empty")).close()
    hostile = chat("<img src=x onerror=window.P=1> ![x](https://example.com/x.png)", "greeting")
    rows = [json.dumps({"messages": hostile}), '{"messages": [', json.dumps({"messages": chat("bye", "b")})]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    (tmp_path / "table.csv").write_text("words,kind\none two,a\nthree,b\nfour five,a\n", "utf-8")
    app = start(tmp_path / "empty")
    page = visit(app.at("import"))

    page.locator('input[type="file"]').set_input_files([tmp_path / "rows.jsonl"])
    seen = page.locator(".ts-preview")
    expect(seen.locator("article")).to_have_count(3)
    expect(seen).to_contain_text("<img src=x onerror=window.P=1>")
    expect(seen.locator(".refused")).to_contain_text("Kept aside: not valid JSON")
    assert page.evaluate("window.P") is None and seen.locator("img").count() == 0
    expect(page.get_by_text("3 rows =")).to_have_count(0)

    page.get_by_role("button", name="Import rows.jsonl", exact=True).click()
    expect(
        page.get_by_text("3 rows = 2 new examples + 1 that could not be read + 0 repeated")
    ).to_be_visible()

    editor = page.get_by_label("Text of line 2")
    expect(editor).to_have_value('{"messages": [')
    editor.fill("{still broken")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("It still cannot be read: not valid JSON.")).to_be_visible()
    editor.fill(json.dumps({"messages": chat("mended", "yes")}))
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_text("Line 2 of rows.jsonl is an example now.")).to_be_visible()
    expect(editor).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_label("Text of line 2")).to_have_value('{"messages": [')

    app.stop()
    with store.open_store(project.locate(tmp_path / "empty")) as opened:
        assert opened.row("select examples, quarantined from source") == (2, 1)


def test_a_table_of_many_columns_is_mapped_by_choosing(tmp_path, start, visit):
    store.create(project.reserve(tmp_path / "empty")).close()
    (tmp_path / "table.csv").write_text("when,words,kind\n1,one two,a\n2,three,b\n3,four five,a\n", "utf-8")
    app = start(tmp_path / "empty")
    page = visit(app.at("import"))
    page.locator('input[type="file"]').set_input_files([tmp_path / "table.csv"])
    expect(page.get_by_text("which is the text and which the answer?")).to_be_visible()
    for field, column in (("User's text", "words"), ("Label", "kind")):
        page.get_by_role("combobox", name=field).click()
        page.get_by_role("option", name=column, exact=True).click()
    expect(page.locator(".ts-preview article")).to_have_count(3)
    expect(page.locator(".ts-preview")).to_contain_text("label a")


def test_rows_changed_on_both_sides_are_chosen_between_and_the_next_file_says_what_differs(
    tmp_path, start, visit
):
    with store.create(project.reserve(tmp_path / "p")) as opened:
        rows = [{"messages": chat(f"question {i}", "yes"), "ticket": str(i)} for i in range(3)]
        (tmp_path / "t-2026-01.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
        importing.import_file(opened, tmp_path / "t-2026-01.jsonl", mapping={"id": "ticket"}, who="ann")
        decisions.decide(opened, [1], "messages", chat("question 0", "mine"), who="ann")
    rows = [{"messages": chat(f"question {i}", "no"), "ticket": str(i), "urgent": 1} for i in range(2)]
    (tmp_path / "t-2026-02.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n", "utf-8")
    app = start(tmp_path / "p")
    page = visit(app.at("import"))
    page.locator('input[type="file"]').set_input_files([tmp_path / "t-2026-02.jsonl"])
    expect(page.get_by_text("the mapping is that of t-2026-01.jsonl")).to_be_visible()
    page.get_by_role("button", name="Import t-2026-02.jsonl", exact=True).click()
    expect(page.get_by_text("2 rows came back changed")).to_be_visible()
    expect(page.get_by_text("1 of them was edited here as well.")).to_be_visible()
    page.get_by_role("button", name="Keep what was edited here").click()
    expect(page.get_by_text("1 of the repeated rows came back changed")).to_be_visible()
    expect(page.get_by_text("Columns new: urgent.")).to_be_visible()
    app.stop()
    with store.open_store(project.locate(tmp_path / "p")) as opened:
        answers = opened.rows("select answer_text(messages) from content order by seq")
    assert answers == [("mine",), ("no",), ("yes",)]
