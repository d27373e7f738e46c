from __future__ import annotations

import pytest


def pair(better, worse, user="hello"):
    def said(text):
        return [{"role": "assistant", "content": text}]

    return {"messages": [{"role": "user", "content": user}], "chosen": said(better), "rejected": said(worse)}


@pytest.mark.parametrize(
    ("better", "worse", "severity", "message"),
    [
        ("same", "same", "block", "same text"),
        ("same", "Same. ", "block", "differ only in case"),
        ("", "text", "block", "chosen answer is empty"),
        ("text", " ", "fix", "rejected answer is empty"),
    ],
)
def test_a_pair_that_teaches_nothing_is_named(flags, better, worse, severity, message):
    ((_, found, *_, text),) = flags("preference_pairs", [pair(better, worse), pair("yes", "no", "other")])
    assert found == severity and message in text


def test_opposed_pairs_are_both_named(flags):
    rows = [pair("yes", "no"), pair("no", "yes"), pair("no", "yes", "another prompt")]
    assert [one[0] for one in flags("preference_pairs", rows)] == [0, 1]


def test_length_is_said_once_for_the_set_and_only_where_it_predicts(flags):
    longer = [pair("word " * (20 + i), "word", f"prompt {i}") for i in range(60)]
    ((row, severity, *_, message),) = flags("preference_pairs", longer)
    assert (row, severity) == (0, "look") and "AUC 1.00" in message
    mixed = [pair("word " * (1 + i % 7), "term " * (1 + i % 5), f"prompt {i}") for i in range(70)]
    assert flags("preference_pairs", mixed) == []
    assert flags("preference_pairs", longer[:20]) == []
