"""How often the rule is wrong, by adding up every possible outcome and by seeded simulation."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from evals import rule
from evals.rule import Terms
from evals.significance import holm_share, look_confidence, mcnemar_midp, tango


@lru_cache(maxsize=200_000)
def standing(b: int, c: int, n: int, worthwhile: float, confidence: float = 0.95) -> str:
    right, theirs = [True] * b + [False] * (n - b), [False] * b + [True] * c + [False] * (n - b - c)
    return rule.compare("prompt", "beat", right, theirs, None, Terms(confidence, worthwhile, 0.03)).standing


def chances(n: int, psi: float, gain: float, worthwhile: float) -> dict[str, float]:
    """Exact probability of each standing when b and c are trinomial with discordance psi and a true gain."""
    from scipy.stats import multinomial

    up, down = (psi + gain) / 2, (psi - gain) / 2
    found = dict.fromkeys(("better", "not_worth_it", "worse", "open"), 0.0)
    left_out = 1.0
    most = int(n * psi + 8 * np.sqrt(n * psi))
    table = [(b, c) for b in range(min(n, most) + 1) for c in range(min(n, most) + 1 - b)]
    weights = multinomial.pmf([(b, c, n - b - c) for b, c in table], n, [up, down, 1 - up - down])
    for (b, c), weight in zip(table, weights, strict=True):
        if weight > 1e-8:
            found[standing(b, c, n, worthwhile)] += weight
            left_out -= weight
    assert left_out < 1e-4
    return found


@pytest.mark.parametrize(
    ("n", "psi", "percent"),
    [(100, 0.04, 0.84), (100, 0.1, 2.06), (100, 0.2, 2.29), (200, 0.1, 2.29), (200, 0.2, 2.42)],
)
def test_a_candidate_that_is_no_better_ships_at_most_this_often(n, psi, percent):
    found = chances(n, psi, 0.0, worthwhile=0.0)["better"]
    assert 100 * found == pytest.approx(percent, abs=0.006)
    assert found <= 0.025


@pytest.mark.parametrize(
    ("gain", "percent"),
    [(-0.05, (0, 71, 29)), (0.0, (2, 15, 82)), (0.03, (15, 2, 82)), (0.05, (35, 0, 65)), (0.1, (90, 0, 10))],
)
def test_at_200_rows_the_three_verdicts_come_as_often_as_planned(gain, percent):
    found = chances(200, 0.2, gain, worthwhile=0.03)
    three = (found["better"], found["not_worth_it"] + found["worse"], found["open"])
    assert [100 * share for share in three] == pytest.approx(percent, abs=0.6)


def test_groups_that_move_together_do_not_ship_more_often():
    random, draws, groups, size = np.random.default_rng(7), 1500, 40, 5
    shipped = 0
    names = [f"g{i // size}" for i in range(groups * size)]
    for _ in range(draws):
        shared = np.repeat(random.random(groups) < 0.5, size)
        common = np.repeat(random.choice([-1, 0, 1], groups, p=[0.1, 0.8, 0.1]), size)
        own = random.choice([-1, 0, 1], groups * size, p=[0.1, 0.8, 0.1])
        difference = np.where(shared, common, own)
        found = rule.compare(
            "prompt", "beat", list(difference > 0), list(difference < 0), names, Terms(0.95, 0.0, 0.03)
        )
        shipped += found.standing == "better"
    assert shipped / draws <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / draws)


def test_the_best_of_five_equal_candidates_ships_no_more_often_than_one():
    random, draws, n, tries = np.random.default_rng(11), 2000, 200, 5
    baseline = random.random((draws, n)) < 0.7
    shipped = alone = 0
    for row in baseline:
        flip = random.random((tries, n))
        right = np.where(row, flip > 0.1 / 0.7, flip < 0.1 / 0.3)
        b, c = (right & ~row).sum(axis=1), (~right & row).sum(axis=1)
        p_values = [mcnemar_midp(int(x), int(y)) if x > y else 1.0 for x, y in zip(b, c, strict=True)]
        levels = [1 - 0.05 / holm_share(p_values, i, 0.05) for i in range(tries)]
        ships = [
            standing(int(x), int(y), n, 0.0, level) == "better"
            for x, y, level in zip(b, c, levels, strict=True)
        ]
        shipped += any(ships)
        alone += standing(int(b[0]), int(c[0]), n, 0.0) == "better"
    bound = 0.025 + 3 * np.sqrt(0.025 * 0.975 / draws)
    assert shipped / draws <= bound
    assert alone / draws <= bound


def test_adding_rows_until_it_passes_ships_no_more_often_than_the_verdict_says():
    random, draws, step = np.random.default_rng(13), 2000, 200
    shipped = 0
    for _ in range(draws):
        difference = random.choice([-1, 0, 1], 3 * step, p=[0.1, 0.8, 0.1])
        for look in (1, 2, 3):
            seen = difference[: look * step]
            level = look_confidence(look)
            if standing(int((seen > 0).sum()), int((seen < 0).sum()), look * step, 0.0, level) == "better":
                shipped += 1
                break
    assert shipped / draws <= 0.0459 + 3 * np.sqrt(0.0459 * 0.954 / draws)


def graded(random: np.random.Generator, draws: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores in quarters with many ties and rare large moves; the candidate is no better on average."""
    baseline = random.choice([0.25, 0.5, 0.75], (draws, n))
    move = random.choice([-0.75, -0.25, 0.0, 0.25, 0.75], (draws, n), p=[0.02, 0.16, 0.64, 0.16, 0.02])
    fits = (baseline + move >= 0) & (baseline + move <= 1)
    other = (baseline - move >= 0) & (baseline - move <= 1)
    return np.where(fits & other, baseline + move, baseline), baseline


@pytest.mark.parametrize("n", [60, 200])
def test_graded_scores_that_are_no_better_ship_no_more_often_than_allowed(n):
    draws = 2_000
    candidate, baseline = graded(np.random.default_rng(17), draws, n)
    difference = candidate - baseline
    # Whoever leads by less than 1.7 standard errors is far from shipping; the rest is put to the rule.
    lead = difference.mean(axis=1) / (difference.std(axis=1) / np.sqrt(n) + 1e-12)
    shipped = 0
    for row in np.flatnonzero(lead > 1.7):
        found = rule.compare(
            "prompt", "beat", candidate[row], baseline[row], None, Terms(0.95, 0.0, 0.03), graded=True
        )
        shipped += found.standing == "better"
    assert shipped / draws <= 0.025 + 3 * np.sqrt(0.025 * 0.975 / draws)
    assert shipped > 0


@pytest.mark.parametrize(
    ("n", "up", "down", "percent"),
    [(100, 0.0, 0.05, 0.59), (100, 0.02, 0.07, 1.69), (200, 0.0, 0.03, 1.62), (500, 0.02, 0.05, 2.35)],
)
def test_a_loss_of_just_the_margin_is_held_at_most_this_often(n, up, down, percent):
    from scipy.stats import multinomial

    most_up, most_down = (int(n * rate + 8 * np.sqrt(n * rate) + 1) for rate in (up, down))
    table = [(b, c, n - b - c) for b in range(most_up + 1) for c in range(most_down + 1) if b + c <= n]
    weights = multinomial.pmf(table, n, [up, down, 1 - up - down])
    held = sum(
        weight
        for (b, c, _), weight in zip(table, weights, strict=True)
        if weight > 1e-8 and tango(b, c, n).low > up - down
    )
    assert 100 * held == pytest.approx(percent, abs=0.006)
    assert held <= 0.025
