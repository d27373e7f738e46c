"""The ranking of labels in a project: what it says, what it leaves alone, when it is out of date."""

from __future__ import annotations

import json

import numpy as np
import pytest

from curation import decisions, embed, filters, importing, label_errors, meaning, project, store
from curation.errors import NotReady
from curation.files import shipped
from curation.task import Task
from tests.curation.conftest import chat, write_jsonl

TOPICS = ("refund", "cancel", "delivery")
TASK = Task(kind="classification", labels=list(TOPICS))


def by_topic(texts, embedder="", cache=None, progress=None):
    """Vectors of plain numpy: the topic's axis and a little of the text itself."""
    made = []
    for text in texts:
        own = np.random.default_rng(sum(text.encode())).normal(size=16) * 0.1
        own[TOPICS.index(text.split()[0])] += 1
        made.append(own / np.linalg.norm(own))
    return np.array(made, dtype=np.float32).reshape(len(texts), -1)


@pytest.fixture
def labelled(tmp_path, monkeypatch):
    """Sixty rows of three topics; the labels of rows 4 and 8 (seq) are wrong."""
    monkeypatch.setattr(embed, "vectors", by_topic)
    monkeypatch.setattr(embed, "missing", lambda texts, embedder, cache: list(texts))
    rows = []
    for i in range(60):
        label = TOPICS[(i + (i in (3, 7))) % 3]
        text = f"{TOPICS[i % 3]} {' '.join(str(hash((i, k)) % 997) for k in range(9))}"
        rows.append({"messages": chat(text, label)})
    with store.create(project.reserve(tmp_path / "labelled")) as opened:
        importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
        yield opened


def test_the_ranking_names_the_wrong_rows_first_with_what_explains_them(labelled):
    ranking = label_errors.find(labelled, TASK)
    first, second = label_errors.listed(labelled, 2)
    assert {first.seq, second.seq} == {4, 8}
    assert (ranking.rows, ranking.flagged) == (60, 2)
    for one in (first, second):
        assert one.suggested == TOPICS[(one.seq - 1) % 3] and one.given != one.suggested
        assert one.reason == f"5 of 5 nearest say {one.suggested}"
        assert one.neighbours[0]["similarity"] >= one.neighbours[-1]["similarity"]
    assert sorted(ranking.pairs) == sorted((one.given, one.suggested, 1) for one in (first, second))


def test_the_filter_and_the_order_follow_the_ranking(labelled):
    label_errors.find(labelled, TASK)
    flagged = filters.view(labelled, filters.parse("suspect=any"), "suspect").tolist()
    assert flagged == [one.seq for one in label_errors.listed(labelled, 2)]
    assert len(filters.view(labelled, filters.parse("suspect!=any"))) == 58
    suggested = label_errors.listed(labelled, 1)[0].suggested
    assert filters.view(labelled, filters.parse(f"suspect={suggested}"), "suspect")[0] == flagged[0]


def test_a_relabelled_row_leaves_the_list_and_an_edit_makes_the_ranking_old(labelled):
    label_errors.find(labelled, TASK)
    assert label_errors.is_current(labelled)
    decisions.decide(labelled, [4], "label", "refund", who="ann")
    assert not label_errors.is_current(labelled)
    assert 4 not in [one.seq for one in label_errors.listed(labelled)]


def test_dropped_rows_neither_are_ranked_nor_vote(labelled):
    decisions.decide(labelled, [4, 5], "decision", "drop", who="ann")
    assert label_errors.find(labelled, TASK).rows == 58
    listed = label_errors.listed(labelled)
    dropped = {row[0] for row in labelled.rows("select id from example where seq in (4, 5)")}
    assert not dropped & {near["id"] for one in listed for near in one.neighbours}


def test_it_says_stop_after_twenty_right_rows_in_rank_order_and_not_before(labelled):
    label_errors.find(labelled, TASK)
    order = [one.seq for one in label_errors.listed(labelled, 60)]
    assert label_errors.stop(labelled).reviewed == 0
    decisions.decide(labelled, order[:2], "decision", "drop", who="ann")
    decisions.decide(labelled, order[2:20], "decision", "keep", who="ann")
    stop = label_errors.stop(labelled)
    assert (stop.reviewed, stop.errors, stop.last_errors, stop.enough) == (20, 2, 2, False)
    decisions.decide(labelled, order[20:22], "decision", "keep", who="ann")
    stop = label_errors.stop(labelled)
    assert (stop.reviewed, stop.last, stop.last_errors, stop.enough) == (22, 20, 0, True)
    assert "stop here" in stop.sentence
    decisions.undo(labelled, who="ann")
    assert not label_errors.stop(labelled).enough


def test_a_task_without_labels_says_what_to_name(labelled):
    with pytest.raises(NotReady, match="no label"):
        label_errors.find(labelled, Task())


def test_text_in_another_script_is_told_to_an_english_embedder(labelled, tmp_path):
    assert meaning.foreign(labelled) == ""
    rows = [{"messages": chat(f"заказ {i} не пришёл, верните деньги", "refund")} for i in range(120)]
    importing.import_file(labelled, write_jsonl(tmp_path / "ru.jsonl", rows), who="ann")
    assert "reads English" in meaning.foreign(labelled)
    assert meaning.foreign(labelled, "a-multilingual-one") == ""


def test_like_selects_the_nearest_rows_in_order_and_joins_other_terms(labelled):
    (one,) = labelled.row("select id from example where seq = 1")
    found = filters.view(labelled, filters.parse(f"like={one}")).tolist()
    known = meaning.read(labelled)
    expected = known.seqs[np.argsort(-(known.vectors @ known.vectors[0]), kind="stable")].tolist()
    assert found == expected and found[0] == 1
    both = filters.parse(f"like={one} label=cancel")
    assert filters.view(labelled, both).tolist() == [
        seq for seq in found if seq in filters.view(labelled, filters.parse("label=cancel"))
    ]
    assert filters.count(labelled, both) == len(filters.view(labelled, both))
    assert one in both.english


def test_words_select_the_rows_nearest_in_meaning_and_join_other_terms(labelled, monkeypatch):
    monkeypatch.setattr(filters, "MOST_LIKE", 20)
    found = filters.view(labelled, filters.parse('means~"delivery to my door"')).tolist()
    assert len(found) == 20 and {(seq - 1) % 3 for seq in found} == {2}
    both = filters.parse('means~"delivery to my door" label!=delivery')
    assert set(filters.view(labelled, both).tolist()) <= set(found)
    assert "among the 20 nearest to “delivery to my door”" in both.english
    assert filters.view(labelled, filters.parse('means~" "')).tolist() == []


def test_words_without_vectors_say_how_long_they_take(labelled, monkeypatch):
    monkeypatch.setattr(meaning, "_SOON", 10)
    monkeypatch.setattr(meaning, "_kept", None)
    with pytest.raises(NotReady, match="needs vectors: .* for 60 rows") as raised:
        filters.count(labelled, filters.parse("means~delivery"))
    assert "workbench vectors" in raised.value.hint


def test_like_without_vectors_says_how_long_they_take(labelled, monkeypatch):
    monkeypatch.setattr(meaning, "_SOON", 10)
    monkeypatch.setattr(meaning, "_kept", None)
    (one,) = labelled.row("select id from example where seq = 1")
    with pytest.raises(NotReady, match="needs vectors: .* for 60 rows"):
        filters.view(labelled, filters.parse(f"like={one}"))


@pytest.mark.model
def test_planted_wrong_labels_of_the_demo_are_found_by_the_real_embedder(tmp_path):
    planted = json.loads(shipped("demo", "truth.json").read_text("utf-8"))["planted"]
    broken = {(one["file"], one["line"]) for one in planted if one["kind"] != "wrong_label"}
    wrong = {
        (one["file"], one["line"]): one["right"]["intent"] for one in planted if one["kind"] == "wrong_label"
    }
    kinds = {"setup": [], "billing": [], "cancel": []}
    bad = []
    for path in sorted(shipped("demo").glob("*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
            if (path.name, number) in broken:
                continue
            try:
                row = json.loads(line)
                intent = json.loads(row["messages"][-1]["content"])["intent"]
            except (ValueError, KeyError, TypeError):
                continue
            right = wrong.get((path.name, number))
            if right in kinds and intent in kinds:
                bad.append(row)
            elif right is None and intent in kinds and len(kinds[intent]) < 18:
                kinds[intent].append(row)
    rows = [row for some in kinds.values() for row in some] + bad[:6]
    assert len(bad) >= 1
    with store.create(project.reserve(tmp_path / "slice")) as opened:
        importing.import_file(opened, write_jsonl(tmp_path / "rows.jsonl", rows), who="ann")
        task = Task(kind="structured", output_schema={"properties": {"intent": {}}}, slices=["intent"])
        label_errors.find(opened, task)
        asked = {row["messages"][-2]["content"] for row in bad[:6]}
        top = opened.rows(
            """
            select user_text(c.messages)
            from suspect s
            join content c using (seq)
            order by s.score desc
            limit ?
            """,
            [2 * len(asked)],
        )
        assert len(asked & {text for (text,) in top}) >= 0.8 * len(asked)
