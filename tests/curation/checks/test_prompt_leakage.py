"""The leak check with few prompts, tried as one pattern, and with many, each turn against its own."""

from __future__ import annotations

import random

import pytest

from tests.curation.conftest import chat


def words(rng, n):
    return ["".join(rng.choices("abcdefghijklmnopqrstuvwxyzäöß", k=7)) for _ in range(n)]


@pytest.mark.parametrize(("prompts", "length"), [(2, 40), (40, 60), (150, 60)])
def test_each_leak_is_found_however_many_prompts_there_are(flags, prompts, length):
    rng = random.Random(prompts)
    rows, leaks = [], {}
    for number in range(prompts):
        system = words(rng, length)
        at, n = rng.randrange(length - 12), rng.randint(5, 12)
        told = system[at : at + n]
        answer = " ".join([*words(rng, 6), *(word.upper() for word in told), *words(rng, 3)])
        rows.append({"messages": chat(f"question {number}", answer, " ".join(system))})
        if n >= 8:
            leaks[number] = " ".join(told).upper()
    found = flags("prompt_leakage", rows)
    assert {row: marked for row, _, _, marked, _ in found} == leaks


def test_other_chats_with_other_prompts_change_nothing(flags):
    rng = random.Random(7)
    system = words(rng, 30)
    rows = [
        {
            "messages": chat(
                f"question {i}", ", ".join(system[i : i + i % 14]) + "! Fine.", " ".join(system).title()
            )
        }
        for i in range(25)
    ]
    alone = flags("prompt_leakage", rows)
    others = [{"messages": chat(f"q {i}", "ok", " ".join(words(rng, 20)))} for i in range(300)]
    assert flags("prompt_leakage", [*rows, *others]) == alone and alone


def test_many_short_prompts_hide_no_long_one(flags):
    rows = [{"messages": chat(f"q {i}", "ok", f"Be kind {i}.")} for i in range(120)]
    system = "You file tickets for the desk and answer with one line of JSON."
    rows.append({"messages": chat("go", system, system)})
    assert [row for row, *_ in flags("prompt_leakage", rows)] == [120]
