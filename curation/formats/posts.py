"""OpenAssistant's flat export: one post a row, each naming its parent; a chat is a path through the whole file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from curation.formats.turns import ROLES, Read, Row, Unreadable, said

_KEYS = ("message_id", "parent_id", "role", "text")
_PARENTLESS = "the first post of its tree is not among the rows"

Post = tuple[int, str, Row]
"""A line's number, its text, and the row it holds."""


def is_post(row: Row) -> bool:
    """Whether it is one post of a tree."""
    return all(key in row for key in _KEYS)


def read_post(row: Row) -> list[Read]:
    """A post by itself is no chat.

    Raises:
        Unreadable: always.
    """
    raise Unreadable("one post of a tree; the posts around it are other rows of its file")


def read_posts(posts: Sequence[Post]) -> Iterator[tuple[Post, Read | str]]:
    """One example for every answer of the assistant that ends a path, at the answer's line.

    Deleted and refused posts end a path before them, as in a tree that is one row.

    Args:
        posts: the posts of the whole file, in its order.

    Yields:
        The post that ends a path with its example; a post that belongs to none with the reason.
    """
    known: dict[str, Post] = {}
    children: dict[str | None, list[str]] = {}
    for post in posts:
        name, parent = str(post[2]["message_id"]), post[2]["parent_id"]
        if name in known:
            yield post, f"`message_id` {name} is that of line {known[name][0]} as well"
            continue
        known[name] = post
        children.setdefault(None if parent is None else str(parent), []).append(name)
    reached: set[str] = set()
    for root in children.get(None, []):
        tree = list(_below(root, children))
        reached.update(tree)
        yield from _tree(root, tree, known, children)
    for name, post in known.items():
        if name not in reached:
            yield post, _PARENTLESS


def _below(root: str, children: dict[str | None, list[str]]) -> Iterator[str]:
    """The posts of a tree, parents before their replies."""
    waiting = [root]
    while waiting:
        name = waiting.pop()
        yield name
        waiting += children.get(name, [])


def _tree(
    root: str, tree: list[str], known: dict[str, Post], children: dict[str | None, list[str]]
) -> Iterator[tuple[Post, Read | str]]:
    live: set[str] = set()
    for name in tree:
        row = known[name][2]
        above = name == root or str(row["parent_id"]) in live
        if above and not row.get("deleted") and row.get("review_result") is not False:
            live.add(name)
    carried: set[str] = set()  # posts that some path goes through
    ends = []
    for name in reversed(tree):
        if name not in live:
            continue
        if any(reply in carried for reply in children.get(name, [])):
            carried.add(name)
        elif _role(known[name][2]) == "assistant":
            carried.add(name)
            ends.append(name)
    if not ends:
        yield known[root], "no path of this tree ends with an answer of the assistant"
    for name in sorted(ends, key=lambda one: known[one][0]):
        try:
            yield known[name], _path(name, known)
        except Unreadable as error:
            yield known[name], str(error)


def _path(name: str, known: dict[str, Post]) -> Read:
    turns: list[dict[str, Any]] = []
    at: str | None = name
    while at is not None:
        row = known[at][2]
        turns.append(said(_role(row), row["text"]))
        at = None if row["parent_id"] is None else str(row["parent_id"])
    tree = known[name][2].get("message_tree_id")
    return Read(turns[::-1], frozenset(("text", "role")), group=tree if isinstance(tree, str) else None)


def _role(row: Row) -> str:
    role = str(row["role"])
    return ROLES.get(role, role)
