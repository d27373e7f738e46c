"""Stored clusters are listed, raised to a higher threshold and resolved without computing them again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from curation import decisions, importing, project, store
from curation.dedup import listing, run
from curation.errors import BadUsage

LONG = "the parcel with the blue lamp that I ordered on Monday has still not arrived at my address in town"


def said(question, answer):
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}


@pytest.fixture
def opened(tmp_path):
    rows = [
        said(LONG, "I will look into the delivery of the lamp for you today."),
        said(LONG.upper() + "!", "I will look into the delivery of the lamp for you today."),
        said(LONG.replace("Monday", "Friday"), "I will look into the delivery of the lamp for you today."),
        said("where is the nearest shop of yours", "In the old town, next to the station."),
        said(
            "where is the nearest shop of yours", "We have no shops: everything is sold on our website only."
        ),
        said("nothing like the others", "none"),
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    with store.create(project.reserve(tmp_path / "p")) as made:
        importing.import_file(made, file, who="ann")
        run.deduplicate(made)
        yield made


def test_clusters_are_listed_largest_or_weakest_first(opened):
    found = listing.clusters(opened, "largest")
    assert found.cluster.tolist() == [1, 4] and found.size.tolist() == [3, 2]
    assert 0.7 < found.weakest[0] < 1 and found.weakest[1] == 1
    with pytest.raises(BadUsage, match="order"):
        listing.clusters(opened, "smallest")


def test_equal_conversations_are_one_entry_with_a_count(opened):
    (first, second) = listing.members(opened, [1])[1]
    assert {tuple(sorted(first["copied"])), tuple(second["copied"])} == {(1, 2), (3,)}
    assert sorted((first["copies"], second["copies"])) == [1, 2]


def test_a_raised_threshold_leaves_only_rows_that_similar_and_a_run_s_own_leaves_all(opened):
    lowest = listing.floor(opened)
    assert listing.clusters(opened, "largest", lowest).size.tolist() == [3, 2]
    assert listing.clusters(opened, "largest", 1.0).size.tolist() == [2, 2]
    words, changed = listing.changed_words(opened, 0.9)
    assert words > 5 and 0 < changed < words
    assert listing.changed_words(opened, 1.0)[1] == 0


def test_only_clusters_of_the_selection_are_listed(opened):
    assert listing.clusters(opened, "largest", among=np.array([5])).cluster.tolist() == [4]
    assert listing.clusters(opened, "largest", among=np.array([6])).cluster.tolist() == []


def test_proposed_copies_are_undecided_and_never_the_last_of_their_kind(opened):
    copies = listing.proposed(opened).tolist()
    assert len(copies) == 2 and set(copies) < {1, 2, 3}
    assert listing.proposed(opened, among=np.array([4])).tolist() == []
    decisions.decide(opened, copies[:1], "decision", "keep", who="ann")
    assert listing.proposed(opened).tolist() == copies[1:]
    decisions.decide(opened, list({1, 2, 3} - set(copies)), "decision", "drop", who="ann")
    assert listing.proposed(opened).tolist() == []


def test_a_project_without_deduplication_has_no_threshold(tmp_path):
    with store.create(project.reserve(tmp_path / "new")) as made:
        assert listing.floor(made) is None
        assert listing.clusters(made, "largest").cluster.tolist() == []
