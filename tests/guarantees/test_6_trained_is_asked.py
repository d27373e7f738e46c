"""Guarantee 6: what the model is trained on is what it is asked at inference.

For every answer that carries loss, the tokens before it are exactly those inference sends for the turns before it,
and the tokens with loss are what a served model has to write, its end of turn included.
"""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import chat

NAMES = ("chatml", "llama3", "qwen3", "gemma", "mistral")
# beginnings and ends that tokenizers like to merge with what stands beside them
EDGE = st.sampled_from(
    ["", "\n", "\n\n", " ", "  ", "\t", "\n ", "{", '"', "é", "漢", "🙂", "<", "1", "'s", "</"]
)
WORDS = st.text(st.characters(codec="utf-8", exclude_characters="▁\x00"), min_size=1, max_size=20)
TEXT = st.builds(lambda a, b, c: a + b + c, EDGE, WORDS, EDGE).filter(str.strip)


@st.composite
def conversations(draw):
    turns = []
    for _ in range(draw(st.integers(1, 3))):
        question = {"role": "user", "content": draw(TEXT)}
        turns += [question, {"role": "assistant", "content": draw(TEXT)}]
    return chat.with_system(turns, draw(st.one_of(st.none(), TEXT)))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40)
@given(turns=conversations())
def test_before_every_trained_answer_stand_the_very_tokens_inference_sends(families, name, turns):
    tokenizer = families[name]
    answered = []
    for row in chat.render(tokenizer, turns):
        labels = [*row.labels, chat.NO_LOSS]
        starts = [
            i
            for i in range(1, len(row.labels))
            if labels[i] != chat.NO_LOSS and labels[i - 1] == chat.NO_LOSS
        ]
        asked = [k for k in range(row.row_turn + 1) if turns[k]["role"] == "assistant"][-len(starts) :]
        for start, k in zip(starts, asked, strict=True):
            assert chat.prompt_ids(tokenizer, turns[:k]) == list(row.input_ids[:start])
            end = labels.index(chat.NO_LOSS, start)
            answer = list(row.input_ids[start:end])
            assert list(row.labels[start:end]) == answer
            assert answer[-1] in chat.stop_ids(tokenizer)
            assert chat.answer_text(tokenizer, answer) == turns[k]["content"].strip()
            answered.append(k)
    assert answered == [k for k, turn in enumerate(turns) if turn["role"] == "assistant"]


@pytest.mark.parametrize("name", NAMES)
def test_the_prompt_is_what_the_tokenizer_itself_makes_of_the_turns(families, name):
    turns = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}]
    turns.append({"role": "user", "content": "What is 2+2?"})
    own = families[name].apply_chat_template(
        turns, tokenize=True, add_generation_prompt=True, return_dict=False
    )
    assert chat.prompt_ids(families[name], turns) == list(own)


@pytest.mark.model
def test_the_packaged_model_is_asked_the_tokens_it_is_trained_on(packaged_model):
    tokenizer = packaged_model.tokenizer
    turns = chat.with_system(
        [
            {"role": "user", "content": "Cancel order 4412"},
            {"role": "assistant", "content": '{"intent": "cancel"}'},
        ],
        "Answer in JSON.",
    )
    (row,) = chat.render(tokenizer, turns)
    prompt = chat.prompt_ids(tokenizer, turns[:-1])
    assert list(row.input_ids[: len(prompt)]) == prompt
    assert set(row.labels[: len(prompt)]) == {chat.NO_LOSS}
    trained = [label for label in row.labels if label != chat.NO_LOSS]
    assert tokenizer.decode(trained) == '{"intent": "cancel"}<|im_end|>'
