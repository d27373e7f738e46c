"""What a model candidate is asked: system text, earlier turns, the question.

A run is asked exactly what it was trained on; untrained candidates get the prompt that is fair to them.
Shots and passages come from training rows and documents (`retrieval`), never from held-out rows.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence

from curation import chat
from curation.example import Message, fold, text_of
from curation.files import sha256
from curation.task import Task
from evals import prompt_files
from evals.examples import Example

_SYSTEM = ("system", "developer")
_WITH_CONTEXT = "Use what helps of these passages, the most relevant first:"


def for_run(messages: Sequence[Message], system_prompt: str | None) -> list[Message]:
    """What a trained model is asked: the turns as training saw them (guarantee 6)."""
    return list(chat.with_system(list(messages), system_prompt))


def for_untrained(
    messages: Sequence[Message],
    *,
    baseline: str | None,
    system_prompt: str | None,
    shots: Sequence[Example] = (),
    context: str = "",
) -> list[Message]:
    """What a model that was not trained is asked.

    A row's own system turn wins, unless it says what the task's system prompt says: then the baseline
    prompt, which was written for untrained models, stands in its place.

    Args:
        messages: every turn before the expected answer.
        baseline: the system text for untrained candidates.
        system_prompt: the task's, for comparison with the row's own.
        shots: training rows that come before the question as user and assistant turns.
        context: passages found for this row; they stand at the end of the system text, whoever wrote it.
    """
    own = messages[0] if messages and messages[0].get("role") in _SYSTEM else None
    question = list(messages[1:] if own else messages)
    system: list[Message] = [{"role": "system", "content": baseline}] if baseline else []
    if own and not (baseline and _says_the_same(text_of(own), system_prompt)):
        system = [own]
    if context:
        before = text_of(system[0]) if system else ""
        system = [{"role": "system", "content": f"{before}\n\n{_WITH_CONTEXT}\n\n{context}".strip()}]
    return [*system, *(turn for shot in shots for turn in _turns(shot)), *question]


def from_file(
    messages: Sequence[Message], text: str, task: Task, *, shots: Sequence[Example] = (), context: str = ""
) -> list[Message]:
    """What a model that was not trained is asked with a prompt file.

    The file is the whole system text of every row: a row's own system turn is its `{system}`.

    Args:
        messages: every turn before the expected answer.
        text: the prompt file's.
        task: what the other variables stand for.
        shots: training rows that come before the question as user and assistant turns.
        context: the passages found for this row.
    """
    own = messages[0] if messages and messages[0].get("role") in _SYSTEM else None
    values = prompt_files.values(task, text_of(own) if own else None, context)
    system = prompt_files.fill(text, values).strip()
    return [
        *([{"role": "system", "content": system}] if system else []),
        *(turn for shot in shots for turn in _turns(shot)),
        *(messages[1:] if own else messages),
    ]


def choose_shots(train: Sequence[Example], k: int, stratify: str, seed: int = 0) -> list[Example]:
    """`k` training rows, drawn in turn from the strata (the largest first), by seeded hash of their ids.

    The same rows, k and seed give the same shots whatever the order of `train`; a smaller k is a
    prefix of a larger one. Within a stratum the longest tenth of all rows comes last: a shot is paid
    for in every prompt.

    Args:
        train: rows of the training split alone.
        k: how many; all of them when there are fewer.
        stratify: `label`, `source`, or `answer.NAME` (a field of the expected JSON).
        seed: of the draw.
    """
    sizes = sorted(_length(row) for row in train)
    longest = sizes[int(0.9 * (len(sizes) - 1))] if sizes else 0
    strata: defaultdict[str, list[Example]] = defaultdict(list)
    for row in sorted(train, key=lambda row: (_length(row) > longest, sha256(f"{seed}:{row.id}"))):
        strata[_stratum(row, stratify)].append(row)
    queues = [strata[name] for name in sorted(strata, key=lambda name: (-len(strata[name]), name))]
    chosen: list[Example] = []
    depth = 0
    while len(chosen) < min(k, len(train)):
        chosen += [queue[depth] for queue in queues if depth < len(queue)]
        depth += 1
    return chosen[:k]


def _turns(shot: Example) -> list[Message]:
    asked = [turn for turn in shot.messages if turn.get("role") not in _SYSTEM]
    return [*asked, {"role": "assistant", "content": shot.expected}]


def _says_the_same(text: str, other: str | None) -> bool:
    return other is not None and " ".join(fold(text).split()) == " ".join(fold(other).split())


def _length(row: Example) -> int:
    return len(row.expected) + sum(len(text_of(turn)) for turn in row.messages)


def _stratum(row: Example, field: str) -> str:
    if field == "label":
        return row.label or row.expected
    if not field.startswith("answer."):
        return ""
    try:
        value = json.loads(row.expected)
    except ValueError:
        return ""
    return str(value.get(field.removeprefix("answer."))) if isinstance(value, dict) else ""
