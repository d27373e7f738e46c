"""Grading by people: blind, by keyboard, nothing lost, and what it adds up to shown at the end."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from playwright.sync_api import expect

from curation import importing, jobs, project, splits, store, task, versions
from evals import evaluation, grading, judge

LABELS = ("return", "delivery", "billing")


@pytest.fixture
def graded(tmp_path):
    """20 validation rows, one system right everywhere and one wrong everywhere."""
    file = tmp_path / "intents.csv"
    lines = [f"{n:04d} {LABELS[n % 3]} number {n * 7919},{LABELS[n % 3]}" for n in range(120)]
    file.write_text("text,label\n" + "\n".join(lines), "utf-8")
    with store.create(project.reserve(tmp_path / "project")) as opened:
        importing.import_file(opened, file, who="test")
        known = task.load(opened.project.task_path)
        splits.make(opened, known, test=20, validation=20, group="none", who="test")
        version = versions.freeze(opened, known, who="test")
        rows = version.read("validation", ("id", "label"))
        for name, say in (("aspen", str), ("birch", lambda label: "nonsense")):
            pairs = zip(rows["id"].to_pylist(), rows["label"].to_pylist(), strict=True)
            text = "\n".join(json.dumps({"id": id_, "answer": say(label)}) for id_, label in pairs)
            (tmp_path / f"{name}.jsonl").write_text(text, "utf-8")
        job = evaluation.create(
            opened.project,
            version.folder,
            known,
            candidates=[f"answers:{tmp_path / 'birch.jsonl'}", f"answers:{tmp_path / 'aspen.jsonl'}"],
        )
        jobs.start(job)
        assert jobs.wait(job).state == "done", (job / "log.txt").read_text()
    return tmp_path / "project"


def test_a_pair_is_judged_by_keyboard_and_the_names_show_at_the_end(graded, start, visit):
    app = start(graded)
    page = visit(app.at("evals?how=Blind+A/B&candidate=answers:aspen&baseline=answers:birch"))
    expect(page.locator(".grade .col")).to_have_count(2)
    expect(page.locator(".grade")).not_to_contain_text("aspen")
    for number in range(1, 23):  # 20 rows, 2 of them again
        expect(page.locator(".about")).to_have_text(f"{number} of 22")
        left = page.locator(".grade .col").first.inner_text()
        page.keyboard.press("2" if "nonsense" in left else "1")
    expect(page.get_by_text("answers:aspen is better in 20, answers:birch in 0")).to_have_count(1)
    expect(page.get_by_text("Asked again, 100% of 2 rows got the same judgement.")).to_have_count(1)
    app.stop()
    assert len(grading.read(graded / "evals" / "e001")) == 22


def test_what_a_judge_model_said_is_out_of_sight_until_a_person_looks(graded, start, visit):
    folder = graded / "evals" / "e001"
    names = ["answers:aspen", "answers:birch"]
    with (folder / judge.FILE).open("w", encoding="utf-8") as file:
        for row in judge.pairs(folder, *names):
            for first, second in (names, names[::-1]):
                said = "A" if first == names[0] else "B"
                line = judge.Said("", "a judge", "r", row.id, first, second, "", said, said, "stop", 1, 1)
                file.write(json.dumps(asdict(line)) + "\n")
    app = start(graded)
    page = visit(app.at("evals?how=Blind+A/B&candidate=answers:aspen&baseline=answers:birch"))
    told = page.get_by_text("20 rows judged by a judge in both orders: answers:aspen is better in 20")
    expect(page.get_by_text("What a judge model says")).to_be_visible()
    expect(told).not_to_be_visible()
    page.get_by_text("What a judge model says").click()
    expect(told).to_be_visible()
    app.stop()


def test_a_judgement_can_be_taken_back_and_survives_the_end_of_the_app(graded, start, visit):
    app = start(graded)
    page = visit(app.at("evals?how=Expected+answers&candidate=answers:aspen&baseline=answers:birch"))
    expect(page.locator(".grade .empty")).to_contain_text("Nothing to judge")
    page = visit(app.at("evals?how=Pass+or+fail&candidate=answers:aspen&baseline=answers:birch"))
    expect(page.locator(".about")).to_have_text("1 of 22")
    page.keyboard.press("1")
    expect(page.locator(".about")).to_have_text("2 of 22")
    page.keyboard.press("u")
    expect(page.locator(".about")).to_have_text("1 of 22")
    page.keyboard.press("2")
    expect(page.locator(".unsaved")).to_have_text("")
    app.stop()
    (kept,) = grading.read(graded / "evals" / "e001")
    assert (kept.said, kept.names) == ("fail", ("answers:aspen",))


def test_the_command_line_asks_and_takes_the_same_questions(graded, tmp_path, monkeypatch):
    from workbench import cli

    def run(*args):
        done = cli.execute([*map(str, args), "--json"], None, cwd=str(tmp_path), who="ann")
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    named = ("--candidate", "answers:aspen", "--against", "answers:birch")
    assert run("grade", graded, "e001", *named, "--ask", "open.jsonl")["judged"] == 0
    asked = [json.loads(line) for line in (tmp_path / "open.jsonl").read_text("utf-8").splitlines()]
    assert len(asked) == 22 and "aspen" not in asked[0]["prompt"] + asked[0]["left"]
    said = [{"key": one["key"], "said": "left" if one["right"] == "nonsense" else "right"} for one in asked]
    (tmp_path / "said.jsonl").write_text("\n".join(map(json.dumps, said)), "utf-8")
    found = run("grade", graded, "e001", *named, "--answers", "said.jsonl")
    assert (found["won"], found["lost"], found["consistent"]) == (20, 0, 1.0)
