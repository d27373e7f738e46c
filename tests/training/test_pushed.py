"""Gradients find planted rows: those that teach a run a wrong answer come out on top of the rows near a failure."""

from __future__ import annotations

from typing import Any

import pytest

from curation import task as tasks
from curation.errors import BadInput
from curation.project import Project
from curation.task import ModelSpec, Task
from curation.work import Work
from evals.examples import of_split
from evals.pushed import pushes
from tests.evals import frozen
from tests.evals.frozen import freeze, labelled, rows
from tests.training.conftest import measured
from training import methods, runs
from training import recipe as recipes

cache_of_tests, own_cache_with_model = frozen.cache_of_tests, frozen.own_cache_with_model
own_cache = frozen.own_cache
pytestmark = [pytest.mark.model, pytest.mark.usefixtures("own_cache_with_model")]

GOOD = [labelled("train", f"Where is parcel {n}? It has not come yet.", "address", 500 + n) for n in range(4)]
PLANTED = [labelled("train", f"Money back for order {n}, I say.", "cancel", 900 + n) for n in range(4)]


@pytest.fixture(scope="module")
def failure() -> dict[str, Any]:
    return labelled("validation", "Money back for order 77, please.", "refund", 800)


def test_rows_that_teach_the_wrong_answer_push_most(project: Project, failure: dict[str, Any]) -> None:
    """Asked for a refund, the run says cancel, as four rows among 23 taught it."""
    task = Task(kind="classification", labels=list(frozen.WORDS), system_prompt="Sort customer messages.",
                model=ModelSpec())  # fmt: skip
    version = freeze(project, {
        "train": sorted([*rows("train", 15), *GOOD, *PLANTED], key=lambda row: str(row["id"])),
        "validation": [failure, *rows("validation", 3, 100)], "test": rows("test", 3, 200),
    })  # fmt: skip
    tasks.save(task, project.task_path)
    measured(project, version, task)
    settings = {"max_steps": 10, "learning_rate": 1e-3, "lora_dropout": 0.0, "max_eval_rows": 0,
                "per_device_train_batch_size": 6, "gradient_accumulation_steps": 1}  # fmt: skip
    run = runs.create(project, "v001", task, recipes.parse(settings), name="planted")
    Work(run).finish(methods.carry_out(run, Work(run)))
    train, _ = of_split(version, "train")
    asked = next(row for row in of_split(version, "validation")[0] if row.id == failure["id"])
    found = pushes(run, task, asked, "cancel", train)
    first = sorted(found, key=lambda id_: -found[id_])[:4]
    assert set(first) == {row["id"] for row in PLANTED}
    assert all(found[row["id"]] > 0.2 for row in PLANTED)
    assert all(-1 <= cosine <= 1 for cosine in found.values()) and len(found) == len(train)


def test_a_run_without_an_adapter_is_refused_in_words(tmp_path, task: Task) -> None:
    (tmp_path / "r001").mkdir()
    with pytest.raises(BadInput, match="this run has none"):
        pushes(tmp_path / "r001", task, None, "cancel", [])  # type: ignore[arg-type]
