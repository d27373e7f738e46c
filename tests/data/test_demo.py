"""The demo set: made by one seed, as messy as its truth says and not more."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from curation import task as tasks
from training import recipe as recipes

DATA = Path(__file__).parents[2] / "data"
DEMO = DATA / "demo"
EXPORTS = sorted(DEMO.glob("tickets_*.jsonl"))
Place = tuple[str, int]


def read(path: Path) -> tuple[dict[Place, dict[str, Any]], set[Place]]:
    rows: dict[Place, dict[str, Any]] = {}
    unreadable: set[Place] = set()
    lines = path.read_bytes().decode("utf-8-sig").split("\n")
    for number, line in enumerate(lines if lines[-1] else lines[:-1], start=1):
        try:
            rows[path.name, number] = json.loads(line)
        except ValueError:
            unreadable.add((path.name, number))
    return rows, unreadable


@pytest.fixture(scope="module")
def rows() -> dict[Place, dict[str, Any]]:
    return {place: row for path in EXPORTS for place, row in read(path)[0].items()}


@pytest.fixture(scope="module")
def truth() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DEMO / "truth.json").read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def kinds(truth: dict[str, Any]) -> dict[Place, str]:
    return {(p["file"], p["line"]): p["kind"] for p in truth["planted"]}


def normalise(text: str) -> str:
    return re.sub(r"\W+", " ", unicodedata.normalize("NFKC", text).casefold()).strip()


def user_text(row: dict[str, Any]) -> str:
    return "\n".join(
        m["content"] for m in row["messages"] if m["role"] not in ("system", "assistant", "bot", "agent")
    )


def conversation(row: dict[str, Any]) -> str:
    return "\n".join(m["content"] for m in row["messages"] if m["role"] != "system")


def five_grams(text: str) -> frozenset[str]:
    text = normalise(text)
    return frozenset(text[i : i + 5] for i in range(max(1, len(text) - 4)))


def near_pairs(texts: list[str]) -> set[tuple[int, int]]:
    """Every pair of texts at or over the threshold for its length, by one sparse product."""
    from scipy.sparse import csr_matrix

    sets = [five_grams(text) for text in texts]
    column = {gram: i for i, gram in enumerate(sorted(frozenset[str]().union(*sets)))}
    at = [(i, column[gram]) for i, grams in enumerate(sets) for gram in grams]
    table = csr_matrix(([1] * len(at), tuple(zip(*at, strict=True))), shape=(len(sets), len(column)))
    shared = (table @ table.T).tocoo()
    words = [len(normalise(text).split()) for text in texts]
    return {
        (i, j)
        for i, j, n in zip(shared.row.tolist(), shared.col.tolist(), shared.data.tolist(), strict=True)
        if i < j and n >= (0.60 if min(words[i], words[j]) <= 8 else 0.70) * (len(sets[i]) + len(sets[j]) - n)
    }


@pytest.mark.slow
def test_the_generator_rewrites_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(DATA / "make_demo.py"), "--to", str(tmp_path)], check=True)
    for name in (*(path.name for path in EXPORTS), "truth.json"):
        assert (tmp_path / name).read_bytes() == (DEMO / name).read_bytes(), name
    assert len(list(tmp_path.iterdir())) == len(EXPORTS) + 1


def test_the_truth_names_existing_rows_once_each(
    rows: dict[Place, dict[str, Any]], truth: dict[str, Any], kinds: dict[Place, str]
) -> None:
    assert len(kinds) == len(truth["planted"])
    assert set(kinds) <= set(rows)


def test_counts_add_up(
    rows: dict[Place, dict[str, Any]], truth: dict[str, Any], kinds: dict[Place, str]
) -> None:
    assert truth["rows"] == len(rows)
    assert truth["counts"] == Counter(kinds.values())
    assert 0.15 <= len(kinds) / len(rows) <= 0.18


def test_the_readme_says_how_many_of_each_kind(truth: dict[str, Any]) -> None:
    said = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", (DATA / "README.md").read_text("utf-8"), re.MULTILINE))
    assert {kind: int(n) for kind, n in said.items()} == truth["counts"]


def test_unreadable_lines_are_the_ones_named(truth: dict[str, Any]) -> None:
    found = set[Place]().union(*(read(path)[1] for path in EXPORTS))
    assert found == {(bad["file"], bad["line"]) for bad in truth["unreadable"]}


def test_one_export_starts_with_a_byte_order_mark_and_one_ends_in_the_middle_of_a_line() -> None:
    assert [path.read_bytes().startswith(b"\xef\xbb\xbf") for path in EXPORTS] == [False, True, False]
    assert [path.read_bytes().endswith(b"\n") for path in EXPORTS] == [True, True, False]


def test_more_than_a_thousand_messages_are_distinct(rows: dict[Place, dict[str, Any]]) -> None:
    assert len({normalise(user_text(row)) for row in rows.values()}) > 1000


def test_no_phrase_pattern_carries_the_set(rows: dict[Place, dict[str, Any]]) -> None:
    starts = Counter(" ".join(normalise(user_text(row)).split()[:5]) for row in rows.values())
    assert starts.most_common(1)[0][1] <= 0.015 * len(rows)


def test_every_answer_that_is_not_planted_follows_the_schema(
    rows: dict[Place, dict[str, Any]], kinds: dict[Place, str]
) -> None:
    validator = Draft202012Validator(json.loads((DATA / "schemas" / "ticket.schema.json").read_text("utf-8")))
    spoilt = {"broken_json", "wrong_keys", "outside_enum", "empty_answer", "truncated_answer", "fenced_answer",
              "refusal", "leaked_prompt", "wrong_language", "role_error"}  # fmt: skip
    for place, row in rows.items():
        if kinds.get(place) not in spoilt:
            turns = [m["role"] for m in row["messages"]]
            assert turns == ["system", *["user", "assistant"] * (len(turns) // 2)], place
            for message in row["messages"][2::2]:
                validator.validate(json.loads(message["content"]))


@pytest.mark.parametrize(
    "kind", ["broken_json", "empty_answer", "truncated_answer", "refusal", "leaked_prompt"]
)
def test_planted_answers_of_this_kind_are_not_json(
    kind: str, rows: dict[Place, dict[str, Any]], kinds: dict[Place, str]
) -> None:
    for place in (place for place, found in kinds.items() if found == kind):
        with pytest.raises(ValueError, match="."):
            json.loads(rows[place]["messages"][-1]["content"])


def test_a_clean_message_has_one_right_answer(
    rows: dict[Place, dict[str, Any]], kinds: dict[Place, str]
) -> None:
    answers = defaultdict(set)
    for place, row in rows.items():
        if place not in kinds:
            answers[normalise(user_text(row))].add(row["messages"][-1]["content"])
    assert {len(given) for given in answers.values()} == {1}


def test_wrong_labels_name_the_right_ticket(rows: dict[Place, dict[str, Any]], truth: dict[str, Any]) -> None:
    for planted in truth["planted"]:
        if planted["kind"] in ("wrong_label", "conflicting_answer"):
            given = json.loads(rows[planted["file"], planted["line"]]["messages"][-1]["content"])
            assert given["intent"] != planted["right"]["intent"]
            assert {**given, "intent": planted["right"]["intent"]} == planted["right"]


def test_copies_come_after_an_original_they_resemble(
    rows: dict[Place, dict[str, Any]], truth: dict[str, Any]
) -> None:
    for planted in (p for p in truth["planted"] if "original" in p):
        copy, original = (rows[p["file"], p["line"]] for p in (planted, planted["original"]))
        assert (original["created"], original["ticket"]) < (copy["created"], copy["ticket"])
        if planted["kind"] == "exact_duplicate":
            assert copy["messages"] == original["messages"]
        elif planted["kind"] == "conflicting_answer":
            assert copy["messages"][:-1] == original["messages"][:-1] != copy["messages"]
        else:
            assert normalise(user_text(copy)) != normalise(user_text(original))
            assert near_pairs([user_text(copy), user_text(original)])
            assert copy["messages"][-1] == original["messages"][-1]


@pytest.mark.parametrize("view", [user_text, conversation])
def test_near_pairs_are_the_planted_ones(
    view: Callable[[dict[str, Any]], str], rows: dict[Place, dict[str, Any]], truth: dict[str, Any]
) -> None:
    places = list(rows)
    found = {frozenset((places[i], places[j])) for i, j in near_pairs([view(row) for row in rows.values()])}
    planted = {
        frozenset(((p["file"], p["line"]), (p["original"]["file"], p["original"]["line"])))
        for p in truth["planted"]
        if "original" in p
    }
    assert not found - planted


def test_the_system_prompt_of_the_rows_is_the_one_of_the_task(rows: dict[Place, dict[str, Any]]) -> None:
    task = tasks.load(DEMO / "task.yaml")
    assert {row["messages"][0]["content"] for row in rows.values()} == {task.system_prompt}
    assert task.stratify == "answer.intent"


def test_the_prompt_for_untrained_models_names_every_allowed_value() -> None:
    task = tasks.load(DEMO / "task.yaml")
    schema = json.loads((DATA / "schemas" / "ticket.schema.json").read_text("utf-8"))
    assert task.output_schema == schema
    said = task.system_for_baseline() or ""
    for name, rule in schema["properties"].items():
        for word in (name, *(str(value) for value in rule.get("enum", ()) if value is not None)):
            assert re.search(rf"\b{word}\b", said), word


def test_shipped_recipes_are_recipes_and_seed_is_the_default() -> None:
    assert recipes.load("demo").max_rows == 240
    defaults = recipes.Recipe().model_dump()
    seed = recipes.load("seed").model_dump()
    assert {key for key in seed if seed[key] != defaults[key]} <= {"seed"}


def test_the_demo_stays_small_enough_for_the_wheel() -> None:
    assert (
        sum(path.stat().st_size for path in DATA.rglob("*") if path.is_file() and path.suffix != ".pyc")
        < 2_000_000
    )
