"""What the checks find among the defects planted in the demo set, and what else they flag."""

from __future__ import annotations

import json

import pytest

from curation import checks, importing, project, store, task
from curation.files import shipped

FOUND_BY = {
    "answer_schema": ("broken_json", "wrong_keys", "outside_enum", "truncated_answer", "fenced_answer", "refusal",
                      "leaked_prompt", "wrong_language"),
    "roles": ("role_error",),
    "last_turn": ("role_error",),
    "empty_turn": ("empty_answer",),
    "mojibake": ("mojibake",),
    "pii": ("pii",),
    "refusal": ("refusal",),
    "prompt_leakage": ("leaked_prompt",),
    "conflicting_answers": ("conflicting_answer",),
}  # fmt: skip
TOGETHER = {"roles": "last_turn", "last_turn": "roles"}  # 8 and 2 of the 10 role errors
PLANTED = sorted((check, kind) for check, kinds in FOUND_BY.items() for kind in kinds)


@pytest.fixture(scope="module")
def planted():
    """Rows by kind of defect; a row is a file and a line."""
    rows: dict[str, set] = {}
    for one in json.loads(shipped("demo", "truth.json").read_text("utf-8"))["planted"]:
        rows.setdefault(one["kind"], set()).add((one["file"], one["line"]))
    return rows


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    with store.create(project.reserve(folder / "project")) as made:
        for path in sorted(shipped("demo").glob("*.jsonl")):
            importing.import_file(made, path, who="ann")
        checks.run(made, task.load(shipped("demo", "task.yaml")))
        yield made


@pytest.fixture(scope="module")
def found(opened):
    """Flagged rows by check."""
    rows: dict[str, set] = {}
    for check, file, line in opened.rows(
        """
        select f.check_name, s.name, e.line
        from open_flag f
        join example e using (seq)
        join source s using (source)
        """
    ):
        rows.setdefault(check, set()).add((file, line))
    return rows


@pytest.mark.parametrize(("check", "kind"), PLANTED)
def test_nineteen_of_twenty_planted_defects_are_found(planted, found, check, kind):
    caught = found[check] | found[TOGETHER[check]] if check in TOGETHER else found[check]
    assert len(planted[kind] & caught) >= 0.95 * len(planted[kind])


@pytest.mark.parametrize("check", sorted(set(FOUND_BY) - {"conflicting_answers"}))
def test_nineteen_of_twenty_flagged_rows_are_planted_defects(planted, found, check):
    right = set().union(*(planted[kind] for kind in FOUND_BY[check]))
    assert len(found[check] & right) >= 0.95 * len(found[check])


def test_the_check_of_roles_and_that_of_the_last_turn_share_the_role_errors(planted, found):
    assert [len(planted["role_error"] & found[check]) for check in ("roles", "last_turn")] == [8, 2]


def test_of_each_conflict_both_sides_are_flagged_and_no_other_row(planted, found):
    assert len(found["conflicting_answers"]) <= 2 * len(planted["conflicting_answer"])


def test_a_check_without_a_planted_defect_stays_silent(found):
    assert set(found) <= set(FOUND_BY)


def test_what_blocks_is_broken_and_what_is_mendable_does_not_block(opened, planted):
    blocked = {
        tuple(row)
        for row in opened.rows(
            """
            select distinct s.name, e.line
            from open_flag f
            join example e using (seq)
            join source s using (source)
            where f.severity = 'block'
            """
        )
    }
    assert planted["broken_json"] | planted["empty_answer"] | planted["truncated_answer"] <= blocked
    assert not blocked & (planted["fenced_answer"] | planted["pii"] | planted["mojibake"])


def test_the_marked_characters_are_the_value_that_the_schema_refuses(opened):
    marked = opened.rows(
        """
        select f.message, turn_texts(c.messages)[f.turn + 1][f.span_start + 1 : f.span_end]
        from open_flag f
        join content c using (seq)
        where f.check_name = 'answer_schema' and f.message like '%the schema allows%'
        """
    )
    assert len(marked) >= 8
    for message, text in marked:
        assert f" is {text}; the schema allows" in message
