"""What the map draws: at most so many points, the filter's own in colour and the others faint behind them."""

from __future__ import annotations

import numpy as np
import pytest

from curation import importing, project, store
from curation import map as maps
from curation.task import Task
from tests.curation.conftest import chat, write_jsonl
from tests.curation.test_label_errors import TOPICS, by_topic
from workbench import mapped
from workbench.selection import select

TASK = Task(kind="classification", labels=list(TOPICS))


@pytest.fixture(scope="module")
def placed(tmp_path_factory):
    """Sixty rows of three topics on a map."""
    folder = tmp_path_factory.mktemp("placed")
    rows = [{"messages": chat(f"{TOPICS[i % 3]} <b>{i}</b>  of all", TOPICS[i % 3])} for i in range(60)]
    with pytest.MonkeyPatch.context() as patch, store.create(project.reserve(folder / "project")) as opened:
        patch.setattr("curation.embed.vectors", by_topic)
        patch.setattr("curation.embed.missing", lambda texts, embedder, cache: list(texts))
        importing.import_file(opened, write_jsonl(folder / "rows.jsonl", rows), who="ann")
        maps.build(opened)
        yield opened


def chosen(opened, words):
    return select(opened, words, "imported", kept=None)


def test_rows_the_filter_leaves_out_are_faint_and_lie_beneath(placed):
    drawn = mapped.draw(placed, chosen(placed, "text~refund"), "label", TASK)
    assert (drawn.selected, drawn.shown, drawn.values) == (20, 20, ("refund",))
    assert len(drawn.points) == 60
    assert [point["grey"] for point in drawn.points] == [True] * 40 + [False] * 20
    assert drawn.points[0]["strength"] < drawn.points[-1]["strength"]
    assert drawn.points[-1]["words"].startswith("refund <b>")


def test_no_more_points_than_agreed_and_it_is_said(placed, monkeypatch):
    monkeypatch.setattr(mapped, "MOST", 12)
    drawn = mapped.draw(placed, chosen(placed, ""), "label", TASK)
    assert (len(drawn.points), drawn.shown, drawn.selected) == (12, 12, 60)
    assert drawn.sentence.startswith("12 of 60 rows are drawn")
    assert drawn == mapped.draw(placed, chosen(placed, ""), "label", TASK)


def test_a_region_does_not_take_points_off_the_map(placed):
    x, y = np.array(placed.rows("select x, y from map_point where seq = 1"))[0]
    inside = chosen(placed, f"map={maps.box((x - 1, x + 1), (y - 1, y + 1))} text~refund")
    assert 1 in inside.seqs.tolist() and len(inside.seqs) < 20
    assert len(mapped.base(placed, inside, None).seqs) == 20
    whole = chosen(placed, "text~refund")
    assert mapped.base(placed, whole, None) is whole


def test_colours_are_offered_where_they_tell_something_apart(placed):
    assert mapped.colours({"label": ["a"], "source": ["one"], "split": [], "flag": []}, None) == [
        "label",
        "decision",
    ]
    many = {"label": [], "source": ["one", "two"], "split": ["train"], "flag": ["any flag"]}
    assert mapped.colours(many, None) == ["decision", "flag", "split", "source"]
    structured = Task(kind="structured", output_schema={"properties": {"intent": {}}}, slices=["intent"])
    assert mapped.colours({}, structured)[0] == "label"
    for colour in mapped.colours(many, None):
        assert mapped.draw(placed, chosen(placed, ""), colour, TASK).selected == 60
