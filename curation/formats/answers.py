"""Rows of named texts: preference pairs, instruction and output, question and answer, text and label."""

from __future__ import annotations

import json
import re
from typing import Any

from curation.formats.chats import chat, from_value
from curation.formats.turns import Read, Row, Turn, Unreadable, asked, pair, said, tagged, tool_list

_QUESTIONS = ("query", "question", "prompt", "input", "user", "Q", "inputs")
_ANSWERS = (
    "response",
    "answer",
    "answers",
    "output",
    "target",
    "assistant",
    "A",
    "targets",
    "canonical_solution",
)
_TEXTS = ("text", "sentence", "utterance", "content", "message")
_LABELS = ("label", "intent", "category", "class", "target", "sentiment")
_EMPTY_INPUT = re.compile(r"(?i)\W*(no ?input|nan|n/?a|none)\W*")
_HH = re.compile(r"\n\n(Human|Assistant): ?")


def _present(row: Row, *keys: str) -> frozenset[str]:
    return frozenset(key for key in keys if key in row)


def sided(value: object, role: str = "assistant") -> list[Turn] | None:
    """One side of a pair: text, one message, or a list of messages."""
    if isinstance(value, str):
        return [said(role, value)]
    if isinstance(value, dict):
        return tagged([value]) if "from" in value else chat([value])
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return tagged(value) if from_value(value) else chat(value)
    return None


def is_preference(row: Row) -> bool:
    """Whether it has the keys of a preference pair."""
    return "chosen" in row and "rejected" in row


def read_preference(row: Row) -> list[Read]:
    """A pair with or without a prompt; each side a text, a message, or a chat."""
    chosen, rejected = row["chosen"], row["rejected"]
    key = next(
        (name for name in ("prompt", "instruction", "question", "query", "messages") if row.get(name)), None
    )
    taken = {"chosen", "rejected", "tools"} | ({key} if key else set())
    tools = tool_list(row.get("tools"))
    if key is None and isinstance(chosen, str) and isinstance(rejected, str) and _HH.match(chosen):
        left, right, prompt = _hh(chosen), _hh(rejected), None
    else:
        left, right = both(sided(chosen), sided(rejected))
        prompt = sided(row[key], "user") if key else None
        if key == "instruction":
            taken |= {"input", "system", "history"}
            prompt = asked(instruction(row), row.get("system"), row.get("history"))
    given, chosen, rejected = pair(left, right, prompt)
    return [Read(given, frozenset(taken & set(row)), tools, chosen, rejected)]


def both(left: list[Turn] | None, right: list[Turn] | None) -> tuple[list[Turn], list[Turn]]:
    """Both sides.

    Raises:
        Unreadable: one is neither text nor messages.
    """
    if not left or not right:
        raise Unreadable(f"`{'chosen' if not left else 'rejected'}` is neither text nor a list of messages")
    return left, right


def _hh(text: str) -> list[Turn]:
    """A dialogue written as one text: blank line, `Human:` or `Assistant:`, words."""
    parts = _HH.split(text)[1:]
    return [
        said("user" if who == "Human" else "assistant", words.strip())
        for who, words in zip(parts[::2], parts[1::2], strict=True)
    ]


def read_whole_chats(row: Row) -> list[Read]:
    """Two whole chats that begin alike."""
    left, right = both(sided(row["chosen_messages"]), sided(row["rejected_messages"]))
    prompt, chosen, rejected = pair(left, right, None)
    taken = _present(row, "chosen_messages", "rejected_messages", "tools")
    return [Read(prompt, taken, tool_list(row.get("tools")), chosen, rejected)]


def read_openai_preference(row: Row) -> list[Read]:
    """OpenAI's preference form."""
    asked_for = row.get("input")
    if not isinstance(asked_for, dict) or not isinstance(asked_for.get("messages"), list):
        raise Unreadable("`input` has no list of `messages`")
    left, right = both(sided(row["preferred_output"]), sided(row["non_preferred_output"]))
    prompt, chosen, rejected = pair(left, right, chat(asked_for["messages"]))
    taken = _present(row, "input", "preferred_output", "non_preferred_output")
    return [Read(prompt, taken, tool_list(asked_for.get("tools")), chosen, rejected)]


def instruction(row: Row) -> str:
    """The question of an Alpaca row: the instruction, then its input where there is one."""
    given = row.get("input")
    more = given if isinstance(given, str) and given.strip() and not _EMPTY_INPUT.fullmatch(given) else ""
    if not isinstance(row.get("instruction"), str):
        raise Unreadable("`instruction` is not text")
    return f"{row['instruction']}\n{more}" if more else str(row["instruction"])


def is_alpaca(row: Row) -> bool:
    """Whether it has the keys of an Alpaca row."""
    return "instruction" in row and "output" in row


def read_alpaca(row: Row) -> list[Read]:
    """Instruction, input and output, with system text and history."""
    turns = asked(instruction(row), row.get("system"), row.get("history"))
    taken = _present(row, "instruction", "input", "output", "system", "history")
    return answered(turns, row["output"], taken)


def answered(turns: list[Turn], answer: object, taken: frozenset[str]) -> list[Read]:
    """One example; of several accepted answers the first is the answer and all are kept in the metadata."""
    if isinstance(answer, dict) and isinstance(answer.get("text"), list):
        answer = answer["text"]
    if isinstance(answer, list):
        if not answer or not all(isinstance(one, str) for one in answer):
            raise Unreadable("the answers are not a list of texts")
        return [Read([*turns, said("assistant", answer[0])], taken, more={"answers": answer})]
    return [Read([*turns, said("assistant", answer)], taken)]


def is_completion(row: Row) -> bool:
    """Whether it has the keys of a completion row."""
    return "completion" in row and "prompt" in row


def read_completion(row: Row) -> list[Read]:
    """Prompt and completion, both texts or both chats; a boolean label says whether the answer is wanted (KTO)."""
    prompt, completion = row["prompt"], row["completion"]
    taken = {"prompt", "completion", "tools"}
    if isinstance(prompt, str) and isinstance(completion, str):
        # The legacy API asked for one space in front of every completion.
        spoken = completion[1:] if completion[:1] == " " and completion[1:2].strip() else completion
        turns, answer = [said("user", prompt)], [said("assistant", spoken)]
    else:
        turns, answer = sided(prompt, "user") or [], sided(completion) or []
        if not turns or not answer:
            raise Unreadable("`prompt` and `completion` are neither texts nor lists of messages")
    more: dict[str, Any] = {}
    if "label" in row and (isinstance(row["label"], bool) or row["label"] in (0, 1)):
        taken |= {"label"}
        more = {"desirable": bool(row["label"])}
    return [Read([*turns, *answer], frozenset(taken & set(row)), tool_list(row.get("tools")), more=more)]


def pair_keys(row: Row) -> tuple[str, str] | None:
    """The keys of the question and of the answer; None when one is missing."""
    question = next((name for name in _QUESTIONS if isinstance(row.get(name), str)), None)
    answer = next(
        (name for name in _ANSWERS if name != question and isinstance(row.get(name), str | list | dict)), None
    )
    return (question, answer) if question and answer else None


def read_pair(row: Row) -> list[Read]:
    """A question and an answer under any of their usual names."""
    question, answer = pair_keys(row) or ("", "")
    taken = {question, answer, "history", "system"}
    prompt = row[question]
    if isinstance(row.get("context"), str) and row["context"].strip():
        prompt, taken = f"{row['context']}\n\n{prompt}", taken | {"context"}
    return answered(
        asked(prompt, row.get("system"), row.get("history")), row[answer], frozenset(taken & set(row))
    )


def labelled_keys(row: Row) -> tuple[str, str] | None:
    """The keys of the text and of its label; None when one is missing."""
    text = next((name for name in _TEXTS if isinstance(row.get(name), str)), None)
    label = next((name for name in _LABELS if isinstance(row.get(name), str | int)), None)
    return (text, label) if text and label and not isinstance(row[label], bool) else None


def read_labelled(row: Row) -> list[Read]:
    """A text and its label: the label is the answer."""
    text, label = labelled_keys(row) or ("", "")
    name = str(row[label]).strip()
    return [Read([said("user", row[text]), said("assistant", name)], frozenset((text, label)), label=name)]


def read_text(row: Row) -> list[Read]:
    """A text alone: something to write, with nothing asked."""
    if any(
        mark in row["text"] for mark in ("<|im_start|>", "[INST]", "<start_of_turn>", "<|start_header_id|>")
    ):
        raise Unreadable("`text` is a chat that was rendered already; import the turns it was made of")
    return [Read([said("assistant", row["text"])], frozenset(("text",)))]


def is_slots(row: Row) -> bool:
    """Whether it is a text in pieces, some of which name an entity."""
    data = row.get("data")
    return (
        isinstance(data, list) and bool(data) and all(isinstance(one, dict) and "text" in one for one in data)
    )


def read_slots(row: Row) -> list[Read]:
    """A text in pieces: the answer is a JSON object of its entities, a list where one occurs again."""
    slots: dict[str, Any] = {}
    for piece in row["data"]:
        if not isinstance(piece["text"], str):
            raise Unreadable("a piece of `data` is not text")
        if name := piece.get("entity"):
            before = slots.get(name)
            slots[name] = (
                piece["text"]
                if before is None
                else [*(before if isinstance(before, list) else [before]), piece["text"]]
            )
    turns = [said("user", "".join(piece["text"] for piece in row["data"]))]
    return [Read([*turns, said("assistant", json.dumps(slots, ensure_ascii=False))], frozenset(("data",)))]
