"""Token counts of examples by the task's own model and chat template: what `tokens` filters by.

Counted once for each text; a model that is not ready on this machine is neither fetched nor converted for it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from curation import chat, models
from curation.files import canonical_json
from curation.progress import SILENT, Progress
from curation.task import Task

if TYPE_CHECKING:
    from curation.store import Store

_PORTION = 5_000  # rows written at once


def current(store: Store, task: Task) -> bool:
    """Whether the counts that are stored were made for this task's model, template and system prompt."""
    return store.get("lengths") == _made_for(task)


def _made_for(task: Task) -> str:
    return canonical_json([task.model.model_dump(mode="json"), task.system_prompt])


def count(store: Store, task: Task, progress: Progress = SILENT) -> int | None:
    """Count the tokens of every present example that has no count by the task's model yet.

    Args:
        store: the open project.
        task: names the model, the template and the system prompt that is put in front.
        progress: told in rows.

    Returns:
        How many were counted; None when the model is not ready on this machine.
    """
    ready = {one.name for one in models.found() if one.note.startswith("ready")}
    here = Path(task.model.name).is_dir() or task.model.name in ready
    if not here:
        return None
    if not current(store, task):
        with store.transaction() as cursor:
            store.execute(cursor, "update example set tokens = null where tokens is not null")
            store.put("lengths", _made_for(task))
    left = store.value("select count(*) from live where tokens is null")
    if not left:
        return 0
    progress.stage("Counting tokens", left)
    tokenizer = models.load_tokenizer(task.model)
    counted = 0
    while rows := store.rows(
        """
        select e.seq, c.messages, c.tools, e.text_hash
        from live e
        join content c using (seq)
        where e.tokens is null
        order by e.seq
        limit ?
        """,
        [_PORTION],
    ):
        chats = [chat.with_system(json.loads(messages), task.system_prompt) for _, messages, _, _ in rows]
        tools = [json.loads(text) if text else None for _, _, text, _ in rows]
        found = chat.count_tokens(tokenizer, chats, tools)
        with store.transaction() as cursor:
            cursor.execute(
                "create or replace temp table counted (seq bigint, tokens integer, text_hash varchar)"
            )
            cursor.executemany(
                "insert into counted values (?, ?, ?)",
                [[seq, n, text_hash] for (seq, _, _, text_hash), n in zip(rows, found, strict=True)],
            )
            # An example that was edited meanwhile is counted again.
            cursor.execute(
                "update example set tokens = k.tokens from counted k "
                "where example.seq = k.seq and example.text_hash = k.text_hash"
            )
        counted += len(rows)
        progress.advance(len(rows))
    return counted
