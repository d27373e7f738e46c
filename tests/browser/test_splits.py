"""Splits: a proposed field is one click away, what leaks is shown in full, and two versions are compared."""

from __future__ import annotations

import json

from playwright.sync_api import expect

from curation import decisions, importing, project, splits, store, versions
from curation.task import Task

from .conftest import IDLE, chat

WORDS = (
    "amber birch cedar delta ember fjord grove heron inlet jetty knoll larch maple north otter pearl".split()
)


def question(i):
    return " ".join(WORDS[(i * step + step) % 16] + str(i * step) for step in (1, 3, 5, 7, 9, 11))


def test_a_field_is_proposed_and_used_and_versions_are_compared(start, visit, tmp_path):
    rows = [{"messages": chat(question(i), f"answer {i // 4}"), "customer": f"c{i // 2}"} for i in range(40)]
    rows[1]["messages"][0]["content"] = "<b>" + question(1)
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with store.create(project.reserve(tmp_path / "p")) as opened:
        importing.import_file(opened, file, who="ann")
        splits.make(opened, Task(), test=8, validation=6, group="customer", who="ann")
        versions.freeze(opened, Task(), who="ann")
        side, one = opened.row("select split, id from example where seq = 2")
        decisions.decide(opened, [2], "split", "test" if side == "train" else "train", who="ann")
        assert not versions.freeze(opened, Task(), who="ann").manifest.audit.clean
    page = visit(start(tmp_path / "p").at("splits"))
    expect(page.get_by_text("points four times in five").or_(page.get_by_text("too few"))).to_be_visible()
    expect(page.get_by_text("Largest difference")).to_be_visible()
    expect(page.get_by_text(f"{one[:8]}: <b>{question(1)}")).to_be_visible()
    expect(page.get_by_role("link", name="1 moved")).to_be_visible()

    page.get_by_role("button", name="What belongs together?").click()
    expect(page.get_by_text("the name says what a row belongs to")).to_be_visible()
    page.locator(".st-key-use-customer button").click()
    expect(page.locator('[data-testid="stMultiSelect"]').get_by_text("customer")).to_be_visible()
    expect(page.locator(".st-key-use-customer button")).to_be_disabled()
    page.wait_for_selector(IDLE)
    page.locator(".st-key-gauges button").click()
    expect(page.get_by_text("no test row expects a text of more than five words")).to_be_visible()
    expect(page.locator(".st-key-gauges button")).to_be_disabled()
    page.wait_for_selector(IDLE)
    page.get_by_role("link", name="1 moved").click()
    expect(page.locator(".row")).to_have_count(1)
