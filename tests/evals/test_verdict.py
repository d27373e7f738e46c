"""The verdict from a folder: its three outcomes, every degenerate case, and its words."""

from __future__ import annotations

import json

import pytest

from curation.errors import BadInput, BadUsage, NoBaseline, NotReady
from evals.significance import mcnemar_midp, tango
from evals.verdict import judge
from tests.evals.conftest import marks


def test_a_clear_gain_ships_and_says_so_in_rows_and_points(evaluation):
    found = judge(evaluation(marks(118, 34, 12, 36)), "run:r001")
    assert (found.verdict, found.exit_code) == ("ship", 0)
    assert (
        found.headline
        == "Ship. Out of 200 held-out rows run:r001 got 34 right that prompt got wrong, and lost 12."
    )
    assert found.sentences[0] == "Gain 11 points, plausibly 5 to 18."
    assert all(check.passed for check in found.checks)


def test_the_json_holds_the_figures_of_the_comparison(evaluation):
    found = judge(evaluation(marks(118, 34, 12, 36)), "run:r001").as_json()
    low, high = tango(34, 12, 200, 0.95)
    wanted = {
        "verdict": "ship", "n": 200, "both_right": 118, "only_candidate": 34, "only_baseline": 12,
        "both_wrong": 36, "difference": 0.11, "low": low, "high": high, "confidence": 0.95,
        "p": mcnemar_midp(34, 12), "look": 1,
    }  # fmt: skip
    assert {key: found[key] for key in wanted} == pytest.approx(wanted)
    assert list(found["against"]) == ["prompt"]
    assert json.loads(json.dumps(found))["against"] == ["prompt"]


def test_a_proven_loss_does_not_ship(evaluation):
    found = judge(evaluation(marks(140, 4, 20, 36)), "run:r001")
    assert (found.verdict, found.exit_code) == ("do_not_ship", 10)
    assert found.headline == "Do not ship. It is worse than prompt: 4 rows gained, 20 lost."
    assert found.sentences[0] == "Between 4 and 13 points down."


def test_a_gain_too_small_to_be_worth_it_does_not_ship(evaluation):
    found = judge(evaluation(marks(150, 6, 8, 36)), "run:r001")
    assert found.verdict == "do_not_ship"
    assert found.headline == "Do not ship. Against prompt 6 rows gained, 8 lost."
    assert found.sentences[0] == "Any gain is under the 3 points set as worth it."


def test_an_open_result_says_how_many_more_rows_would_settle_it(evaluation):
    found = judge(evaluation(marks(150, 20, 12, 18)), "run:r001")
    assert (found.verdict, found.exit_code) == ("not_enough_evidence", 11)
    assert found.sentences[:3] == (
        "+4 points, but from \u22122 to +10 would fit.",
        "About 580 more rows would settle a true gain of 4 points.",
        "About 1,200 more rows would settle a true gain of the 3 points set as worth it.",
    )
    assert [(one.rows_in_all, one.more_rows) for one in found.settle] == [(783, 583), (1393, 1193)]


def test_a_real_gain_below_the_worthwhile_one_is_open(evaluation):
    found = judge(evaluation(marks(900, 60, 32, 8), task={"worthwhile": 0.04}), "run:r001")
    assert found.verdict == "not_enough_evidence"
    assert "whether it reaches the 4 points set as worth it is open" in found.text


def test_rows_that_cannot_settle_it_are_not_asked_for(evaluation):
    found = judge(evaluation(marks(150, 20, 16, 14), task={"worthwhile": 0.01}), "run:r001")
    assert found.settle[-1].more_rows is None
    assert "rows will not settle it" in found.text


def test_four_to_none_never_ships_however_many_rows(evaluation):
    found = judge(evaluation(marks(196, 4, 0, 0), task={"worthwhile": 0.0}), "run:r001")
    assert found.closest is not None and found.closest.paired.low > 0
    assert found.verdict == "not_enough_evidence"
    assert "Only 4 rows differ" in found.text


def test_under_twenty_rows_nothing_ships(evaluation):
    found = judge(evaluation(marks(0, 19, 0, 0)), "run:r001")
    assert found.verdict == "not_enough_evidence"
    assert "Fewer than 20 rows decide nothing" in found.text


@pytest.mark.parametrize(("n", "verdict"), [(200, "do_not_ship"), (100, "not_enough_evidence")])
def test_all_ties_are_not_worth_it_once_the_rows_suffice(evaluation, n, verdict):
    found = judge(evaluation(marks(n - 20, 0, 0, 20)), "run:r001")
    assert found.verdict == verdict


def test_answers_equal_in_every_letter_name_the_likely_reason(evaluation):
    same, other = marks(180, 0, 0, 20), marks(180, 10, 5, 5)
    assert "probably the trained weights are not loaded" in judge(evaluation(same), "run:r001").text
    assert (
        "probably the trained weights are not loaded"
        not in judge(evaluation(other, name="e002"), "run:r001").text
    )


def test_few_missing_answers_count_against_the_candidate(evaluation):
    columns = marks(118, 34, 12, 36)
    columns["run:r001"][0] = None
    columns["prompt"][199] = None
    found = judge(evaluation(columns), "run:r001")
    assert found.verdict == "ship"
    assert (found.as_json()["only_candidate"], found.as_json()["only_baseline"]) == (34, 14)


def test_missing_answers_that_decide_leave_it_open(evaluation):
    columns = marks(150, 17, 6, 27)
    columns["run:r001"][150] = columns["run:r001"][151] = columns["run:r001"][152] = None
    columns["prompt"][199] = None
    found = judge(evaluation(columns), "run:r001")
    assert found.verdict == "not_enough_evidence"
    assert "4 missing answers decide this" in found.text


def test_more_than_two_percent_missing_withholds(evaluation):
    columns = marks(118, 34, 12, 36)
    columns["prompt"][:5] = [None] * 5
    found = judge(evaluation(columns), "run:r001")
    assert (found.verdict, found.exit_code) == ("withheld", 1)
    assert found.headline == "No verdict: 5 of 200 answers of prompt are missing."


@pytest.mark.parametrize("audit", [None, {"clean": False, "pairs": 14}])
def test_a_version_that_is_not_clean_withholds_and_shows_no_figure(evaluation, audit):
    folder = evaluation(marks(118, 34, 12, 36), audit=audit)
    found = judge(folder, "run:r001")
    assert (found.verdict, found.exit_code) == ("withheld", 1)
    assert not (folder.parent / "looks.jsonl").exists()
    told = found.as_json()
    assert {told[name] for name in ("n", "difference", "low", "high", "p", "look", "confidence")} == {None}
    assert told["against"] and not found.checks[0].passed


def test_a_leak_names_its_pairs_and_the_way_out(evaluation):
    found = judge(evaluation(marks(118, 34, 12, 36), audit={"clean": False, "pairs": 14}), "run:r001")
    assert found.headline.startswith("No verdict: 14 pairs of rows are in two splits at once")
    assert (
        "workbench audit PROJECT v001" in found.text and "freeze a version without those rows" in found.text
    )


def test_a_baseline_that_was_cut_must_be_beaten_without_its_cut_rows(evaluation):
    won_on_cut_rows = judge(evaluation(marks(118, 34, 12, 36), cut={"prompt": range(118, 140)}), "run:r001")
    assert won_on_cut_rows.verdict == "not_enough_evidence"
    assert "raise max_new_tokens and evaluate again" in won_on_cut_rows.text
    elsewhere = judge(evaluation(marks(118, 34, 12, 36), name="e2", cut={"prompt": range(22)}), "run:r001")
    assert elsewhere.verdict == "ship"
    few = judge(evaluation(marks(118, 34, 12, 36), name="e3", cut={"prompt": range(118, 128)}), "run:r001")
    assert few.verdict == "ship"


def test_groups_reach_the_verdict(evaluation):
    columns, groups = marks(100, 40, 20, 40), [f"g{i // 10}" for i in range(200)]
    assert judge(evaluation(columns), "run:r001").verdict == "ship"
    grouped = judge(evaluation(columns, name="e2", groups=groups), "run:r001", record=False)
    assert grouped.verdict == "not_enough_evidence"
    assert "The 200 rows form 20 groups and count as about" in grouped.text
    few = [f"g{i // 20}" for i in range(200)]
    told = judge(evaluation(columns, name="e3", groups=few), "run:r001", record=False)
    assert "only 10 groups: the interval is a t interval over groups" in told.text


def test_doubtful_references_are_counted(evaluation):
    columns = {**marks(150, 30, 10, 10), "majority": [0] * 200}
    found = judge(evaluation(columns), "run:r001", ["prompt"])
    assert "Check the reference of 10 rows" in found.text


def test_every_baseline_must_be_beaten_and_the_figures_are_those_of_the_closest(evaluation):
    columns = marks(118, 34, 12, 36)
    columns["few-shot:4"] = [1] * 130 + [0] * 70
    columns["majority"] = [0] * 200
    both = judge(evaluation(columns), "run:r001")
    assert set(both.against) == {"prompt", "few-shot:4", "majority"}
    assert both.closest is not None
    assert both.closest.paired.low == min(one.paired.low for one in both.comparisons)
    columns["few-shot:4"] = [1] * 152 + [0] * 48
    harder = judge(evaluation(columns, name="e2"), "run:r001")
    assert harder.verdict == "do_not_ship" and "few-shot:4" in harder.headline
    named = judge(evaluation(columns, name="e3"), "run:r001", ["prompt"])
    assert named.verdict == "ship" and named.against == ("prompt",)


def test_other_candidates_on_the_same_rows_cost_confidence(evaluation):
    columns = marks(120, 30, 15, 35)
    alone = judge(evaluation(columns), "run:r001")
    assert (alone.verdict, alone.rivals) == ("ship", ())
    for run in range(2, 5):
        columns[f"run:r00{run}"] = columns["prompt"]
    several = judge(evaluation(columns, name="e2"), "run:r001", looks_file=None)
    assert several.rivals == ("run:r002", "run:r003", "run:r004")
    assert several.confidence == pytest.approx(1 - 0.025 / 4)
    assert several.verdict == "not_enough_evidence" and "(Holm)" in several.text


def test_a_rival_that_clearly_wins_leaves_the_second_more_room(evaluation):
    columns = marks(120, 34, 12, 34)
    columns["run:r002"] = [1] * 198 + [0] * 2
    assert judge(evaluation(columns), "run:r001").confidence == pytest.approx(0.95)
    assert judge(evaluation(columns, name="e2"), "run:r002").confidence == pytest.approx(1 - 0.025)


def test_cheap_baselines_never_count_as_rivals(evaluation):
    columns = {**marks(118, 34, 12, 36), "majority": [0] * 200, "linear": [0] * 200}
    found = judge(evaluation(columns), "run:r001", ["prompt"])
    assert found.rivals == () and found.confidence == pytest.approx(0.95)


def test_cheap_baselines_that_were_not_measured_are_listed_with_their_command(evaluation):
    folder = evaluation({**marks(118, 34, 12, 36), "nearest": [0] * 200})
    found = judge(folder, "run:r001").not_measured
    assert [one.name for one in found] == ["majority", "linear"]
    assert found[1].command == (
        f"workbench eval {folder.parent.parent} --split test --version v001 "
        "--candidate run:r001 --candidate prompt --candidate nearest --candidate majority --candidate linear"
    )


def test_a_match_ships_on_no_loss_and_a_saving(evaluation):
    columns = {"run:r001": [1] * 395 + [0] * 5, "model:large": [1] * 397 + [0] * 3}
    cheaper = {"run:r001": 40, "model:large": 400}
    found = judge(evaluation(columns, tokens=cheaper), "run:r001", [], ["model:large"])
    assert found.verdict == "ship"
    assert "It matches model:large and saves 90% of the tokens (42 for 402 an answer)." in found.sentences


def test_a_match_that_saves_nothing_is_open_until_a_saving_is_named(evaluation):
    columns = {"run:r001": [1] * 395 + [0] * 5, "model:large": [1] * 397 + [0] * 3}
    folder = evaluation(columns)
    silent = judge(folder, "run:r001", [], ["model:large"])
    assert silent.verdict == "not_enough_evidence" and "name the saving" in silent.text
    named = judge(folder, "run:r001", [], ["model:large"], saving="nine tenths of the price")
    assert named.verdict == "ship" and "saves nine tenths of the price" in named.text


def test_a_match_may_not_lose_more_than_its_margin(evaluation):
    columns = marks(300, 10, 60, 30)
    folder = evaluation(columns)
    assert judge(folder, "run:r001", [], ["prompt"], saving="price").verdict == "do_not_ship"
    assert judge(folder, "run:r001", [], ["prompt"], saving="price", margin=0.2).verdict == "ship"
    with pytest.raises(BadUsage, match="margin"):
        judge(folder, "run:r001", [], ["prompt"], margin=0)


def test_a_match_left_open_says_how_many_rows_would_show_it(evaluation):
    found = judge(evaluation(marks(80, 5, 5, 10)), "run:r001", [], ["prompt"], saving="price", margin=0.05)
    assert found.verdict == "not_enough_evidence"
    assert [(one.gain, one.rows_in_all) for one in found.settle] == [(0.0, 314)]
    assert "About 210 more rows would settle a match." in found.sentences


def test_a_second_verdict_on_the_same_rows_is_given_at_more_confidence(evaluation):
    first = judge(evaluation(marks(118, 34, 12, 36)), "run:r001")
    second = judge(evaluation(marks(119, 34, 12, 35), name="e2"), "run:r001")
    assert (first.look, second.look) == (1, 2)
    assert second.confidence == pytest.approx(0.975)
    assert second.sentences[-1] == (
        "This is verdict 2 on this test set, at 97.5 % confidence; the chance that at least one of them "
        "ships a model that is no better is at most 3.75 %."
    )


def test_asking_again_about_the_same_answers_is_no_new_look(evaluation):
    folder = evaluation(marks(118, 34, 12, 36))
    assert judge(folder, "run:r001") == judge(folder, "run:r001", record=False) == judge(folder, "run:r001")
    same_answers = judge(evaluation(marks(118, 34, 12, 36), name="e2"), "run:r001")
    assert same_answers.look == 1
    assert len((folder.parent / "looks.jsonl").read_text().splitlines()) == 1


def test_asking_without_a_record_counts_nothing(evaluation):
    folder = evaluation(marks(118, 34, 12, 36))
    assert judge(folder, "run:r001", record=False).look == 1
    assert not (folder.parent / "looks.jsonl").exists() and not (folder / "look.json").exists()


def test_test_rows_added_later_do_not_reset_the_count(evaluation):
    old, new = [f"old{i}" for i in range(200)], [f"new{i}" for i in range(200)]
    judge(evaluation(marks(118, 34, 12, 36), ids=old), "run:r001")
    grown = judge(evaluation(marks(118, 34, 12, 36), name="e2", ids=old[:50] + new[:150]), "run:r001")
    fresh = judge(
        evaluation(marks(118, 34, 12, 36), name="e3", ids=[f"x{i}" for i in range(200)]), "run:r001"
    )
    assert (grown.look, fresh.look) == (2, 1)


def test_planned_looks_are_paid_from_the_first(evaluation):
    found = judge(evaluation(marks(118, 34, 12, 36), task={"looks": 2}), "run:r001")
    assert found.confidence == pytest.approx(0.975)


def test_a_candidate_may_be_named_by_its_spec(evaluation):
    columns = marks(118, 34, 12, 36)
    folder = evaluation({"answers:tuned": columns["run:r001"], "answers:base": columns["prompt"]})
    found = judge(folder, "answers:some/where/tuned.jsonl", ["answers:base.jsonl"])
    assert (found.candidate, found.against, found.verdict) == ("answers:tuned", ("answers:base",), "ship")
    with pytest.raises(NoBaseline, match="no baseline") as caught:
        judge(folder, "answers:tuned")
    assert "--against answers:base" in str(caught.value)


def test_names_that_make_no_sense_are_refused(evaluation):
    folder = evaluation(marks(118, 34, 12, 36))
    for call, words in [
        (lambda: judge(folder, "run:r01"), "run:r001"),
        (lambda: judge(folder, "run:r001", ["few-shot:4"]), "few-shot:4"),
        (lambda: judge(folder, "run:r001", ["run:r001"]), "against itself"),
        (lambda: judge(folder, "run:r001", ["prompt"], ["prompt"]), "named twice"),
    ]:
        with pytest.raises(BadUsage) as caught:
            call()
        assert words in str(caught.value)


def test_only_a_finished_evaluation_on_test_is_judged(evaluation, tmp_path):
    with pytest.raises(BadInput, match="sealed test split"):
        judge(evaluation(marks(10, 5, 5, 5), split="validation"), "run:r001")
    unfinished = evaluation(marks(10, 5, 5, 5), name="e2")
    (unfinished / "scores.parquet").unlink()
    with pytest.raises(NotReady, match="not finished"):
        judge(unfinished, "run:r001")
    with pytest.raises(BadInput):
        judge(tmp_path / "nowhere", "run:r001")


def test_a_score_outside_0_to_1_is_refused_by_its_row(evaluation):
    with pytest.raises(BadInput, match="gave 1.5 to run:r001 in row row00001"):
        judge(evaluation({"run:r001": [1, 1.5], "prompt": [0, 1]}), "run:r001")


def test_answers_to_rows_of_another_test_set_withhold(evaluation):
    import pyarrow.parquet as pq

    folder = evaluation(marks(118, 34, 12, 36))
    rows = pq.read_table(folder / "examples.parquet")
    pq.write_table(rows.slice(0, 150), folder / "examples.parquet")
    found = judge(folder, "run:r001")
    assert found.verdict == "withheld" and "not in this test set" in found.headline


def test_a_folder_with_odd_signs_in_its_name_is_read(evaluation):
    assert judge(evaluation(marks(118, 34, 12, 36), name="e [1]*?"), "run:r001").verdict == "ship"


def test_the_command_names_files_by_where_they_are_kept(evaluation):
    import shlex

    from evals.spec import load, save

    columns = marks(118, 34, 12, 36)
    folder = evaluation({"answers:tuned": columns["run:r001"], "prompt": columns["prompt"]}, name="e 1")
    save(folder, load(folder).model_copy(update={"candidates": ["answers:given/tuned.jsonl", "prompt"]}))
    command = shlex.split(judge(folder, "answers:tuned", ["prompt"]).not_measured[0].command)
    assert command[command.index("--candidate") + 1] == f"answers:{folder / 'given' / 'tuned.jsonl'}"


@pytest.mark.parametrize(("right", "says"), [
    (148, "Serve linear instead: a linear model got 148 of 200 right and run:r001 152, less than the 3 points"),
    (152, "Serve linear instead: a linear model got 152 of 200 right, and the best of the others, run:r001, no more"),
    (146, ""),
    (145, ""),
])  # fmt: skip
def test_a_linear_model_that_does_as_well_is_named_in_its_place(evaluation, right, says):
    columns = {**marks(118, 34, 12, 36), "linear": [1] * right + [0] * (200 - right), "majority": [1] * 200}
    found = judge(evaluation(columns), "run:r001", ["prompt"])
    told = [sentence for sentence in found.sentences if sentence.startswith("Serve ")]
    assert (told[0].startswith(says) if says else not told) and found.verdict == "ship"


def test_a_lookup_is_named_before_a_fine_tune_that_is_no_better(evaluation):
    columns = {**marks(118, 4, 12, 66), "nearest": [1] * 130 + [0] * 70}
    found = judge(evaluation(columns), "run:r001")
    assert "Serve nearest instead: a lookup among the training rows got 130 of 200 right" in found.text
    assert (
        "Serve"
        not in judge(evaluation({**marks(0, 0, 2, 60), "nearest": [0] * 62}, name="e2"), "run:r001").text
    )
