"""The report: the verdict's own figures, sealed answers kept sealed, every text of a row escaped."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pyarrow.parquet as pq
import pytest

from curation.errors import BadUsage, NoBaseline, NotReady
from curation.files import write_json
from evals import page, report, summary
from evals.report import Asked
from evals.verdict import judge
from tests.evals.conftest import marks


@pytest.fixture
def summed(evaluation):
    """An evaluation with its summary, as a finished job leaves it."""

    def write(columns, name="e001", **told):
        folder = evaluation(columns, name, **told)
        scored = pq.read_table(folder / "scores.parquet").to_pylist()
        summed = summary.of(list(columns), [told.get("primary", "label")], scored, [])
        write_json(folder / "summary.json", summed)
        return folder

    return write


class Reader(HTMLParser):
    """What a browser would see: the tags, the attributes and the text outside of the style."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.attributes, self.words, self.open = [], [], [], []
        self.feed(html)
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.open.append(tag)

    def handle_endtag(self, tag):
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data):
        if not {"style", "title"} & set(self.open):
            self.words.append(data)


def test_the_page_says_what_the_verdict_says_in_the_same_words(summed):
    folder = summed(marks(118, 34, 12, 36))
    found = judge(folder, "run:r001")
    text = Reader(page.render(report.gather(folder))).text
    for sentence in (found.headline, *found.sentences):
        assert sentence in text
    for figure in ("34", "12", "118", "36", "+11.0", "+4.5 to +17.7", "0.0011"):
        assert figure in text
    assert all(check.value in text for check in found.checks)
    assert found.answers_fingerprint in text and "f" * 64 in text
    assert "76.0 % 69.6 to 81.4" in text and "65.0 % 58.2 to 71.3" in text


def test_a_report_is_no_look(summed):
    folder = summed(marks(118, 34, 12, 36))
    judge(folder, "run:r001")
    register = (folder.parent / "looks.jsonl").read_bytes()
    for _ in range(2):
        assert "This is verdict 1 on this test set" in " ".join(report.gather(folder).sentences)
    assert (folder.parent / "looks.jsonl").read_bytes() == register


def test_sealed_answers_stay_sealed_until_a_verdict_opened_them(summed):
    folder = summed(marks(118, 34, 12, 36))
    with pytest.raises(NotReady, match="not been opened by a verdict") as caught:
        report.gather(folder)
    assert "workbench verdict" in caught.value.hint and "--candidate run:r001" in caught.value.hint
    assert not (folder.parent / "looks.jsonl").exists()
    judge(folder, "run:r001")
    assert [group.total for group in report.gather(folder).rows] == [12, 34]


def test_a_withheld_verdict_is_reported_without_a_figure_or_a_row(summed):
    found = report.gather(summed(marks(118, 34, 12, 36), audit={"clean": False, "pairs": 14}))
    assert found.headline.startswith("No verdict: 14 pairs of rows") and found.tone == "bad"
    assert found.rows == found.scored == found.comparisons == ()
    html = page.render(found)
    assert "question row" not in html and "Row by row" not in html


def test_validation_is_reported_as_progress_without_a_verdict(summed):
    folder = summed(marks(118, 34, 12, 36), split="validation")
    found = report.gather(folder)
    assert (
        found.headline == "On 200 validation rows run:r001 got 34 right that prompt got wrong, and lost 12."
    )
    assert "decided on the sealed test rows" in " ".join(found.sentences)
    text = Reader(page.render(found)).text
    assert found.checks == () and "The gate" not in text and "Stands" not in text
    assert "+11.0" in text and "progress on validation" in text
    assert not (folder.parent / "looks.jsonl").exists()


def test_lost_and_won_rows_share_the_room(summed):
    folder = summed(marks(118, 34, 12, 36), split="validation")
    shown = [(group.title, len(group.rows), group.total) for group in report.gather(folder).rows]
    assert shown == [("Lost", 10, 12), ("Won", 10, 34)]
    assert report.gather(folder, rows=0).rows == ()
    assert (
        page.pick(3, 34, 20) == (3, 17) and page.pick(34, 3, 20) == (17, 3) and page.pick(1, 2, 20) == (1, 2)
    )


def test_no_text_of_a_row_becomes_markup(summed):
    evil = '<script>alert(1)</script><img src=x onerror="x"> {{ 7 * 7 }} & "quoted"'
    columns = marks(1, 10, 10, 1)
    folder = summed(
        columns, answers={name: [evil if mark else "no" for mark in marks_] for name, marks_ in columns.items()},
        split="validation", groups=[evil] + [None] * 21,
    )  # fmt: skip
    table = pq.read_table(folder / "examples.parquet").to_pylist()
    pq.write_table(
        type(pq.read_table(folder / "examples.parquet")).from_pylist(
            [{**row, "prompt": evil, "expected": evil, "label": "yes"} for row in table],
            schema=pq.read_table(folder / "examples.parquet").schema,
        ),
        folder / "examples.parquet",
    )
    html = page.render(report.gather(folder))
    seen = Reader(html)
    assert {"script", "img"} & set(seen.tags) == set()
    assert not [name for name, _ in seen.attributes if name.startswith("on") or name == "src"]
    assert "{{ 7 * 7 }}" in seen.text and "alert(1)" in seen.text and "49" not in seen.text.split()


def test_the_page_needs_no_network_and_no_script(summed):
    html = page.render(report.gather(summed(marks(20, 9, 8, 7), split="validation")))
    assert not re.search(
        r"https?:|//|url\(|@import|<script|<link|<iframe", html.replace("<!doctype html>", "")
    )
    assert "default-src 'none'" in html and "prefers-color-scheme: dark" in html and "@media print" in html


def test_words_that_differ_are_marked_as_in_the_app(summed):
    columns = marks(0, 0, 1, 0)
    folder = summed(
        columns, answers={"run:r001": ["the other thing"], "prompt": ["yes"]}, split="validation", audit=None
    )  # fmt: skip
    html = page.render(report.gather(folder))
    assert "<ins>the other thing</ins>" in html and "never made" in html


def test_a_very_long_answer_is_cut_and_says_how_much_is_hidden(summed):
    columns = marks(0, 0, 1, 0)
    folder = summed(columns, answers={"run:r001": ["x " * 9_000], "prompt": ["yes"]}, split="validation")
    html = page.render(report.gather(folder))
    assert len(html) < 40_000 and "(14,000 characters more)" in html


def test_the_same_question_gives_the_same_verdict(summed):
    columns = {**marks(118, 34, 12, 36), "few-shot:4": [0] * 48 + [1] * 152}
    folder = summed(columns)
    named = judge(folder, "run:r001", ["prompt"])
    found = report.gather(folder, Asked(against=("prompt",)))
    assert (found.headline, found.title) == (named.headline, "run:r001 against prompt")
    assert "--against prompt" in found.commands[0] and found.commands[0].endswith("--version v001")
    everyone = report.gather(folder)
    assert everyone.headline.startswith("Not enough evidence") and everyone.rows[0].lead.startswith(
        "few-shot:4 is right"
    )


def test_names_that_make_no_sense_are_refused(summed):
    folder = summed({"run:r001": [1] * 30, "run:r002": [0] * 30}, split="validation")
    with pytest.raises(BadUsage, match="run:r009"):
        report.gather(folder, Asked("run:r009"))
    alone = summed({"run:r001": [1] * 30}, name="e2")
    with pytest.raises(NoBaseline):
        report.gather(alone)


def test_one_candidate_alone_on_validation_is_reported(summed):
    found = report.gather(summed({"prompt": [1, 0, 1, 0]}, split="validation"))
    assert found.headline == "prompt answered 4 validation rows." and found.title == "prompt"
    assert "50.0 % 15.0 to 85.0" in Reader(page.render(found)).text


def test_a_graded_primary_scorer_is_reported_as_scores(summed):
    folder = summed(
        {"run:r001": [1, 0.5] * 30, "prompt": [0.25, 0.5] * 30},
        answers={"run:r001": ["a"] * 60, "prompt": ["b"] * 60},
        split="validation", primary="fields", task={"kind": "structured", "labels": []},
    )  # fmt: skip
    found = report.gather(folder)
    assert found.headline == "On 60 validation rows run:r001 scored higher than prompt in 30 and lower in 0."
    assert (
        found.scorers == ("Fields right (F1)",) and found.rows[0].lead == "run:r001 scores higher than prompt"
    )
    text = Reader(page.render(found)).text
    assert "How each scored" in text and "0.25" in text and "Sign-flip p" in text
