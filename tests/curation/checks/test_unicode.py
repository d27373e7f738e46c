"""Characters nobody sees are named; scripts that need joiners and marks are left alone."""

from __future__ import annotations

import pytest

from tests.curation.conftest import chat


@pytest.mark.parametrize(
    ("text", "marked", "message"),
    [
        ("a\u200bb", "\u200b", "unseen character: zero width space (U+200B)"),
        ("\ufeffstart", "\ufeff", "U+FEFF"),
        ("pay\u00adment", "\u00ad", "soft hyphen"),
        ("do \u202etxt.exe", "\u202e", "mark of direction"),
        ("an icon \ue0b0", "\ue0b0", "private character"),
        ("bell\x07", "\x07", "control character"),
        ("hi \U000e0068\U000e0069", "\U000e0068", "unseen character"),
        ("log in to p\u0430yp\u0430l", "p\u0430yp\u0430l", "look-alike"),
        ("cafe\u0301 au lait", "\u0301", "accent apart"),
    ],
)
def test_an_odd_character_is_marked_with_its_name(flags, text, marked, message):
    ((_, severity, turn, found, told),) = flags("unicode", [{"messages": chat(text, "ok")}])
    assert (severity, turn, found) == ("look", 0, marked)
    assert message in told


@pytest.mark.parametrize(
    "text",
    [
        "caf\u00e9, na\u00efve, \u4f60\u597d, \u043f\u0440\u0438\u0432\u0435\u0442",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467 and \u2764\ufe0f",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\u2067\u05e9\u05dc\u05d5\u05dd\u2069 said he",
        "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f",
        "\u03bcm, \u03a9-loop, p\u03b1-test, \u03bbx",
        "tab\tand line\nand\r\n",
        "\u0928\u092e\u0938\u094d\u0924\u0947 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    ],
)
def test_scripts_and_emoji_are_left_alone(flags, text):
    assert flags("unicode", [{"messages": chat(text, "ok")}]) == []


def test_each_kind_is_named_once_a_turn(flags):
    found = flags("unicode", [{"messages": chat("a\u200bb\u200bc\u0007", "ok")}])
    assert len(found) == 2
