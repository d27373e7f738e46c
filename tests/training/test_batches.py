"""The order of rows: each once, little padding, the same for the same seed, counted as transformers counts."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from training import recipe as recipes
from training.batches import batches, step_sizes, steps_in_epoch, total_steps

LENGTHS = st.lists(st.integers(1, 300), min_size=1, max_size=80)


@given(LENGTHS, st.integers(1, 9), st.integers(0, 5), st.integers(0, 3))
def test_each_row_comes_once_in_batches_of_the_size_with_the_short_one_last(lengths, size, seed, epoch):
    cut = batches(lengths, size, seed=seed, epoch=epoch)
    assert sorted(row for batch in cut for row in batch) == list(range(len(lengths)))
    assert all(len(batch) == size for batch in cut[:-1])
    assert cut == batches(lengths, size, seed=seed, epoch=epoch)


@given(LENGTHS, st.integers(1, 9))
def test_the_first_batch_of_the_run_holds_the_longest_row(lengths, size):
    first = batches(lengths, size, seed=0, epoch=0)[0]
    assert max(lengths) in [lengths[row] for row in first]


def test_epochs_and_seeds_have_different_orders():
    lengths = list(range(100))
    orders = {tuple(map(tuple, batches(lengths, 4, seed=s, epoch=e))) for s in range(3) for e in range(3)}
    assert len(orders) == 9


def test_sorted_batches_waste_less_than_a_tenth_of_what_random_ones_do():
    random = Random(1)
    lengths = [random.randint(40, 250) for _ in range(1000)]
    shuffled = random.sample(range(1000), 1000)

    def waste(cut):
        padded = sum(max(lengths[row] for row in batch) * len(batch) for batch in cut)
        return 1 - sum(lengths) / padded

    loose = waste([shuffled[i : i + 8] for i in range(0, 1000, 8)])
    assert waste(batches(lengths, 8, seed=0, epoch=1)) < loose / 10


@given(LENGTHS, st.integers(1, 5), st.integers(1, 5), st.sampled_from([0.5, 1, 2, 2.5]))
def test_the_step_plan_has_the_run_s_length_and_every_token(lengths, size, accumulation, epochs):
    recipe = recipes.parse(
        {
            "per_device_train_batch_size": size,
            "gradient_accumulation_steps": accumulation,
            "num_train_epochs": epochs,
        }
    )
    sizes = step_sizes(lengths, recipe)
    assert len(sizes) == total_steps(len(lengths), recipe)
    one = steps_in_epoch(len(lengths), recipe)
    if epochs >= 1:
        assert sum(step.tokens for step in sizes[:one]) == sum(lengths)
    assert all(step.padded >= step.tokens for step in sizes)


def test_a_step_limit_wins_over_the_epochs():
    assert total_steps(1000, recipes.parse({"max_steps": 7})) == 7
    assert len(step_sizes([5, 6], recipes.parse({"max_steps": 7}))) == 7
