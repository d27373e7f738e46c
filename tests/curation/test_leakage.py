from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import leakage
from curation.errors import BadInput
from tests.curation.conftest import chat
from tests.curation.frozen import all_leaks_by_group, write

pytestmark = pytest.mark.slow

WORDS = ("the order parcel arrived late broken refund cancel please invoice address change Straße größe café ＡＢＣ "
         "delivery window next week again customer number twice").split()  # fmt: skip
SPLITS = ("train", "validation", "test")


def sentence(rng, n):
    return " ".join(
        rng.choice(WORDS) + (str(rng.randint(0, 99)) if rng.random() < 0.3 else "") for _ in range(n)
    )


def changed(rng, text):
    """The same text, another case or punctuation, or with a word or two replaced."""
    words = text.split()
    kind = rng.random()
    if kind < 0.2:
        return text.upper() + "!"
    if kind < 0.4:
        return text.replace(" ", ",  ")
    for _ in range(rng.randint(1, 3)):
        words[rng.randrange(len(words))] = rng.choice(WORDS)
    return " ".join(words)


def random_rows(seed, n, length):
    """Chats in random splits; a third are copies or near copies of others, whole or the question alone."""
    rng = random.Random(seed)
    rows = []
    for _ in range(n):
        user, answer = sentence(rng, rng.randint(1, length)), sentence(rng, rng.randint(1, length // 2 + 1))
        if rows and rng.random() < 0.35:
            other = rng.choice(rows)[1]
            user = changed(rng, other[-2]["content"])
            answer = changed(rng, other[-1]["content"]) if rng.random() < 0.5 else answer
        system = rng.choice([None, "You answer questions about orders and parcels for a shop."])
        group = f"g{rng.randint(0, 40)}" if rng.random() < 0.2 else None
        rows.append((rng.choice(SPLITS), chat(user, answer, system), group))
    return rows


def positions(found, ids):
    place = {one: i for i, one in enumerate(ids)}
    return {frozenset((place[pair.id_a], place[pair.id_b])) for pair in found}


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(2, 45), st.sampled_from([6, 14, 90]))
def test_the_audit_finds_what_brute_force_finds(seed, n, length):
    rows = random_rows(seed, n, length)
    with tempfile.TemporaryDirectory() as folder:
        ids = write(Path(folder), rows)
        found = leakage.audit(Path(folder))
    alike, groups = all_leaks_by_group(rows)
    by_text = [pair for pair in found.pairs if pair.kind != "group"]
    assert positions(by_text, ids) == alike
    of_group = positions([pair for pair in found.pairs if pair.kind == "group"], ids)
    assert all(len({rows[one][2] for one in pair}) == 1 for pair in of_group)
    assert {rows[min(pair)][2] for pair in of_group} <= groups
    assert found.clean == (not alike and not groups)


def test_many_copies_of_one_template_hide_no_leak(tmp_path):
    rng = random.Random(3)
    base = sentence(rng, 30)
    rows = [("train", chat(f"{base} {i}", "ok fine"), None) for i in range(300)]
    rows += [("test", chat(f"{base} {i}", "ok fine"), None) for i in (1000, 1001)]
    rows += [("test", chat(sentence(rng, 30), "other"), None)]
    found = leakage.audit(tmp_path) if write(tmp_path, rows) else None
    assert found.counts["near"] == 600 and not found.clean


def test_each_pair_is_named_with_splits_kind_and_similarity(tmp_path):
    rows = [
        ("train", chat("I want to cancel my order 4412", "cancel"), None),
        ("test", chat("I want to CANCEL my order 4412!", "cancel"), None),
        ("validation", chat("I want to cancel my order, 4412", "refund of what was paid"), None),
        ("train", chat("entirely different words here", "yes"), "c1"),
        ("test", chat("nothing like the other one", "no"), "c1"),
    ]
    ids = write(tmp_path, rows)
    found = leakage.audit(tmp_path)
    told = {(frozenset((p.id_a, p.id_b)), p.kind, p.similarity) for p in found.pairs}
    assert told == {
        (frozenset((ids[0], ids[1])), "exact", 1.0),
        (frozenset((ids[0], ids[2])), "exact_prompt", 1.0),
        (frozenset((ids[1], ids[2])), "exact_prompt", 1.0),
        (frozenset((ids[3], ids[4])), "group", 1.0),
    }
    assert found.summary["pairs"] == 4 and found.rows == {"train": 2, "validation": 1, "test": 2}


def test_a_shared_system_prompt_is_no_leak(tmp_path):
    system = "You are the desk of a shop. " * 20
    rows = [
        ("train", chat("how are you", "fine", system), None),
        ("test", chat("where is it", "here", system), None),
    ]
    write(tmp_path, rows)
    assert leakage.audit(tmp_path).clean


def test_the_manifest_says_how_texts_are_compared(tmp_path):
    rows = [
        ("train", chat("one two three four five six", "a"), None),
        ("test", chat("one two three four five sax", "b"), None),
    ]
    strict = {"dedup": {"shingle": "characters 5", "threshold_short": 0.95, "threshold": 0.95}}
    loose = {"dedup": {"shingle": "characters 5", "threshold_short": 0.3, "threshold": 0.3}}
    write(tmp_path / "a", rows, strict)
    write(tmp_path / "b", rows, loose)
    assert leakage.audit(tmp_path / "a").clean
    assert not leakage.audit(tmp_path / "b").clean


def test_empty_splits_and_empty_texts_are_clean(tmp_path):
    write(tmp_path, [("train", chat("", "."), None), ("test", chat("?", "!"), None)])
    assert leakage.audit(tmp_path).clean


def test_a_missing_file_is_named(tmp_path):
    write(tmp_path, [("train", chat("a", "b"), None)])
    (tmp_path / "test.parquet").unlink()
    with pytest.raises(BadInput, match=r"test\.parquet"):
        leakage.audit(tmp_path)
