"""Answers that never have to be made again: same model, adapter, prompt and decoding, no new tokens.

One SQLite file, from the standard library: a finished batch is one transaction, so a killed process loses
nothing it had finished, and several processes share the file. Parts in a folder would become thousands.
"""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curation.errors import TouchstoneError
from curation.files import canonical_json, sha256
from curation.models import Device

WAIT_SECONDS = 60  # for another process's transaction, which takes milliseconds
_VARIABLES = 500  # bound values in one statement; SQLite's oldest limit is 999


def identity(model: str, adapter: str | None, on: Device, attention: str = "sdpa") -> str:
    """What an answer depends on besides prompt and decoding.

    Args:
        model: fingerprint of the base model.
        adapter: fingerprint of the adapter, None for the base model.
        on: device and precision.
        attention: the attention implementation, which rounds in its own way.
    """
    minor = [".".join(version(package).split("+")[0].split(".")[:2]) for package in ("torch", "transformers")]
    return sha256(canonical_json([model, adapter, on.kind, on.dtype, attention, *minor]))


def answer_key(identity: str, ids: Sequence[int], decoding: Mapping[str, Any], sample: int = 0) -> str:
    """The key of one answer: identity, prompt tokens, decoding settings, sample index."""
    return sha256(
        f"{identity} {canonical_json(dict(decoding))} {sample} ".encode() + array("q", ids).tobytes()
    )


class AnswerCache:
    """Key → what was answered (any JSON object). The first value of a key stays."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._open() as connection:
            connection.execute(
                "create table if not exists answer (key text primary key, value text) without rowid"
            )

    def get(self, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Values of the keys that are known."""
        known: dict[str, dict[str, Any]] = {}
        with self._open() as connection:
            for start in range(0, len(keys), _VARIABLES):
                part = keys[start : start + _VARIABLES]
                marks = ", ".join("?" * len(part))
                rows = connection.execute(
                    f"""
                    select key, value
                    from answer
                    where key in ({marks})
                    """,
                    part,
                )
                known.update((key, json.loads(value)) for key, value in rows)
        return known

    def put(self, values: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep the values in one transaction; keys that are known keep theirs."""
        rows = [(key, json.dumps(dict(value))) for key, value in values.items()]
        with self._open() as connection:
            connection.executemany("insert or ignore into answer values (?, ?)", rows)

    def __len__(self) -> int:
        with self._open() as connection:
            return int(connection.execute("select count(*) from answer").fetchone()[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """One transaction on a connection of its own: threads and processes never share one."""
        try:
            connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS)
            try:
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise TouchstoneError(
                f"The answer cache cannot be used: {error}",
                where=str(self.path),
                hint="Delete this file: it only saves time, the answers are in the evaluation folders.",
            ) from error
