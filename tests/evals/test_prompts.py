"""What model candidates are asked."""

from __future__ import annotations

import json
import random
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evals import examples, prompts
from evals.examples import Example

USER = {"role": "user", "content": "Where is my parcel?"}


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


def row(key: str, label: str, text: str = "question") -> Example:
    return Example(key, ({"role": "user", "content": f"{text} {key}"},), label, label=label)


def test_an_untrained_candidate_gets_the_baseline_prompt() -> None:
    asked = prompts.for_untrained([USER], baseline="Answer with a label.", system_prompt="Sort.")
    assert asked == [system("Answer with a label."), USER]


def test_the_baseline_prompt_replaces_a_row_turn_that_repeats_the_task() -> None:
    asked = prompts.for_untrained(
        [system(" SORT.\n"), USER], baseline="Answer with a label.", system_prompt="Sort."
    )
    assert asked == [system("Answer with a label."), USER]


def test_a_system_turn_of_the_rows_own_wins() -> None:
    own = [system("You are the night shift."), USER]
    assert prompts.for_untrained(own, baseline="Answer with a label.", system_prompt="Sort.") == own
    assert prompts.for_untrained(own, baseline=None, system_prompt=None) == own
    assert prompts.for_run(own, "Sort.") == own


def test_without_any_system_text_the_turns_stand_alone() -> None:
    assert prompts.for_untrained([USER], baseline=None, system_prompt=None) == [USER]


def test_a_run_gets_the_tasks_system_prompt_and_not_the_baseline() -> None:
    assert prompts.for_run([USER], "Sort.") == [system("Sort."), USER]


def test_passages_stand_at_the_end_of_the_system_text_whoever_wrote_it() -> None:
    asked = prompts.for_untrained([USER], baseline="Sort.", system_prompt=None, context="[1] a")
    assert asked[0]["content"].startswith("Sort.\n\n")
    assert asked[0]["content"].endswith("\n\n[1] a")
    own = [system("You are the night shift."), USER]
    asked = prompts.for_untrained(own, baseline="Sort.", system_prompt=None, context="[1] a")
    assert asked[0]["content"].startswith("You are the night shift.\n\n")
    assert (
        "[1] a"
        in prompts.for_untrained([USER], baseline=None, system_prompt=None, context="[1] a")[0]["content"]
    )


def test_shots_stand_between_the_system_text_and_the_question_without_their_own_system_turns() -> None:
    question = {"role": "user", "content": "Refund me."}
    shot = Example("a", (system("Sort."), question), "refund")
    asked = prompts.for_untrained([USER], baseline="B", system_prompt="Sort.", shots=[shot])
    assert asked == [system("B"), question, {"role": "assistant", "content": "refund"}, USER]


def test_all_questions_share_the_same_beginning() -> None:
    shots = prompts.choose_shots([row(str(i), "ab"[i % 2]) for i in range(20)], 4, "label")
    asked = [
        prompts.for_untrained(
            [{"role": "user", "content": str(i)}], baseline="B", system_prompt=None, shots=shots
        )
        for i in range(5)
    ]
    assert len({json.dumps(one[:-1]) for one in asked}) == 1


def test_shots_cover_as_many_labels_as_they_can() -> None:
    train = [row(f"{label}{i}", label) for label, n in (("a", 30), ("b", 5), ("c", 2)) for i in range(n)]
    assert sorted(one.label or "" for one in prompts.choose_shots(train, 3, "label")) == ["a", "b", "c"]
    assert [one.label for one in prompts.choose_shots(train, 2, "label")] == ["a", "b"]


def test_shots_of_json_answers_cover_the_values_of_a_field() -> None:
    train = [
        Example(str(i), ({"role": "user", "content": str(i)},), json.dumps({"intent": "ab"[i % 2], "n": i}))
        for i in range(20)
    ]
    chosen = prompts.choose_shots(train, 2, "answer.intent")
    assert {json.loads(one.expected)["intent"] for one in chosen} == {"a", "b"}


@given(st.integers(1, 12), st.integers(0, 5), st.randoms(use_true_random=False))
def test_shots_depend_on_rows_k_and_seed_alone(k: int, seed: int, shuffle: random.Random) -> None:
    train = [row(f"{i:02d}", "abc"[i % 3]) for i in range(20)]
    chosen = prompts.choose_shots(train, k, "label", seed)
    mixed = list(train)
    shuffle.shuffle(mixed)
    assert prompts.choose_shots(mixed, k, "label", seed) == chosen
    assert chosen == prompts.choose_shots(train, 12, "label", seed)[:k]
    assert len({one.id for one in chosen}) == k


def test_shots_never_touch_held_out_rows(version: Path) -> None:
    train, _ = examples.of_split(version, "train")
    held_out = {one.id for split in ("validation", "test") for one in examples.of_split(version, split)[0]}
    chosen = prompts.choose_shots(train, 64, "label")
    assert len(chosen) == 40
    assert not {one.id for one in chosen} & held_out


def test_a_very_long_row_is_the_last_choice() -> None:
    train = [row(f"{i:02d}", "a") for i in range(19)] + [row("99", "a", "long " * 500)]
    assert "99" not in {one.id for one in prompts.choose_shots(train, 10, "label")}
