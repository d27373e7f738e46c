"""Known answers, independent computations and properties of the paired statistics."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals import significance as s


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [
        (0, 10, 0.000000, 0.277533),
        (1, 10, 0.017876, 0.404150),
        (81, 100, 0.722212, 0.874852),
        (148, 200, 0.675093, 0.795862),
        (263, 500, 0.482202, 0.569402),
        (500, 500, 0.992376, 1.000000),
    ],
)
def test_wilson_gives_the_known_intervals(right, n, low, high):
    assert s.wilson(right, n) == pytest.approx((low, high), abs=5e-7)


@pytest.mark.parametrize(
    ("b", "c", "exact", "midp"),
    [
        (0, 0, 1, 1),
        (4, 0, 0.125000, 0.062500),
        (5, 0, 0.062500, 0.031250),
        (6, 0, 0.031250, 0.015625),
        (7, 1, 0.070313, 0.039063),
        (16, 6, 0.052479, 0.034690),
        (12, 2, 0.012939, 0.007385),
        (15, 5, 0.041389, 0.026604),
        (25, 10, 0.016674, 0.011331),
        (34, 12, 0.001641, 0.001089),
        (60, 40, 0.056888, 0.046044),
        (4, 20, 0.001544, 0.000911),
    ],
)
def test_mcnemar_gives_the_known_p_values(b, c, exact, midp):
    assert s.mcnemar_exact(b, c) == pytest.approx(exact, abs=6e-7)
    assert s.mcnemar_midp(b, c) == pytest.approx(midp, abs=6e-7)
    assert s.mcnemar_midp(c, b) == s.mcnemar_midp(b, c)


TANGO_95 = [
    (59, 6, 16, 80, -0.124023, -0.005433),
    (1, 1, 7, 12, -0.517232, -0.026003),
    (36, 12, 2, 0, 0.061112, 0.344709),
    (43, 0, 1, 0, -0.118077, 0.059393),
    (80, 0, 0, 20, -0.036993, 0.036993),
    (160, 0, 0, 40, -0.018845, 0.018845),
    (500, 0, 0, 0, -0.007624, 0.007624),
    (80, 5, 0, 15, 0.011157, 0.111750),
    (90, 10, 0, 0, 0.055229, 0.174366),
    (70, 12, 4, 14, 0.001783, 0.165588),
    (140, 25, 10, 25, 0.017912, 0.135515),
    (150, 16, 6, 28, 0.004384, 0.100481),
    (350, 60, 40, 50, 0.000813, 0.079762),
    (400, 30, 10, 60, 0.015994, 0.066712),
    (0, 10, 0, 0, 0.444934, 1.000000),
    (154, 34, 12, 0, 0.045379, 0.177279),
    (168, 20, 12, 0, -0.016186, 0.098258),
    (176, 4, 20, 0, -0.132440, -0.035000),
    (186, 6, 8, 0, -0.051352, 0.029758),
    (196, 4, 0, 0, 0.000778, 0.050287),
]


@pytest.mark.parametrize(("a", "b", "c", "e", "low", "high"), TANGO_95)
def test_tango_gives_the_known_95_percent_intervals(a, b, c, e, low, high):
    assert s.tango(b, c, a + b + c + e) == pytest.approx((low, high), abs=6e-7)


@pytest.mark.parametrize(
    ("b", "c", "n", "low", "high"),
    [
        (12, 4, 100, 0.015385, 0.150416),
        (25, 10, 200, 0.027357, 0.125195),
        (60, 40, 500, 0.007185, 0.073230),
        (0, 0, 100, -0.026343, 0.026343),
    ],
)
def test_tango_gives_the_known_90_percent_intervals(b, c, n, low, high):
    assert s.tango(b, c, n, 0.90) == pytest.approx((low, high), abs=6e-7)


@pytest.mark.parametrize(
    ("a", "b", "c", "e", "low", "high"), [row for row in TANGO_95 if abs(row[1] - row[2]) < sum(row[:4])]
)
def test_tango_agrees_with_the_roots_of_its_quartic(a, b, c, e, low, high):
    n, z = a + b + c + e, s.z_value(0.95)
    delta = np.polynomial.Polynomial([0, 1])
    q = 0.5 * ((b - c - n * delta) ** 2 / (n * z * z) - delta + delta**2)
    quartic = 2 * n * q**2 + (-(b + c) + (2 * n - b + c) * delta) * q - c * delta * (1 - delta)
    roots = [root.real for root in quartic.roots() if abs(root.imag) < 1e-6 and -1 <= root.real <= 1]
    assert s.tango(b, c, n) == pytest.approx((min(roots), max(roots)), abs=2e-6)


counts = st.tuples(*(st.integers(0, 60) for _ in range(4))).filter(lambda t: sum(t) > 0)


@given(counts, st.sampled_from([0.8, 0.9, 0.95, 0.975, 0.99]))
@settings(max_examples=150, deadline=None)
def test_swapping_the_two_models_turns_the_interval_round(table, confidence):
    a, b, c, e = table
    n = a + b + c + e
    there, back = s.tango(b, c, n, confidence), s.tango(c, b, n, confidence)
    assert there == pytest.approx((-back.high, -back.low), abs=1e-9)
    assert -1 <= there.low <= (b - c) / n + 1e-12 and (b - c) / n - 1e-12 <= there.high <= 1
    assert there.low < there.high


@given(counts)
@settings(max_examples=100, deadline=None)
def test_more_confidence_gives_a_wider_interval(table):
    a, b, c, e = table
    narrow, wide = (s.tango(b, c, a + b + c + e, level) for level in (0.9, 0.99))
    assert wide.low <= narrow.low + 1e-12 and narrow.high <= wide.high + 1e-12


@given(st.integers(0, 300), st.integers(0, 300))
@settings(max_examples=100, deadline=None)
def test_mcnemar_agrees_with_statsmodels_and_scipy(b, c):
    from scipy.stats import binom
    from statsmodels.stats.contingency_tables import mcnemar

    assert s.mcnemar_exact(b, c) == pytest.approx(mcnemar([[9, b], [c, 9]], exact=True).pvalue, abs=1e-9)
    if b != c:
        k, m = min(b, c), b + c
        assert s.mcnemar_midp(b, c) == pytest.approx(
            2 * binom.cdf(k, m, 0.5) - binom.pmf(k, m, 0.5), abs=1e-9
        )


@given(st.integers(1, 400), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99]))
@settings(max_examples=100, deadline=None)
def test_wilson_agrees_with_statsmodels(n, share, confidence):
    from statsmodels.stats.proportion import proportion_confint

    right = round(share * n)
    wanted = proportion_confint(right, n, alpha=1 - confidence, method="wilson")
    assert s.wilson(right, n, confidence) == pytest.approx(wanted, abs=1e-9)


def test_a_sign_flip_gives_the_known_p_values():
    assert s.sign_flip([1, 2, 3]) == 0.25
    assert s.sign_flip([1] * 6) == 0.03125
    assert s.sign_flip([5, -1, 4, 2, 0, 3, 1]) == 0.09375
    assert s.sign_flip([1] * 7 + [-1]) == pytest.approx(s.mcnemar_exact(7, 1), abs=1e-12)
    assert s.sign_flip([0, 0]) == 1


@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
@settings(max_examples=100, deadline=None)
def test_a_sign_flip_agrees_with_trying_every_flip(sums):
    flips = [
        abs(sum(sign * value for sign, value in zip(signs, sums, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(sums))
    ]
    wanted = sum(total >= abs(sum(sums)) for total in flips) / len(flips)
    assert s.sign_flip(sums) == pytest.approx(wanted, abs=1e-12)


def test_clustered_errors_give_the_known_figures():
    members = [[1, 1, 0], [0, -1, 0], [1, 1], [0, 0]]
    assert s.cluster_error(members) == pytest.approx(0.308545, abs=5e-7)
    assert s.cluster_t(members) == pytest.approx((-0.681928, 1.281928), abs=5e-7)
    b, c, n = 4, 1, 10
    assert s.design_effect(members) == pytest.approx(
        0.308545**2 / ((b + c - (b - c) ** 2 / n) / n**2), abs=2e-5
    )


def test_holm_gives_the_known_adjusted_p_values():
    assert s.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert s.holm([0.001, 0.02, 0.02, 0.5]) == pytest.approx([0.004, 0.06, 0.06, 0.5])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.sampled_from([0.01, 0.05, 0.2]))
@settings(max_examples=200, deadline=None)
def test_the_share_of_alpha_rejects_exactly_what_holm_rejects(p_values, alpha):
    for position, adjusted in enumerate(s.holm(p_values)):
        share = s.holm_share(p_values, position, alpha)
        if abs(adjusted - alpha) > 1e-12:
            assert (p_values[position] <= alpha / share) == (adjusted <= alpha)


@pytest.mark.parametrize(
    ("psi", "d", "n"),
    [
        (0.2, 0.05, 625.547),
        (0.2, 0.1, 154.599),
        (0.1, 0.05, 311.587),
        (0.1, 0.03, 869.736),
        (0.3, 0.1, 233.095),
    ],
)
def test_connor_gives_the_known_sizes(psi, d, n):
    assert s.rows_needed(d, psi) == pytest.approx(n, abs=5e-4)
    assert s.rows_needed(-d, psi) == s.rows_needed(d, psi)


@pytest.mark.parametrize(
    ("n", "detectable"),
    [
        (50, (None, None, 15.0, 17.3, 21.2, 24.5)),
        (100, (None, 8.8, 10.7, 12.4, 15.2, 17.5)),
        (200, (4.4, 6.2, 7.6, 8.8, 10.8, 12.5)),
        (500, (2.8, 4.0, 4.8, 5.6, 6.8, 7.9)),
        (1000, (2.0, 2.8, 3.4, 4.0, 4.8, 5.6)),
    ],
)
def test_the_minimum_detectable_effect_gives_the_known_table(n, detectable):
    for psi, wanted in zip((0.05, 0.10, 0.15, 0.20, 0.30, 0.40), detectable, strict=True):
        found = s.minimum_detectable_effect(n, psi)
        assert (found is None) == (wanted is None)
        assert found is None or 100 * found == pytest.approx(wanted, abs=0.051)


@given(st.integers(30, 5000), st.floats(0.02, 0.9))
@settings(max_examples=100, deadline=None)
def test_the_minimum_detectable_effect_needs_exactly_these_rows(n, psi):
    found = s.minimum_detectable_effect(n, psi)
    if found is not None:
        assert s.rows_needed(found, psi) == pytest.approx(n, rel=1e-6)


@pytest.mark.parametrize(
    ("margin", "wanted"),
    [(0.05, (157, 314, 628, 942)), (0.03, (437, 873, 1745, 2617)), (0.10, (40, 79, 157, 236))],
)
def test_a_match_needs_the_known_rows(margin, wanted):
    found = [s.rows_to_match(margin, psi) for psi in (0.05, 0.1, 0.2, 0.3)]
    assert found == pytest.approx(wanted, abs=1.01)
    assert [math.ceil(s.rows_to_match(m, 0)) for m in (0.02, 0.03, 0.05, 0.10)] == [189, 125, 73, 35]


def test_each_look_beyond_the_plan_is_given_at_more_confidence():
    assert [s.look_confidence(k) for k in (1, 2, 3)] == pytest.approx([0.95, 0.975, 1 - 0.05 / 3])
    assert [s.look_confidence(k, looks=3) for k in (1, 3, 6)] == pytest.approx(
        [1 - 0.05 / 3, 1 - 0.05 / 3, 1 - 0.05 / 6]
    )
    assert s.chance_of_a_false_ship(1) == pytest.approx(0.025)
    assert s.chance_of_a_false_ship(2) == pytest.approx(0.0375)
    assert s.chance_of_a_false_ship(3, looks=3) == pytest.approx(0.025)


def test_rows_without_a_group_or_alone_in_one_count_as_independent():
    candidate, baseline = [True] * 30 + [False] * 10, [True] * 12 + [False] * 28
    plain = s.paired(candidate, baseline)
    assert s.paired(candidate, baseline, [None] * 40) == plain
    assert s.paired(candidate, baseline, [f"g{i}" for i in range(40)]) == plain
    assert (plain.n, plain.both_right, plain.only_candidate, plain.only_baseline, plain.both_wrong) == (
        40,
        12,
        18,
        0,
        10,
    )
    assert (plain.groups, plain.design_effect) == (0, 1)


def test_rows_that_move_together_widen_the_interval():
    candidate, baseline = ([True] * 5 + [False] * 5) * 20, [False] * 200
    plain = s.paired(candidate, baseline)
    grouped = s.paired(candidate, baseline, [f"g{i // 5}" for i in range(200)])
    assert grouped.design_effect == pytest.approx(5, rel=0.05)
    assert grouped.low < plain.low and grouped.high > plain.high
    assert grouped.p > plain.p and grouped.groups == 40


def test_under_twenty_groups_a_t_interval_over_groups_is_used():
    candidate, baseline = ([True] * 10 + [False] * 10) * 5, [False] * 100
    found = s.paired(candidate, baseline, [f"g{i // 10}" for i in range(100)])
    members = [[1] * 10, [0] * 10] * 5
    assert (found.low, found.high) == pytest.approx(s.cluster_t(members))
    assert found.groups == 10 and "t interval over 10 groups" in found.method
    assert found.p == pytest.approx(2 * 0.5**5)


def test_one_group_alone_decides_nothing():
    found = s.paired([True] * 30, [False] * 30, ["same"] * 30)
    assert (found.low, found.high, found.p) == (-1, 1, 1)


def test_nonsense_is_refused():
    for call in (
        lambda: s.tango(1, 1, 0), lambda: s.tango(-1, 0, 10), lambda: s.tango(6, 6, 10),
        lambda: s.wilson(3, 2),
        lambda: s.rows_needed(0, 0.2), lambda: s.rows_needed(0.3, 0.2), lambda: s.look_confidence(0),
        lambda: s.z_value(1.0), lambda: s.paired([], []), lambda: s.paired([True], [True, False]),
        lambda: s.rows_to_match(0, 0.1),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            call()
