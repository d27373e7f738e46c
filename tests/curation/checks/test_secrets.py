"""Keys are known by the form their issuer gives them; what only looks random is left alone."""

from __future__ import annotations

import pytest

from tests.curation.conftest import chat

MIXED = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF" * 3  # made up; put together here so that no file holds a key
HEAD, BODY = "eyJhbGciOiJIUzI1NiJ9", "eyJzdWIiOiI0MiJ9"


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("AKIA" + "Q3EGR7TYU2KJHF5D", "an AWS key"),
        ("ghp_" + MIXED[:36], "a GitHub token"),
        ("glpat-" + MIXED[:20], "a GitLab token"),
        ("xoxb-" + "210987654321-" + MIXED[:24], "a Slack token"),
        ("sk-ant-" + "api03-" + MIXED[:60], "an Anthropic key"),
        ("sk-proj-" + MIXED[:60], "an OpenAI key"),
        ("AIza" + MIXED[:35], "a Google key"),
        ("npm_" + MIXED[:36], "an npm token"),
        ("sk_live_" + MIXED[:24], "a Stripe key"),
        (f"{HEAD}.{BODY}.{MIXED[:43]}", "a signed web token"),
        ("postgres://ann:" + "h7Gf2kQ9@db.mill.io", "a password in an address"),
    ],
)
def test_a_key_is_marked_and_not_shown_in_the_message(flags, value, name):
    ((_, severity, turn, marked, message),) = flags(
        "secrets", [{"messages": chat("go", f"use {value} here")}]
    )
    assert (severity, turn, marked) == ("look", 1, value)
    assert f"holds {name} (" in message and value not in message


def test_a_private_key_is_marked_where_it_begins(flags):
    text = "-----BEGIN RSA " + "PRIVATE KEY-----\nMIIEow"
    ((_, _, _, marked, message),) = flags("secrets", [{"messages": chat("go", text)}])
    assert marked.startswith("-----BEGIN RSA") and "a private key" in message


@pytest.mark.parametrize(
    "text",
    [
        "550e8400-e29b-41d4-a716-446655440000",
        "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
        "da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "AKIA" + "IOSFODNN7EXAMPLE",
        "sk-proj-" + "x" * 48,
        "ghp_" + "your_token_here",
        "postgres://user:password@localhost:5432/db",
        "https://user:$TOKEN@git.mill.io/a.git",
        "git@github.com:a/b.git and http://a.b:8080/c",
        f"eyJub3RoaW5nIjoxfQ.{BODY}.{MIXED[:43]}",
        "the sk-learn task-ant-colony",
        "-----BEGIN PUBLIC KEY-----\nMIIB",
    ],
)
def test_ids_hashes_and_made_up_keys_are_left_alone(flags, text):
    assert flags("secrets", [{"messages": chat("go", text)}]) == []
