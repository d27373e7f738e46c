"""Answers in batches: what is beside a prompt, or before it in common, changes nothing."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from curation import chat, models
from curation.errors import Stopped, TouchstoneError
from evals import generate, greedy
from evals.cache import AnswerCache, answer_key, identity
from evals.generate import Budget, Decoding, Prompt

NEW = 24
KINDS = pytest.mark.parametrize("kind", ["plain", "sliding", "other"])


def small(kind, tokenizer):
    """A model with random weights and one kind of cache."""
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    torch.manual_seed(5)
    sizes = {
        "vocab_size": len(tokenizer), "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 160,
        "initializer_range": 0.5,
    }  # fmt: skip
    if kind == "sliding":
        return MistralForCausalLM(MistralConfig(**sizes, sliding_window=16)).eval()
    return LlamaForCausalLM(LlamaConfig(**sizes)).eval()


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small products on several threads spend their time waiting for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer(families):
    return families["chatml"]


@pytest.fixture(scope="module")
def model(tokenizer):
    return small("plain", tokenizer)


def prompts(tokenizer, n, shared=0, seed=0):
    """n prompts of 3 to 40 tokens after `shared` common ones."""
    draw = random.Random(seed)
    first = [draw.randrange(len(tokenizer)) for _ in range(shared)]
    rows = [[draw.randrange(len(tokenizer)) for _ in range(draw.randint(3, 40))] for _ in range(n)]
    return [Prompt(f"p{index:02}", tuple(first + row)) for index, row in enumerate(rows)]


@pytest.fixture(scope="module")
def decoding(model, tokenizer):
    """Stop tokens chosen so that some answers stop early, some late, some never."""
    rows = [prompt.ids for prompt in prompts(tokenizer, 16)]
    written = greedy.Writer(model, rows, (len(tokenizer) - 1,), 0).write(rows, NEW)
    seen = [token for line in written for token in line]
    common = sorted(set(seen), key=seen.count)
    return Decoding(NEW, tuple(common[-2:]))


def run(model, tokenizer, asked, decoding, rows=8, tokens=100_000, **options):
    plan = generate.plan(asked, Budget(tokens, rows), decoding.max_new_tokens)
    done = generate.generate(model, tokenizer, asked, plan, decoding, **options)
    return {answer.key: answer for finished in done for answer in finished.answers}


def texts(answers):
    return {key: (answer.raw_text, answer.finish, answer.tokens_out) for key, answer in answers.items()}


lengths = st.lists(st.integers(1, 300), max_size=60)


@given(lengths=lengths, tokens=st.integers(1, 2000), rows=st.integers(1, 12), new=st.integers(1, 50))
def test_a_plan_holds_every_prompt_once_within_the_budget_longest_first(lengths, tokens, rows, new):
    asked = [Prompt(f"k{index}", (0,) * length) for index, length in enumerate(lengths)]
    size = {prompt.key: len(prompt.ids) for prompt in asked}
    plan = generate.plan(asked, Budget(tokens, rows), new)
    assert sorted(key for batch in plan for key in batch) == sorted(size)
    order = [size[key] for batch in plan for key in batch]
    assert order == sorted(order, reverse=True)
    for batch in plan:
        assert len(batch) <= rows
        assert len(batch) == 1 or len(batch) * (size[batch[0]] + new) <= tokens
    assert plan == generate.plan(asked[::-1], Budget(tokens, rows), new)


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=8), max_size=6))
def test_the_shared_prefix_is_the_longest_that_leaves_every_row_a_token(rows):
    same = greedy.shared_prefix(rows)
    most = min((len(row) - 1 for row in rows), default=0)
    assert all(row[:same] == rows[0][:same] for row in rows)
    assert same == most or len({row[same] for row in rows}) > 1


@pytest.mark.slow
@KINDS
def test_answers_do_not_depend_on_the_batch(tokenizer, decoding, kind, monkeypatch):
    monkeypatch.setattr(greedy, "_cache_kind", lambda base: kind)
    model, asked = small(kind, tokenizer), prompts(tokenizer, 16)
    alone = texts(run(model, tokenizer, asked, decoding, rows=1))
    assert len({finish for _, finish, _ in alone.values()}) > 1 or kind == "sliding"
    for rows in (5, 16):
        assert texts(run(model, tokenizer, asked, decoding, rows=rows)) == alone


def test_each_kind_of_cache_is_told_apart_by_the_models_own_settings(tokenizer):
    assert greedy._cache_kind(small("plain", tokenizer)) == "plain"
    assert greedy._cache_kind(small("sliding", tokenizer)) == "sliding"


def test_answers_are_those_of_the_librarys_own_greedy_search(model, tokenizer, decoding):
    asked = prompts(tokenizer, 10)
    answers = run(model, tokenizer, asked, decoding)
    for prompt in asked:
        ids = torch.tensor([prompt.ids])
        out = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=NEW,
            eos_token_id=list(decoding.stop_ids), pad_token_id=0,
        )  # fmt: skip
        assert answers[prompt.key].raw_text == chat.raw_text(tokenizer, out[0, len(prompt.ids) :].tolist())


@pytest.mark.parametrize("shared", [3, 20, 70])
def test_computing_what_prompts_share_once_changes_no_answer(model, tokenizer, decoding, shared, monkeypatch):
    asked = prompts(tokenizer, 12, shared=shared)
    together = texts(run(model, tokenizer, asked, decoding))
    monkeypatch.setattr(greedy, "LEAST_PREFIX", 1 << 30)
    assert texts(run(model, tokenizer, asked, decoding)) == together


def test_what_prompts_share_is_computed_once(model, tokenizer, decoding, monkeypatch):
    widths = []
    real = model.forward

    def forward(input_ids, **inputs):
        widths.append(tuple(input_ids.shape))
        return real(input_ids=input_ids, **inputs)

    asked = prompts(tokenizer, 12, shared=60)
    kept = greedy.Writer(model, [prompt.ids for prompt in asked], decoding.stop_ids, 0)
    monkeypatch.setattr(
        kept,
        "model",
        type(
            "Spy", (), {"__call__": staticmethod(forward), "config": model.config, "device": model.device}
        )(),
    )
    for start in (0, 6):
        kept.write([prompt.ids for prompt in asked[start : start + 6]], NEW)
    assert widths.count((1, 60)) == 1
    assert max(width for rows, width in widths if rows > 1) <= 40


def test_sampling_settings_that_come_with_a_model_are_not_used(model, tokenizer, decoding, monkeypatch):
    asked = prompts(tokenizer, 6)
    before = texts(run(model, tokenizer, asked, decoding))
    for kind in ("plain", "other"):
        monkeypatch.setattr(greedy, "_cache_kind", lambda base, kind=kind: kind)
        for name, value in {"do_sample": True, "temperature": 5.0, "repetition_penalty": 3.0}.items():
            monkeypatch.setattr(model.generation_config, name, value)
        assert texts(run(model, tokenizer, asked, decoding)) == before


def test_the_finish_says_whether_an_answer_stopped_or_was_cut(model, tokenizer, decoding):
    asked = prompts(tokenizer, 16)
    rows = [prompt.ids for prompt in asked]
    tokens = greedy.Writer(model, rows, decoding.stop_ids, 0).write(rows, NEW)
    answers = run(model, tokenizer, asked, decoding)
    for prompt, line in zip(asked, tokens, strict=True):
        answer = answers[prompt.key]
        assert answer.finish in (("stop", "empty") if line[-1] in decoding.stop_ids else ("length",))
        assert answer.tokens_out == len(line)
        assert not set(line[:-1]) & set(decoding.stop_ids)
        assert answer.finish != "length" or answer.tokens_out == NEW
        assert answer.seconds > 0
    assert {answer.finish for answer in answers.values()} >= {"stop", "length"}


def test_an_answer_that_stops_before_any_text_is_empty(model, tokenizer):
    asked = prompts(tokenizer, 1)
    everything = Decoding(NEW, tuple(range(len(tokenizer))))
    first = run(model, tokenizer, asked, everything)["p00"]
    assert first.tokens_out == 1
    assert first.finish == ("stop" if first.text else "empty")
    stop = tokenizer.convert_tokens_to_ids("<|im_end|>")
    with torch.no_grad():
        tilted = small("plain", tokenizer)
        tilted.lm_head.weight.zero_()
        tilted.lm_head.bias = torch.nn.Parameter(torch.zeros(len(tokenizer)))
        tilted.lm_head.bias[stop] = 1
    answer = run(tilted, tokenizer, asked, Decoding(NEW, (stop,)))["p00"]
    assert (answer.finish, answer.text, answer.tokens_out) == ("empty", "", 1)


def test_a_prompt_longer_than_the_model_is_an_error_row_and_its_neighbours_are_answered(
    model, tokenizer, decoding
):
    asked = prompts(tokenizer, 4)
    before = texts(run(model, tokenizer, asked, decoding))
    answers = run(model, tokenizer, [*asked, Prompt("long", (1,) * 200), Prompt("none", ())], decoding)
    assert answers["long"].finish == answers["none"].finish == "error"
    assert "160 tokens" in answers["long"].error
    assert {key: value for key, value in texts(answers).items() if key in before} == before


def test_an_answer_never_runs_past_the_models_own_limit(model, tokenizer):
    answer = run(model, tokenizer, [Prompt("near", (1,) * 150)], Decoding(NEW, (0,)))["near"]
    assert answer.tokens_out <= 10


class Small:
    """A model that has no memory for more than `rows` rows."""

    def __init__(self, model, rows):
        self.model, self.rows = model, rows

    def __call__(self, input_ids, **inputs):
        if len(input_ids) > self.rows:
            raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return self.model(input_ids=input_ids, **inputs)

    def __getattr__(self, name):
        return getattr(self.model, name)


def test_when_memory_runs_out_the_rest_is_planned_in_halves_and_no_answer_is_lost(model, tokenizer, decoding):
    asked = prompts(tokenizer, 20)
    plan = generate.plan(asked, Budget(100_000, 16), NEW)
    done = list(generate.generate(Small(model, 5), tokenizer, asked, plan, decoding))
    notes = [finished for finished in done if finished.rest is not None]
    assert [finished.batch for finished in notes] == [0, 0]
    assert "memory ran out with 16 rows" in notes[0].note
    assert max(len(batch) for batch in notes[-1].rest) <= 4
    answers = {answer.key: answer for finished in done for answer in finished.answers}
    assert texts(answers) == texts(run(model, tokenizer, asked, decoding))
    for finished in done:
        assert (
            finished.rest is not None
            or [one.key for one in finished.answers] == notes[-1].rest[finished.batch]
        )


@pytest.mark.slow
def test_a_prompt_that_does_not_fit_into_memory_alone_is_an_error_row(model, tokenizer, decoding):
    answers = run(Small(model, 0), tokenizer, prompts(tokenizer, 3), decoding, rows=2)
    assert {answer.finish for answer in answers.values()} == {"error"}
    assert all("memory ran out" in answer.error for answer in answers.values())


def test_other_errors_are_not_taken_for_a_lack_of_memory(model, tokenizer, decoding):
    class Broken(Small):
        def __call__(self, input_ids, **inputs):
            raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        run(Broken(model, 1), tokenizer, prompts(tokenizer, 2), decoding)


def test_the_same_key_writes_no_new_tokens(model, tokenizer, decoding, tmp_path):
    asked = prompts(tokenizer, 10)
    cache = AnswerCache(tmp_path / "answers.sqlite")
    first = run(model, tokenizer, asked, decoding, cache=cache, identity="m")
    plan = generate.plan(asked, Budget(100_000, 3), NEW)
    done = list(
        generate.generate(Small(model, 0), tokenizer, asked, plan, decoding, cache=cache, identity="m")
    )
    assert sum(finished.made for finished in done) == 0
    found = {answer.key: replace(answer, batch=0) for finished in done for answer in finished.answers}
    assert found == {key: replace(answer, batch=0) for key, answer in first.items()}


def test_only_what_is_missing_from_the_cache_is_generated(model, tokenizer, decoding, tmp_path):
    cache = AnswerCache(tmp_path / "answers.sqlite")
    asked = prompts(tokenizer, 10)
    run(model, tokenizer, asked[:7], decoding, cache=cache, identity="m")
    plan = generate.plan(asked, Budget(100_000, 10), NEW)
    (done,) = generate.generate(model, tokenizer, asked, plan, decoding, cache=cache, identity="m")
    assert done.made == 3
    assert texts({one.key: one for one in done.answers}) == texts(run(model, tokenizer, asked, decoding))


@pytest.mark.slow
def test_errors_are_not_kept_in_the_cache(model, tokenizer, decoding, tmp_path):
    cache = AnswerCache(tmp_path / "answers.sqlite")
    run(Small(model, 0), tokenizer, prompts(tokenizer, 2), decoding, rows=1, cache=cache, identity="m")
    assert len(cache) == 0


def test_finished_batches_are_left_out_and_the_others_do_not_change(model, tokenizer, decoding):
    asked = prompts(tokenizer, 12, shared=20)
    plan = generate.plan(asked, Budget(100_000, 4), NEW)
    everything = list(generate.generate(model, tokenizer, asked, plan, decoding))
    rest = list(generate.generate(model, tokenizer, asked, plan, decoding, done=frozenset({0, 2})))
    assert [finished.batch for finished in rest] == [1]
    assert texts({a.key: a for a in rest[0].answers}) == texts({a.key: a for a in everything[1].answers})


@pytest.mark.parametrize("kind", ["plain", "other"])
def test_a_stop_is_seen_within_a_batch_and_finished_batches_were_handed_over(
    model, tokenizer, decoding, kind, monkeypatch
):
    monkeypatch.setattr(greedy, "_cache_kind", lambda base: kind)

    class Stopping:
        calls = 0

        def stage(self, name, total=None):
            pass

        def advance(self, n=1):
            self.calls += 1
            if n == 0 and self.calls > NEW + 3:
                raise Stopped("asked to stop")

    asked = prompts(tokenizer, 8)
    plan = generate.plan(asked, Budget(100_000, 4), NEW)
    never = Decoding(NEW, (len(tokenizer) - 1,))
    got = []
    with pytest.raises(Stopped):
        for finished in generate.generate(model, tokenizer, asked, plan, never, progress=Stopping()):
            got.append(finished.batch)
    assert got == [0]


def test_the_key_follows_everything_an_answer_depends_on():
    cpu = models.Device("cpu", "float32", "")
    base = {"model": "m", "adapter": None, "on": cpu, "attention": "sdpa"}
    others = [
        {"model": "n"}, {"adapter": "a"}, {"on": models.Device("cpu", "bfloat16", "")},
        {"on": models.Device("cuda", "float32", "")}, {"attention": "eager"},
    ]  # fmt: skip
    names = [identity(**base), *(identity(**(base | other)) for other in others)]
    assert len(set(names)) == len(names)
    keys = {
        answer_key("i", (1, 2), {"max_new_tokens": 8}), answer_key("i", (1, 2), {"max_new_tokens": 9}),
        answer_key("i", (12,), {"max_new_tokens": 8}), answer_key("j", (1, 2), {"max_new_tokens": 8}),
        answer_key("i", (1, 2), {"max_new_tokens": 8}, sample=1),
    }  # fmt: skip
    assert len(keys) == 5


def test_the_first_value_of_a_key_stays_and_thousands_can_be_asked_for_at_once(tmp_path):
    cache = AnswerCache(tmp_path / "deep" / "answers.sqlite")
    cache.put({f"k{index}": {"text": str(index)} for index in range(3000)})
    cache.put({"k1": {"text": "other"}})
    known = cache.get([f"k{index}" for index in range(5000)])
    assert len(known) == 3000
    assert known["k1"] == {"text": "1"}


def test_a_file_that_is_no_cache_says_what_to_do(tmp_path):
    (tmp_path / "answers.sqlite").write_text("not a database, but long enough to be read as one" * 30)
    with pytest.raises(TouchstoneError, match="cannot be used") as problem:
        AnswerCache(tmp_path / "answers.sqlite")
    assert "Delete this file" in problem.value.hint


WRITE = """
import sys
from pathlib import Path
from evals.cache import AnswerCache
cache = AnswerCache(Path(sys.argv[1]))
for number in range(int(sys.argv[3])):
    cache.put({f"{sys.argv[2]}-{number}-{part}": {"text": "x" * 2000} for part in range(20)})
    print(number, flush=True)
"""


def writing(path, name, batches):
    environment = {**os.environ, "PYTHONPATH": str(Path(generate.__file__).parent.parent)}
    command = [sys.executable, "-c", WRITE, str(path), name, str(batches)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


def test_processes_share_the_cache_and_a_killed_one_loses_no_finished_batch(tmp_path):
    path = tmp_path / "answers.sqlite"
    doomed, steady = writing(path, "doomed", 100_000), writing(path, "steady", 40)
    finished = [int(doomed.stdout.readline()) for _ in range(15)][-1]
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    assert steady.wait(60) == 0
    doomed.stdout.close(), steady.stdout.close()
    cache = AnswerCache(path)
    kept = cache.get([f"doomed-{number}-{part}" for number in range(finished + 1) for part in range(20)])
    assert len(kept) == 20 * (finished + 1)
    assert len(cache.get([f"steady-{number}-{part}" for number in range(40) for part in range(20)])) == 800
    assert len(cache) % 20 == 0


def adapters(model, folder):
    """Two adapters with random weights, as training leaves them behind."""
    from peft import LoraConfig, get_peft_model

    for seed, name in enumerate(("one", "two")):
        torch.manual_seed(seed)
        config = LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False, lora_alpha=8)
        wrapped = get_peft_model(model, config)
        wrapped.save_pretrained(folder / name)
        wrapped.unload()
    return {name: folder / name for name in ("one", "two")}


def adapter_answers(model, tokenizer, asked, decoding, folder):
    before = texts(run(model, tokenizer, asked, decoding))
    loaded = generate.load_adapters(model, adapters(model, folder))
    seen = {}
    for name in ("one", None, "two", None, "one"):
        with generate.adapter(loaded, name) as active:
            answers = texts(run(active, tokenizer, asked, decoding))
        assert seen.setdefault(name, answers) == answers
    assert seen[None] == before
    assert seen["one"] != before
    assert seen["one"] != seen["two"]


@pytest.mark.model  # importing peft alone takes 5 s
def test_one_loaded_base_answers_as_itself_and_as_each_of_its_adapters(tokenizer, decoding, tmp_path):
    adapter_answers(
        small("plain", tokenizer), tokenizer, prompts(tokenizer, 8, shared=20), decoding, tmp_path
    )


def test_without_adapters_the_base_is_used_as_it_is(model):
    assert generate.load_adapters(model, {}) is model
    with generate.adapter(model, None) as active:
        assert active is model


QUESTIONS = [
    "What is the capital of France?", "Name three fruits.", "I want to return the blue jacket.", "2 + 2?",
    "Write one sentence about the sea.", "Is water wet?", "Please cancel my order 4412 and send me a refund.", "Hi",
]  # fmt: skip


def real_prompts(loaded, system_prompt):
    rows = [chat.with_system([{"role": "user", "content": text}], system_prompt) for text in QUESTIONS]
    return [Prompt(str(i), tuple(chat.prompt_ids(loaded.tokenizer, row))) for i, row in enumerate(rows)]


@pytest.mark.model
def test_the_packaged_model_answers_alike_alone_in_batches_and_with_a_shared_beginning(
    packaged_model, monkeypatch, tmp_path
):
    shots = "\n".join(f"Message: {text}\nTopic: {text.split()[-1]}" for text in QUESTIONS * 2)
    asked = real_prompts(packaged_model, f"Name the topic of a message.\n{shots}")
    ends = chat.stop_ids(packaged_model.tokenizer, packaged_model.model.generation_config)
    decoding = Decoding(20, tuple(sorted(ends)))
    cache = AnswerCache(tmp_path / "answers.sqlite")
    pair = packaged_model.model, packaged_model.tokenizer
    shared = run(*pair, asked, decoding, rows=8, cache=cache, identity="m")
    assert greedy.shared_prefix([prompt.ids for prompt in asked]) > 100
    assert texts(run(*pair, asked, decoding, rows=1)) == texts(shared)
    monkeypatch.setattr(greedy, "LEAST_PREFIX", 1 << 30)
    assert texts(run(*pair, asked, decoding, rows=8)) == texts(shared)
    stored = run(
        Small(packaged_model.model, 0), packaged_model.tokenizer, asked, decoding, cache=cache, identity="m"
    )
    assert texts(stored) == texts(shared)


@pytest.mark.model
def test_the_packaged_model_with_its_adapters_disabled_is_the_base(packaged_model, tmp_path):
    model = models.load_model(str(packaged_model.path), models.device("cpu"))
    ends = chat.stop_ids(packaged_model.tokenizer, model.generation_config)
    asked = real_prompts(packaged_model, None)[:4]
    adapter_answers(model, packaged_model.tokenizer, asked, Decoding(12, tuple(sorted(ends))), tmp_path)
