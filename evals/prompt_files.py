"""Prompts written as files: Markdown with named variables, several of them side by side in one evaluation.

A variable is replaced by its text, once; nothing in a file or in a value is ever evaluated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from curation.errors import BadInput, unknown
from curation.project import Project
from curation.task import Task
from evals.candidates import Candidate

VARIABLES = {
    "system": "the row's own system turn, else the task's system prompt",
    "labels": "the task's labels, separated by commas",
    "schema": "the task's JSON Schema",
    "context": "the passages that retrieval:K found for the question",
}
SUFFIX = ".md"
MOST_CHARACTERS = 200_000
_VARIABLE = re.compile(r"\{\{(\w+)\}\}|\{([A-Za-z_]\w*)\}")


def names(project: Project) -> list[str]:
    """The project's own prompts, by name."""
    return sorted(path.stem for path in project.prompts.glob(f"[!.]*{SUFFIX}") if path.is_file())


def located(candidate: Candidate, project: Project) -> Candidate:
    """The candidate with the path of its prompt in place of a bare name.

    Raises:
        BadUsage: the project has no prompt of that name; those it has are named.
        BadInput: the file is missing.
    """
    path = candidate.prompt_file
    if path is None:
        return candidate
    if not candidate.prompt_is_path:
        path = project.prompts / f"{candidate.prompt_file}{SUFFIX}"
        if not path.is_file():
            raise unknown("prompt", candidate.prompt_name, names(project), where=str(project.prompts))
    elif not path.is_file():
        raise BadInput("The prompt file does not exist.", where=str(path))
    return replace(candidate, prompt_file=path)


def read(path: Path) -> str:
    """The text of a prompt file.

    Raises:
        BadInput: it cannot be read, is not UTF-8, is empty or too large.
    """
    try:
        text = path.read_text("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"The prompt file cannot be read: {error}", where=str(path)) from error
    if not text:
        raise BadInput("The prompt file is empty.", where=str(path))
    if len(text) > MOST_CHARACTERS:
        raise BadInput(
            f"The prompt has {len(text):,} characters; at most {MOST_CHARACTERS:,} are read.", where=str(path)
        )
    return text


def check(text: str, task: Task, *, where: str, context: bool = False) -> None:
    """Refuse a prompt whose variables cannot be filled.

    Args:
        text: from `read`.
        task: which has labels and a schema, or not.
        where: the file, for the message.
        context: whether the candidate finds passages; then the prompt must say where they go.

    Raises:
        BadInput: an unknown variable, or one that this task or candidate has nothing for.
    """
    used = variables(text)
    strange = [name for name in used if name not in VARIABLES]
    if strange:
        known = ", ".join(f"{{{name}}}" for name in VARIABLES)
        raise BadInput(
            f"Unknown variable {{{strange[0]}}}; known are {known}.",
            where=where,
            hint=f"Write {{{{{strange[0]}}}}} where the prompt should say {{{strange[0]}}} itself.",
        )
    lacking = [("labels", not task.labels), ("schema", not task.output_schema), ("context", not context)]
    for name, lacks in lacking:
        if name in used and lacks:
            why = "only retrieval:K finds passages" if name == "context" else f"this task has no {name}"
            raise BadInput(f"The prompt has {{{name}}}, and {why}.", where=where)
    if context and "context" not in used:
        raise BadInput(
            "The prompt does not say where the passages go.", where=where, hint="Write {context} there."
        )


def variables(text: str) -> list[str]:
    """The variables a prompt names, each once, in order."""
    return list(dict.fromkeys(found[2] for found in _VARIABLE.finditer(text) if found[2]))


def fill(text: str, values: Mapping[str, str]) -> str:
    """The prompt with each known `{name}` replaced, in one pass: values are never looked into.

    `{{name}}` stands for `{name}` itself; every other brace is text.
    """
    return _VARIABLE.sub(
        lambda found: f"{{{found[1]}}}" if found[1] else values.get(found[2], found[0]), text
    )


def values(task: Task, own_system: str | None, context: str = "") -> dict[str, str]:
    """What the variables stand for in a prompt to one row."""
    return {
        "system": own_system or task.system_prompt or "",
        "labels": ", ".join(task.labels),
        "schema": json.dumps(task.output_schema, ensure_ascii=False) if task.output_schema else "",
        "context": context,
    }
