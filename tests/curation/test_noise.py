"""Labels against vectors: what is contradicted comes first, and nothing vouches for itself."""

from __future__ import annotations

import numpy as np
import pytest

from curation import noise


def blobs(rows=240, labels=4, seed=0, dimensions=24):
    """Unit vectors around one centre a label, and their right labels."""
    made = np.random.default_rng(seed)
    right = np.arange(rows) % labels
    centres = made.normal(size=(labels, dimensions))
    vectors = centres[right] + made.normal(size=(rows, dimensions)) * 0.7
    unit = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit, right.astype(np.int64)


@pytest.mark.parametrize("seed", range(3))
def test_changed_labels_come_first_and_the_right_one_is_suggested(seed):
    vectors, right = blobs(seed=seed)
    changed = np.random.default_rng(seed + 100).choice(len(right), 20, replace=False)
    given = right.copy()
    given[changed] = (given[changed] + 1) % 4
    found = noise.judge(vectors, given, np.arange(len(given)), 4)
    assert set(np.argsort(-found.score)[:20]) == set(changed)
    assert (found.suggested[changed] == right[changed]).all()
    assert found.flagged[changed].mean() >= 0.8 and found.flagged.sum() <= 20


def test_clean_labels_are_left_alone():
    vectors, right = blobs()
    assert noise.judge(vectors, right, np.arange(len(right)), 4).flagged.sum() <= 1


def test_the_same_rows_give_the_same_ranking():
    vectors, right = blobs()
    once, again = (noise.judge(vectors, right, np.arange(len(right)), 4) for _ in range(2))
    assert (once.score == again.score).all()


def test_copies_of_a_wrong_row_do_not_vouch_for_it():
    vectors, right = blobs()
    given = right.copy()
    copies = np.repeat(vectors[:1], 12, axis=0)
    vectors = np.concatenate([vectors, copies])
    given = np.concatenate([given, np.full(12, 1)])
    given[0] = 1
    clusters = np.concatenate([np.arange(len(right)), np.zeros(12, np.int64)])
    assert noise.judge(vectors, given, clusters, 4).flagged[0]
    assert not noise.judge(vectors, given, np.arange(len(given)), 4).flagged[0]


def test_a_label_with_few_rows_is_judged_by_its_neighbours_and_suggested_by_no_regression():
    vectors, right = blobs()
    given = right.copy()
    given[:2] = 4
    found = noise.judge(vectors, given, np.arange(len(given)), 5)
    assert found.flagged[:2].all()
    assert (found.suggested[2:] != 4).all()


def test_nearest_rows_are_those_of_a_full_comparison_without_the_own_cluster():
    vectors, _ = blobs(rows=50)
    clusters = np.arange(50) // 2
    near, cosine = noise.nearest(vectors, clusters, 5)
    for row in range(50):
        others = [i for i in range(50) if clusters[i] != clusters[row]]
        expected = sorted(others, key=lambda i: -float(vectors[row] @ vectors[i]))[:5]
        assert near[row].tolist() == expected
        assert np.allclose(cosine[row], vectors[near[row]] @ vectors[row], atol=1e-5)
