"""The checks of single texts: what they mark, and what they leave alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.checks.mojibake import _wrong
from curation.checks.pii import _luhn, _mod_97
from tests.curation.conftest import chat


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("Sure.<|im_end|> More", "<|im_end|>"),
        ("[INST] do it [/INST]", "[INST]"),
        ("### Response:\nyes", "### Response:"),
        ("yes\nHuman: and then?", "Human:"),
        ("äöü <start_of_turn>model", "<start_of_turn>"),
    ],
)
def test_template_marks_block_where_they_stand(flags, text, mark):
    ((_, severity, turn, marked, _),) = flags("template_tokens", [{"messages": chat("go", text)}])
    assert (severity, turn, marked) == ("block", 1, mark)


@pytest.mark.parametrize(
    "text", ["a <b> tag", "see ### Response times", "a|b", "He said: Human: nature", "x < y"]
)
def test_ordinary_marks_are_no_template(flags, text):
    assert flags("template_tokens", [{"messages": chat("go", text)}]) == []


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with that.",
        "I cannot assist with this request.",
        "Unfortunately, I’m not able to provide legal advice.",
        "As an AI language model, I have no feelings.",
        "I must decline.",
        "I won't be able to help you with this.",
    ],
)
def test_refusals_are_worth_a_look(flags, text):
    ((_, severity, turn, *_),) = flags("refusal", [{"messages": chat("go", text)}])
    assert (severity, turn) == ("look", 1)


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry to hear that. Your refund is on its way.",
        "Sorry for the delay - here is the invoice.",
        "Do you need any help?",
        "I can't wait to help you with this.",
        "You cannot provide two addresses for one order.",
        "x" * 250 + " I cannot help with that.",
    ],
)
def test_an_apology_alone_is_no_refusal(flags, text):
    assert flags("refusal", [{"messages": chat("I can't help it", text)}]) == []


SYSTEM = "You file tickets for the Größe desk. Answer with one line of JSON and nothing else at all."


@pytest.mark.parametrize(
    ("answer", "marked"),
    [
        (f"{SYSTEM} ok", SYSTEM.removesuffix(".")),
        (
            "So: FILE tickets for the GRÖßE desk, answer with one line.",
            "FILE tickets for the GRÖßE desk, answer with one line",
        ),
        ("answer with one line of json and nothing", "answer with one line of json and nothing"),
    ],
)
def test_eight_words_of_the_system_prompt_in_a_row_are_a_leak(flags, answer, marked):
    ((_, severity, turn, found, _),) = flags("prompt_leakage", [{"messages": chat("go", answer, SYSTEM)}])
    assert (severity, turn, found) == ("fix", 2, marked)


@pytest.mark.parametrize(
    "answer",
    [
        "Answer with one line of JSON and",
        "with one line of text and nothing else",
        "You file tickets. Answer with one line of JSON.",
    ],
)
def test_seven_words_or_scattered_ones_are_no_leak(flags, answer):
    assert flags("prompt_leakage", [{"messages": chat("go", answer, SYSTEM)}]) == []


def test_the_prompt_of_another_chat_is_no_leak(flags):
    rows = [{"messages": chat("go", SYSTEM)}, {"messages": chat("go", "ok", SYSTEM)}]
    assert flags("prompt_leakage", rows) == []


@pytest.mark.parametrize(
    ("text", "marked", "right"),
    [
        ("das ist schÃ¶n hier", "schÃ¶n", "schön"),
        ("costs Â£5 now", "Â£5", "£5"),
        ("it â€™ is", "â€™", "’"),
        ("un cafÃ©, sÃ»r", "cafÃ©,", "café,"),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚ to you", "ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Привет"),
    ],
)
def test_broken_letters_are_marked_with_what_they_should_be(flags, text, marked, right):
    ((_, severity, _, found, message), *_) = flags("mojibake", [{"messages": chat(text, "ok")}])
    assert (severity, found) == ("fix", marked)
    assert f'should be "{right}"' in message


def test_a_lost_letter_is_marked(flags):
    ((_, _, _, found, message),) = flags("mojibake", [{"messages": chat("a caf\ufffd there", "ok")}])
    assert found == "caf\ufffd" and "lost" in message


@pytest.mark.parametrize(
    "text",
    [
        "schön",
        "“quoted” – ‘text’…",
        "LE CAFÉ»",
        "NÃO É SÓ",
        "Ærøskøbing",
        "100 °C ± 2",
        "naïve façade",
        "ÅÄÖ",
        "«MAÇû",
        "Привет",
        "日本語",
        "Ã",
        "„TÄ“",
        "ﬁne",
        "AT&amp;T",
        "señor Ñandú",
        "ÂNGELO",
    ],
)
def test_right_letters_are_left_alone(flags, text):
    assert flags("mojibake", [{"messages": chat(text, "ok")}]) == []


@given(st.text(st.sampled_from("äöüßéèàçñøåÄÖÜÉ€£°§—’“abcdefg "), min_size=1, max_size=20))
def test_any_west_european_text_read_wrongly_is_recognised(text):
    try:
        wrong = text.encode("utf-8").decode("cp1252")
    except UnicodeDecodeError:
        return
    if wrong != text:
        assert list(_wrong(wrong))


@pytest.mark.parametrize(
    ("text", "marked", "shown"),
    [
        ("write to jane.doe+x@mail-box.org.", "jane.doe+x@mail-box.org", "(j…@….org)"),
        ("pay DE89 3704 0044 0532 0130 00 now", "DE89 3704 0044 0532 0130 00", "(DE…00)"),
        ("card 4000 0012 3456 7899 ok", "4000 0012 3456 7899", "(40…99)"),
        ("call +44 20 7946 0123 today", "+44 20 7946 0123", "(+4…23)"),
        ("seen from 84.112.7.33, twice", "84.112.7.33", "(84…33)"),
        ("and 2a02:8388:1:2:3:4:5:6 too", "2a02:8388:1:2:3:4:5:6", "(2a…56)"),
    ],
)
def test_personal_data_is_marked_and_masked_in_the_message(flags, text, marked, shown):
    ((_, severity, _, found, message),) = flags("pii", [{"messages": chat(text, "ok")}])
    assert (severity, found) == ("look", marked)
    assert shown in message and marked not in message


@pytest.mark.parametrize(
    "text",
    [
        "me@example.com",
        "a@b",
        "x@host.test",
        "4111 1111 1111 1111",
        "order 4000001234567890",
        "id 77-4000 0012 3456 7899-31",
        "version 1.2.3.4",
        "v84.112.7.33",
        "192.168.1.4, 10.0.0.7, 127.0.0.1, 300.1.2.3",
        "192.0.2.17, 198.51.100.4, 203.0.113.9, 2001:db8:1:2:3:4:5:6",
        "8.8.8.8 and 34.64.0.0/10",
        "1.84.112.7.33",
        "at 12:30:45:12 sharp",
        "DE89 3704 0044 0532 0130 01",
        "550e8400-e29b-41d4-a716-446655440000",
        "2024-01-31 12:00",
        "+5 points",
        "0000 0000 0000 0000",
    ],
)
def test_documentation_values_and_other_numbers_are_left_alone(flags, text):
    assert flags("pii", [{"messages": chat(text, "ok")}]) == []


def test_check_digits_are_right():
    assert _luhn("4539 1488 0343 6467") and not _luhn("4539 1488 0343 6468")
    assert _mod_97("GB82 WEST 1234 5698 7654 32") and not _mod_97("GB82 WEST 1234 5698 7654 33")
