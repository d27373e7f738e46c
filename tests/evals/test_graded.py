"""Graded scores: known answers of the sign-flip and BCa, groups, and the rule on them."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals import significance as s
from evals.verdict import judge


def drawn(seed: int, n: int, shift: float = 0.0) -> tuple[list[float], list[float]]:
    """Scores of a candidate and a baseline: six rows in ten tie, the others move by quarters."""
    random = np.random.default_rng(seed)
    baseline = random.choice([0.25, 0.5, 0.75], n)
    moved = random.choice([-0.25, 0.0, 0.25], n, p=[0.2 - shift, 0.6, 0.2 + shift])
    return list(np.clip(baseline + moved, 0, 1)), list(baseline)


# sign-flip


@pytest.mark.parametrize(
    ("values", "p"),
    [
        ([0.1, 0.2, 0.3], 0.25),
        ([0.5] * 6, 0.03125),
        ([0.1] * 7 + [-0.1], s.mcnemar_exact(7, 1)),
        ([0.0, 0.0], 1.0),
        ([], 1.0),
        ([0.4, -0.4], 1.0),
    ],
)
def test_a_sign_flip_of_scores_gives_the_known_p_values(values, p):
    assert s.flip_signs(values) == pytest.approx(p, abs=1e-12)


@given(st.lists(st.integers(-8, 8).map(lambda x: x / 8), min_size=1, max_size=9))
@settings(max_examples=80, deadline=None)
def test_a_sign_flip_of_scores_agrees_with_trying_every_flip(values):
    flips = [
        abs(sum(sign * one for sign, one in zip(signs, values, strict=True)))
        for signs in itertools.product((1, -1), repeat=len(values))
    ]
    wanted = sum(total >= abs(sum(values)) - 1e-12 for total in flips) / len(flips)
    assert s.flip_signs(values) == pytest.approx(wanted, abs=1e-12)
    assert s.flip_signs([-one for one in values]) == s.flip_signs(values)


@pytest.mark.parametrize(("up", "down"), [(25, 10), (34, 12), (30, 30)])
def test_drawn_flips_agree_with_the_exact_test_and_never_say_0(up, down):
    values = [0.5] * up + [-0.5] * down
    exact = s.mcnemar_exact(up, down)
    assert s.flip_signs(values) == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4)
    assert s.flip_signs([0.5] * 60) == 1 / 20_001
    assert s.flip_signs(values) == s.flip_signs(values)


# BCa


@pytest.mark.parametrize("seed", range(4))
def test_bca_agrees_with_scipy(seed):
    from scipy.stats import bootstrap

    random = np.random.default_rng(seed)
    for values in (
        random.choice([-1, -0.25, 0, 0.5], 80, p=[0.05, 0.1, 0.7, 0.15]),
        random.beta(1, 4, 60) - random.beta(1, 5, 60),
    ):
        wanted = bootstrap(
            (values,), np.mean, method="BCa", n_resamples=10_000, rng=np.random.default_rng(1), batch=1000
        ).confidence_interval
        width = wanted.high - wanted.low
        assert s.bca(list(values)) == pytest.approx((wanted.low, wanted.high), abs=0.06 * width)


def test_bca_leans_to_the_side_of_rare_large_losses():
    values = [0.02] * 96 + [-0.9] * 4
    low, high = s.bca(values)
    mean = sum(values) / 100
    assert mean - low > high - mean
    assert s.bca(values) == (low, high)
    narrow = s.bca(values, 0.8)
    assert low < narrow.low < narrow.high < high


def test_scores_that_all_differ_alike_still_leave_doubt():
    half = 1.959964**2 / (100 + 1.959964**2)
    assert s.bca([0.2] * 100) == pytest.approx((0.2 - half, 0.2 + half), abs=1e-6)


# both together


def test_the_figures_count_higher_lower_and_equal_rows():
    found = s.paired_scores([1, 0.5, 0.5, 0.2, 1], [1, 0.5, 0.25, 0.7, 1])
    assert (found.n, found.both_right, found.only_candidate, found.only_baseline, found.both_wrong) == (
        5,
        2,
        1,
        1,
        1,
    )
    assert found.difference == pytest.approx(-0.05) and found.graded
    assert found.discordance == pytest.approx((0.25**2 + 0.5**2) / 5)


def test_where_few_rows_differ_every_difference_counts_as_a_whole_point():
    candidate, baseline = [0.5] * 200, [0.5] * 195 + [0.4] * 5
    found = s.paired_scores(candidate, baseline)
    assert (found.low, found.high) == pytest.approx((s.tango(0, 0, 200).low, s.tango(5, 0, 200).high))
    assert "whole point" in found.method


@given(st.integers(0, 50), st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=15, deadline=None)
def test_the_interval_holds_the_difference_and_turns_round_with_the_models(seed, confidence):
    candidate, baseline = drawn(seed, 70)
    there, back = (
        s.paired_scores(*pair, None, confidence) for pair in ((candidate, baseline), (baseline, candidate))
    )
    assert -1 <= there.low <= there.difference <= there.high <= 1
    assert (there.difference, there.p) == pytest.approx((-back.difference, back.p), abs=0.02)
    assert (there.low, there.high) == pytest.approx(
        (-back.high, -back.low), abs=0.1 * (there.high - there.low)
    )


def test_groups_widen_the_interval_and_flip_as_one():
    candidate, baseline = ([0.9] * 5 + [0.4] * 5) * 20, [0.5] * 200
    groups = [f"g{i // 5}" for i in range(200)]
    plain, grouped = s.paired_scores(candidate, baseline), s.paired_scores(candidate, baseline, groups)
    assert grouped.design_effect == pytest.approx(5, rel=0.05) and grouped.groups == 40
    assert grouped.low < plain.low and grouped.high > plain.high and grouped.p > plain.p
    members = [[0.4] * 5, [-0.1] * 5] * 20
    assert (grouped.low, grouped.high) == pytest.approx(s.cluster_t(members))
    few = s.paired_scores(candidate, baseline, [f"g{i // 50}" for i in range(200)])
    assert few.p == 2 * 0.5**4 and "t interval over 4 groups" in few.method


def test_groups_never_make_the_interval_narrower_and_one_shows_nothing():
    candidate, baseline = [0.9, 0.1] * 60, [0.5] * 120
    apart = s.paired_scores(candidate, baseline, [f"g{i // 2}" for i in range(120)])
    alone = s.cluster_t([[0.4], [-0.4]] * 60)
    assert (apart.low, apart.high) == pytest.approx(alone, abs=1e-9)
    one = s.paired_scores(candidate, baseline, ["same"] * 120)
    assert (one.low, one.high, one.p) == (-1, 1, 1)


def test_nonsense_is_refused():
    for call in (
        lambda: s.paired_scores([], []), lambda: s.paired_scores([0.5], [0.5, 0.5]),
        lambda: s.paired_scores([1.2], [0.5]), lambda: s.paired_scores([0.2], [0.5], ["a", "b"]),
    ):  # fmt: skip
        with pytest.raises(ValueError):
            call()


# the rule


def scores(gain: float, n: int = 200, spread: float = 0.1, seed: int = 5) -> dict[str, list[float]]:
    """A candidate whose scores are `gain` above the baseline's on average, with noise."""
    random = np.random.default_rng(seed)
    baseline = random.uniform(0.3, 0.6, n)
    return {
        "run:r001": list(np.clip(baseline + gain + random.normal(0, spread, n), 0, 1)),
        "prompt": list(baseline),
    }


def test_a_clear_gain_in_scores_ships_and_says_so_without_a_p(evaluation):
    found = judge(evaluation(scores(0.08), primary="token_f1"), "run:r001")
    figures = s.paired_scores(*scores(0.08).values())
    assert (found.verdict, found.scorer) == ("ship", "token_f1")
    assert found.headline == (
        f"Ship. Out of 200 held-out rows run:r001 scored higher than prompt in {figures.only_candidate} "
        f"and lower in {figures.only_baseline}."
    )
    assert found.sentences[0] == f"Gain {100 * figures.difference:.0f} points, plausibly 6 to 9."
    told = found.as_json()
    assert (told["difference"], told["low"], told["high"], told["p"]) == pytest.approx(
        (figures.difference, figures.low, figures.high, figures.p)
    )
    assert told["n"] == sum(told[k] for k in ("both_right", "only_candidate", "only_baseline", "both_wrong"))
    assert all(check.passed for check in found.checks)


@pytest.mark.parametrize(
    ("gain", "verdict", "said"),
    [
        (-0.06, "do_not_ship", "It is worse than prompt"),
        (0.0, "do_not_ship", "under the 3 points set as worth it"),
        (0.03, "not_enough_evidence", "would fit"),
    ],
)
def test_the_three_verdicts_on_graded_scores(evaluation, gain, verdict, said):
    spread = 0.3 if verdict == "not_enough_evidence" else 0.1
    found = judge(evaluation(scores(gain, spread=spread)), "run:r001")
    assert found.verdict == verdict and said in found.text
    assert verdict != "not_enough_evidence" or "more rows would settle" in found.text


def test_under_fifty_rows_or_ten_that_differ_there_is_never_enough_evidence(evaluation):
    few = judge(evaluation(scores(0.3, n=49)), "run:r001")
    assert few.verdict == "not_enough_evidence" and "Fewer than 50 rows decide nothing" in few.text
    assert judge(evaluation(scores(0.3, n=50), name="e2"), "run:r001").verdict == "ship"
    for up, down in ((0.9, 0.1), (0.1, 0.9)):
        same = {"run:r001": [up] * 9 + [0.5] * 991, "prompt": [down] * 9 + [0.5] * 991}
        found = judge(evaluation(same, name=f"e{up}"), "run:r001", record=False)
        assert found.verdict == "not_enough_evidence" and "Only 9 rows differ" in found.text


def test_scores_that_are_all_equal_are_not_worth_it_once_the_rows_suffice(evaluation):
    same = {"run:r001": [0.5] * 200, "prompt": [0.5] * 200}
    assert judge(evaluation(same), "run:r001").verdict == "do_not_ship"
    few = {name: column[:100] for name, column in same.items()}
    assert judge(evaluation(few, name="e2"), "run:r001").verdict == "not_enough_evidence"


def test_a_missing_graded_answer_counts_against_the_candidate(evaluation):
    columns = scores(0.08)
    columns["run:r001"][0] = columns["prompt"][1] = None
    found = judge(evaluation(columns), "run:r001")
    worst = [[0.0, *columns["run:r001"][1:]], [columns["prompt"][0], 1.0, *columns["prompt"][2:]]]
    assert found.as_json()["difference"] == pytest.approx(s.paired_scores(*worst).difference)


def test_answers_that_could_not_be_judged_withhold_and_say_so(evaluation):
    columns = scores(0.08)
    columns["run:r001"][:5] = [None] * 5
    folder = evaluation(columns, primary="numeric")
    rows = pq.read_table(folder / "answers.parquet").to_pylist()
    for row in rows:
        row["finish"] = "stop"
    schema = pq.read_schema(folder / "answers.parquet")
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "answers.parquet")
    found = judge(folder, "run:r001")
    assert found.headline == (
        "No verdict: 5 of 200 answers of run:r001 are missing or could not be judged by numeric (5)."
    )


def test_a_match_of_graded_scores_is_held_to_its_margin(evaluation):
    folder = evaluation(scores(0.0))
    assert judge(folder, "run:r001", [], ["prompt"], saving="price").verdict == "ship"
    assert judge(folder, "run:r001", [], ["prompt"], saving="price", margin=0.001).verdict != "ship"


def test_graded_groups_reach_the_verdict(evaluation):
    groups = [f"g{i // 20}" for i in range(200)]
    told = judge(evaluation(scores(0.08), groups=groups), "run:r001")
    assert "only 10 groups: the interval is a t interval over groups" in told.text
