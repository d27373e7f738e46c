"""The forms a JSON row may have, the most specific first: each knows its rows by their keys and reads one.

A row has the first form whose keys it has. One row may be several examples (a tree has one a path).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from curation.formats import answers, chats, posts
from curation.formats.chats import from_value
from curation.formats.turns import Read, Row, Unreadable, pair, said, tool_list

_PARTS = ("system", "user", "assistant", "tools", "prompt", "completion", "chosen", "rejected", "label")
BESIDE_MESSAGES = (
    "chosen",
    "rejected",
    "chosen_messages",
    "preferred_output",
    "functions",
    "system",
    "conversations",
)
"""Keys that give a row with `messages` more, or another meaning, than its turns."""


@dataclass(frozen=True, slots=True)
class Form:
    """One form: its name, what it says of itself, how its rows are known, and how one is read."""

    name: str
    says: str
    tell: Callable[[Row], bool]
    read: Callable[[Row], list[Read]]


def form_of(row: Row) -> Form | None:
    """The form of a row; None when it has none."""
    return next((form for form in FORMS if form.tell(row)), None)


def read(row: object, mapping: Mapping[str, str]) -> tuple[str, list[Read]]:
    """The name of a row's form and its examples.

    Args:
        row: a JSON value.
        mapping: columns by field; where it says what the question is, it wins over every form.

    Raises:
        Unreadable: the row has no known form, or is not what its form promises.
    """
    if not isinstance(row, dict):
        raise Unreadable(f"not a JSON object but {type(row).__name__}")
    if "messages" in mapping:
        column = mapping["messages"]
        if column not in row:
            raise Unreadable(f"no `{column}`")
        if not isinstance(row[column], list) or not row[column]:
            raise Unreadable(f"`{column}` is empty or no list of turns")
        renamed = {**{key: value for key, value in row.items() if key != column}, "messages": row[column]}
        name = "sharegpt" if from_value(row[column]) else "messages"
        reader = chats.read_sharegpt if name == "sharegpt" else chats.read_messages
        found = reader(_tools_from(renamed, mapping))
        return name, [replace(one, taken=one.taken - {"messages"} | {column}) for one in found]
    if names_the_question(mapping):
        return "mapped", [_read_mapped(row, mapping)]
    form = form_of(row)
    if form is None:
        raise Unreadable(_no_form(row))
    return form.name, form.read(_tools_from(row, mapping))


def names_the_question(mapping: Mapping[str, str]) -> bool:
    """Whether a person has said which column asks, so that no form is looked for."""
    return bool({"user", "prompt"} & set(mapping))


def _tools_from(row: Row, mapping: Mapping[str, str]) -> Row:
    return {**row, "tools": row.get(mapping["tools"])} if "tools" in mapping else row


def _no_form(row: Row) -> str:
    turns = row.get("messages")
    if "messages" in row:
        return "`messages` is empty" if turns == [] else f"`messages` is not a list but {_kind(turns)}"
    return f"no `messages` and no other known form; its keys are {', '.join(list(row)[:12]) or 'none'}"


def _kind(value: object) -> str:
    return {dict: "object", str: "varchar", bool: "boolean", type(None): "null"}.get(
        type(value), type(value).__name__
    )


def _read_mapped(row: Row, mapping: Mapping[str, str]) -> Read:
    """A row whose keys a person has named."""
    columns = {field: column for field, column in mapping.items() if field in _PARTS}
    given = {field: row.get(column) for field, column in columns.items()}
    missing = [
        column
        for field, column in columns.items()
        if field not in ("system", "tools") and row.get(column) is None
    ]
    if missing:
        raise Unreadable(f"no `{missing[0]}`")
    turns = answers.sided(given.get("prompt", given.get("user")), "user")
    if not turns:
        raise Unreadable(
            f"`{columns.get('prompt', columns.get('user'))}` is neither text nor a list of messages"
        )
    system = given.get("system")
    if isinstance(system, str) and system.strip():
        turns = [said("system", system), *turns]
    taken, tools = frozenset(columns.values()), tool_list(given.get("tools"))
    if "chosen" in given and "rejected" in given:
        left, right = answers.both(answers.sided(given["chosen"]), answers.sided(given["rejected"]))
        prompt, chosen, rejected = pair(left, right, turns)
        return Read(prompt, taken, tools, chosen, rejected)
    label = given.get("label")
    answer = given.get("assistant", given.get("completion", None if label is None else str(label)))
    if answer is None:
        return Read(turns, taken, tools)
    return replace(
        answers.answered(turns, answer, taken)[0], tools=tools, label=None if label is None else str(label)
    )


FORMS: tuple[Form, ...] = (
    Form(
        "chosen_messages",
        "pairs of whole chats: `chosen_messages`, `rejected_messages`",
        lambda row: "chosen_messages" in row and "rejected_messages" in row,
        answers.read_whole_chats,
    ),
    Form(
        "openai_preference",
        "OpenAI preference: `input`, `preferred_output`, `non_preferred_output`",
        lambda row: "preferred_output" in row and "non_preferred_output" in row,
        answers.read_openai_preference,
    ),
    Form(
        "sharegpt",
        "ShareGPT: `conversations` of `from` and `value`",
        lambda row: chats.dialog(row) is not None,
        chats.read_sharegpt,
    ),
    Form(
        "preference",
        "TRL preference: `prompt`, `chosen`, `rejected`",
        answers.is_preference,
        answers.read_preference,
    ),
    Form("messages", "chats: a list of `messages`", chats.is_messages, chats.read_messages),
    Form("gemini", "Gemini: `contents` of `parts`", chats.is_gemini, chats.read_gemini),
    Form("tree", "OpenAssistant trees: `prompt` with `replies`", chats.is_tree, chats.read_tree),
    Form(
        "posts",
        "OpenAssistant posts, one a row: `message_id`, `parent_id`, `role`, `text`",
        posts.is_post,
        posts.read_post,
    ),
    Form(
        "completion",
        "`prompt` and `completion`, with a `label` for KTO",
        answers.is_completion,
        answers.read_completion,
    ),
    Form("slots", "a text in pieces, some with an entity", answers.is_slots, answers.read_slots),
    Form("alpaca", "Alpaca: `instruction`, `input`, `output`", answers.is_alpaca, answers.read_alpaca),
    Form(
        "pairs", "a question and an answer", lambda row: answers.pair_keys(row) is not None, answers.read_pair
    ),
    Form(
        "labelled",
        "a text and its label",
        lambda row: answers.labelled_keys(row) is not None,
        answers.read_labelled,
    ),
    Form(
        "text",
        "plain `text`",
        lambda row: isinstance(row.get("text"), str) and bool(row["text"]),
        answers.read_text,
    ),
)
