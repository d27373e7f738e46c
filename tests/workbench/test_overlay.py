"""The smoothed loss stays within the raw one, starts at its first point and follows few points closely."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.widgets.overlay import smoothed

losses = st.lists(st.floats(0, 100), min_size=1, max_size=60)


@given(losses)
def test_an_average_never_leaves_the_range_of_what_it_averages(values):
    points = list(enumerate(values, 1))
    found = smoothed(points)
    assert [step for step, _ in found] == [step for step, _ in points]
    assert found[0][1] == pytest.approx(values[0])
    for i, (_, loss) in enumerate(found):
        seen = values[: i + 1]
        assert min(seen) - 1e-9 <= loss <= max(seen) + 1e-9


def test_many_points_are_smoothed_more_than_few():
    def bend(n):
        zigzag = [(i, float(i % 2)) for i in range(n)]
        return max(loss for _, loss in smoothed(zigzag)[n // 2 :])

    assert bend(400) < 0.6 < 0.9 < bend(10)
