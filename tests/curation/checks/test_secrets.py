"""Keys are known by their issuer's form or the name they are assigned to; what only looks random is left alone."""

from __future__ import annotations

import pytest

from curation.task import CheckSettings, Task
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


VALUE = "q7Rz2" + "Kw9fLx4Tb"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (f"password = {VALUE}", "password"),
        (f'api_key: "{VALUE}"', "api_key"),
        (f"{{'clientSecret': '{VALUE}', 'n': 1}}", "clientSecret"),
        (f"export DB_PASSWORD={VALUE}; run", "DB_PASSWORD"),
        (f'self.access_token := "{VALUE}"', "self.access_token"),
        (f"Log in, passphrase: {VALUE}.", "passphrase"),
        (f"API-KEY => `{VALUE}`", "API-KEY"),
        ("secret_key=9f86d081" + "884c7d659a2feaa0c55ad015", "secret_key"),
    ],
)
def test_a_random_value_assigned_to_the_name_of_a_secret_is_marked_alone(flags, text, name):
    ((_, severity, turn, marked, message),) = flags("secrets", [{"messages": chat("go", text)}])
    assert (severity, turn) == ("look", 1)
    assert marked == VALUE or (name == "secret_key" and len(marked) == 32)
    assert f'holds a value assigned to "{name}".' in message and marked not in message


def test_an_issuers_key_that_is_assigned_is_named_once_by_its_issuer(flags):
    value = "ghp_" + MIXED[:36]
    ((*_, marked, message),) = flags("secrets", [{"messages": chat("go", f'api_key = "{value}"')}])
    assert marked == value and "a GitHub token" in message


def test_the_rule_of_assigned_values_can_be_turned_off(flags):
    off = Task(checks={"secrets": CheckSettings(options={"entropy": 9})})
    assert flags("secrets", [{"messages": chat("go", f"password = {VALUE}")}], off) == []


@pytest.mark.parametrize(
    "text",
    [
        "password = YOUR_PASSWORD_2024",
        "api_key: <token-goes-here-42>",
        'api_key = "' + "*" * 20 + '"',
        "password=hunter2",
        "password: correct-horse-battery-9",
        "api_key = os.environ['API_KEY_2024_PROD']",
        "api_key=process.env.SERVICE_KEY_2",
        "secret = get_secret_v2_from_vault(name)",
        "password=${DB_PASSWORD_2024}",
        "password=$DB_PASSW0RD_PROD",
        'api_key="abcdef1234567890abcdef"',
        "client_secret: example-q7Rz2Kw9fLx4Tb",
        "access_token=test_q7Rz2Kw9fLx4Tb",
        f"password_hash = {VALUE}",
        f"order token {VALUE} and id={VALUE}",
        "secret: 550e8400-e29b-41d4-a716-446655440000",
        "The password: you will get it by post within 14 days, 2nd floor.",
        "secret = https://vault.mill.io/v1/kv7Xw2",
        "api_key: " + "a1" * 12,
    ],
)
def test_placeholders_variables_and_words_assigned_to_a_secret_are_left_alone(flags, text):
    assert flags("secrets", [{"messages": chat("go", text)}]) == []


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
