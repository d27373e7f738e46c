"""Files of answers from anywhere: what each form says, what is missing, what is refused, and never a guess."""

from __future__ import annotations

import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.errors import BadInput, BadUsage
from evals import elsewhere, page
from evals.elsewhere import judging, pairing
from evals.elsewhere.pairing import Terms


@pytest.fixture
def write(tmp_path):
    """Write a value as JSON, or rows as lines of it."""

    def written(name, value):
        path = tmp_path / name
        lines = isinstance(value, list) and name.endswith("l")
        text = "".join(json.dumps(one) + "\n" for one in value) if lines else json.dumps(value)
        path.write_text(text, "utf-8")
        return path

    return written


def only(path):
    (sheet,) = elsewhere.read(path)
    return sheet


def compared(base, candidate, expected=None, **terms):
    return judging.judge(pairing.pair(only(base), only(candidate), Terms(**terms), expected))


def scored(both_right, won, lost, both_wrong):
    """Rows with `pass` for a base and a candidate with these counts in the four quadrants."""
    quadrants = [(1, 1)] * both_right + [(0, 1)] * won + [(1, 0)] * lost + [(0, 0)] * both_wrong
    return [[{"id": i, "pass": bool(pair[side])} for i, pair in enumerate(quadrants)] for side in (0, 1)]


def result(test, provider, ok, output="echo", **more):
    """One result as `promptfoo eval -o results.json` writes it."""
    return {
        "testIdx": test,
        "promptIdx": 0,
        "provider": {"id": provider, "label": ""}, "vars": {"n": test},
        "prompt": {"raw": f"Riddle {test}", "label": "Riddle {{n}}"}, "response": {"output": output},
        "success": ok, "score": float(ok), "failureReason": 0 if ok else 1,
        "error": None if ok else "Expected output to contain echo",
        "gradingResult": {"pass": ok, "score": float(ok), "reason": "fine" if ok else "no echo"},
        "testCase": {"assert": [{"type": "contains", "value": "echo"}]}, **more,
    }  # fmt: skip


def export(results):
    return {"evalId": "e", "results": {"version": 3, "prompts": [], "results": results}, "config": {}}


def sample(id_, value="C", epoch=1, **more):
    """One sample as a .json log of Inspect holds it."""
    return {
        "id": id_, "epoch": epoch,
        "input": [{"role": "system", "content": "s"}, {"role": "user", "content": f"q{id_}"}],
        "target": ["Yes", "yes"], "output": {"completion": "Yes", "choices": [{"stop_reason": "stop"}]},
        "scores": {"match": {"value": value, "explanation": "seen"}}, **more,
    }  # fmt: skip


def log(samples, model="mockllm/model"):
    return {"version": 2, "status": "success", "eval": {"model": model, "task": "t"}, "samples": samples}


@pytest.mark.parametrize(
    ("counts", "low", "high", "p"),
    [
        ((59, 6, 16, 80), -0.124023, -0.005433, 0.034690),
        ((36, 12, 2, 0), 0.061112, 0.344709, 0.007385),
        ((80, 0, 0, 20), -0.036993, 0.036993, 1.0),
        ((90, 10, 0, 0), 0.055229, 0.174366, None),
        ((140, 25, 10, 25), 0.017912, 0.135515, 0.011331),
        ((150, 16, 6, 28), 0.004384, 0.100481, 0.034690),
        ((350, 60, 40, 50), 0.000813, 0.079762, 0.046044),
    ],
)
def test_the_figures_are_the_published_ones(write, counts, low, high, p):
    base, candidate = scored(*counts)
    told = compared(write("base.jsonl", base), write("tuned.jsonl", candidate)).as_json()
    assert (told["low"], told["high"]) == pytest.approx((low, high), abs=1e-6)
    assert p is None or told["p"] == pytest.approx(p, abs=1e-6)
    assert (told["both_right"], told["only_candidate"], told["only_baseline"], told["both_wrong"]) == counts


@pytest.mark.parametrize(
    ("counts", "verdict", "code"),
    [
        ((118, 34, 12, 36), "ship", 0),
        ((140, 4, 20, 36), "do_not_ship", 10),
        ((150, 6, 8, 36), "do_not_ship", 10),
        ((150, 20, 12, 18), "not_enough_evidence", 11),
    ],
)
def test_rule_words_and_exit_code_are_those_of_a_project(write, evaluation, counts, verdict, code):
    from evals.verdict import judge
    from tests.evals.conftest import marks

    base, candidate = scored(*counts)
    found = compared(write("prompt.jsonl", base), write("run:r001.jsonl", candidate))
    there = judge(evaluation(marks(*counts)), "run:r001")
    assert (found.verdict, found.exit_code) == (there.verdict, there.exit_code) == (verdict, code)
    assert (found.headline, found.sentences[0]) == (there.headline, there.sentences[0])
    assert found.comparisons == there.comparisons and "Not checked here" in found.sentences[-1]


def test_every_form_of_the_same_answers_gives_the_same_verdict(write):
    base, candidate = scored(118, 34, 12, 36)
    wanted = compared(write("base.jsonl", base), write("cand.jsonl", candidate)).comparisons[0].paired
    answered = [
        [{"id": r["id"], "answer": "yes" if r["pass"] else "no", "expected": "yes"} for r in rows]
        for rows in (base, candidate)
    ]
    third = elsewhere.read_expected(write("e.jsonl", [{"id": r["id"], "expected": "yes"} for r in base]))
    bare = [[{k: r[k] for k in ("id", "answer")} for r in rows] for rows in answered]
    letters = [log([sample(r["id"], "C" if r["pass"] else "I") for r in rows]) for rows in (base, candidate)]
    results = [
        export([result(r["id"], f"p{n}", r["pass"]) for r in rows])
        for n, rows in enumerate((base, candidate))
    ]
    for n, (first, second, expected) in enumerate(
        [(*answered, None), (*bare, third), (*letters, None), (*results, None)]
    ):
        kind = "jsonl" if isinstance(first, list) else "json"
        found = compared(
            write(f"b{n}.{kind}", first), write(f"c{n}.{kind}", second), expected,
            scorer="exact" if n < 2 else None,
        )  # fmt: skip
        assert found.comparisons[0].paired == wanted


def test_the_order_of_rows_is_no_matter(write):
    base, candidate = scored(20, 9, 8, 7)
    straight = compared(write("b.jsonl", base), write("c.jsonl", candidate))
    turned = compared(write("b2.jsonl", base[::-1]), write("c2.jsonl", candidate[::-1]))
    assert straight.as_json()["p"] == turned.as_json()["p"]
    assert straight.comparisons[0].paired == turned.comparisons[0].paired


def test_unpaired_rows_are_listed_and_count_as_missing_unless_left_out(write):
    base, candidate = scored(118, 34, 12, 36)
    paths = write("b.jsonl", base), write("c.jsonl", [*candidate[:190], {"id": "new", "pass": True}])
    pair = pairing.pair(only(paths[0]), only(paths[1]), Terms())
    assert pair.only_base == tuple(str(i) for i in range(190, 200)) and pair.only_candidate == ("new",)
    withheld = judging.judge(pair)
    assert (withheld.verdict, withheld.exit_code) == ("withheld", 1)
    assert withheld.headline == "No verdict: 10 of 201 answers of c are missing."
    assert "--common compares the 190 rows that both hold" in withheld.text
    common = compared(*paths, common=True)
    assert common.verdict == "ship" and common.as_json()["n"] == 190
    assert "Not paired: 10 only in b and 1 only in c. They were left out." in common.text


def test_a_few_missing_answers_count_against_the_candidate(write):
    base, candidate = scored(118, 34, 12, 36)
    candidate[0] = {"id": 0, "error": "timed out"}
    del base[199]
    told = compared(write("b.jsonl", base), write("c.jsonl", candidate)).as_json()
    assert (told["verdict"], told["n"], told["only_candidate"], told["only_baseline"]) == (
        "ship",
        200,
        34,
        14,
    )


def test_nothing_in_common_is_an_error_that_shows_both_kinds_of_id(write):
    with pytest.raises(BadInput, match="No id stands in both: b has 'a1', c has '1'"):
        compared(write("b.jsonl", [{"id": "a1", "pass": True}]), write("c.jsonl", [{"id": 1, "pass": True}]))


def test_groups_reach_the_statistics(write):
    base, candidate = scored(100, 40, 20, 40)
    for rows in (base, candidate):
        for i, row in enumerate(rows):
            row["group"] = f"g{i // 10}"
    found = compared(write("b.jsonl", base), write("c.jsonl", candidate))
    assert found.verdict == "not_enough_evidence"
    assert "The 200 rows form 20 groups and count as about" in found.text


def test_graded_scores_decide_as_in_a_project(write, evaluation):
    from evals.verdict import judge

    values = [(i % 5 / 4, min(1.0, i % 5 / 4 + (0.25 if i % 3 else 0.0))) for i in range(120)]
    base, candidate = (
        [{"id": f"r{i:03d}", "score": pair[side]} for i, pair in enumerate(values)] for side in (0, 1)
    )
    found = compared(write("prompt.jsonl", base), write("run:r001.jsonl", candidate))
    columns = {"run:r001": [pair[1] for pair in values], "prompt": [pair[0] for pair in values]}
    texts = {name: [f"{value:g}" for value in column] for name, column in columns.items()}
    there = judge(evaluation(columns, answers=texts, primary="fields"), "run:r001")
    assert found.comparisons[0].paired.graded and found.headline == there.headline
    assert found.comparisons == there.comparisons and found.verdict == there.verdict == "ship"
    html = page.render(judging.page_of(pairing.pair(only(write("prompt.jsonl", base)),
                       only(write("run:r001.jsonl", candidate)), Terms()), found, "x"))  # fmt: skip
    assert (
        "How each scored" in html and "Sign-flip p" in html and "run:r001 scores higher than prompt" in html
    )


def test_scores_on_another_scale_need_a_line(write):
    rows = [{"id": i, "score": 2 + i % 2} for i in range(40)]
    base, candidate = write("b.jsonl", rows), write("c.jsonl", [{**row, "score": 3} for row in rows])
    with pytest.raises(BadInput, match="has a score of 2; scores lie between 0 and 1") as caught:
        compared(base, candidate)
    assert "--pass-at" in caught.value.hint
    told = compared(base, candidate, pass_at=3).as_json()
    assert (told["only_candidate"], told["both_right"]) == (20, 20)


def test_the_scorer_is_seen_from_the_expected_answers_or_named(write):
    told = [{"id": i, "answer": '{"a": 1, "b": 2}', "expected": '{"b":2,"a":1}'} for i in range(30)]
    paths = write("b.jsonl", told), write("c.jsonl", told)
    pair = pairing.pair(only(paths[0]), only(paths[1]), Terms())
    assert pair.scorer == "all fields right, seen from the expected answers"
    assert {row.quadrant for row in pair.rows} == {"both_right"}
    assert (
        pairing.pair(only(paths[0]), only(paths[1]), Terms(scorer="exact")).rows[0].quadrant == "both_wrong"
    )
    with pytest.raises(BadUsage, match="exakt"):
        compared(*paths, scorer="exakt")


def test_an_exported_test_split_is_a_file_of_expected_answers(write):
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": [{"text": "yes"}]}]
    found = elsewhere.read_expected(write("test.jsonl", [{"id": "r1", "messages": chat, "split": "test"}]))
    assert found["r1"].expected == ("yes",) and found["r1"].prompt == "q"
    with pytest.raises(BadInput, match="row 1: no `expected`"):
        elsewhere.read_expected(write("bad.jsonl", [{"id": "r1"}]))


def test_answers_without_anything_to_score_against_are_refused(write):
    rows = [{"id": 1, "answer": "a"}]
    with pytest.raises(BadUsage, match="nothing to score") as caught:
        compared(write("b.jsonl", rows), write("c.jsonl", rows))
    assert "--expected" in caught.value.hint
    other = elsewhere.read_expected(write("e.jsonl", [{"id": "x", "expected": "a"}]))
    with pytest.raises(BadInput, match="None of the 1 rows has an expected answer"):
        compared(write("b.jsonl", rows), write("c.jsonl", rows), other)


def test_files_that_disagree_on_the_expected_answer_are_refused(write):
    rows = [{"id": 1, "answer": "a", "expected": "a"}]
    with pytest.raises(BadInput, match="Row '1' has two expected answers"):
        compared(write("b.jsonl", rows), write("c.jsonl", [{**rows[0], "expected": "b"}]))


def test_mistakes_in_rows_are_named_by_number(write):
    rows = [
        {"id": 1, "answer": "a"},
        {"answer": "a"},
        [],
        {"id": 1, "answer": "b"},
        {"id": 2},
        {"id": 3, "pass": "x"},
    ]
    with pytest.raises(BadInput) as caught:
        elsewhere.read(write("b.jsonl", rows))
    for words in ("row 2: no `id`", "row 3: an object", "row 4: the id '1' stands there twice", "row 5: neither",
                  "row 6: `pass` is 'x'"):  # fmt: skip
        assert words in caught.value.message
    (write("c.jsonl", [])).write_text('{"id": 1, "pass": true}\n{oops\n')
    with pytest.raises(BadInput, match="Line 2 is not JSON"):
        elsewhere.read(write("d.json", {}).with_name("c.jsonl"))


def test_files_of_no_known_form_say_which_are_known(write, tmp_path):
    empty, packed, latin = (tmp_path / name for name in ("empty.jsonl", "log.eval", "latin.jsonl"))
    empty.write_text(" \n")
    packed.write_bytes(b"PK\x03\x04rest")
    latin.write_bytes('{"id": 1, "answer": "\xe9"}'.encode("latin-1"))
    for path, words in (
        (empty, "is empty"), (packed, "packed log cannot be read"), (latin, "Not UTF-8"),
        (tmp_path / "none.jsonl", "cannot be read"),
        (write("config.json", {"providers": []}), "No rows of answers"), (write("list.json", []), "No rows"),
    ):  # fmt: skip
        with pytest.raises(BadInput, match=words):
            elsewhere.read(path)
    with pytest.raises(BadInput) as caught:
        elsewhere.read(packed)
    assert "inspect log convert" in caught.value.hint


def test_promptfoo_keeps_a_failed_provider_apart_from_a_failed_assertion(write):
    failed = result(2, "p", False, None, failureReason=2, error="429 Too Many Requests")
    sheet = only(write("r.json", export([result(0, "p", True), result(1, "p", False), failed])))
    right, wrong, missing = sheet.rows.values()
    assert right.scores["promptfoo"].value == 1 and (right.answer, right.note) == ("echo", "contains: echo")
    assert wrong.scores["promptfoo"] == (0, "no echo") and wrong.error == ""
    assert missing.error == "429 Too Many Requests" and missing.scores == {} and missing.answer is None
    assert [row.prompt for row in sheet.rows.values()] == ["Riddle 0", "Riddle 1", "Riddle 2"]


def test_two_providers_of_one_file_pair_by_what_was_asked(write):
    rows = [result(i, provider, i % 3 > 0) for i in range(30) for provider in ("small", "large")]
    for row in rows:
        if row["provider"]["id"] == "large":
            row["provider"]["label"] = "The large one"
    small, large = elsewhere.read(write("r.json", export(rows)))
    assert (small.name, large.name, len(small.rows)) == ("small", "The large one", 30)
    assert list(small.rows) == list(large.rows)
    assert {row.group for row in small.rows.values()} == {None}
    lines = elsewhere.read(write("r.jsonl", rows))
    assert [one.name for one in lines] == ["small", "The large one"] and lines[0].rows == small.rows
    assert pairing.choose([small, large], None, "--candidate", "small") is large
    for name, words in ((None, "Which one is meant"), ("The larg one", "The large one")):
        with pytest.raises(BadUsage) as caught:
            pairing.choose([small, large], name, "--base")
        assert words in str(caught.value)


def test_prompts_of_one_provider_are_candidates_of_their_own(write):
    rows = [
        result(i, "p", True, prompt={"raw": "x", "label": label})
        for i in range(3)
        for label in ("terse", "long")
    ]
    assert [one.name for one in elsewhere.read(write("r.json", export(rows)))] == ["p | terse", "p | long"]


def test_repeats_of_a_test_are_rows_of_one_group(write):
    rows = [result(i, "p", True, vars={"n": i // 2}) for i in range(6)]
    sheet = only(write("r.json", export(rows)))
    assert len(sheet.rows) == 6 and len({row.group for row in sheet.rows.values()}) == 3


def test_a_provider_that_changes_the_variables_still_pairs(write):
    rows = [result(i, side, True, vars={"n": i, "session": f"{side}{i}"}) for i in range(30) for side in "ab"]
    first, second = elsewhere.read(write("r.json", export(rows)))
    assert list(first.rows) == list(second.rows)


def test_a_third_candidate_of_the_file_costs_confidence(write):
    quadrants = [(1, 1)] * 120 + [(0, 1)] * 30 + [(1, 0)] * 15 + [(0, 0)] * 35
    rows = [result(i, f"p{k}", bool(pair[k % 2])) for i, pair in enumerate(quadrants) for k in range(3)]
    base, chosen, other = elsewhere.read(write("r.json", export(rows)))
    alone = judging.judge(pairing.pair(base, chosen, Terms()))
    counted = judging.judge(pairing.pair(base, chosen, Terms(), others=[other]))
    assert alone.rivals == () and counted.rivals == ("p2",)
    assert counted.confidence is not None and alone.confidence is not None
    assert counted.confidence > alone.confidence and "(Holm)" in counted.text


def test_inspect_letters_numbers_and_errors(write):
    values = ["C", "I", "N", 1, 0.0, True, "yes", "0"]
    samples = [sample(i, value) for i, value in enumerate(values)]
    samples += [sample(20, {"a": 1}), sample(21, float("nan")), sample(22, error={"message": "sandbox died"})]
    samples.append(
        sample(23, output={"choices": [{"message": {"content": "cut"}, "stop_reason": "max_tokens"}]})
    )
    rows = only(write("log.json", log(samples))).rows
    assert [rows[str(i)].scores["match"].value for i in range(8)] == [1, 0, 0, 1, 0, 1, 1, 0]
    assert rows["20"].scores["match"].value is None and rows["21"].scores["match"].value is None
    assert rows["22"].error == "sandbox died" and rows["22"].scores == {}
    assert (rows["23"].answer, rows["23"].cut) == ("cut", True)
    assert (rows["0"].prompt, rows["0"].expected, rows["0"].answer) == ("q0", ("Yes", "yes"), "Yes")


def test_epochs_of_a_sample_are_rows_of_one_group(write):
    samples = [sample(i, "C", epoch) for i in range(3) for epoch in (1, 2)]
    rows = only(write("log.json", log(samples))).rows
    assert list(rows)[:2] == ["0 epoch 1", "0 epoch 2"] and rows["0 epoch 2"].group == "0"


def test_several_scorers_of_a_log_must_be_chosen_from(write):
    scores = {"match": {"value": "C"}, "model_graded": {"value": "I"}}
    paths = [write(f"{name}.json", log([sample(i, scores=scores) for i in range(30)])) for name in "ab"]
    with pytest.raises(BadUsage, match="scores of match, model_graded") as caught:
        compared(*paths)
    assert "--scorer match" in caught.value.hint
    assert compared(*paths, scorer="model_graded").as_json()["both_wrong"] == 30
    pair = pairing.pair(only(paths[0]), only(paths[1]), Terms(scorer="exact"))
    assert {row.quadrant for row in pair.rows} == {"both_right"}, "any of several accepted answers is right"


def test_logs_of_one_model_are_told_apart_by_their_files(write):
    first, second = (only(write(f"{name}.json", log([sample(1)]))) for name in ("before", "after"))
    pair = pairing.pair(first, second, Terms())
    assert (pair.base.name, pair.candidate.name) == ("mockllm/model (before)", "mockllm/model (after)")


def test_files_of_one_name_are_told_apart_by_their_folders(write, tmp_path):
    rows, names = [{"id": 1, "pass": True}], ("mon/answers.jsonl", "tue/answers.jsonl", "tue/answers.ndjson")
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(rows[0]))
    sheets = [(only(tmp_path / a), only(tmp_path / b)) for a, b in zip(names, names[1:], strict=False)]
    pairs = [pairing.pair(*two, Terms()) for two in sheets]
    assert [(one.base.name, one.candidate.name) for one in pairs] == [
        ("mon/answers", "tue/answers"), ("answers.jsonl", "answers.ndjson"),
    ]  # fmt: skip
    with pytest.raises(BadUsage, match="with itself"):
        pairing.pair(only(tmp_path / names[0]), only(tmp_path / names[0]), Terms())


def test_a_packed_log_says_what_its_json_form_says(write, tmp_path):
    samples = [sample(i, "C" if i % 2 else "I") for i in range(6)]
    path = tmp_path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("_journal/start.json", "{}")
        for one in samples:
            packed.writestr(f"samples/{one['id']}_epoch_1.json", json.dumps(one))
        packed.writestr("summaries.json", "[]")
        packed.writestr("header.json", json.dumps({**log([]), "samples": None}))
    assert only(path).rows == only(write("log.json", log(samples))).rows
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as packed:
        packed.writestr("a.txt", "a")
    with pytest.raises(BadInput, match="no finished log"):
        elsewhere.read(other)


def test_a_log_without_samples_is_refused(write):
    with pytest.raises(BadInput, match="holds no samples"):
        elsewhere.read(write("log.json", log([])))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["id", "answer", "pass", "score", "expected", "messages", "role", "content", "results", "provider",
             "vars", "success", "response", "output", "gradingResult", "testCase", "assert", "type", "value",
             "samples", "eval", "status", "scores", "input", "target", "choices", "error", "testIdx", "promptIdx",
             "epoch", "prompt", "label", "group"]
        ),
        inner, max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


KEYS = {
    "results": ("provider", "vars", "prompt", "promptIdx", "response", "gradingResult", "testCase", "error"),
    "samples": ("id", "epoch", "input", "target", "output", "scores", "error"),
}
rows_of = {
    form: st.fixed_dictionaries(
        {key: json_values for key in keys} | {"success": st.booleans(), "testIdx": st.integers(0, 3)}
    )
    for form, keys in KEYS.items()
}
files = (
    json_values
    | st.lists(rows_of["results"], max_size=3).map(export)
    | st.lists(rows_of["samples"], max_size=3).map(log)
    | st.lists(rows_of["samples"].map(lambda row: {**row, "id": 1}), max_size=1).map(log)
)


@pytest.mark.slow
@given(files, st.booleans())
@settings(max_examples=600, deadline=None)
def test_whatever_stands_in_a_file_it_is_read_or_refused_in_words(tmp_path_factory, value, lines):
    path = tmp_path_factory.getbasetemp() / "any.json"
    text = json.dumps(value)
    path.write_text(f"{text}\n{text}" if lines else text, "utf-8")
    for reader in (elsewhere.read, elsewhere.read_expected):
        try:
            found = reader(path)
        except BadInput as error:
            assert str(path) in error.where and str(error).encode()
        else:
            assert str(found).encode()
