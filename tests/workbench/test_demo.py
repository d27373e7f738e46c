"""The demo, once, for real: the whole loop on the packaged model, and one where nothing can be learnt.

`demo` runs the command as a person does; every test here looks at the project it left behind.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from curation import jobs
from curation.files import read_json, shipped
from curation.project import locate
from workbench import cli

pytestmark = [pytest.mark.model, pytest.mark.timeout(2400)]


def command(*args: object, code: int = 0) -> dict:
    done = subprocess.run(
        [sys.executable, "-m", "workbench", *map(str, args), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == code, done.stderr[-2000:]
    return json.loads(done.stdout)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The verdict that the command printed, and the project it left."""
    folder = tmp_path_factory.mktemp("demo") / "project"
    return command("demo", folder), folder


def test_the_fine_tune_beats_every_baseline_and_ships(demo):
    said, _ = demo
    assert said["verdict"] == "ship", said["headline"]
    assert set(said["against"]) == {"majority", "nearest", "prompt", "few-shot:4"}
    assert said["n"] == 150 and said["low"] > 0


def test_the_advice_read_from_validation_is_to_fine_tune(demo):
    _, folder = demo
    given = command("advise", folder)
    assert given["choice"] == "fine_tune", given["headline"]
    assert {one["name"] for one in given["measured"]} >= {"prompt", "few-shot:4", "nearest", "run:r001"}
    assert "few-shot:2" in given["missing"]


def test_anyone_gets_the_same_verdict_from_the_project(demo):
    said, folder = demo
    again = command("verdict", folder, "--candidate", "run:r001")
    assert again["answers_fingerprint"] == said["answers_fingerprint"]
    assert (again["difference"], again["low"], again["look"]) == (
        said["difference"],
        said["low"],
        said["look"],
    )


def test_the_figures_follow_from_the_stored_answers(demo):
    from statsmodels.stats.contingency_tables import mcnemar

    said, folder = demo
    evaluation = folder / "evals" / said["evaluation"]
    scores = pq.read_table(evaluation / "scores.parquet").to_pylist()
    right = {
        name: {
            row["id"]: row["value"] == 1
            for row in scores
            if row["candidate"] == name and row["scorer"] == "fields_equal" and not row["field"]
        }
        for name in ("run:r001", *said["against"])
    }
    closest = min(said["comparisons"], key=lambda one: one["paired"]["low"])
    pairs = [(right["run:r001"][one], right[closest["baseline"]][one]) for one in right["run:r001"]]
    b, c = pairs.count((True, False)), pairs.count((False, True))
    assert (said["only_candidate"], said["only_baseline"]) == (b, c)
    assert said["difference"] == pytest.approx((b - c) / 150)
    assert mcnemar([[0, b], [c, 0]], exact=True).pvalue < 0.05


def test_the_run_was_trained_on_the_template_s_own_tokens_of_training_rows(demo):
    from curation import models

    _, folder = demo
    run = folder / "runs" / "r001"
    version = folder / "versions" / "v001"
    trained = pq.read_table(run / "data" / "train.parquet").to_pylist()
    train = {
        row["id"]: json.loads(row["messages"]) for row in pq.read_table(version / "train.parquet").to_pylist()
    }
    tokenizer = models.load_tokenizer("smollm2-135m-instruct")
    assert 200 <= len(trained) <= 240 and {row["id"] for row in trained} <= set(train)
    for row in trained:
        text = tokenizer.apply_chat_template(train[row["id"]], tokenize=False)
        plain = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert list(row["input_ids"]) == plain
        answer = [
            token for token, label in zip(row["input_ids"], row["labels"], strict=True) if label != -100
        ]
        assert tokenizer.decode(answer).endswith("<|im_end|>")


def test_every_job_of_the_demo_is_done_and_the_project_opens_again(demo):
    _, folder = demo
    project = locate(folder)
    states = {
        job.name: jobs.state(job).state
        for root in (project.runs, project.evals)
        for job in jobs.all_jobs(root)
    }
    assert set(states.values()) == {"done"} and len(states) == 4
    assert command("rows", folder, "--where", "decision=drop")["total"] > 40
    assert read_json(folder / "runs" / "r001" / "result.json")


def test_a_failure_on_validation_leads_to_training_rows(demo):
    _, folder = demo
    scores = pq.read_table(folder / "evals" / "e002" / "scores.parquet").to_pylist()
    failed = next(
        row["id"]
        for row in scores
        if row["candidate"] == "run:r001" and row["scorer"] == "fields_equal" and row["value"] == 0
    )
    found = command("trace", folder, "e002", failed)
    train = set(
        pq.read_table(folder / "versions" / "v001" / "train.parquet", columns=["id"])["id"].to_pylist()
    )
    assert found["rows"] and {row["id"] for row in found["rows"]} <= train
    assert (
        "sealed"
        in subprocess.run(
            [sys.executable, "-m", "workbench", "trace", folder, "e003", failed],
            capture_output=True,
            text=True,
        ).stderr
    )


@pytest.fixture
def shuffled(tmp_path):
    """The demo's clean rows with every answer given to another question."""
    truth = read_json(shipped("demo", "truth.json"))
    spoilt = {(one["file"], one["line"]) for one in [*truth["planted"], *truth["unreadable"]]}
    rows = []
    for path in sorted(shipped("demo").glob("tickets_*.jsonl")):
        for number, line in enumerate(path.read_text("utf-8-sig").splitlines(), 1):
            if (path.name, number) not in spoilt:
                rows.append(json.loads(line)["messages"])
    rows = rows[:260]
    answers = [turns[-1]["content"] for turns in rows]
    random.Random(0).shuffle(answers)
    path = tmp_path / "shuffled.jsonl"
    path.write_text(
        "".join(
            json.dumps(
                {"messages": [*turns[:-1], {"role": "assistant", "content": answer}]}, ensure_ascii=False
            )
            + "\n"
            for turns, answer in zip(rows, answers, strict=True)
        ),
        "utf-8",
    )
    return path


def test_a_fine_tune_on_shuffled_answers_does_not_ship(shuffled, tmp_path):
    def run(*args, code=(0,)):
        done = cli.execute([str(arg) for arg in args], None, cwd=str(tmp_path), who="ann")
        assert done.exit_code in code, done
        return done

    run("new", "p", "--task", shipped("demo", "task.yaml"))
    run("import", "p", shuffled)
    run("split", "p", "--test", "40", "--validation", "20", "--group", "none")
    run("freeze", "p")
    run("eval", "p", "--candidate", "prompt", "--limit", "4")
    short = (
        "max_steps=20",
        "gradient_accumulation_steps=1",
        "per_device_train_batch_size=2",
        "max_eval_rows=4",
    )
    run("train", "p", "demo", *(part for setting in short for part in ("--set", setting)))
    said = run(
        "verdict",
        "p",
        "--candidate",
        "run:r001",
        "--against",
        "majority",
        "--against",
        "nearest",
        "--json",
        code=(10, 11),
    )
    assert json.loads(said.stdout)["verdict"] in ("do_not_ship", "not_enough_evidence")
