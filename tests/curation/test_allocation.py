"""Splits are checked on random partitions: nothing crosses, sizes are met, nothing depends on order."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from curation.allocation import HELD_OUT, REFUSED, Group, allocate

SIZES = st.lists(st.integers(1, 6), min_size=5, max_size=60)


def partition(sizes):
    groups, row = [], 0
    for number, size in enumerate(sizes):
        groups.append(Group(f"g{number:03d}", tuple(range(row, row + size))))
        row += size
    return groups, row


@given(SIZES, st.integers(0, 3), st.data())
def test_no_group_is_divided_and_every_row_is_placed(sizes, seed, data):
    groups, n = partition(sizes)
    strata = data.draw(st.lists(st.sampled_from("abc"), min_size=n, max_size=n))
    wanted = {"test": n // 4, "validation": n // 5}
    found = allocate(groups, strata, wanted, seed)
    assert all(split in ("train", *HELD_OUT) for split in found.splits)
    for group in groups:
        assert len({found.splits[row] for row in group.rows}) == 1
    counts = Counter(found.splits)
    assert all(counts[name] <= wanted[name] for name in HELD_OUT)


@given(st.integers(10, 200), st.integers(0, 3))
def test_rows_that_stand_alone_give_exact_sizes_and_shares(n, seed):
    groups, _ = partition([1] * n)
    strata = ["abc"[i % 3] for i in range(n)]
    wanted = {"test": n // 5, "validation": n // 10}
    found = allocate(groups, strata, wanted, seed)
    counts = Counter(found.splits)
    assert counts["test"] == n // 5 and counts["validation"] == n // 10
    for stratum in "abc":
        share = sum(s == "test" and k == stratum for s, k in zip(found.splits, strata, strict=True))
        assert abs(share - wanted["test"] * strata.count(stratum) / n) <= 1


@given(SIZES, st.integers(0, 3), st.randoms())
def test_the_order_of_the_groups_does_not_matter(sizes, seed, random):
    groups, n = partition(sizes)
    strata = ["ab"[i % 2] for i in range(n)]
    wanted = {"test": n // 4, "validation": n // 5}
    shuffled = list(groups)
    random.shuffle(shuffled)
    assert allocate(groups, strata, wanted, seed) == allocate(shuffled, strata, wanted, seed)


@given(SIZES, st.data())
def test_frozen_rows_stay_and_their_group_follows_or_is_refused(sizes, data):
    groups, n = partition(sizes)
    held = {
        row: data.draw(st.sampled_from(["train", *HELD_OUT]), label=str(row))
        for row in range(n)
        if data.draw(st.booleans(), label=f"frozen {row}")
    }
    groups = [Group(g.key, g.rows, tuple((row, held[row]) for row in g.rows if row in held)) for g in groups]
    found = allocate(groups, ["a"] * n, {"test": n // 4, "validation": n // 5}, 0)
    for group in groups:
        frozen = {split for _, split in group.frozen}
        for row in group.rows:
            if row in held:
                assert found.splits[row] == held[row]
            elif len(frozen) == 1:
                assert found.splits[row] in frozen
            elif len(frozen) > 1:
                assert found.splits[row] == REFUSED


def test_a_group_over_half_the_test_set_goes_to_train_and_is_counted():
    groups, n = partition([30, *[1] * 70])
    found = allocate(groups, ["a"] * n, {"test": 20, "validation": 10}, 0)
    assert found.too_large == 1 and {found.splits[row] for row in range(30)} == {"train"}
    assert Counter(found.splits)["test"] == 20


def test_groups_are_moved_when_single_rows_do_not_suffice():
    groups, n = partition([3, 3, 2, 2, 2, 2])
    found = allocate(groups, ["a"] * n, {"test": 4, "validation": 3}, 0)
    assert Counter(found.splits)["test"] == 4


@given(st.lists(st.integers(1, 5), min_size=1, max_size=12), st.integers(0, 12), st.integers(0, 8))
def test_the_test_split_is_as_large_as_whole_groups_can_make_it(sizes, test, validation):
    groups, n = partition(sizes)
    fitting = [size for size in sizes if size <= max(1, test // 2)]
    sums = {0}
    for size in fitting:
        sums |= {one + size for one in sums}
    counts = Counter(allocate(groups, ["a"] * n, {"test": test, "validation": validation}, 0).splits)
    assert counts["test"] == max(one for one in sums if one <= test)
    assert counts["validation"] <= validation


def test_new_rows_beside_a_frozen_row_that_was_dropped_join_its_split():
    groups = [
        Group("a", (0,), anchors=("test",)),
        Group("b", (1,), anchors=("test", "train")),
        Group("c", (2,)),
    ]
    found = allocate(groups, ["a"] * 3, {"test": 0, "validation": 0}, 0)
    assert found.splits == ("test", REFUSED, "train")


def test_every_size_of_group_is_held_out_in_about_the_same_share():
    groups, n = partition([4] * 50 + [1] * 200)
    found = allocate(groups, ["a"] * n, {"test": 80, "validation": 40}, 0)
    held = [len(group.rows) for group in groups if found.splits[group.rows[0]] == "test"]
    assert Counter(held) == {4: 10, 1: 40}


def test_the_seed_changes_which_rows_are_held_out():
    groups, n = partition([1] * 100)
    wanted = {"test": 20, "validation": 20}
    assert allocate(groups, ["a"] * n, wanted, 0) != allocate(groups, ["a"] * n, wanted, 1)
