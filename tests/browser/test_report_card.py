"""The report card in the browser: a page for dropped files, and nothing of them in the project."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from curation import project, store
from tests.browser.conftest import chat


def test_two_dropped_files_give_a_page_and_import_nothing(tmp_path, start, visit):
    store.create(project.reserve(tmp_path / "empty")).close()
    rows = [json.dumps({"messages": chat(f"What of parcel {n * 37}?", f"Depot {n}.")}) for n in range(8)]
    (tmp_path / "a_test.jsonl").write_text(rows[0] + "\n" + rows[7] + "\n", "utf-8")
    (tmp_path / "train.jsonl").write_text("\n".join(rows[:6]) + "\n", "utf-8")
    app = start(tmp_path / "empty")
    page = visit(app.at(""))
    page.get_by_role("link", name="Or have a report card of a file or two first").click()

    page.locator('input[type="file"]').set_input_files([tmp_path / "a_test.jsonl", tmp_path / "train.jsonl"])
    expect(page.get_by_text("Takes train.jsonl as train and a_test.jsonl as the test")).to_be_visible()
    page.get_by_role("button", name="Report card").click()
    expect(page.get_by_text("of 2 test rows stand in train")).to_be_visible()
    with page.expect_download() as given:
        page.get_by_role("button", name="Download the page").click()
    assert "Report card of train.jsonl and a_test.jsonl" in given.value.path().read_text("utf-8")

    app.stop()
    with store.open_store(project.locate(tmp_path / "empty")) as opened:
        assert opened.value("select count(*) from example") == 0
