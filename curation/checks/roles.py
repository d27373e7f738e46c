"""Check: who speaks, and in which order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from curation.checks.check import Rows, Severity, check

KNOWN = ("system", "developer", "user", "assistant", "tool", "function")
_LIKELY = {
    "human": "user",
    "customer": "user",
    "client": "user",
    "prompter": "user",
    "person": "user",
    "bot": "assistant",
    "agent": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "ai": "assistant",
    "chatgpt": "assistant",
    "observation": "tool",
}
_INSTRUCTING = ("system", "developer")


class _Problem(NamedTuple):
    severity: Severity
    turn: int | None
    message: str


@check("roles", "Roles and their order", "block", version=2)
def roles(rows: Rows) -> pa.Table:
    """Finds: a role no template knows, a chat without an assistant turn (both block); turns in an order most
    templates refuse (fix).

    Why it hurts training: an unknown role is refused or rendered as something else; without an assistant turn
    there is nothing to learn; turns out of order are merged silently or stop the run.

    False alarms: support chats in which a person wrote twice in a row.

    How to fix: rename the role, join two turns of one person.

    Example: Turn 3 has the role "bot", which no template knows.
    """
    shapes = rows.select(
        "select distinct roles, chosen is not null as pair from rows order by all"
    ).to_pylist()
    told = [
        {"roles": shape["roles"], "pair": shape["pair"], **problem._asdict()}
        for shape in shapes
        for problem in _problems(shape["roles"], shape["pair"])
    ]
    kinds = {
        "roles": pa.list_(pa.string()),
        "pair": pa.bool_(),
        "severity": pa.string(),
        "turn": pa.int32(),
        "message": pa.string(),
    }
    rows.cursor.register("role_problem", pa.Table.from_pylist(told, schema=pa.schema(list(kinds.items()))))
    try:
        return rows.found(
            """
            select r.seq, p.severity, p.turn, null, null, p.message, null
            from rows r
            join role_problem p on p.roles = r.roles and p.pair = (r.chosen is not null)
            order by r.seq, p.turn
            """
        )
    finally:
        rows.cursor.unregister("role_problem")


def _problems(roles: Sequence[str], pair: bool) -> list[_Problem]:
    """What is wrong with one sequence of roles; the order is only judged where every role is known."""
    unknown = [(turn, role) for turn, role in enumerate(roles) if role not in KNOWN]
    if unknown:
        return [_Problem("block", turn, _unknown(turn, role)) for turn, role in unknown]
    if "assistant" not in roles and not pair:
        return [_Problem("block", None, "No assistant turn: there is nothing to learn here.")]
    return list(_order(roles))


def _unknown(turn: int, role: str) -> str:
    likely = _LIKELY.get(role.strip().lower()) or next((k for k in KNOWN if k == role.strip().lower()), None)
    hint = f' Rename it to "{likely}"?' if likely else ""
    return f'Turn {turn + 1} has the role "{role}", which no template knows.{hint}'


def _order(roles: Sequence[str]) -> Iterator[_Problem]:
    spoken = [(turn, role) for turn, role in enumerate(roles) if role not in _INSTRUCTING]
    for turn, role in enumerate(roles):
        if role in _INSTRUCTING and turn > 0:
            yield _Problem(
                "fix", turn, f"Turn {turn + 1} is a {role} turn; most templates take one, at the start."
            )
    if spoken and spoken[0][1] in ("tool", "function"):
        yield _Problem("fix", spoken[0][0], "Starts with a tool's result: no call comes before it.")
    elif spoken and spoken[0][1] == "assistant" and "user" in roles:
        yield _Problem(
            "fix", spoken[0][0], "The assistant speaks before the user; many templates refuse this."
        )
    for (before, earlier), (turn, role) in zip(spoken, spoken[1:], strict=False):
        if role == earlier and role in ("user", "assistant"):
            yield _Problem(
                "fix",
                turn,
                f"Turns {before + 1} and {turn + 1} are both from the {role}. "
                "Most templates refuse this or merge them silently.",
            )
        elif role in ("tool", "function") and earlier == "user":
            yield _Problem("fix", turn, f"Turn {turn + 1} is a tool's result, but no call comes before it.")
        elif role == "user" and earlier in ("tool", "function"):
            yield _Problem(
                "fix",
                turn,
                f"Turn {turn + 1} is from the user, but the tool's result before it was never answered.",
            )
