"""Guardrails and must-pass rows: held, broken or unknown, and what each does to the verdict."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from curation import task as tasks
from curation.errors import BadTask
from curation.task import Task
from evals.significance import mcnemar_midp, tango
from evals.stored import read
from evals.verdict import judge

INTENTS = ("refund", "order", "cancel")


def parts(**sliced: tuple[int, int, int, int]) -> dict[str, Any]:
    """Marks and metadata of slices, each with rows both right, only candidate, only baseline, both wrong."""
    run: list[float] = []
    base: list[float] = []
    metadata: list[dict[str, Any]] = []
    for name, (both, won, lost, neither) in sliced.items():
        run += [1] * (both + won) + [0] * (lost + neither)
        base += [1] * both + [0] * won + [1] * lost + [0] * neither
        metadata += [{"intent": name}] * (both + won + lost + neither)
    return {"columns": {"run:r001": run, "prompt": base}, "metadata": metadata}


def guarded(*rails: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"slices": ["intent"], "guardrails": list(rails), **more}


def judged(evaluation, made: dict[str, Any], task: dict[str, Any], name: str = "e001", **more: Any):
    folder = evaluation(made["columns"], name, metadata=made["metadata"], task=task, **more)
    return judge(folder, "run:r001", record=False)


GAIN = (100, 60, 5, 35)
REFUND = {"slice": "intent=refund"}


def test_a_slice_that_does_not_get_worse_is_held_and_the_candidate_ships(evaluation):
    found = judged(evaluation, parts(refund=(290, 10, 2, 8), order=GAIN), guarded(REFUND))
    (one,) = found.guardrails
    assert (found.verdict, one.standing, one.mode, one.slice) == ("ship", "held", "prove", "intent=refund")
    assert one.paired is not None
    assert (one.paired.low, one.paired.p) == pytest.approx((tango(10, 2, 310).low, mcnemar_midp(10, 2)))
    assert "Nothing guarded got worse." in found.sentences
    check = next(check for check in found.checks if "refund" in check.rule)
    assert check.passed and check.value.startswith("held: ") and "310 rows" in check.value


@pytest.mark.parametrize("mode", ["prove", "harm"])
def test_a_proven_loss_on_a_guarded_slice_beats_a_proven_gain(evaluation, mode):
    made = parts(refund=(60, 2, 14, 14), order=GAIN)
    assert judged(evaluation, made, {}).verdict == "ship"
    found = judged(evaluation, made, guarded({**REFUND, "mode": mode}), "e2")
    assert (found.verdict, found.exit_code) == ("do_not_ship", 10)
    assert found.headline == (
        "Do not ship. Better on average (+15), but intent=refund by label got worse than prompt: "
        "2 gained, 14 lost of 90 (between 5 and 23 points down)."
    )
    assert [one.standing for one in found.guardrails] == ["broken"]
    assert not next(check for check in found.checks if "refund" in check.rule).passed


def test_what_cannot_be_shown_blocks_a_ship_in_mode_prove_and_is_told_in_mode_harm(evaluation):
    made = parts(refund=(20, 1, 1, 3), order=GAIN)
    prove = judged(evaluation, made, guarded({**REFUND, "mode": "prove"}))
    assert prove.verdict == "not_enough_evidence"
    assert "could hide a loss of up to" in prove.text and "more such rows would show" in prove.text
    harm = judged(evaluation, made, guarded({**REFUND, "mode": "harm"}), "e2")
    assert harm.verdict == "ship"
    lost = -tango(1, 1, 25).low
    assert (
        f"intent=refund by label could hide a loss of up to {100 * lost:.0f} points (25 rows)."
        in harm.sentences
    )


@pytest.mark.parametrize(("rows", "mode"), [(124, "harm"), (125, "prove")])
def test_the_mode_follows_from_the_rows_unless_it_is_said(evaluation, rows, mode):
    made = parts(refund=(rows, 0, 0, 0), order=GAIN)
    (one,) = judged(evaluation, made, guarded(REFUND)).guardrails
    assert (one.mode, one.standing) == (mode, "held" if rows == 125 else "unknown")


def test_a_field_alone_guards_each_of_its_values(evaluation):
    made = parts(refund=(60, 5, 0, 5), order=GAIN, cancel=(30, 0, 0, 0))
    found = judged(evaluation, made, guarded({"slice": "intent"}))
    assert [one.slice for one in found.guardrails] == [f"intent={name}" for name in sorted(INTENTS)]


def test_a_slice_of_the_expected_answer_and_of_lists_is_found(evaluation):
    from evals import slices

    metadata = [{"tags": ["a", "b"]}, {"tags": ["b"]}, {"n": 3}, {}]
    folder = evaluation({"run:r001": [1] * 4, "prompt": [1] * 4}, metadata=metadata)
    ids = read(folder).ids
    assert slices.members(folder, ids, "tags") == {"a": [0], "b": [0, 1]}
    assert slices.members(folder, ids, "n") == {"3": [2]}
    assert slices.members(folder, ids, "label") == {"yes": [0, 1, 2, 3]}
    assert slices.members(folder, ids, "nothing") == {}


def test_over_several_slices_a_loss_must_survive_the_correction(evaluation):
    """1 won, 7 lost: mid-p .039 alone, .078 as the second of three slices."""
    made = parts(refund=(60, 1, 7, 5), order=GAIN, cancel=(60, 20, 18, 5))
    alone = judged(evaluation, made, guarded({**REFUND, "mode": "harm"}))
    assert alone.guardrails[0].standing == "broken"
    several = judged(evaluation, made, guarded({"slice": "intent", "mode": "harm"}), "e2")
    assert {one.slice: one.standing for one in several.guardrails}["intent=refund"] == "unknown"


def test_cheap_baselines_do_not_count_for_a_guardrail_unless_there_are_no_others(evaluation):
    made = parts(refund=(60, 20, 0, 10), order=GAIN)
    made["columns"]["majority"] = [1] * 90 + [0] * 200
    both = judged(evaluation, made, guarded({**REFUND, "mode": "harm"}))
    assert (both.verdict, both.guardrails[0].against) == ("ship", "prompt")
    folder = evaluation(
        made["columns"], "e2", metadata=made["metadata"], task=guarded({**REFUND, "mode": "harm"})
    )
    alone = judge(folder, "run:r001", ["majority"])
    assert (alone.verdict, alone.guardrails[0].against) == ("do_not_ship", "majority")


def test_a_guardrail_may_rest_on_another_scorer_graded_or_not(evaluation):
    made, random = parts(order=GAIN), np.random.default_rng(3)
    base = list(random.uniform(0.4, 0.8, 200))
    worse = {"run:r001": [one - 0.1 - random.uniform(0, 0.1) for one in base], "prompt": base}
    same = {"run:r001": base, "prompt": base}
    for name, columns, verdict, standing in (
        ("e1", worse, "do_not_ship", "broken"),
        ("e2", same, "ship", "held"),
    ):
        found = judged(evaluation, made, guarded({"scorer": "chrf"}), name, more={"chrf": columns})
        assert (found.verdict, found.guardrails[0].standing) == (verdict, standing)
        assert found.guardrails[0].paired is not None and found.guardrails[0].paired.graded


def test_a_small_slice_of_graded_scores_can_be_broken_but_never_held(evaluation):
    made, random = parts(refund=(20, 0, 0, 10), order=GAIN), np.random.default_rng(5)
    base = random.uniform(0.3, 0.6, 230)
    for name, change, standing in (("e1", -0.2, "broken"), ("e2", 0.2, "unknown"), ("e3", -0.002, "unknown")):
        moved = {"run:r001": list(base + change + random.uniform(-0.05, 0.05, 230)), "prompt": list(base)}
        found = judged(evaluation, made, guarded({**REFUND, "scorer": "chrf"}), name, more={"chrf": moved})
        (one,) = found.guardrails
        assert (one.standing, one.mode, one.paired is not None and one.paired.n) == (standing, "harm", 30)
        assert ("graded scores need 50" in one.why) == (standing == "unknown")
        assert found.verdict == ("do_not_ship" if standing == "broken" else "ship")
        assert change < 0 or "30 rows, and graded scores need 50 to show anything held" in found.text


def test_many_unknown_slices_are_told_shortly_the_widest_first(evaluation):
    made = parts(
        a=(9, 0, 0, 0), b=(19, 0, 0, 0), c=(29, 0, 0, 0), d=(39, 0, 0, 0), e=(4, 0, 0, 0), order=GAIN
    )
    found = judged(evaluation, made, guarded({"slice": "intent"}))
    told = next(one for one in found.sentences if "could hide" in one)
    assert told.startswith("intent=e by label could hide a loss") and told.endswith("; and 2 more.")


def test_what_was_not_measured_or_judged_is_unknown_and_blocks_where_it_must(evaluation):
    made = parts(order=GAIN)
    absent = judged(evaluation, made, guarded({"scorer": "refusal", "mode": "harm"}))
    assert absent.verdict == "not_enough_evidence" and "was not measured" in absent.text
    half = {name: [None] * 10 + [1] * 190 for name in made["columns"]}
    for mode, verdict in (("prove", "not_enough_evidence"), ("harm", "ship")):
        told = guarded({"scorer": "refusal", "mode": mode})
        found = judged(evaluation, made, told, f"e-{mode}", more={"refusal": half})
        assert (
            found.verdict == verdict and "10 of 200 answers are missing or could not be judged" in found.text
        )
    empty = judged(evaluation, made, guarded({"slice": "intent=none"}), "e-empty")
    assert empty.verdict == "ship" and "no held-out row is in it" in empty.text


def test_must_pass_rows_may_not_be_lost(evaluation):
    made = parts(order=GAIN)
    lost = "row00160"
    found = judged(evaluation, made, {"must_pass": [lost, "row00000", "elsewhere"]})
    assert (found.verdict, found.lost_must_pass) == ("do_not_ship", (lost,))
    assert found.headline.startswith(
        "Do not ship. Better on average (+28), but run:r001 lost 1 must-pass row"
    )
    assert next(check for check in found.checks if "must-pass" in check.rule).value == "1 lost"
    kept = judged(evaluation, made, {"must_pass": ["row00000", "row00199"]}, "e2")
    assert (kept.verdict, kept.lost_must_pass) == ("ship", ())
    assert "2 must-pass rows" in next(check.rule for check in kept.checks if "must-pass" in check.rule)


def test_a_missing_answer_to_a_must_pass_row_decides_nothing_yet(evaluation):
    made = parts(order=GAIN)
    made["columns"]["run:r001"][0] = None
    found = judged(evaluation, made, {"must_pass": ["row00000"]})
    assert found.verdict == "not_enough_evidence" and "1 missing answer decide" in found.text


def test_a_loss_on_average_comes_before_what_is_guarded(evaluation):
    made = parts(refund=(60, 2, 14, 14), order=(100, 2, 30, 10))
    found = judged(evaluation, made, guarded({**REFUND, "mode": "harm"}))
    assert found.headline.startswith("Do not ship. It is worse than prompt")
    assert "intent=refund by label got worse than prompt" in found.text


def test_the_json_holds_every_guardrail(evaluation):
    found = judged(evaluation, parts(refund=(60, 2, 14, 14), order=GAIN), guarded(REFUND)).as_json()
    told = json.loads(json.dumps(found))["guardrails"][0]
    assert (told["slice"], told["standing"], told["mode"], told["against"]) == (
        "intent=refund", "broken", "harm", "prompt",
    )  # fmt: skip
    assert told["paired"]["only_baseline"] == 14 and found["n"] == 290


def test_values_that_guardrails_rest_on_are_in_the_fingerprint(evaluation):
    made = parts(order=GAIN)
    plain = judged(evaluation, made, {}).answers_fingerprint
    told = guarded({"scorer": "chrf"})
    one = judged(evaluation, made, told, "e1", more={"chrf": made["columns"]}).answers_fingerprint
    other = judged(
        evaluation, made, told, "e2", more={"chrf": {**made["columns"], "prompt": [1] * 200}}
    ).answers_fingerprint
    assert len({plain, one, other}) == 3


@pytest.mark.parametrize(
    ("rails", "said"),
    [
        ([{"slice": "reason=x"}], "'reason' is not among `slices`"),
        ([{"margin": 0}], "margin"),
        ([{"mode": "maybe"}], "prove"),
        ([{"slices": "intent"}], "did you mean `slice`?"),
    ],
)
def test_a_guardrail_that_cannot_be_meant_is_a_mistake_in_the_task(rails, said):
    with pytest.raises(BadTask) as caught:
        tasks.parse({"slices": ["intent"], "guardrails": rails})
    assert said in str(caught.value)


def test_a_task_with_guardrails_survives_its_file(tmp_path):
    task = Task(slices=["intent"], guardrails=[{"slice": "intent=a", "margin": 0.05}], must_pass=["a" * 16])
    tasks.save(task, tmp_path / "task.yaml")
    assert tasks.load(tmp_path / "task.yaml") == task
