"""Every screen draws, says what is missing, and fits: light and dark, wide and narrow, empty and full."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from playwright.sync_api import expect

from curation import checks, jobs, project, splits, store, task, versions
from evals import evaluation, notes

from .conftest import IDLE, chat

SCREENS = (
    *("", "import", "review", "splits", "train", "evals", "verdict"),
    *("settings", "settings?part=File", "settings?part=Labels"),
)
SIZES = ((1440, 900), (900, 1200))


@pytest.fixture(scope="module")
def full(tmp_path_factory):
    """A project that has been round the loop, with answers made elsewhere in place of a model's."""
    folder = tmp_path_factory.mktemp("full")
    file = folder / "intents.jsonl"
    words = random.Random(0)
    lines = [
        chat(" ".join(f"{words.randrange(10**6):06d}" for _ in range(4)) + f": {asks}", label)
        for _ in range(60)
        for asks, label in (("send back", "return"), ("where", "delivery"), ("charged", "billing"))
    ]
    file.write_text("\n".join(json.dumps({"messages": one}) for one in lines) + "\nnot json\n", "utf-8")
    with store.create(project.reserve(folder / "project")) as opened:
        from curation import importing

        importing.import_file(opened, file, who="test")
        known = task.load(opened.project.task_path).model_copy(update={"guessed": False})
        task.save(known, opened.project.task_path)
        checks.run(opened, known)
        splits.make(opened, known, test=40, validation=40, group="none", who="test")
        version = versions.freeze(opened, known, who="test")
        for split in ("validation", "test"):
            ids = version.read(split, ("id", "messages"))
            for name, wrong in (("good", 10), ("bad", 2)):
                rows = zip(
                    ids["id"].to_pylist(),
                    [json.loads(one)[-1]["content"] for one in ids["messages"].to_pylist()],
                    strict=True,
                )
                (folder / f"{name}.jsonl").write_text(
                    "\n".join(
                        json.dumps({"id": one, "answer": "return" if i % wrong == 0 else label})
                        for i, (one, label) in enumerate(rows)
                    ),
                    "utf-8",
                )
            job = evaluation.create(
                opened.project,
                version.folder,
                known,
                split=split,
                candidates=[
                    "majority",
                    f"answers:{folder / 'bad.jsonl'}",
                    f"answers:{folder / 'good.jsonl'}",
                ],
            )
            jobs.start(job)
            assert jobs.wait(job).state == "done", (job / "log.txt").read_text()
    return folder / "project"


@pytest.fixture
def empty(tmp_path):
    store.create(project.reserve(tmp_path / "empty")).close()
    return tmp_path / "empty"


def look(page, name):
    page.wait_for_selector(IDLE)
    expect(page.locator('[data-testid="stException"]')).to_have_count(0)
    expect(page.locator(".ts-error")).to_have_count(0)
    over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert over <= 1, f"{name} is {over} px too wide"
    main = page.locator('[data-testid="stMain"]').evaluate("e => e.scrollWidth - e.clientWidth")
    assert main <= 1, f"{name} is {main} px too wide inside"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize(("width", "height"), SIZES, ids=["wide", "narrow"])
def test_every_screen_of_a_full_project_draws_and_fits(full, start, visit, width, height, dark):
    app = start(full)
    page = visit(app.at(""), width=width, height=height, dark=dark)
    for name in SCREENS:
        page.goto(f"{app.root}/{name}")
        look(page, name)
        ink = page.locator(".stApp").evaluate("e => getComputedStyle(e).backgroundColor")
        assert ink == ("rgb(21, 24, 26)" if dark else "rgb(255, 255, 255)")


def test_every_screen_of_an_empty_project_names_the_next_step(empty, start, visit):
    app = start(empty)
    page = visit(app.at(""))
    expect(page.locator(".st-key-next")).to_contain_text("Begin with a file of chats")
    for name in SCREENS:
        page.goto(f"{app.root}/{name}")
        look(page, name)
    for name, button in (
        ("review", "Import a file"),
        ("splits", "Import a file"),
        ("train", "Go to Splits"),
        ("evals", "Go to Splits"),
        ("verdict", "Go there"),
    ):
        page.goto(f"{app.root}/{name}")
        expect(page.get_by_role("button", name=button)).to_be_visible()


def test_the_verdict_is_one_sentence_with_the_numbers_below(full, start, visit):
    app = start(full)
    page = visit(app.at("verdict?candidate=answers:good&against=answers:bad"))
    page.get_by_role("button", name="Give the verdict").click()
    expect(page.locator(".ts-verdict")).to_contain_text("held-out rows")
    headline = page.locator(".ts-verdict p").first.inner_text()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the report").click()
    html = Path(download.value.path()).read_text("utf-8")
    assert headline in html and "answers:good against answers:bad" in html
    page.get_by_text("The numbers behind it").click()
    expect(page.locator(".ts-table").last).to_contain_text("answers:bad")


def test_test_answers_stay_sealed(full, start, visit):
    app = start(full)
    page = visit(app.at("evals?evaluation=e002"))
    expect(page.get_by_text("scores open with the verdict")).to_be_visible()
    assert page.locator(".ts-scores").count() == 0


def test_an_answer_is_coloured_against_the_expected_one(full, start, visit):
    app = start(full)
    page = visit(app.at("evals?evaluation=e001&candidate=answers:bad&baseline=answers:good"))
    page.get_by_text("lost").first.click()
    columns = page.locator(".col")
    expect(columns).to_have_count(3)
    expect(columns.nth(2).locator("ins")).to_have_text("return")
    expect(columns.nth(1).locator("ins")).to_have_count(0)


def test_all_mistakes_of_the_task_are_shown_at_once(full, start, visit):
    app = start(full)
    page = visit(app.at("settings?part=File"))
    area = page.locator("textarea")
    area.fill("kind: clasification\nlooks: 0\nlables: [a]\n")
    area.press("Control+Enter")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".ts-error")).to_contain_text("3 mistakes")


def test_without_a_project_the_app_asks_which_one(full, tmp_path, start, visit):
    app = start(None, cwd=full.parent)
    page = visit(app.url)
    page.get_by_role("button", name="Open").first.click()
    expect(page.locator(".st-key-loop")).to_be_visible()
    assert json.loads((full / "app.json").read_text())["port"] == app.port


def test_choices_on_one_screen_do_not_leak_into_another(full, start, visit):
    app = start(full)
    page = visit(app.at("evals?evaluation=e001&candidate=majority&baseline=answers:good"))
    expect(page.locator(".col")).to_have_count(3)
    page.locator('[data-testid="stSidebarNavLink"]:has-text("Verdict")').click()
    expect(page.locator(".ts-title h1")).to_have_text("Verdict")
    expect(page.locator("[data-tag]")).not_to_have_count(0)
    expect(page.get_by_text("Name at least one baseline")).to_have_count(0)


def test_answers_are_grouped_searched_and_noted_by_keyboard(full, start, visit):
    app = start(full)
    page = visit(app.at("evals?evaluation=e001&candidate=answers:bad&baseline=answers:good"))
    expect(page.locator(".row.on")).to_have_count(1)
    page.keyboard.press("4")
    expect(page.locator(".row .s").first).to_have_text("both right")
    page.keyboard.press("1")
    expect(page.locator(".row .s").first).to_have_text("lost")
    lost = page.locator(".row").count()
    page.keyboard.press("n")
    page.locator(".ask input").fill("looks like a typo #check")
    page.locator(".ask input").press("Enter")
    expect(page.locator(".row.on .m")).to_contain_text("looks like a typo #check")
    page.locator(".st-key-words input").fill("charged")
    expect(page.locator(".ts-headline")).to_contain_text("rows with “charged”")
    expect(page.locator(".row")).not_to_have_count(lost)
    expect(page.locator(".row.on .p")).to_contain_text("charged")
    app.stop()
    assert [one.tags for one in notes.read(full / "evals" / notes.FILE).values()] == [("check",)]
