"""Review: keys decide at once, nothing pressed is lost, nothing counts twice, and text stays text."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from .conftest import IDLE, chat, decisions_in

HOSTILE = [
    chat(
        '<img src="https://evil.example/a.png" onerror="window.P=1"> ![x](https://evil.example/b.png)',
        "<script>window.P=2</script> [click](javascript:window.P=3) :red-badge[x] $$\\href{https://evil.example}{y}$$",
    ),
    chat("</style></div><script>window.P=4</script>", '{"a": "<b>bold</b>", "n": 39.90}'),
]
ROWS = [chat(f"Question number {n}, please answer", f"answer {n}") for n in range(1, 41)]


@pytest.fixture
def app(make, start):
    return start(make(ROWS))


@pytest.fixture
def review(visit):
    """Open Review; a key pressed before a row is lit would be pressed on an empty page."""

    def opened(app, query=""):
        page = visit(app.at("review" + query))
        expect(page.locator(".row.on")).to_have_count(1)
        return page

    return opened


@pytest.fixture
def page(app, review):
    return review(app)


def stored(page):
    """Wait until the server has said that everything is stored."""
    expect(page.locator(".unsaved")).to_have_text("")
    page.wait_for_selector(IDLE)


def test_text_of_a_row_makes_no_request_and_runs_nothing(make, start, review):
    app = start(make(HOSTILE))
    page = review(app)
    for key in ("j", "k"):
        expect(page.locator(".turn .body").first).to_be_visible()
        page.keyboard.press(key)
    expect(page.locator(".turns")).to_contain_text("onerror")
    assert page.evaluate("window.P") is None
    assert page.locator("img[src*=evil]").count() == 0
    assert page.locator(".turns script").count() == 0
    page.keyboard.press("j")
    expect(page.locator(".body.json")).to_contain_text("39.90")


def test_hostile_text_is_text_on_every_other_screen_that_shows_it(make, start, review):
    app = start(make(HOSTILE))
    page = review(app)
    page.locator(".st-key-bulk button").click()
    page.get_by_text("Drop all in this list").click()
    expect(page.locator(".ts-sample").first).to_contain_text("onerror")
    assert page.evaluate("window.P") is None


def test_five_decisions_in_one_tick_are_five_decisions(app, page):
    page.evaluate(
        "() => { for (let n = 0; n < 5; n++)"
        " document.dispatchEvent(new KeyboardEvent('keydown', {key: 'd', bubbles: true})) }"
    )
    expect(page.locator(".row.dropped")).to_have_count(5)
    stored(page)
    app.stop()
    assert [seq for seq, decision in decisions_in(app.folder) if decision == "drop"] == [1, 2, 3, 4, 5]


def test_keep_and_drop_go_on_and_undo_goes_back(app, page):
    for key in ("a", "d", "a"):
        page.keyboard.press(key)
    expect(page.locator(".row.on .p")).to_have_text("Question number 4, please answer")
    stored(page)
    page.keyboard.press("u")
    expect(page.locator(".row.on .p")).to_have_text("Question number 3, please answer")
    page.keyboard.press("u")
    expect(page.locator(".row.on .p")).to_have_text("Question number 2, please answer")
    page.keyboard.press("Shift+U")
    stored(page)
    app.stop()
    assert decisions_in(app.folder)[:3] == [(1, "keep"), (2, "drop"), (3, "undecided")]


def test_decisions_pressed_while_the_server_is_down_arrive_after_a_restart(app, page):
    page.keyboard.press("d")
    stored(page)
    app.kill()
    page.keyboard.press("d")
    page.keyboard.press("a")
    expect(page.locator(".unsaved")).to_have_text("2 unsaved")
    app.start()
    expect(page.locator(".unsaved")).to_have_text("", timeout=60_000)
    page.wait_for_selector(IDLE, timeout=60_000)
    app.stop()
    assert decisions_in(app.folder)[:4] == [(1, "drop"), (2, "drop"), (3, "keep"), (4, "undecided")]


def test_unsent_decisions_survive_a_reload(app, page):
    app.kill()
    page.keyboard.press("d")
    app.start()
    page.reload()
    page.wait_for_selector(IDLE, timeout=60_000)
    expect(page.locator(".row.dropped")).to_have_count(1)
    stored(page)
    app.stop()
    assert decisions_in(app.folder)[0] == (1, "drop")


def test_an_edited_answer_is_stored_and_undone(app, page):
    page.keyboard.press("e")
    area = page.locator("textarea")
    area.fill("a better answer")
    area.press("Control+Enter")
    expect(page.locator(".turn.assistant .body")).to_have_text("a better answer")
    stored(page)
    expect(page.locator(".row.on .m")).to_contain_text("edited")
    page.keyboard.press("u")
    expect(page.locator(".turn.assistant .body")).to_have_text("answer 1")


def test_typing_in_the_search_moves_nothing_and_filters(page):
    page.keyboard.press("/")
    page.keyboard.type("jjd number 12")
    expect(page.locator(".ts-sentence")).to_contain_text("0 examples whose text contains")
    assert page.locator(".row.dropped").count() == 0
    search = page.locator(".st-key-q input")
    search.fill("number 12")
    expect(page.locator(".ts-sentence")).to_contain_text("1 example whose text contains")
    expect(page.locator(".row")).to_have_count(1)


def test_a_deep_link_restores_filters_and_the_example(app, review):
    first = review(app, "?decision=undecided&sort=shortest+first")
    expect(first.locator(".ts-sentence")).to_contain_text("decision is undecided")
    first.keyboard.press("j")
    first.keyboard.press("j")
    first.wait_for_url("**example=**")
    text = first.locator(".row.on .p").text_content()
    second = review(app, first.url.partition("/review")[2])
    expect(second.locator(".row.on .p")).to_have_text(text)
    expect(second.locator(".ts-sentence")).to_contain_text("decision is undecided")


def test_a_filter_in_its_own_language_can_be_typed(page):
    page.locator(".st-key-q input").fill("chars > 40")
    expect(page.locator(".ts-sentence")).to_contain_text("characters is over 40")


def test_a_bulk_action_says_what_it_touches_and_is_one_undo(app, page):
    page.locator(".st-key-q input").fill("number 1")
    expect(page.locator(".ts-sentence")).to_contain_text("11 examples")
    page.locator(".st-key-bulk button").click()
    page.get_by_text("Drop all in this list").click()
    expect(page.locator(".ts-sample")).to_have_count(5)
    page.get_by_role("button", name="Mark 11 as drop").click()
    expect(page.locator(".row.dropped")).to_have_count(11)
    page.locator(".rv").click(position={"x": 5, "y": 5})
    page.keyboard.press("u")
    expect(page.locator(".row.dropped")).to_have_count(0)


def test_a_flag_by_hand_carries_its_reason(app, page):
    page.keyboard.press("f")
    page.locator(".ask input").fill("unclear question")
    page.locator(".ask input").press("Enter")
    expect(page.locator(".flags")).to_contain_text("unclear question")


def test_the_list_pages_over_more_rows_than_it_draws(make, start, review):
    app = start(make([chat(f"Row {n} of many", f"a{n}") for n in range(1, 1001)], name="many"))
    page = review(app)
    assert page.locator(".row").count() < 300
    page.keyboard.press("End")
    expect(page.locator(".row.on .p")).to_have_text("Row 1000 of many")
    page.keyboard.press("g")
    page.locator(".ask input").fill("500")
    page.locator(".ask input").press("Enter")
    expect(page.locator(".row.on .p")).to_have_text("Row 500 of many")
    expect(page.locator(".turn.user .body")).to_have_text("Row 500 of many")


def test_an_undo_pressed_before_the_drop_is_stored_takes_it_back(app, page):
    page.keyboard.press("End")
    expect(page.locator(".row.on .p")).to_have_text("Question number 40, please answer")
    for _ in range(4):
        page.keyboard.press("d")
        page.keyboard.press("u")
        stored(page)
        expect(page.locator(".row.dropped")).to_have_count(0)
    page.keyboard.press("d")
    stored(page)
    page.keyboard.press("u")
    expect(page.locator(".row.dropped")).to_have_count(0)


def test_a_filter_stays_when_its_last_row_no_longer_fits(app, page, review):
    page.keyboard.press("f")
    page.locator(".ask input").fill("off topic")
    page.locator(".ask input").press("Enter")
    stored(page)
    filtered = review(app, "?flag=by+hand")
    expect(filtered.locator(".ts-sentence")).to_contain_text("1 example whose flag is by hand")
    filtered.keyboard.press("u")
    stored(filtered)
    filtered.keyboard.press("d")
    expect(filtered.locator(".row.dropped")).to_have_count(1)
    stored(filtered)
    expect(filtered.locator(".ts-sentence")).to_contain_text("1 example whose flag is by hand")
    assert "flag=by" in filtered.url


def test_all_turns_are_edited_as_json_and_a_mistake_is_said_at_once(app, page):
    page.keyboard.press("Shift+E")
    area = page.locator("textarea.json")
    whole = area.input_value()
    area.fill(whole[:-3])
    expect(page.locator(".save .note")).not_to_have_text("")
    expect(page.locator(".save button").first).to_be_disabled()
    area.fill(whole.replace("answer 1", "a better answer"))
    area.press("Control+Enter")
    expect(page.locator(".turn.assistant .body")).to_have_text("a better answer")
    stored(page)
    page.keyboard.press("h")
    expect(page.locator(".past ins").first).to_contain_text("better")


def test_a_number_chooses_a_reason_and_later_is_one(app, page, review):
    page.keyboard.press("f")
    expect(page.locator(".names button")).to_have_count(7)
    page.keyboard.press("7")
    expect(page.locator(".flags")).to_contain_text("later")
    stored(page)
    page.locator(".st-key-q input").fill("reason=later")
    expect(page.locator(".ts-sentence")).to_contain_text("1 example whose reason")


def test_a_bulk_label_asks_for_it_and_is_one_undo(app, page):
    page.locator(".st-key-q input").fill("number 1")
    expect(page.locator(".ts-sentence")).to_contain_text("11 examples")
    page.locator(".st-key-bulk button").click()
    page.get_by_text("Group all").click()
    page.locator(".st-key-bulk-value input").fill("batch one")
    page.locator(".st-key-bulk-value input").press("Enter")
    page.get_by_role("button", name="Do it for 11").click()
    expect(page.locator("[data-testid=stDialog]")).to_have_count(0)
    page.locator(".st-key-q input").fill('group="batch one"')
    expect(page.locator(".ts-sentence")).to_contain_text("11 examples")


def test_a_filter_gets_a_name_and_is_shown_again_by_it(app, page, review):
    page.locator(".st-key-q input").fill("number 1")
    expect(page.locator(".ts-sentence")).to_contain_text("11 examples")
    page.get_by_role("button", name="Views").click()
    page.locator(".st-key-view-name input").fill("ones")
    page.locator(".st-key-view-name input").press("Enter")
    page.locator(".st-key-view-save button").click()
    expect(page.locator(".st-key-view-show-0")).to_be_visible()
    again = review(app)
    expect(again.locator(".ts-sentence")).to_contain_text("All 40")
    again.get_by_role("button", name="Views").click()
    again.locator(".st-key-view-show-0 button").click()
    expect(again.locator(".ts-sentence")).to_contain_text("11 examples")
