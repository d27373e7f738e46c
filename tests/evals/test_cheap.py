"""The candidates that need no model."""

from __future__ import annotations

import numpy as np

from evals import cheap


def test_majority_takes_the_commonest_answer_and_breaks_ties_by_the_alphabet() -> None:
    assert cheap.majority(["b", "a", "b"]) == "b"
    assert cheap.majority(["b", "a"]) == "a"


def test_nearest_agrees_with_a_loop_over_all_pairs() -> None:
    rng = np.random.default_rng(0)
    known, asked = rng.normal(size=(50, 8)), rng.normal(size=(20, 8))
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    answers = [str(i) for i in range(50)]
    expected = [answers[max(range(50), key=lambda i: float(known[i] @ one))] for one in asked]
    assert cheap.nearest(known, answers, asked) == expected


def test_linear_learns_labels_that_a_plane_separates_and_survives_a_single_label() -> None:
    known = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.1, 0.9]])
    assert cheap.linear(known, ["x", "x", "y", "y"], np.array([[0.8, 0.2], [0.2, 0.8]])) == ["x", "y"]
    assert cheap.linear(known, ["x"] * 4, known[:2]) == ["x", "x"]
