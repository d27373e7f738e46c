"""The register of looks survives crashes and is never shortened."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from curation.errors import BadInput
from evals import looks


def take(folder, answers, ids=("a", "b")):
    (folder / answers).mkdir(exist_ok=True)
    return looks.take(folder / "looks.jsonl", folder / answers, "run:r001", answers, ids, record=True)


def test_looks_are_counted_over_the_rows_they_share(tmp_path):
    assert [take(tmp_path, name) for name in ("one", "two", "one", "three")] == [1, 2, 1, 3]
    assert take(tmp_path, "other", ids=("c",)) == 1
    assert take(tmp_path, "both", ids=("a", "c")) == 5


def test_a_line_a_crash_left_unfinished_does_not_stop_the_next(tmp_path):
    take(tmp_path, "one")
    with (tmp_path / "looks.jsonl").open("a") as file:
        file.write('{"look": 2, "at": "20')
    assert take(tmp_path, "two") == 2
    assert [look.look for look in looks.read(tmp_path / "looks.jsonl")] == [1, 2]


def test_a_damaged_line_is_named_instead_of_counted_as_nothing(tmp_path):
    (tmp_path / "looks.jsonl").write_text('{"look": 1}\n')
    with pytest.raises(BadInput, match="Line 1"):
        take(tmp_path, "one")


def test_verdicts_asked_for_at_once_get_different_numbers(tmp_path):
    names = [f"e{i}" for i in range(6)]
    with ProcessPoolExecutor(3, mp_context=get_context("spawn")) as pool:
        found = list(pool.map(take, [tmp_path] * 6, names))
    assert sorted(found) == [1, 2, 3, 4, 5, 6]


def test_a_copied_evaluation_brings_its_number_along(tmp_path):
    take(tmp_path, "one")
    take(tmp_path, "two")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / "two").rename(elsewhere / "two")
    assert take(elsewhere, "two") == 2
