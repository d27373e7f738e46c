"""The map: near in meaning is near in the plane, twice the same, and a region of it is a filter."""

from __future__ import annotations

import numpy as np
import pytest

from curation import decisions, embed, filters, importing, project, store
from curation import map as maps
from curation.errors import NotReady
from tests.curation.conftest import chat, write_jsonl
from tests.curation.test_label_errors import TOPICS, by_topic

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def quick():
    """The embedder replaced by plain numpy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed, "vectors", by_topic)
        patch.setattr(embed, "missing", lambda texts, embedder, cache: list(texts))
        yield


@pytest.fixture(scope="module")
def mapped(quick, tmp_path_factory):
    """Ninety rows of three topics, placed."""
    folder = tmp_path_factory.mktemp("mapped")
    rows = [{"messages": chat(f"{TOPICS[i % 3]} {i * 37} of {i}", TOPICS[i % 3])} for i in range(90)]
    with store.create(project.reserve(folder / "project")) as opened:
        importing.import_file(opened, write_jsonl(folder / "rows.jsonl", rows), who="ann")
        maps.build(opened)
        yield opened


def places(opened):
    return np.array(opened.rows("select x, y from map_point order by seq"))


def topic_region(opened, topic):
    """A box around the rows of one topic."""
    at = places(opened)[TOPICS.index(topic) :: 3]
    return maps.box(
        (at[:, 0].min() - 0.2, at[:, 0].max() + 0.2), (at[:, 1].min() - 0.2, at[:, 1].max() + 0.2)
    )


def found(opened, text):
    return filters.view(opened, filters.parse(text)).tolist()


def test_the_nearest_on_the_map_is_of_the_same_topic(mapped):
    at = places(mapped)
    apart = np.linalg.norm(at[:, None] - at[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    same = apart.argmin(axis=1) % 3 == np.arange(90) % 3
    assert same.mean() > 0.97
    assert np.isclose(np.abs(at).max(), maps.EDGE, atol=0.01)


def test_a_map_made_twice_is_the_same(mapped):
    before = places(mapped)
    assert maps.build(mapped) == maps.last(mapped)
    assert (places(mapped) == before).all()


def test_a_region_is_a_filter_in_any_order_of_its_corners_and_its_opposite_is_the_rest(mapped):
    box = topic_region(mapped, "refund")
    inside = found(mapped, f"map={box}")
    assert set(range(1, 91, 3)) <= set(inside) < set(range(1, 91))
    a, b, c, d = box.split(",")
    assert found(mapped, f"map={c},{d},{a},{b}") == found(mapped, f'map="{a}, {d}, {c}, {b}"') == inside
    assert sorted(inside + found(mapped, f"map!={box}")) == list(range(1, 91))
    assert found(mapped, f"map={box} label=cancel") == [seq for seq in inside if (seq - 1) % 3 == 1]
    assert "in the region drawn" in filters.parse(f"map={box}").english


def test_a_changed_row_leaves_the_map_until_it_is_made_again(mapped):
    everything = "map=-101,-101,101,101"
    assert maps.is_current(mapped)
    decisions.decide(mapped, [7], "messages", chat("cancel something else", "cancel"), who="ann")
    assert maps.unplaced(mapped) == 1 and not maps.is_current(mapped)
    assert 7 not in found(mapped, everything) and len(found(mapped, everything)) == 89
    decisions.undo(mapped, who="ann")
    assert maps.is_current(mapped) and 7 in found(mapped, everything)


def test_rows_that_were_not_drawn_stand_beside_their_topic(mapped, monkeypatch):
    whole = maps.last(mapped)
    monkeypatch.setattr(maps, "MOST_PLACED", 45)
    picture = maps.build(mapped)
    assert (picture.rows, picture.placed) == (90, 45)
    assert "45 of them at random" in picture.sentence
    at = places(mapped)
    middle = np.array([np.median(at[topic::3], axis=0) for topic in range(3)])
    nearest = np.linalg.norm(at[:, None] - middle[None], axis=2).argmin(axis=1)
    assert (nearest == np.arange(90) % 3).mean() > 0.97
    monkeypatch.undo()
    assert maps.build(mapped).placed == whole.placed


@pytest.mark.parametrize(
    "texts", [["refund a"], ["refund a", "cancel b"], ["refund a"] * 6, ["refund"] * 5 + ["cancel"]]
)
def test_very_few_and_equal_rows_have_places(quick, opened, tmp_path, texts):
    rows = [{"messages": chat(text, f"answer {i}")} for i, text in enumerate(texts)]
    importing.import_file(opened, write_jsonl(tmp_path / "few.jsonl", rows), who="ann")
    assert maps.build(opened).rows == len(texts)
    at = places(opened)
    assert len(at) == len(texts) and np.isfinite(at).all() and np.abs(at).max() <= maps.EDGE + 0.01


def test_no_rows_is_said(quick, opened):
    with pytest.raises(NotReady, match="no row"):
        maps.build(opened)
    assert maps.last(opened) is None


def test_a_region_that_cannot_be_read_is_none():
    assert maps.corners("3,4,1,2") == (1, 2, 3, 4)
    assert maps.corners("3,4,1") is None and maps.corners("a,b,c,d") is None
