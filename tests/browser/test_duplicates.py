"""Duplicates: clusters side by side; one stays, all stay, or another one stands for them; one key undoes it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from curation import project, store
from curation.dedup import run

from .conftest import IDLE, chat, decisions_in

LONG = "the parcel with the {} lamp that I ordered on Monday has still not arrived at my address in town"
ROWS = [
    chat(LONG.format("blue"), "I will look into the delivery of the lamp for you today."),
    chat(LONG.format("red"), "I will look into the delivery of the lamp for you today."),
    chat("where is the <b>nearest</b> shop of yours", "In the old town, next to the station."),
    chat("where is the <b>nearest</b> shop of yours!", "In the old town, next to the station."),
    chat("nothing like the others", "none"),
]


@pytest.fixture
def folder(make):
    made = make(ROWS)
    with store.open_store(project.locate(made)) as opened:
        run.deduplicate(opened)
    return made


@pytest.fixture
def app(start, folder):
    return start(folder)


@pytest.fixture
def page(app, visit):
    opened = visit(app.at("review?view=duplicates"))
    expect(opened.locator(".row.on")).to_have_count(1)
    expect(opened.locator(".card").first).to_be_visible()
    return opened


def stored(page):
    expect(page.locator(".unsaved")).to_have_text("")
    page.wait_for_selector(IDLE)


def test_one_stays_and_one_key_takes_it_back(app, page):
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator("ins")).to_have_text("red")
    page.keyboard.press("Enter")
    expect(page.locator(".where")).to_have_text("2 of 2 clusters")
    expect(page.locator(".row .s.drop")).to_have_text("1 dropped")
    stored(page)
    page.keyboard.press("u")
    expect(page.locator(".row .s.drop")).to_have_count(0)
    stored(page)
    app.stop()
    assert {decision for _, decision in decisions_in(app.folder)} == {"undecided"}


def test_another_one_can_stand_for_the_cluster(app, page):
    page.keyboard.press("2")
    expect(page.locator(".card.head .body").first).to_contain_text("red")
    expect(page.locator("ins")).to_have_text("blue")
    page.keyboard.press("Enter")
    stored(page)
    app.stop()
    assert decisions_in(app.folder)[:2] == [(1, "drop"), (2, "keep")]


def test_proposed_copies_are_dropped_after_a_look_at_them(app, page):
    page.get_by_role("button", name="Drop proposed copies").click()
    expect(page.locator(".ts-sample")).to_have_count(2)
    page.get_by_role("button", name="Mark 2 as drop").click()
    expect(page.locator(".row .s.drop")).to_have_count(2)
    app.stop()
    assert sum(decision == "drop" for _, decision in decisions_in(app.folder)) == 2


def test_equal_rows_are_one_card_and_stay_text(page):
    page.keyboard.press("j")
    expect(page.locator(".card")).to_have_count(1)
    expect(page.locator(".card .m")).to_contain_text("2 equal rows")
    expect(page.locator(".card")).to_contain_text("<b>nearest</b>")
