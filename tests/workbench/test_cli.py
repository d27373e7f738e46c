"""The command line as a person uses it: exit codes, JSON, two-line errors, the loop without a model."""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from workbench import cli


def sentence(i):
    rng = random.Random(i)
    return " ".join("".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6)) for _ in range(8))


@pytest.fixture(scope="module")
def frozen_intents(tmp_path_factory):
    """A folder with a project of 300 labelled texts, split and frozen."""
    folder = tmp_path_factory.mktemp("intents")
    rows = "".join(f"{sentence(i)},{['red', 'green', 'blue'][i % 3]}\n" for i in range(300))
    (folder / "intents.csv").write_text("text,category\n" + rows)
    for command in (
        "new p",
        "import p intents.csv",
        "check p",
        "split p --test 100 --validation 40",
        "freeze p",
    ):
        assert cli.execute(command.split(), None, cwd=str(folder), who="ann").exit_code == 0
    return folder


@pytest.fixture
def intents(workbench, frozen_intents):
    """A copy of that project for one test."""
    shutil.copytree(frozen_intents, workbench.folder, dirs_exist_ok=True)
    return workbench


def shown(*args):
    """What the installed command prints."""
    done = subprocess.run([sys.executable, "-m", "workbench", *args], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_help_reads_like_a_table_of_contents():
    text = shown("--help")
    for heading in ("Start here", "The data", "The held-out set", "The model", "The judgement"):
        assert heading in text
    for name in cli.main.commands:
        assert name in text.split()


def test_every_command_says_what_it_does_and_takes_json():
    for name, command in cli.main.commands.items():
        assert command.help and len(command.get_short_help_str(80)) > 10
        options = {flag for one in command.params for flag in one.opts}
        assert name == "app" or "--json" in options


def test_counts_of_an_import_add_up_in_json(workbench):
    (workbench.folder / "rows.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]}\n{oops\n'
    )
    workbench("new", "p")
    first = workbench("import", "p", "rows.jsonl", "--json")
    again = workbench("import", "p", "rows.jsonl", "--json")
    assert (first["rows"], first["examples"], first["quarantined"], first["repeated"]) == (2, 1, 1, 0)
    assert (again["rows"], again["examples"], again["quarantined"], again["repeated"]) == (2, 0, 1, 1)
    listed = workbench("rows", "p", "--quarantine", "--json")
    assert listed["rows"][0]["raw"] == "{oops" and listed["rows"][0]["line"] == 2


def test_the_guessed_task_is_written_and_marked(intents):
    assert intents("task", "p", "--json")["guessed"] is True
    assert intents("task", "p", "--approve", "--json")["guessed"] is False
    assert intents("task", "p", "--json")["labels"] == ["blue", "green", "red"]


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (("import", "nowhere", "x.csv"), 2, "no project"),
        (("frobnicate",), 2, "No such command"),
        (("rows", "p", "--where", "colour=red"), 2, "no field called"),
        (("rows", "p", "--where", "red"), 2, "cannot be read"),
        (("split", "p", "--test", "-5"), 2, "cannot be meant"),
        (("split", "p", "--group", "nothing"), 2, "no field to group by"),
        (("split", "p", "--test", "5000"), 1, "cannot be given"),
        (("new", "p"), 1, "a project here already"),
        (("audit", "p", "v009"), 2, "no version called"),
        (("eval", "p", "--candidate", "promt"), 2, "no candidate called"),
        (("train", "p", "seed"), 1, "baseline"),
        (("train", "p", "seed", "--set", "learning_rat=1"), 2, "learning_rate"),
        (("stop", "p", "r001"), 2, "no run or evaluation"),
        (("decide", "p", "keep"), 2, "Say which examples"),
        (("check", "p", "--only", "rolls"), 2, "roles"),
    ],
)
def test_an_error_is_short_and_says_what_to_do(intents, args, code, says):
    done = intents(*args, code=code)
    assert says in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""


def test_decisions_on_a_filter_can_be_tried_first_and_undone(intents):
    assert intents("decide", "p", "drop", "--where", "label=red", "--dry-run", "--json")["would_touch"] == 100
    assert intents("decide", "p", "drop", "--where", "label=red", "--json")["changed"] == 100
    assert intents("rows", "p", "--where", "decision=drop", "--json")["total"] == 100
    assert intents("undo", "p", "--json")["changed"] == 100
    assert intents("rows", "p", "--where", "decision=drop", "--json")["total"] == 0
    assert intents("redo", "p", "--json")["changed"] == 100
    text = intents("history", "p").stdout
    assert "ann" in text and "Drop 100 examples" in text


def test_an_edit_from_a_file_changes_the_example_and_nothing_else(intents):
    example = intents("rows", "p", "--json", "--limit", "1")["rows"][0]
    edited = [{"role": "user", "content": "new question"}, {"role": "assistant", "content": "blue"}]
    (intents.folder / "edit.json").write_text(json.dumps(edited))
    assert intents("decide", "p", "edit", "edit.json", "--ids", example["id"], "--json")["changed"] == 1
    again = intents("rows", "p", "--where", f"id={example['id']}", "--json")["rows"][0]
    assert again["messages"] == edited and again["label"] == "blue"


def test_export_gives_rows_with_id_and_split_and_refuses_a_full_folder(intents):
    counts = intents("export", "p", "--to", "out", "--json")["rows"]
    assert counts == {"train": 160, "validation": 40, "test": 100}
    rows = [json.loads(line) for line in (intents.folder / "out" / "test.jsonl").read_text().splitlines()]
    assert (
        len(rows) == 100
        and {row["split"] for row in rows} == {"test"}
        and isinstance(rows[0]["messages"], list)
    )
    assert "not empty" in intents("export", "p", "--to", "out", code=1).stderr


def answers(workbench, name, wrong):
    """A file of answers made elsewhere: right except on the first `wrong` test rows."""
    rows = [json.loads(line) for line in (workbench.folder / "out" / "test.jsonl").read_text().splitlines()]
    lines = [
        json.dumps({"id": row["id"], "answer": "no idea" if i < wrong else row["label"]})
        for i, row in enumerate(rows)
    ]
    (workbench.folder / name).write_text("\n".join(lines) + "\n")


@pytest.mark.slow
def test_any_system_can_be_judged_by_its_answers(intents):
    intents("export", "p", "--to", "out")
    answers(intents, "good.jsonl", 5)
    answers(intents, "poor.jsonl", 40)
    answers(intents, "same.jsonl", 6)
    won = intents(
        "verdict", "p", "--candidate", "answers:good.jsonl", "--against", "answers:poor.jsonl", "--json"
    )
    assert won["verdict"] == "ship" and won["n"] == 100
    assert (won["only_candidate"], won["only_baseline"], won["both_wrong"]) == (35, 0, 5)
    lost = intents(
        "verdict",
        "p",
        "--candidate",
        "answers:poor.jsonl",
        "--against",
        "answers:good.jsonl",
        "--json",
        code=10,
    )
    assert lost["verdict"] == "do_not_ship" and lost["high"] < 0
    close = intents(
        "verdict",
        "p",
        "--candidate",
        "answers:good.jsonl",
        "--against",
        "answers:same.jsonl",
        "--json",
        code=11,
    )
    assert close["verdict"] == "not_enough_evidence"
    done = intents("verdict", "p", "--candidate", "answers:good.jsonl", "--against", "answers:poor.jsonl")
    assert done.stdout.startswith("Ship.") and "35" in done.stdout
    again = intents(
        "verdict", "p", "--candidate", "answers:good.jsonl", "--against", "answers:poor.jsonl", "--json"
    )
    assert again["look"] == won["look"] and again["answers_fingerprint"] == won["answers_fingerprint"]


def test_cheap_baselines_need_no_model_and_evaluations_are_listed(intents):
    done = intents("eval", "p", "--candidate", "majority", "--json")
    assert done["split"] == "validation" and done["rows"] == 40
    assert 0.2 < done["candidates"]["majority"]["scorers"]["label"]["mean"] < 0.5
    listed = intents("evals", "p", "--json")["evaluations"]
    assert [(one["evaluation"], one["state"]) for one in listed] == [("e001", "done")]


@pytest.mark.slow
def test_the_command_itself_prints_one_object_and_keeps_progress_on_stderr(intents):
    done = subprocess.run(
        [sys.executable, "-m", "workbench", "dedup", str(intents.folder / "p"), "--json"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["exact_groups"] == 0 and {"near_pairs", "near_pairs_prompt", "clusters"} <= set(found)
    assert done.stderr and "\r" not in done.stderr


@pytest.mark.slow
def test_a_busy_project_names_the_process_that_holds_it(intents):
    from curation import project, store

    with store.open_store(project.locate(intents.folder / "p")):
        done = subprocess.run(
            [sys.executable, "-m", "workbench", "check", str(intents.folder / "p")],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.getcwd()},
        )
    assert done.returncode == 1 and str(os.getpid()) in done.stderr


def test_debug_shows_the_traceback(intents):
    stderr = io.StringIO()
    session = cli.Session(io.StringIO(), stderr, str(intents.folder), "ann")
    assert cli.run(["--debug", "audit", "p", "v009"], session) == 2
    assert "Traceback" in stderr.getvalue()


@pytest.mark.slow
def test_split_proposes_fields_and_checks_what_is_out_of_date_first(workbench):
    rows = [
        {
            "messages": [
                {"role": "user", "content": sentence(i)},
                {"role": "assistant", "content": ["red", "green"][i // 3 % 2]},
            ],
            "customer": f"c{i // 3}",
        }
        for i in range(60)
    ]
    (workbench.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    workbench("new", "q")
    workbench("import", "q", "rows.jsonl")
    proposed = workbench("split", "q", "--propose", "--json")["proposals"]
    assert [one["field"] for one in proposed if one["proposed"]] == ["customer"]
    assert "customer: 20 groups of 60 rows" in workbench("split", "q", "--propose").stdout
    done = workbench(
        "split", "q", "--test", "12", "--validation", "12", "--group", "customer", "--group", "template"
    )
    assert "60 examples new or changed" in done.stdout and "customer, template tie rows now" in done.stdout
    assert "Checked first" not in workbench("freeze", "q").stdout


def test_the_difference_of_two_versions_names_what_was_relabelled_and_dropped(intents):
    def ids(label):
        listed = intents.folder / "p" / "versions" / "v001" / "train.parquet"
        return [row["id"] for row in pq.read_table(listed).to_pylist() if row["label"] == label]

    mended, dropped = ids("red")[0], ids("blue")[0]
    intents("decide", "p", "label", "green", "--ids", mended)
    intents("decide", "p", "drop", "--ids", dropped)
    assert intents("freeze", "p", "--json")["version"] == "v002"
    found = intents("versions", "p", "--diff", "v001", "v002", "--json")
    assert found["relabelled"] == found["edited"] == [mended] and found["removed"] == [dropped]
    assert found["added"] == found["moved"] == [] and found["parent"] == "v001"
    assert "1 relabelled" in intents("versions", "p", "--diff", "v001", "v002").stdout
    intents("versions", "p", "--diff", "v001", "v009", code=2)


def test_a_repair_can_be_tried_first_and_flags_say_how_often_a_check_was_right(workbench):
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    rows = [{"messages": [{"role": "user", "content": f"{i}"}, *turns[1:], turns[0]]} for i in range(3)]
    (workbench.folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for command in ("new p", "import p rows.jsonl", "check p --only last_turn"):
        workbench(*command.split())
    assert workbench("fix", "p", "last_turn", "--dry-run", "--json")["total"] == 3
    first = workbench("flags", "p", "--json")["flags"][0]["id"]
    workbench("decide", "p", "keep", "--ids", first)
    told = workbench("flags", "p", "--check", "last_turn", "--json")["precision"]["last_turn"]
    assert (told["dropped"], told["rows"], told["low"]) == (0, 1, 0.0) and 0.7 < told["high"] < 0.9
    assert workbench("fix", "p", "last_turn", "--json")["changed"] == 3
    assert workbench("flags", "p", "--json")["total"] == 0
    workbench("undo", "p")
    assert workbench("flags", "p", "--json")["total"] == 3
    assert "no repair" in workbench("fix", "p", "pii", code=2).stderr
    nothing = workbench("fix", "p", "mojibake").stdout
    assert "nothing changed" in nothing and "undo" not in nothing


def test_gauges_stand_beside_the_audit_and_change_no_exit_code(intents):
    plain = intents("audit", "p", "--json")
    gauged = intents("audit", "p", "v001", "--gauges", "--json")
    found = gauged.pop("gauges")
    assert gauged == plain and plain["clean"]
    assert [one["name"] for one in found["readings"]] == ["answers", "coverage", "shift"]
    assert (
        found["answers"]["telling"] == 0 and found["coverage"]["long"] == 100 and found["shift"]["auc"] < 0.65
    )
    told = intents("audit", "p", "--gauges").stdout
    assert all(one["sentence"] in told for one in found["readings"])


def test_rows_are_listed_by_what_was_asked_since_their_answers_are_alike(intents):
    listed = intents("rows", "p", "--where", "label=red", "--limit", "1").stdout
    assert sentence(0)[:40] in listed


def test_tool_calls_as_answers_are_pointed_to_the_scorer_that_reads_them(workbench):
    call = {"id": "c", "type": "function", "function": {"name": "land", "arguments": "{}"}}
    turns = [
        [{"role": "user", "content": sentence(i)}, {"role": "assistant", "tool_calls": [call]}]
        for i in range(20)
    ]
    rows = "".join(json.dumps({"messages": one}) + "\n" for one in turns)
    (workbench.folder / "calls.jsonl").write_text(rows)
    for command in ("new p", "import p calls.jsonl", "split p --test 4 --validation 4", "freeze p"):
        workbench(*command.split())
    refused = workbench("eval", "p", "--candidate", "majority", "--scorer", "exact", code=1).stderr
    assert "--scorer tool_call" in refused
    assert "primary: tool_call" in (workbench.folder / "p" / "task.yaml").read_text("utf-8")
    assert sentence(3)[:20] in workbench("rows", "p").stdout
