"""The verdict is computed from stored answers alone and can be recomputed by anyone from the folder."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from curation import task as tasks
from curation.project import Project
from curation.task import Task
from curation.work import at_work
from evals import evaluation, examples
from evals.verdict import Verdict, judge
from tests.evals.frozen import WORDS, freeze, rows

TUNED, BASE = "answers:tuned", "answers:base"
RECOMPUTE = """
import json, sys
from pathlib import Path
from evals.verdict import judge

found = judge(Path(sys.argv[1]), sys.argv[2], [sys.argv[3]])
print(json.dumps(found.as_json()))
heavy = {"torch", "transformers", "datasets", "sentence_transformers", "streamlit", "curation.store"}
print(json.dumps(sorted(heavy & set(sys.modules))))
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with one version of 120 test rows."""
    monkeypatch.setenv("TOUCHSTONE_CACHE", str(tmp_path / "cache"))
    made = Project(tmp_path / "project")
    made.folder.mkdir()
    tasks.save(Task(kind="classification", labels=list(WORDS)), made.task_path)
    freeze(
        made,
        {
            "train": rows("train", 30),
            "validation": rows("validation", 10, 100),
            "test": rows("test", 120, 200),
        },
    )
    return made


def evaluated(project: Project, tmp_path: Path, seed: int = 3) -> Path:
    """A real evaluation of two files of answers: `tuned` right nine times in ten, `base` six times."""
    dice, version = random.Random(seed), project.versions / "v001"
    split, _ = examples.of_split(version, "test")
    specs = []
    for name, share in (("tuned", 0.9), ("base", 0.6)):
        told = [
            {"id": one.id, "answer": one.expected if dice.random() < share else "no idea"} for one in split
        ]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in told), "utf-8")
        specs.append(f"answers:{path}")
    task = tasks.load(project.task_path)
    folder = evaluation.create(project, version, task, candidates=specs, split="test")
    with at_work(folder) as work:
        evaluation.run(folder, work)
    return folder


@pytest.fixture
def folder(project: Project, tmp_path: Path) -> Path:
    return evaluated(project, tmp_path)


def recomputed(folder: Path, where: Path) -> tuple[dict[str, Any], list[str]]:
    """What another process, in another place, with an empty cache, makes of the folder."""
    environment = {
        **os.environ,
        "TOUCHSTONE_CACHE": str(where / "empty"),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-P", "-c", RECOMPUTE, str(folder), TUNED, BASE],
        capture_output=True, text=True, check=True, cwd=where, env=environment,
    )  # fmt: skip
    told, heavy = done.stdout.splitlines()
    return json.loads(told), json.loads(heavy)


def same(found: Verdict) -> dict[str, Any]:
    return json.loads(json.dumps(found.as_json()))


def test_anyone_gets_the_same_verdict_from_a_copy_of_the_folder_alone(folder, project, tmp_path):
    judge(folder, TUNED, [BASE])
    found = judge(evaluated(project, tmp_path, seed=4), TUNED, [BASE])
    assert (found.verdict, found.look) == ("ship", 2)
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(project.evals / found.evaluation, elsewhere / found.evaluation)
    shutil.rmtree(project.folder)
    told, heavy = recomputed(elsewhere / found.evaluation, elsewhere)
    here = same(found)
    assert [one["name"] for one in told.pop("not_measured")] == [
        one["name"] for one in here.pop("not_measured")
    ]
    assert told == here
    assert heavy == []


def test_the_figures_agree_with_counting_the_answers_by_hand(folder):
    from scipy.stats import binom

    told = judge(folder, TUNED, [BASE]).as_json()
    expected = {row["id"]: row["expected"] for row in pq.read_table(folder / "examples.parquet").to_pylist()}
    right: dict[str, dict[str, bool]] = {TUNED: {}, BASE: {}}
    for row in pq.read_table(folder / "answers.parquet").to_pylist():
        right[row["candidate"]][row["id"]] = row["answer"].strip() == expected[row["id"]]
    pairs = [(right[TUNED][id_], right[BASE][id_]) for id_ in expected]
    b, c, n = pairs.count((True, False)), pairs.count((False, True)), len(pairs)
    assert (told["n"], told["only_candidate"], told["only_baseline"]) == (n, b, c)
    assert (told["both_right"], told["both_wrong"]) == (
        pairs.count((True, True)),
        pairs.count((False, False)),
    )
    assert told["difference"] == pytest.approx((b - c) / n)
    assert told["p"] == pytest.approx(2 * binom.cdf(min(b, c), b + c, 0.5) - binom.pmf(min(b, c), b + c, 0.5))
    z, delta = 1.959963984540054, np.polynomial.Polynomial([0, 1])
    q = 0.5 * ((b - c - n * delta) ** 2 / (n * z * z) - delta + delta**2)
    quartic = 2 * n * q**2 + (-(b + c) + (2 * n - b + c) * delta) * q - c * delta * (1 - delta)
    limits = [root.real for root in quartic.roots() if abs(root.imag) < 1e-6 and -1 <= root.real <= 1]
    assert (told["low"], told["high"]) == pytest.approx((min(limits), max(limits)), abs=1e-5)


def test_scoring_the_stored_answers_again_changes_nothing(folder):
    before = judge(folder, TUNED, [BASE])
    (folder / "scores.parquet").unlink()
    evaluation.rescore(folder)
    assert judge(folder, TUNED, [BASE]) == before


def test_neither_the_order_of_rows_nor_the_summary_matters(folder):
    before = judge(folder, TUNED, [BASE])
    for name in ("examples", "answers", "scores"):
        table = pq.read_table(folder / f"{name}.parquet")
        order = list(range(table.num_rows))
        random.Random(5).shuffle(order)
        pq.write_table(table.take(pa.array(order)), folder / f"{name}.parquet")
    (folder / "summary.json").unlink()
    assert judge(folder, TUNED, [BASE]) == before


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("answers", "answer", "something else"),
        ("scores", "value", 0.0),
        ("examples", "group", "a customer"),
        ("examples", "expected", "x"),
    ],
)
def test_any_change_of_what_decides_changes_the_fingerprint(folder, table, column, value):
    before = judge(folder, TUNED, [BASE], record=False).answers_fingerprint
    rows_ = pq.read_table(folder / f"{table}.parquet")
    told = rows_.to_pylist()
    at = next(
        i for i, row in enumerate(told) if row[column] != value and row.get("scorer", "label") == "label"
    )
    told[at][column] = value
    pq.write_table(pa.Table.from_pylist(told, schema=rows_.schema), folder / f"{table}.parquet")
    assert judge(folder, TUNED, [BASE], record=False).answers_fingerprint != before


@pytest.mark.slow
def test_recomputing_is_never_a_new_look(folder, tmp_path):
    first = judge(folder, TUNED, [BASE])
    for _ in range(3):
        told, _ = recomputed(folder, tmp_path)
        assert told == same(first)
    assert len((folder.parent / "looks.jsonl").read_text("utf-8").splitlines()) == 1
