"""What one chat template can say: found by rendering small probes, never guessed from a model's name.

Training and inference both render through `Dialect.text`, so a chat is adapted to a template in one way only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from curation.errors import BadInput
from curation.example import Message, text_of
from curation.files import sha256

ANSWER, SYSTEM, RESULT, KEY, CALL_ID = "probeanswer", "probesystem", "probe result", "probekey", "probeid01"
CALL: Message = {
    "role": "assistant",
    "tool_calls": [
        {
            "id": CALL_ID,
            "type": "function",
            "function": {"name": "probe_call", "arguments": {KEY: "probevalue"}},
        }
    ],
}
TOOL: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "probe_tool",
        "description": "A probe.",
        "parameters": {"type": "object", "properties": {KEY: {"type": "string", "description": "A probe."}}},
    },
}
ASK: Message = {"role": "user", "content": "probe"}
ROLES = {"developer": "system", "function": "tool"}
KEPT = ("role", "content", "name", "tool_call_id", "reasoning_content")


class TemplateProblem(BadInput):
    """A conversation that the model's chat template cannot write, or a template that cannot be trained on."""

    default_code = "template"


class Tokenizer(Protocol):
    """The part of a transformers tokenizer that is used here."""

    chat_template: Any
    eos_token_id: Any

    def apply_chat_template(self, conversation: Any, **options: Any) -> Any:  # noqa: ANN401
        """Write a conversation as text."""

    def __call__(self, text: Any, **options: Any) -> Any:  # noqa: ANN401
        """Turn text into token ids."""

    def decode(self, token_ids: Any, **options: Any) -> Any:  # noqa: ANN401
        """Turn token ids into text."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a conversation must be handed to one template.

    Attributes:
        turn_end: the token the template writes after an answer.
        system_turn: the template has a system turn; otherwise its text goes in front of the next user turn.
        tools: the template writes the list of tools; otherwise it is written into the system turn.
        calls: how arguments of a call are handed over ("object", "text"), or "written" where the template
            has no calls and they are written into the answer as `<tool_call>` JSON.
        results: the template has turns of role `tool`; otherwise results are user turns.
        empty: the content of an answer that only calls tools.
        short_ids: the template accepts call ids of nine letters or digits only (Mistral).
        reasoning: the template writes `<think>` around reasoning.
        specials: ids of all tokens that are control tokens, `turn_end` included.
    """

    turn_end: int
    system_turn: bool
    tools: bool
    calls: str
    results: bool
    empty: str | None
    short_ids: bool
    reasoning: bool
    specials: frozenset[int]

    def text(
        self, tokenizer: Tokenizer, messages: Sequence[Message], tools: Sequence[Any] | None, *, ask: bool
    ) -> str:
        """The conversation as the template writes it; with `ask`, up to where the model's answer begins.

        Raises:
            TemplateProblem: the template refuses the conversation.
        """
        turns = [self._turn(message) for message in messages]
        wrapped = [_wrapped(tool) for tool in tools or ()]
        if wrapped and not self.tools:
            turns = [{"role": "system", "content": _tools_in_words(wrapped)}, *turns]
            wrapped = []
            if len(turns) > 1 and turns[1]["role"] == "system":
                turns[:2] = [{"role": "system", "content": f"{turns[1]['content']}\n\n{turns[0]['content']}"}]
        if not self.system_turn:
            turns = _without_system_turns(turns)
        return written(tokenizer, turns, wrapped, ask=ask)

    def _turn(self, message: Message) -> Message:
        turn = {key: message[key] for key in KEPT if message.get(key) is not None}
        turn["role"] = ROLES.get(str(message.get("role")), message.get("role"))
        turn["content"] = text_of(message)
        if message.get("tool_calls"):
            self._add_calls(turn, message["tool_calls"])
        if turn["role"] == "tool":
            if not self.results:
                return {"role": "user", "content": f"<tool_response>\n{turn['content']}\n</tool_response>"}
            if self.short_ids:
                turn["tool_call_id"] = _short(turn.get("tool_call_id", ""))
        return turn

    def _add_calls(self, turn: Message, raw: Sequence[Mapping[str, Any]]) -> None:
        calls = [_call(each) for each in raw]
        if self.calls == "written":
            lines = [
                f"<tool_call>\n{json.dumps(call['function'], ensure_ascii=False)}\n</tool_call>"
                for call in calls
            ]
            turn["content"] = "\n".join([turn["content"], *lines] if turn["content"] else lines)
            return
        for call in calls:
            arguments = call["function"]["arguments"]
            if self.calls == "text" and not isinstance(arguments, str):
                call["function"]["arguments"] = json.dumps(arguments, ensure_ascii=False)
            if self.short_ids:
                call["id"] = _short(call.get("id", ""))
        turn["tool_calls"] = calls
        if not turn["content"]:
            turn["content"] = self.empty


_KNOWN: WeakKeyDictionary[Any, tuple[str, Dialect]] = WeakKeyDictionary()


def dialect_of(tokenizer: Tokenizer) -> Dialect:
    """Probe the tokenizer's chat template, once for each tokenizer and template.

    Raises:
        TemplateProblem: there is no template, it refuses a plain chat, or it writes no end-of-turn token.
    """
    template = str(tokenizer.chat_template or "")
    known = _KNOWN.get(tokenizer)
    if known is None or known[0] != template:
        known = template, _probe(tokenizer, template)
        _KNOWN[tokenizer] = known
    return known[1]


def token_ids(tokenizer: Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of texts that a template wrote: nothing is added, the template has written its own."""
    if not texts:
        return []
    return [list(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]


def written(tokenizer: Tokenizer, turns: Sequence[Message], tools: Sequence[Any], *, ask: bool) -> str:
    """What the template makes of turns that already speak its dialect.

    Raises:
        TemplateProblem: whatever the template raised, in its own words.
    """
    try:
        text = tokenizer.apply_chat_template(
            list(turns), tools=list(tools) or None, tokenize=False, add_generation_prompt=ask
        )
    except Exception as error:  # a template is a program from elsewhere: it may raise anything
        raise TemplateProblem(
            f"The chat template refuses this conversation: {error}",
            hint="Edit or drop the row, or name another template in task.yaml (model.template).",
        ) from error
    return str(text)


def _probe(tokenizer: Tokenizer, template: str) -> Dialect:
    if not template:
        raise TemplateProblem(
            "The tokenizer has no chat template.",
            hint="Name one in task.yaml, under model: `template: chatml`, which travels with Touchstone, or the path "
            "of a Jinja file. Then measure the baseline with it.",
        )
    specials = control_tokens(tokenizer)
    turn_end = _turn_end(tokenizer, specials)
    calls, empty, short_ids = _probe_calls(tokenizer)
    result = {"role": "tool", "content": RESULT, "name": "probe_call", "tool_call_id": CALL_ID}
    call = CALL if calls == "object" else {**CALL, "tool_calls": [_texted(CALL["tool_calls"][0])]}
    called: Message = (
        {"role": "assistant", "content": ANSWER} if calls == "written" else {**call, "content": empty}
    )
    return Dialect(
        turn_end=turn_end,
        system_turn=SYSTEM in _tried(tokenizer, [{"role": "system", "content": SYSTEM}, ASK]),
        tools="probe_tool" in _tried(tokenizer, [ASK], [TOOL]),
        calls=calls,
        results=RESULT in _tried(tokenizer, [ASK, called, result]),
        empty=empty,
        short_ids=short_ids,
        reasoning="</think>" in template,
        specials=specials | {turn_end},
    )


def control_tokens(tokenizer: Tokenizer) -> frozenset[int]:
    """Ids of the tokenizer's special tokens, those it names and those only marked as special."""
    named = set(getattr(tokenizer, "all_special_ids", ()))
    added = getattr(tokenizer, "added_tokens_decoder", {})
    return frozenset(named | {index for index, token in added.items() if getattr(token, "special", False)})


def _turn_end(tokenizer: Tokenizer, specials: frozenset[int]) -> int:
    text = written(tokenizer, [ASK, {"role": "assistant", "content": ANSWER}], (), ask=False)
    before, found, tail = text.rpartition(ANSWER)
    added = specials | set(getattr(tokenizer, "added_tokens_decoder", {}))
    ids = token_ids(tokenizer, [tail])[0] if found and tail else []
    end = next((token for token in ids if token in added), None)
    if end is None:
        raise TemplateProblem(
            f"The chat template writes no end-of-turn token after an answer; it writes {tail!r}.",
            hint="A model trained on it would never stop. Name another in task.yaml: model.template.",
        )
    return end


def _probe_calls(tokenizer: Tokenizer) -> tuple[str, str | None, bool]:
    """(how calls are handed over, the empty content, whether ids must be short)."""
    for call_id, short_ids in (("call_probe_1", False), (CALL_ID, True)):
        for empty in (None, ""):
            for kind, call in (("object", CALL["tool_calls"][0]), ("text", _texted(CALL["tool_calls"][0]))):
                turn = {"role": "assistant", "content": empty, "tool_calls": [{**call, "id": call_id}]}
                text = _tried(tokenizer, [ASK, turn], [TOOL])
                without = _tried(tokenizer, [ASK], [TOOL])
                said = text[len(without) :] if text.startswith(without) else text
                if _names_the_argument(said) and "None" not in said:
                    return kind, empty, short_ids
    return "written", "", False


def _names_the_argument(text: str) -> bool:
    """The call is there and its argument's key is neither a Python repr nor JSON inside JSON."""
    at = text.find(KEY, max(text.find("probe_call"), 0))
    return "probe_call" in text and at > 0 and text[at - 1] != "'" and text[at - 2 : at] != '\\"'


def _tried(tokenizer: Tokenizer, turns: Sequence[Message], tools: Sequence[Any] = ()) -> str:
    try:
        return written(tokenizer, turns, tools, ask=False)
    except TemplateProblem:
        return ""


def _texted(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "function": {**function, "arguments": json.dumps(function["arguments"])}}


def _call(raw: Mapping[str, Any]) -> dict[str, Any]:
    """One call as {id?, type, function: {name, arguments}}, the arguments as an object where they are one."""
    inner = raw.get("function")
    function = inner if isinstance(inner, Mapping) else raw
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            parsed = json.loads(arguments)
        except ValueError:
            parsed = None
        arguments = parsed if isinstance(parsed, dict) else arguments
    call: dict[str, Any] = {
        "type": "function",
        "function": {"name": function.get("name"), "arguments": arguments},
    }
    return {"id": raw["id"], **call} if raw.get("id") else call


def _wrapped(tool: Any) -> Any:  # noqa: ANN401  any JSON value
    """A bare function description becomes {"type": "function", "function": ...}."""
    if isinstance(tool, dict) and "function" not in tool and "name" in tool:
        return {"type": "function", "function": tool}
    return tool


def _tools_in_words(tools: Sequence[Any]) -> str:
    listed = "\n".join(json.dumps(tool, ensure_ascii=False) for tool in tools)
    return (
        f"You may call these functions:\n<tools>\n{listed}\n</tools>\n"
        'To call one, answer <tool_call>\n{"name": ..., "arguments": {...}}\n</tool_call>'
    )


def _short(call_id: object) -> str:
    text = str(call_id)
    return text if len(text) == 9 and text.isalnum() else sha256(text)[:9]


def _without_system_turns(turns: Sequence[Message]) -> list[Message]:
    """Each system text goes in front of the next user turn; without one it becomes a user turn."""
    out: list[Message] = []
    waiting: list[str] = []
    for turn in turns:
        if turn["role"] == "system":
            waiting.append(turn["content"])
            continue
        if waiting and turn["role"] == "user":
            turn = {**turn, "content": "\n\n".join([*waiting, turn["content"]])}
            waiting = []
        elif waiting:
            out.append({"role": "user", "content": "\n\n".join(waiting)})
            waiting = []
        out.append(turn)
    if waiting:
        out.append({"role": "user", "content": "\n\n".join(waiting)})
    return out
