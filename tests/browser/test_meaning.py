"""Review by meaning: doubtful labels ranked on request, a suggestion taken and taken back, rows alike."""

from __future__ import annotations

from playwright.sync_api import expect

from curation import project, store

from .conftest import IDLE, chat

ASKED = {
    "refund": "I want my money back for the {} I bought",
    "delivery": "where is the parcel with the {}, it has not arrived",
}
THINGS = ("lamp", "chair", "<b>table</b>", "kettle", "radio", "clock", "sofa", "desk", "mirror", "shelf")
ROWS = [chat(text.format(thing), label) for thing in THINGS for label, text in ASKED.items()]
ROWS[4] = chat(ROWS[4][0]["content"], "delivery")
TASK = "kind: classification\nlabels: [refund, delivery]\n"


def labels_in(folder):
    with store.open_store(project.locate(folder)) as opened:
        return dict(opened.rows("select seq, answer_text(messages) from content"))


def test_labels_are_ranked_and_a_suggestion_is_taken_and_taken_back(start, make, visit):
    folder = make(ROWS)
    (folder / "task.yaml").write_text(TASK, "utf-8")
    app = start(folder)
    page = visit(app.at("review?view=suspects"))
    page.get_by_role("button", name="Rank them").click()
    # the embedder is loaded first
    expect(page.locator(".why")).to_contain_text("Given delivery, likelier refund", timeout=180_000)
    expect(page.locator(".near li")).to_have_count(5)
    expect(page.locator(".turns")).to_contain_text("<b>table</b>")
    page.locator(".why").get_by_role("button").click()
    expect(page.locator(".where")).to_have_text("2 of 20")
    expect(page.locator(".unsaved")).to_have_text("")
    page.keyboard.press("u")
    expect(page.locator(".where")).to_have_text("1 of 20")
    page.keyboard.press("y")
    expect(page.locator(".where")).to_have_text("2 of 20")
    expect(page.locator(".unsaved")).to_have_text("")
    page.keyboard.press("s")
    expect(page.locator(".ts-sentence")).to_contain_text("nearest to")
    page.wait_for_selector(IDLE)
    app.stop()
    assert labels_in(folder)[5] == "refund"
