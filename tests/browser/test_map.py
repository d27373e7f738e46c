"""The map in Review: made on request, a box drawn on it selects rows, shown in the list and kept in the address."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import IDLE, chat

ASKED = {
    "refund": "I want my money back for the {} I bought",
    "delivery": "where is the parcel with the {}, it has not arrived",
}
THINGS = (
    "lamp",
    "chair",
    "<img src=x onerror=alert(1)>",
    "kettle",
    "radio",
    "clock",
    "sofa",
    "desk",
    "mirror",
    "shelf",
)
ROWS = [chat(text.format(thing), label) for thing in THINGS for label, text in ASKED.items()]
pytestmark = pytest.mark.model


def sweep(page: Page, left: float, right: float) -> None:
    """Draw a box over the full height of the plane, from one share of its width to another."""
    box = page.locator(".stVegaLiteChart svg .background").first.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * left, box["y"] + 3)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(
            box["x"] + box["width"] * (left + (right - left) * step / 5),
            box["y"] + 3 + (box["height"] - 8) * step / 5,
        )
    page.mouse.up()


def hovered(page: Page, part: str) -> list[str]:
    """What the points say that have this part in their words, read by hovering over each."""
    said = []
    points = page.locator(".stVegaLiteChart svg .mark-symbol").first.locator("path")
    for at in range(points.count()):
        place = points.nth(at).bounding_box()
        assert place is not None
        page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2)
        said.append(page.locator("#vg-tooltip-element").inner_text())
    return sorted({text for text in said if part in text})


def test_a_box_on_the_map_selects_rows_and_stays_in_the_address(start, make, visit):
    app = start(make(ROWS))
    page = visit(app.at("review?view=map"))
    page.get_by_role("button", name="Make the map").click()
    # the embedder is loaded first
    expect(page.locator(".stVegaLiteChart svg .mark-symbol path").first).to_be_visible(timeout=180_000)
    page.wait_for_selector(IDLE)
    assert len(hovered(page, "<img src=x")) == 2 and page.locator("#vg-tooltip-element img").count() == 0
    sweep(page, 0.01, 0.99)
    expect(page.locator(".ts-sentence")).to_contain_text("in the region drawn")
    expect(page.get_by_text("20 rows in this region")).to_be_visible()
    page.wait_for_selector(IDLE)
    page.reload()
    expect(page.get_by_text("20 rows in this region")).to_be_visible()
    page.wait_for_selector(IDLE)
    page.get_by_role("button", name="Show in the list").click()
    expect(page.locator(".where")).to_have_text("1 of 20")
    assert re.search(r"map=-?[\d.]+(,|%2C)", page.url)
    page.get_by_role("button", name="Clear the region").click()
    expect(page.locator(".ts-sentence")).to_have_text("All 20 examples")


def test_words_typed_with_means_list_the_nearest_first(start, make, visit):
    app = start(make(ROWS))
    page = visit(app.at("review"))
    page.get_by_label("Search").fill('means~"give me back what I paid"')
    # the embedder is loaded first
    expect(page.locator(".ts-sentence")).to_contain_text(
        "nearest to “give me back what I paid”", timeout=180_000
    )
    expect(page.locator(".row .p").first).to_contain_text("money back", timeout=180_000)
