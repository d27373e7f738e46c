"""Chats become tokens with a loss mask, on five families of chat templates."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation import chat
from curation.dialect import TemplateProblem, dialect_of

NAMES = ("chatml", "llama3", "qwen3", "gemma", "mistral")
FAMILY = pytest.mark.parametrize("name", NAMES)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="▁\x00"), min_size=1, max_size=30).filter(
    str.strip
)
TOOL = {"type": "function", "function": {"name": "weather", "description": "The weather.", "parameters": {}}}


def system(text):
    return {"role": "system", "content": text}


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


def calling(arguments, content=None):
    function = {"name": "weather", "arguments": arguments}
    return {
        "role": "assistant",
        "content": content,
        "tool_calls": [{"id": "call_abcdefgh_1", "type": "function", "function": function}],
    }


CHAT = [system("Be brief."), user("Hi"), assistant("Hello!"), user("What is 2+2?"), assistant("It is 4.")]
TOOL_CHAT = [
    user("Is it sunny in Rome?"),
    calling('{"city": "Rome", "note": "it\'s"}'),
    {"role": "tool", "content": "sunny", "tool_call_id": "call_abcdefgh_1"},
    assistant("It is sunny."),
]


@st.composite
def conversations(draw):
    turns = [system(draw(TEXT))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        turns += [user(draw(TEXT)), assistant(draw(TEXT))]
    return turns


def trained_texts(row):
    return [piece.text for piece in row.pieces if piece.trained]


@FAMILY
@settings(max_examples=20)
@given(turns=conversations())
def test_every_label_is_the_token_at_its_place_and_every_answer_carries_loss_once(families, name, turns):
    tokenizer = families[name]
    rows = chat.render(tokenizer, turns)
    for row in rows:
        assert len(row.input_ids) == len(row.labels)
        assert all(
            label in (chat.NO_LOSS, token) for label, token in zip(row.labels, row.input_ids, strict=True)
        )
        assert row.turns[0].start == 0
        assert row.turns[-1].end == len(row.input_ids)
        assert "".join(piece.text for piece in row.pieces) == row.text
    trained = sum(len(trained_texts(row)) for row in rows)
    assert trained == sum(turn["role"] == "assistant" for turn in turns)


@FAMILY
@settings(max_examples=20)
@given(turns=conversations())
def test_the_last_token_with_loss_in_each_answer_is_the_end_of_turn(families, name, turns):
    tokenizer = families[name]
    end = chat.end_of_turn(tokenizer)
    for row in chat.render(tokenizer, turns):
        for index, label in enumerate(row.labels):
            last = label != chat.NO_LOSS and (
                index + 1 == len(row.labels) or row.labels[index + 1] == chat.NO_LOSS
            )
            assert not last or label == end


@FAMILY
@settings(max_examples=20)
@given(turns=conversations())
def test_the_coloured_view_decoded_from_stored_labels_is_that_of_the_rendered_text(families, name, turns):
    tokenizer = families[name]
    for row in chat.render(tokenizer, turns):
        assert chat.pieces(tokenizer, row.input_ids, row.labels) == row.pieces


@FAMILY
@settings(max_examples=20)
@given(turns=conversations())
def test_the_trained_tokens_of_an_answer_read_back_as_its_content(families, name, turns):
    tokenizer = families[name]
    row = chat.render(tokenizer, turns)[-1]
    start = len(chat.prompt_ids(tokenizer, turns[:-1]))
    ids = [label for label in row.labels[start:] if label != chat.NO_LOSS]
    assert chat.answer_text(tokenizer, ids) == turns[-1]["content"].strip()


@FAMILY
def test_an_answer_of_weight_0_is_read_and_never_learned(families, name):
    light = [dict(turn) for turn in CHAT]
    light[2]["weight"] = 0
    rows = chat.render(families[name], light)
    assert [text for row in rows for text in trained_texts(row)] == [
        text for text in trained_texts_of_all(families[name]) if "It is 4." in text
    ]
    assert any("Hello!" in row.text for row in rows)
    light[4]["weight"] = 0
    with pytest.raises(TemplateProblem, match="weight 0"):
        chat.render(families[name], light)


def trained_texts_of_all(tokenizer):
    return [text for row in chat.render(tokenizer, CHAT) for text in trained_texts(row)]


def test_a_template_that_only_appends_gives_one_row_for_the_whole_chat(families):
    rows = chat.render(families["chatml"], CHAT)
    assert [row.row_turn for row in rows] == [4]
    assert trained_texts(rows[0]) == ["Hello!<|im_end|>", "It is 4.<|im_end|>"]
    assert [(span.role, span.trained) for span in rows[0].turns] == [
        ("system", False), ("user", False), ("assistant", True), ("user", False), ("assistant", True),
    ]  # fmt: skip


def test_a_template_that_drops_earlier_reasoning_gives_one_row_for_each_answer(families):
    turns = [
        user("1+1?"),
        assistant("<think>\none and one\n</think>\n\nTwo."),
        user("And 2+2?"),
        assistant("<think>\ntwo and two\n</think>\n\nFour."),
    ]
    first, second = chat.render(families["qwen3"], turns)
    assert (first.row_turn, second.row_turn) == (1, 3)
    assert trained_texts(first) == ["<think>\none and one\n</think>\n\nTwo.<|im_end|>"]
    assert trained_texts(second) == ["<think>\ntwo and two\n</think>\n\nFour.<|im_end|>"]
    assert "one and one" not in second.text


def test_a_template_that_moves_the_system_text_gives_one_row_for_each_answer(families):
    rows = chat.render(families["mistral"], CHAT)
    assert [row.row_turn for row in rows] == [2, 4]
    assert [row.text.count("Be brief.") for row in rows] == [1, 1]


def test_a_template_without_a_system_turn_gets_its_text_before_the_first_question(families):
    tokenizer = families["gemma"]
    (row,) = chat.render(tokenizer, CHAT)
    assert row.text.startswith("<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>")
    prompt = chat.prompt_ids(tokenizer, CHAT[:2])
    assert list(row.input_ids[: len(prompt)]) == prompt


def test_the_bos_token_is_written_once(families):
    for name in ("llama3", "gemma", "mistral"):
        tokenizer = families[name]
        (row, *_) = chat.render(tokenizer, CHAT)
        assert list(row.input_ids).count(tokenizer.bos_token_id) == 1


def test_an_answer_that_merges_with_its_header_is_tokenised_apart_from_it(families):
    tokenizer = families["chatml"]
    turns = [user("Hi"), assistant("\n\nHello")]
    (row,) = chat.render(tokenizer, turns)
    prompt = chat.prompt_ids(tokenizer, turns[:1])
    whole = tokenizer(row.text, add_special_tokens=False)["input_ids"]
    assert whole[: len(prompt)] != prompt  # else this test tests nothing
    assert list(row.input_ids[: len(prompt)]) == prompt
    assert trained_texts(row) == ["\n\nHello<|im_end|>"]
    assert tokenizer.decode(row.input_ids) == row.text


def test_gemma_stops_at_its_end_of_turn_which_is_not_the_tokenizers_eos(families):
    tokenizer = families["gemma"]
    end = tokenizer.convert_tokens_to_ids("<end_of_turn>")
    assert chat.end_of_turn(tokenizer) == end
    assert chat.stop_ids(tokenizer) == {end, tokenizer.eos_token_id}


def test_the_eos_tokens_of_the_generation_settings_stop_too(families):
    class Settings:
        eos_token_id = [7, 8]

    assert {7, 8, chat.end_of_turn(families["llama3"])} <= chat.stop_ids(families["llama3"], Settings())


@FAMILY
@pytest.mark.parametrize("arguments", ['{"city": "Rome", "note": "it\'s"}', {"city": "Rome", "note": "it's"}])
def test_call_arguments_are_written_as_one_json_object_however_they_were_given(families, name, arguments):
    turns = [TOOL_CHAT[0], calling(arguments), *TOOL_CHAT[2:]]
    rows = chat.render(families[name], turns, [TOOL])
    said = trained_texts(rows[0])[0]
    at = said.index("{", said.index("weather"))
    value, _ = json.JSONDecoder().raw_decode(said[at:])
    assert value == {"city": "Rome", "note": "it's"}
    assert "None" not in said


@FAMILY
def test_tools_results_and_the_answer_after_them_reach_the_model(families, name):
    rows = chat.render(families[name], TOOL_CHAT, [TOOL["function"]])
    assert "The weather." in rows[-1].text
    assert "sunny" in rows[-1].text
    assert trained_texts(rows[-1])[-1].count("It is sunny.") == 1


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        ("{{ call.arguments }}", "text"),
        ("{{ call.arguments | tojson }}", "object"),
        ("{{ call.name }}", "written"),
    ],
)
def test_a_template_gets_call_arguments_in_the_form_it_writes_as_json(changed, written, kind):
    calls = (
        "{% for one in message.tool_calls or [] %}{% set call = one.function %}"
        '{"name": "{{ call.name }}", "arguments": ' + written + "}{% endfor %}"
    )
    changed.chat_template = changed.chat_template.replace(
        "+ message['content'] + '<|im_end|>' + '\\n' }}",
        "+ message['content'] }}" + calls + "{{ '<|im_end|>\\n' }}",
    )
    assert dialect_of(changed).calls == kind
    (row,) = chat.render(changed, TOOL_CHAT, [TOOL])
    assert '"arguments": {"city": "Rome", "note": "it\'s"}' in row.text.replace("\\u0027", "'")


def test_mistral_gets_call_ids_of_nine_letters_that_still_match(families):
    text = chat.render(families["mistral"], TOOL_CHAT, [TOOL])[-1].text
    call, result = text.index('"id": "') + 7, text.index('"call_id": "') + 12
    assert text[call : call + 9] == text[result : result + 9]
    assert text[call + 9] == '"'


@FAMILY
def test_a_missing_none_and_empty_content_beside_a_call_are_the_same(families, name):
    rendered = []
    for content in (None, "", ...):
        turn = calling({"city": "Rome"}, content)
        if content is ...:
            del turn["content"]
        rendered.append(chat.render(families[name], [user("Rome?"), turn], [TOOL]))
    assert rendered[0] == rendered[1] == rendered[2]


def test_a_developer_turn_is_a_system_turn(families):
    developer = [{"role": "developer", "content": "Be brief."}, *CHAT[1:]]
    tokens = [
        [row.input_ids for row in chat.render(families["llama3"], turns)] for turns in (developer, CHAT)
    ]
    assert tokens[0] == tokens[1]


@pytest.mark.parametrize(
    ("turns", "says"),
    [
        ([], "no answer to train on"),
        ([user("Hi")], "no answer to train on"),
        ([user("Hi"), assistant("  ")], "empty"),
        ([user("Hi"), assistant("A"), assistant("B")], "follow each other"),
    ],
)
def test_a_chat_that_cannot_be_trained_on_says_why(families, turns, says):
    with pytest.raises(TemplateProblem, match=says):
        chat.render(families["chatml"], turns)


def test_what_a_template_refuses_is_told_in_its_own_words(families):
    with pytest.raises(TemplateProblem, match="must alternate"):
        chat.render(families["gemma"], [user("a"), user("b"), assistant("c")])


def test_a_prompt_that_ends_with_an_answer_is_refused(families):
    with pytest.raises(TemplateProblem, match="asks for an answer"):
        chat.prompt_ids(families["chatml"], CHAT)


@pytest.fixture
def changed(families):
    """A tokenizer whose template may be changed in a test."""
    tokenizer = families["chatml"]
    before = tokenizer.chat_template
    yield tokenizer
    tokenizer.chat_template = before


def test_a_tokenizer_without_a_template_is_refused(changed):
    changed.chat_template = None
    with pytest.raises(TemplateProblem, match="no chat template"):
        chat.render(changed, CHAT)


def test_a_template_that_never_ends_a_turn_is_refused(changed):
    changed.chat_template = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + '\n' }}{% endfor %}"
    with pytest.raises(TemplateProblem, match="no end-of-turn token"):
        chat.render(changed, CHAT)


def test_a_template_whose_prompt_is_not_what_it_writes_with_the_answer_is_refused(changed):
    changed.chat_template = changed.chat_template.replace(
        "{{ '<|im_start|>assistant\\n' }}", "{{ '<|im_start|>assistant\\n<think>\\n' }}"
    )
    with pytest.raises(TemplateProblem, match="not how its text with the answer begins"):
        chat.render(changed, CHAT)


def test_another_template_on_the_same_tokenizer_is_probed_anew(changed):
    assert dialect_of(changed).system_turn
    refusing = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no') }}{% endif %}"
    changed.chat_template = refusing + changed.chat_template
    assert not dialect_of(changed).system_turn


def test_a_system_prompt_is_added_only_where_the_row_has_none():
    assert chat.with_system([user("Hi")], "Be kind.")[0] == system("Be kind.")
    assert chat.with_system(CHAT, "Be kind.") == CHAT
    assert chat.with_system([user("Hi")], None) == [user("Hi")]


@FAMILY
def test_tokens_are_counted_as_the_template_writes_them(families, name):
    tokenizer = families[name]
    row = chat.render(tokenizer, CHAT)[-1]
    counts = chat.count_tokens(tokenizer, [CHAT, CHAT[:3], [assistant("a"), assistant("b")]])
    assert counts[0] == len(row.input_ids)
    assert 0 < counts[1] < counts[0]
    assert counts[2] > 0


def test_reasoning_is_not_part_of_what_an_answer_says(families):
    tokenizer = families["qwen3"]
    ids = tokenizer("<think>\nhm\n</think>\n\nFour.<|im_end|>", add_special_tokens=False)["input_ids"]
    assert chat.answer_text(tokenizer, ids) == "Four."
    assert chat.raw_text(tokenizer, ids).startswith("<think>")
    unfinished = tokenizer("<think>\nhm", add_special_tokens=False)["input_ids"]
    assert chat.answer_text(tokenizer, unfinished) == ""
