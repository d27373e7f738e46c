"""The whole loop in the browser, on the real packaged model: from a file to a verdict and back to the rows."""

from __future__ import annotations

import json
import random

import pytest
from playwright.sync_api import Page, expect

from curation import jobs, project, store, versions

from .conftest import IDLE

pytestmark = pytest.mark.model
MINUTES = 60_000
WORDS = (
    "amber birch cedar delta ember frost grove heath inlet jewel knoll larch maple north ocean pearl".split()
)
ASKS = {
    "refund": ("I want my money back for the {0} and the {1}", "please refund what I paid for {0} {1}"),
    "delivery": ("the {0} with the {1} has not arrived", "where is my parcel with {0} and {1}"),
    "invoice": ("send me the bill for {0} and {1}", "I need an invoice that lists {0}, {1}"),
}


@pytest.fixture
def file(tmp_path):
    """Sixty tickets, one of them with a label that does not exist, one line that is no JSON."""
    words, lines = random.Random(1), []
    for n in range(60):
        label = list(ASKS)[n % 3]
        asks = words.choice(ASKS[label]).format(
            *(f"{words.choice(WORDS)}{words.randrange(1000)}" for _ in "ab")
        )
        told = "refnd" if n == 7 else label
        lines.append(
            json.dumps(
                {"messages": [{"role": "user", "content": asks}, {"role": "assistant", "content": told}]}
            )
        )
    path = tmp_path / "tickets.jsonl"
    path.write_text("\n".join([*lines, "{broken"]), "utf-8")
    return path


@pytest.fixture
def empty(tmp_path):
    made = project.reserve(tmp_path / "loop")
    store.create(made).close()
    yield made
    for folder in (*jobs.all_jobs(made.evals), *jobs.all_jobs(made.runs)):
        jobs.stop(folder)


def go(page: Page, name: str) -> None:
    title = page.locator(".ts-title h1")
    for _ in range(3):  # Streamlit forgets a click on a page that is just about to draw itself again
        page.locator(f'[data-testid="stSidebarNavLink"]:has-text("{name}")').click()
        try:
            expect(title).to_have_text("loop" if name == "Overview" else name, timeout=7_000)
            break
        except AssertionError:
            continue
    page.wait_for_selector(IDLE)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_the_whole_loop(file, empty, start, visit):
    app = start(empty.folder)
    page = visit(app.url)

    press(page, "Import a file")
    page.locator('input[type="file"]').set_input_files(file)
    press(page, "Import tickets.jsonl")
    expect(
        page.get_by_text("61 rows = 60 new examples + 1 that could not be read + 0 repeated")
    ).to_be_visible()
    expect(page.locator(".ts-card")).to_contain_text("delivery, invoice, refund")
    press(page, "This is right")
    expect(page.locator(".ts-card")).to_have_count(0)

    go(page, "Overview")
    press(page, "Run the checks")
    press(page, "Review them")
    expect(page.locator(".row.on")).to_be_visible()
    expect(page.locator(".turn.assistant .body")).to_have_text("refnd")
    page.keyboard.press("e")
    page.locator("textarea").fill("refund")
    page.locator("textarea").press("Control+Enter")
    expect(page.locator(".unsaved")).to_have_text("")
    page.keyboard.press("d")
    expect(page.locator(".row.dropped")).to_have_count(1)
    page.keyboard.press("u")
    expect(page.locator(".row.dropped")).to_have_count(0)

    go(page, "Splits")
    page.get_by_label("Test rows").fill("12")
    page.get_by_label("Validation rows").fill("12")
    page.keyboard.press("Tab")
    press(page, "Split")
    expect(page.get_by_text("36 train, 12 validation, 12 test")).to_be_visible()
    press(page, "Freeze a version")
    expect(page.get_by_text("v001 is frozen.")).to_be_visible()
    assert versions.newest(empty).manifest.audit.clean

    go(page, "Train")
    press(page, "Measure the baseline")
    expect(page.get_by_text("The baseline is e001")).to_be_visible(timeout=5 * MINUTES)
    page.get_by_label("Rows", exact=True).fill("24")
    page.get_by_label("Epochs", exact=True).fill("1")
    page.keyboard.press("Tab")
    press(page, "Look ahead: tokens, what is left out, memory and time")
    expect(page.locator(".ts-tokens mark").first).to_be_visible(timeout=5 * MINUTES)
    press(page, "Start training")
    expect(page.get_by_text("r001 · training with")).to_be_visible(timeout=5 * MINUTES)
    expect(page.get_by_role("link", name="Measure it")).to_have_count(1, timeout=10 * MINUTES)
    assert jobs.state(empty.runs / "r001").state == "done"
    expect(page.locator('[data-testid="stVegaLiteChart"]')).to_have_count(1)

    go(page, "Overview")
    press(page, "Measure r001")
    go(page, "Evals")
    expect(page.locator(".ts-scores")).to_contain_text("run:r001", timeout=10 * MINUTES)
    expect(page.locator(".col")).to_have_count(3)
    page.locator(".ev").get_by_role("button", name="Training rows behind this").click()
    expect(page.get_by_text("training rows behind one answer")).to_be_visible(timeout=5 * MINUTES)
    expect(page.locator(".ts-card")).to_contain_text("Expected")

    go(page, "Verdict")
    press(page, "Measure on the sealed 12 rows")
    expect(page.get_by_role("button", name="Give the verdict")).to_be_visible(timeout=10 * MINUTES)
    press(page, "Give the verdict")
    expect(page.locator(".ts-verdict")).to_be_visible()
    expect(page.locator(".ts-table").first).to_contain_text("at least 20 rows")
