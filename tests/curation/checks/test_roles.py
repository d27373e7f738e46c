from __future__ import annotations

import pytest


def turns(roles):
    letters = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return {"messages": [{"role": letters.get(r, r), "content": f"text {i}"} for i, r in enumerate(roles)]}


@pytest.mark.parametrize(
    "roles", ["ua", "sua", "uaua", "sa", "uata", "uatata", ["developer", "user", "assistant"]]
)
def test_usual_orders_are_left_alone(flags, roles):
    assert flags("roles", [turns(roles)]) == []


@pytest.mark.parametrize(
    ("roles", "severity", "turn", "message"),
    [
        (["customer", "assistant"], "block", 0, 'Rename it to "user"'),
        (["user", "bot"], "block", 1, 'the role "bot"'),
        ("su", "block", None, "No assistant turn"),
        ("uua", "fix", 1, "Turns 1 and 2 are both from the user"),
        ("uaa", "fix", 2, "both from the assistant"),
        ("usa", "fix", 1, "Turn 2 is a system turn"),
        ("aua", "fix", 0, "speaks before the user"),
        ("uta", "fix", 1, "no call comes before"),
        ("uatua", "fix", 3, "never answered"),
    ],
)
def test_each_wrong_order_is_named_at_its_turn(flags, roles, severity, turn, message):
    ((row, found, at, _, text),) = flags("roles", [turns(roles)])
    assert (row, found, at) == (0, severity, turn)
    assert message in text


def test_an_unknown_role_is_not_reported_twice_as_a_wrong_order(flags):
    assert len(flags("roles", [turns(["customer", "customer", "assistant", "user"])])) == 2


def test_what_follows_the_last_answer_is_named(flags):
    ((_, severity, turn, _, message),) = flags("last_turn", [turns("uau"), turns("ua"), turns("su")])
    assert (severity, turn) == ("fix", 2) and "nothing after turn 2 is learned" in message
