"""Guarantee 3: no pair of rows in different splits is a copy, a near copy, or of one group.

Judged from the frozen files alone, by a comparison of every pair that shares no code with Touchstone.
"""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import decisions, importing, leakage, project, splits, store, versions
from curation.leakage import SPLITS
from curation.task import Task
from tests.curation.conftest import chat, write_jsonl
from tests.curation.frozen import leaks

pytestmark = pytest.mark.slow

TASK = Task(kind="classification", labels=["red", "green", "blue"])


def sentence(rng):
    return " ".join(
        "".join(rng.choices("abcdefghijklmnop", k=rng.randint(3, 9))) for _ in range(rng.randint(3, 25))
    )


def altered(rng, text):
    words = text.split()
    kind = rng.randrange(4)
    if kind == 0:
        return text.upper() + "?"
    if kind == 1:
        return f"{text} thanks"
    words[rng.randrange(len(words))] = "".join(rng.choices("qrstuvw", k=4))
    return " ".join(words)


def more_rows(rng, n, before):
    """New chats; some repeat or alter a question that is there already, some share its customer."""
    made = []
    for _ in range(n):
        known = [*before, *made]
        text, customer = sentence(rng), f"c{rng.randint(0, 3 * n)}"
        if known and rng.random() < 0.5:
            other = rng.choice(known)
            asked = other["messages"][0]["content"]
            text = rng.choice([asked, altered(rng, asked), altered(rng, altered(rng, asked)), text])
            customer = other["customer"] if rng.random() < 0.3 else customer
        made.append(
            {
                "messages": chat(text, rng.choice(TASK.labels)),
                "customer": customer,
                "thread": f"t{rng.randint(0, 3 * n)}",
            }
        )
    return made


def frozen_rows(version, field=None):
    """(split, messages, group); the group is the value of one of several fields where it is named."""
    columns = (*versions.COLUMNS, "groups") if field else versions.COLUMNS
    return [
        (split, json.loads(row["messages"]), json.loads(row["groups"]).get(field) if field else row["group"])
        for split in SPLITS
        for row in version.read(split, columns).to_pylist()
    ]


def no_pair_crosses(version, group):
    fields = group if isinstance(group, list) else [None]
    return not any(leaks(frozen_rows(version, field)) for field in fields)


@settings(deadline=None, max_examples=4)
@given(st.integers(0, 10_000), st.sampled_from([None, "customer", ["customer", "thread"]]))
def test_nothing_crosses_in_a_first_split_or_in_later_ones_with_added_rows(seed, group):
    rng = random.Random(seed)
    rows, frozen = more_rows(rng, 60, []), {}
    with tempfile.TemporaryDirectory() as folder, store.create(project.reserve(Path(folder) / "p")) as opened:
        for number, added in enumerate((rows, more_rows(rng, 20, rows), more_rows(rng, 20, rows))):
            importing.import_file(opened, write_jsonl(Path(folder) / f"{number}.jsonl", added), who="ann")
            if number:
                dropped = rng.sample(range(1, 50), 3)
                decisions.decide(opened, dropped, "decision", "drop", who="ann")
            report = splits.make(opened, TASK, group=group, test=0.2, validation=0.1, seed=seed, who="ann")
            version = versions.freeze(opened, TASK, who="ann")
            assert no_pair_crosses(version, group)
            assert version.manifest.audit.clean and leakage.audit(version.folder).clean
            now = {one: split for split in SPLITS for one in version.read(split, ("id",))["id"].to_pylist()}
            assert all(frozen[one] == split for one, split in now.items() if one in frozen)
            assert not set(report.refused) & set(now)
            frozen.update(now)


def test_a_copy_of_a_held_out_row_that_was_dropped_never_reaches_training(tmp_path):
    rng = random.Random(1)
    rows = [{"messages": chat(sentence(rng), TASK.labels[i % 3])} for i in range(60)]
    with store.create(project.reserve(tmp_path / "p")) as opened:
        importing.import_file(opened, write_jsonl(tmp_path / "a.jsonl", rows), who="ann")
        splits.make(opened, TASK, who="ann")
        versions.freeze(opened, TASK, who="ann")
        seq, text = opened.row(
            "select seq, messages from example join content using (seq) where split = 'test'"
        )
        decisions.decide(opened, [seq], "decision", "drop", who="ann")
        copy = [{"messages": chat(json.loads(text)[0]["content"] + "!", "red")}]
        importing.import_file(opened, write_jsonl(tmp_path / "b.jsonl", copy), who="ann")
        splits.make(opened, TASK, who="ann")
        assert opened.value("select split from example where seq = 61") == "test"


@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_row_moved_by_hand_beside_its_copy_is_found_by_the_audit(tmp_path, split):
    rng = random.Random(2)
    rows = [{"messages": chat(sentence(rng), TASK.labels[i % 3])} for i in range(40)]
    rows += [{"messages": chat(row["messages"][0]["content"] + "!!", "blue")} for row in rows[:40]]
    with store.create(project.reserve(tmp_path / "p")) as opened:
        importing.import_file(opened, write_jsonl(tmp_path / "a.jsonl", rows), who="ann")
        splits.make(opened, TASK, who="ann")
        assert versions.freeze(opened, TASK, who="ann").manifest.audit.clean
        (seq,) = opened.row("select seq from example where split = 'test' order by seq")
        decisions.decide(opened, [seq], "split", split, who="ann")
        version = versions.freeze(opened, TASK, who="ann")
        assert not version.manifest.audit.clean
        assert len(leaks(frozen_rows(version))) == version.manifest.audit.pairs == 1


@pytest.mark.parametrize("field", ["customer", "thread"])
def test_each_of_several_fields_is_frozen_and_audited(tmp_path, field):
    rng = random.Random(3)
    rows = [
        {"messages": chat(sentence(rng), TASK.labels[i % 3]), "customer": f"c{i}", "thread": f"t{i}"}
        for i in range(42)
    ]
    rows[1][field] = rows[0][field]
    with store.create(project.reserve(tmp_path / "p")) as opened:
        importing.import_file(opened, write_jsonl(tmp_path / "a.jsonl", rows), who="ann")
        splits.make(opened, TASK, group=["customer", "thread"], who="ann")
        clean = versions.freeze(opened, TASK, who="ann")
        assert clean.manifest.audit.clean and not leaks(frozen_rows(clean, field))
        (side,) = opened.row("select split from example where seq = 1")
        decisions.decide(opened, [1], "split", "test" if side == "train" else "train", who="ann")
        version = versions.freeze(opened, TASK, who="ann")
        assert version.manifest.audit.kinds["group"] == 1 == len(leaks(frozen_rows(version, field)))
        assert leakage.audit(version.folder).pairs == leakage.read_audit(version.folder).pairs
        for one in (clean, version):
            versions.verify(one)
