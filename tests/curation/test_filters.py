from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation import decisions, filters
from curation.errors import BadUsage

FIELDS = st.sampled_from(sorted(filters.FIELDS))
STRICT = {name: "7" for name, field in filters.FIELDS.items() if field.number} | {"map": "-1,0.5,20,3"}


def found(opened, text):
    return filters.view(opened, filters.parse(text)).tolist()


def test_an_empty_filter_selects_everything_that_is_present(filled):
    assert len(found(filled, "")) == 40
    decisions.undo(filled, who="ann")
    assert found(filled, "") == []


def test_terms_are_joined_by_and(filled):
    decisions.decide(filled, [1, 2, 3], "decision", "drop", who="ann")
    assert found(filled, 'decision=drop text~"number 1"') == [2]
    assert found(filled, "group=c0") == [1, 2]
    assert found(filled, "text!=number") == []
    assert found(filled, "turns>2") == [] and len(found(filled, "turns<3")) == 40


def test_hand_flags_are_flags(filled):
    decisions.decide(filled, [5], "hand_flag", "odd", who="ann")
    assert (
        found(filled, 'flag="by hand"') == found(filled, "flag=any") == found(filled, "severity=look") == [5]
    )
    assert len(found(filled, "flag!=any")) == 39


def test_values_are_never_part_of_the_sql(filled):
    assert found(filled, 'label="x\' or 1=1 --"') == []
    assert found(filled, "text~\"%' or '1'='1\"") == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("refund", "cannot be read"),
        ("lable=x", "no field"),
        ("label>3", "does not take"),
        ("turns>many", "a number"),
        ('text~"open', "cannot be read"),
        ("means=refund", "does not take"),
        ("map=1,2,3", "two opposite corners"),
    ],
)
def test_a_filter_that_cannot_be_read_says_where(text, message):
    with pytest.raises(BadUsage, match=message):
        filters.parse(text)


@given(st.lists(st.tuples(FIELDS, st.text(min_size=1, max_size=20)), max_size=4))
def test_a_filter_reads_back_as_it_was_written(terms):
    built = filters.Filter(
        tuple(
            filters.Term(field, "~" if field == "means" else "=", STRICT.get(field, value))
            for field, value in terms
        )
    )
    assert filters.parse(str(built)) == built
    assert built.english


def test_every_field_and_operator_runs(filled):
    for name, field in filters.FIELDS.items():
        for operator in field.operators:
            term = filters.Term(name, "!=" if operator == "!" else operator, "3")
            filters.view(filled, filters.Filter((term,)))
    for sort in filters.SORTS:
        assert len(filters.view(filled, filters.Filter(), sort)) == 40


def test_the_first_matches_of_a_search_are_the_beginning_of_all_of_them(filled):
    chosen = filters.parse('text~"number 1"')
    whole = filters.view(filled, chosen).tolist()
    assert len(whole) > 2
    seqs, complete = filters.first_matches(filled, chosen, portion=1, seconds=60)
    assert (seqs.tolist(), complete) == (whole, True)
    some, complete = filters.first_matches(filled, chosen, enough=1, portion=1, seconds=60)
    assert some.tolist() == whole[:1] and not complete
    none, complete = filters.first_matches(filled, filters.parse('text!="number 1"'), portion=2, seconds=60)
    assert sorted([*none.tolist(), *whole]) == filters.view(filled, filters.parse("")).tolist() and complete
