"""What a cluster says about its rows: representative, similarity, hops, what may be dropped, why it is one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import duckdb
import pytest

from curation.dedup import Shingle, find
from curation.errors import BadUsage, Stopped
from tests.curation.dedup import reference
from tests.curation.dedup.test_near_duplicates import chats, duplicates, load

BODY = [f"word{i}" for i in range(60)]


def changed(*places: int) -> str:
    return " ".join(f"wort{i}" if i in places else word for i, word in enumerate(BODY))


def members(texts: Sequence[str], prompts: Sequence[str] | None = None) -> dict[int, dict[str, Any]]:
    return {row["seq"]: row for row in duplicates(texts, prompts).members.to_pylist()}


def test_the_representative_is_the_longest_text_and_of_equal_length_the_oldest() -> None:
    longer = changed() + " and more"
    assert {row["representative"] for row in members([changed(), longer, changed()]).values()} == {1}
    assert {row["representative"] for row in members([changed(), changed(), changed()]).values()} == {0}


def test_similarity_is_to_the_representative_and_one_for_a_copy() -> None:
    rows = members([changed(), changed(30), changed()])
    assert rows[1]["similarity"] == 55 / 61
    assert (rows[1]["exact"], rows[2]["exact"]) == (False, True)
    assert rows[0]["similarity"] == rows[2]["similarity"] == 1


def test_a_row_linked_through_others_says_through_how_many() -> None:
    chain = [" ".join([*BODY[3 * i :], *(f"new{j}" for j in range(3 * i))]) for i in range(5)]
    rows = members([chain[0] + " longest", *chain[1:]])
    assert {row["cluster"] for row in rows.values()} == {0}
    assert {row["representative"] for row in rows.values()} == {0}
    hops = [rows[i]["hops"] for i in range(5)]
    assert hops[:2] == [0, 0]
    assert hops == sorted(hops)
    assert hops[4] > 0
    for row in rows.values():
        assert (row["hops"] > 0) == (row["similarity"] < 0.8)
        assert not (row["hops"] and row["proposed"])


def test_the_edges_of_a_cluster_are_a_tree() -> None:
    found = duplicates(chats(800, seed=6, words=(2, 12)))
    assert found.edges.num_rows == found.members.num_rows - found.clusters
    rows = {row["seq"] for row in found.members.to_pylist()}
    assert rows == set(found.edges["a"].to_pylist()) | set(found.edges["b"].to_pylist())


def test_long_near_copies_are_proposed_and_the_representative_is_kept() -> None:
    rows = members([changed(), changed(30), changed()])
    assert [rows[i]["proposed"] for i in range(3)] == [False, True, True]


def test_of_short_texts_only_exact_copies_are_proposed() -> None:
    rows = members(
        ["how do i cancel my new card", "how do i cancel my new cart", "how do i cancel my new card"]
    )
    assert [rows[i]["proposed"] for i in range(3)] == [False, False, True]


def test_dropping_all_proposals_leaves_a_row_of_every_cluster() -> None:
    rows = members(chats(600, seed=9, words=(10, 24)))
    kept = {row["cluster"] for row in rows.values() if not row["proposed"]}
    assert kept == {row["cluster"] for row in rows.values()}


def test_user_turns_join_rows_but_propose_nothing() -> None:
    prompts = ["what is your refund policy for shoes"] * 2 + ["something else"]
    texts = [f"{prompts[0]} {changed()}", f"{prompts[1]} entirely different answer", "unrelated"]
    found = duplicates(texts, prompts)
    rows = found.members.to_pylist()
    assert [row["seq"] for row in rows] == [0, 1]
    assert {row["cluster"] for row in rows} == {0}
    assert not any(row["conversation"] or row["proposed"] for row in rows)
    assert found.edges["kind"].to_pylist() == ["exact_prompt"]
    assert (found.near_pairs.exact, found.near_pairs_prompt.exact) == (0, 0)


def test_clusters_are_the_components_of_conversations_and_user_turns_together() -> None:
    texts, prompts = chats(300, seed=12, words=(3, 12)), chats(300, seed=13, words=(1, 8))
    links = set[tuple[int, int]]()
    for column in (texts, prompts):
        links |= reference.similar_pairs(column, grams=True) | reference.equal_pairs(column)
    expected = reference.smallest_of_component(300, links)
    rows = members(texts, prompts)
    assert [rows[i]["cluster"] if i in rows else i for i in range(300)] == expected


def test_user_turns_are_cut_as_the_conversations_are() -> None:
    found = duplicates([changed(), changed(7)], ["reset my card", "reset my cart"])
    assert found.shingle is Shingle.WORDS
    assert found.near_pairs_prompt.exact == 0


@pytest.mark.parametrize("near", [0.0, -1.0, 1.01])
def test_a_similarity_that_cannot_be_is_refused(near: float) -> None:
    with pytest.raises(BadUsage):
        duplicates(["a"], near=near)


def test_a_transaction_that_is_rolled_back_leaves_nothing_behind() -> None:
    with duckdb.connect() as connection:
        load(connection, "text", range(200), chats(200, seed=3, words=(3, 12)))
        before = connection.sql("select table_name from duckdb_tables()").fetchall()
        cursor = connection.cursor()
        cursor.execute("begin")
        find(cursor, "text", "text")
        cursor.execute("rollback")
        assert find(cursor, "text", "text").clusters > 0
        assert connection.sql("select table_name from duckdb_tables()").fetchall() == before


def test_the_work_can_be_stopped_and_started_again() -> None:
    class Impatient:
        def stage(self, name: str, total: int | None = None) -> None:
            """Nothing to show."""

        def advance(self, n: int = 1) -> None:
            raise Stopped("enough")

    with duckdb.connect() as connection:
        load(connection, "text", range(200), chats(200, seed=3, words=(3, 12)))
        with pytest.raises(Stopped):
            find(connection, "text", "text", progress=Impatient())
        assert find(connection, "text", "text").clusters > 0
