"""The join against plain Python: no pair missing, none invented, whatever the texts look like."""

from __future__ import annotations

import random
from collections.abc import Sequence

import duckdb
import networkx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.dedup import Duplicates, find
from curation.dedup.near import candidate_query
from tests.curation.dedup import reference

pytestmark = pytest.mark.slow


def load(connection: duckdb.DuckDBPyConnection, name: str, seq: Sequence[int], texts: Sequence[str]) -> None:
    connection.register(
        "rows", pa.table([pa.array(seq, pa.int64()), pa.array(texts, pa.string())], ["seq", "text"])
    )
    connection.execute(f"create table {name} as from rows")
    connection.unregister("rows")


def duplicates(
    texts: Sequence[str], prompts: Sequence[str] | None = None, near: float | None = None, threads: int = 1
) -> Duplicates:
    with duckdb.connect(config={"threads": threads}) as connection:
        for name, column in (("conversation", texts), ("prompt", prompts or [""] * len(texts))):
            load(connection, name, range(len(column)), column)
        return find(connection, "conversation", "prompt", near)


def agree(texts: Sequence[str], near: str | None = None) -> Duplicates:
    """Compare everything that plain Python can say about these texts."""
    found = duplicates(texts, near=None if near is None else float(near))
    grams = reference.uses_grams(texts)
    similar, equal = reference.similar_pairs(texts, grams, near), reference.equal_pairs(texts)
    assert found.near_pairs.exact == found.near_pairs.at_least == len(similar)
    assert found.exact_groups == len({first for first, _ in equal})
    expected = reference.smallest_of_component(len(texts), similar | equal)
    cluster = list(range(len(texts)))
    for member in found.members.to_pylist():
        cluster[member["seq"]] = member["cluster"]
    assert cluster == expected
    assert found.clusters == sum(expected.count(c) > 1 for c in set(expected))
    for edge in found.edges.to_pylist():
        pair = edge["a"], edge["b"]
        assert pair in (similar if edge["kind"] == "near" else equal)
        sets = [reference.shingles_of(texts[row], grams) for row in pair]
        assert edge["similarity"] == float(reference.jaccard(*sets))
    assert reference.smallest_of_component(len(texts), zip(*edge_ends(found), strict=True)) == expected
    return found


def edge_ends(found: Duplicates) -> tuple[list[int], list[int]]:
    return found.edges["a"].to_pylist(), found.edges["b"].to_pylist()


def chats(rows: int, seed: int, words: tuple[int, int], vocabulary: int = 400) -> list[str]:
    """Seeded chats in which about half the rows are copies with a few words changed, dropped or moved."""
    rng = random.Random(seed)
    known = ["".join(rng.choices("abcdefgh", k=rng.randint(1, 7))) for _ in range(vocabulary)]
    texts: list[str] = []
    for _ in range(rows):
        if texts and rng.random() < 0.5:
            changed = rng.choice(texts).split()
            for _ in range(rng.randint(0, 3)):
                changed[rng.randrange(len(changed))] = rng.choice(known)
            if rng.random() < 0.3 and len(changed) > 2:
                del changed[rng.randrange(len(changed))]
            if rng.random() < 0.2:
                changed = changed[2:] + changed[:2]
        else:
            changed = rng.choices(known, k=rng.randint(*words))
        texts.append(" ".join(changed))
    return texts


@pytest.mark.parametrize("near", [None, "0.3", "0.5", "0.7", "0.8", "0.9", "1"])
@pytest.mark.parametrize(("words", "rows"), [((1, 20), 400), ((45, 90), 400)], ids=["grams", "words"])
def test_no_pair_is_missing_and_none_is_invented(near: str | None, words: tuple[int, int], rows: int) -> None:
    agree(chats(rows, seed=rows + len(near or ""), words=words), near)


def test_two_thousand_rows_agree_with_plain_python() -> None:
    agree(chats(2_000, seed=5, words=(3, 14)))


@settings(max_examples=80, deadline=None)
@given(
    texts=st.lists(
        st.lists(st.sampled_from(["a", "b", "ab", "ba", "aab", "日本", "ça"]), max_size=12).map(" ".join),
        min_size=1,
        max_size=25,
    ),
    near=st.sampled_from([None, "0.1", "0.35", "0.6", "0.75", "1"]),
)
def test_tiny_alphabets_agree_with_plain_python(texts: list[str], near: str | None) -> None:
    agree(texts, near)


@settings(max_examples=40, deadline=None)
@given(
    texts=st.lists(
        st.lists(st.sampled_from("abcd"), min_size=41, max_size=50).map(" ".join), min_size=1, max_size=20
    ),
    near=st.sampled_from([None, "0.2", "0.5", "0.9"]),
)
def test_word_shingles_over_four_words_agree_with_plain_python(texts: list[str], near: str | None) -> None:
    agree(texts, near)


@pytest.mark.parametrize("words", [9, 60], ids=["grams", "words"])
@pytest.mark.parametrize("near", [None, "0.5", "0.95"])
def test_one_template_with_many_fillings_agrees_with_plain_python(words: int, near: str | None) -> None:
    rng = random.Random(3)
    frames = [[f"{frame}{i}" for i in range(words)] for frame in "xyz"]
    texts = []
    for _ in range(400):
        text = list(rng.choice(frames))
        for _ in range(rng.randint(0, 4)):
            text[rng.randrange(words)] = str(rng.randint(0, 5))
        texts.append(" ".join(text))
    agree(texts, near)


def test_phrases_shared_by_unlike_texts_link_nothing() -> None:
    rng = random.Random(11)
    opening = "could you please help me with the following thing that happened".split()
    texts = [" ".join([*opening, *(str(rng.randrange(10**6)) for _ in range(35))]) for _ in range(400)]
    assert agree(texts).clusters == 0


def test_the_last_word_of_a_text_counts() -> None:
    body = " ".join(f"w{i}" for i in range(60))
    texts = [f"{body} yes", f"{body} no"]
    found = duplicates(texts, near=1.0)
    assert found.near_pairs.exact == 0
    assert found.clusters == 0
    found = agree(texts)
    assert found.edges["similarity"].to_pylist() == [58 / 60]


def test_the_last_character_of_a_short_text_counts() -> None:
    assert duplicates(["order number 1", "order number 2"], near=1.0).near_pairs.exact == 0


def test_texts_shorter_than_a_shingle_are_one_shingle() -> None:
    found = agree(["no", "yes", "no", "nope", "n", "no n"])
    assert found.near_pairs.exact == 0
    assert found.exact_groups == 1


def test_short_texts_among_long_ones_are_one_shingle() -> None:
    texts = [*chats(9, seed=1, words=(60, 70)), "ok", "ok thanks", "ok", "thanks"]
    assert not reference.uses_grams(texts)
    agree(texts)


def test_an_empty_text_equals_nothing() -> None:
    found = agree(["", "", "hello there", ""])
    assert found.exact_groups == found.clusters == found.members.num_rows == 0


def test_no_rows_give_no_clusters() -> None:
    found = duplicates([])
    assert found.clusters == found.near_pairs.exact == found.edges.num_rows == 0


def test_scripts_without_blanks_are_cut_by_character() -> None:
    rng = random.Random(2)
    alphabet = "日本語学校東京大阪京都私彼女今日明日天気ひらがなカタカナラーメンสวัสดีครับ"
    long = ["".join(rng.choices(alphabet, k=rng.randint(45, 60))) for _ in range(60)]
    texts = [*long, *(text[:-2] + "終 abc" for text in long), *(f"{text[:20]} {text[20:]}" for text in long)]
    assert not reference.uses_grams(texts)
    assert agree(texts).near_pairs.exact != 0
    agree([text[:12] for text in texts])


def test_the_limit_for_short_texts_goes_by_the_shorter_one() -> None:
    eight, nine = "can i set my pin on new app", "can i set my pin on my new app"
    linked = agree([eight, eight.replace("pin", "pan")])
    assert linked.edges["similarity"].to_pylist() == [18 / 28]
    assert agree([nine, nine.replace("pin", "pan")]).near_pairs.exact == 0  # 21 of 31 shingles
    agree([eight, nine, eight.replace("pin", "pan"), nine.replace("pin", "pan")])


def test_components_equal_those_of_networkx() -> None:
    texts = chats(900, seed=8, words=(2, 9))
    found = duplicates(texts)
    graph = networkx.Graph(reference.similar_pairs(texts, grams=True) | reference.equal_pairs(texts))
    expected = sorted(sorted(component) for component in networkx.connected_components(graph))
    clusters: dict[int, list[int]] = {}
    for member in found.members.to_pylist():
        clusters.setdefault(member["cluster"], []).append(member["seq"])
    assert sorted(clusters.values()) == expected
    assert all(cluster == min(rows) for cluster, rows in clusters.items())


@pytest.mark.parametrize("words", [9, 80], ids=["grams", "words"])
def test_twenty_thousand_copies_of_one_template_are_one_cluster(words: int) -> None:
    frame = [f"word{i}" for i in range(words)]
    texts = [" ".join([*frame[: words // 2], f"{i:05d}", *frame[words // 2 :]]) for i in range(20_000)]
    found = duplicates(texts)
    assert found.clusters == 1
    assert found.members.num_rows == 20_000
    assert found.edges.num_rows == 19_999
    assert found.near_pairs.exact is None
    assert 1_000_000 < found.near_pairs.at_least <= 20_000 * 19_999 // 2


def test_pairs_of_a_template_are_counted_exactly_up_to_a_million() -> None:
    frame = [f"word{i}" for i in range(70)]
    texts = [" ".join([*frame, str(i)]) for i in range(1_400)]
    assert duplicates(texts).near_pairs.exact == 1_400 * 1_399 // 2


@pytest.mark.parametrize("threads", [1, 3])
def test_the_order_of_rows_and_the_threads_change_nothing(threads: int) -> None:
    texts = chats(3_000, seed=21, words=(2, 16))
    expected = duplicates(texts)
    with duckdb.connect(config={"threads": threads, "preserve_insertion_order": False}) as connection:
        shuffled = list(enumerate(texts))
        random.Random(4).shuffle(shuffled)
        seq, column = zip(*shuffled, strict=True)
        load(connection, "conversation", seq, column)
        load(connection, "prompt", seq, [""] * len(seq))
        found = find(connection, "conversation", "prompt")
    assert found.members.equals(expected.members)
    assert found.edges.equals(expected.edges)
    assert found.near_pairs == expected.near_pairs


def test_clusters_do_not_depend_on_the_numbers_that_rows_have() -> None:
    texts = chats(500, seed=31, words=(3, 10))
    plain = [-1] * len(texts)
    turned = [-1] * len(texts)
    for member in duplicates(texts).members.to_pylist():
        plain[member["seq"]] = member["cluster"]
    for member in duplicates(texts[::-1]).members.to_pylist():
        turned[len(texts) - 1 - member["seq"]] = member["cluster"]
    together = {(a, b) for a in range(500) for b in range(a) if plain[a] == plain[b] != -1}
    assert together == {(a, b) for a in range(500) for b in range(a) if turned[a] == turned[b] != -1}


def test_candidates_come_from_a_hash_join_and_never_from_a_cross_product() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            """
            create table entry as
            select i % 500 as key, i % 900 as row, i % 900 as rank, 40 as size, 3 as place, false as short,
                i % 7 as component, i % 11 = 0 as odd
            from range(20_000) r(i)
            """
        )
        for on in ("a.rank < b.rank", "a.component <> b.component and (not b.odd or a.rank < b.rank)"):
            query = candidate_query("entry", "entry", on)
            plan = connection.sql(f"explain {query}", params={"short": 0.6, "long": 0.7}).fetchall()[0][1]
            operators = plan.lower().replace("_", " ")
            assert "hash join" in operators
            assert "cross product" not in operators
            assert "nested loop" not in operators
