"""An answer in another language is found; translations, code, names and relatives are left alone."""

from __future__ import annotations

import socket

import pytest

from tests.curation.conftest import chat

GERMAN = "Wann kommt meine Bestellung endlich an, ich warte schon seit zwei Wochen darauf?"
ENGLISH = "Your order will arrive tomorrow, and we are sorry that you had to wait so long."


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("the check asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def test_an_answer_in_another_language_is_marked_whole(flags):
    ((_, severity, turn, marked, message),) = flags("language", [{"messages": chat(GERMAN, ENGLISH)}])
    assert (severity, turn, marked) == ("look", 1, ENGLISH)
    assert message.startswith("Question in German (") and "answer in English (" in message


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        (GERMAN, "Ihre Bestellung kommt morgen an, und es tut uns leid, dass Sie warten mussten."),
        (f"Answer in English, please: {GERMAN}", ENGLISH),
        (f"Übersetze: {GERMAN}", ENGLISH),
        (GERMAN, "```python\nfor order in orders:\n    print(order.state, order.courier)\n```"),
        (GERMAN, '{"state": "the order is on its way to you now"}'),
        (GERMAN, "https://orders.mill.io/where-is-my-order/and-when-will-it-come"),
        (GERMAN, "OK, thanks."),
        (
            "Hvornår kommer min bestilling, jeg har ventet i to uger nu?",
            "Bestillingen din kommer i morgen, og vi er lei oss.",
        ),
    ],
)
def test_the_same_language_and_wanted_changes_are_left_alone(flags, question, answer):
    assert flags("language", [{"messages": chat(question, answer)}]) == []


def test_a_language_the_system_prompt_names_is_wanted(flags):
    assert flags("language", [{"messages": chat(GERMAN, ENGLISH, "Always answer in English.")}]) == []
