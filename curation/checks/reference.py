"""The page of the documentation that lists every check; what it says of a check is the check's own docstring."""

from __future__ import annotations

import json

from curation.checks import CHECKS, Check
from curation.checks.fixes import FIXES
from curation.task import KINDS

_HEAD = """\
Every check looks at the rows and leaves flags; nothing is changed or dropped by itself. A flag says **block** (the
row cannot be trained on as it is, and is left out of a version), **fix** (probably wrong) or **look** (worth a
person's eye); the severity below is that of a check's gravest finding. `task.yaml` turns a check off and sets its
options:

    checks:
      language: {enabled: false}
      repetition: {options: {lines: 0.5}}

A fix that Touchstone has is a bulk action in Review, and `workbench fix`: every change is shown before it is made
(`--dry-run`), and one undo takes it back.
"""


def reference() -> str:
    """Every check as a section of a Markdown page."""
    listed = [
        "| check | name in task.yaml | severity |",
        "|---|---|---|",
        *(f"| [{one.title}](#{one.name}) | `{one.name}` | {one.severity} |" for one in CHECKS),
    ]
    return "\n".join([_HEAD, *listed, "", *map(_section, CHECKS)]).strip() + "\n"


def _section(check: Check) -> str:
    kinds = "every kind of task" if len(check.kinds) == len(KINDS) else f"{_list(check.kinds)} tasks"
    options = [f"`{name}` {json.dumps(value)}" for name, value in check.options.items()]
    facts = [
        f"severity {check.severity}",
        kinds,
        "compares rows of the whole set" if check.whole_set else "each row by itself",
        f"options with defaults: {', '.join(options)}" if options else "no options",
    ]
    fix = FIXES[check.name].says if check.name in FIXES else "none; a person decides."
    lines = [f"## {check.name}", "", f"**{check.title}**: {'; '.join(facts)}.", ""]
    for heading, text in check.explained.items():
        lines.append(f"- {heading}: {_plain(text)}")
    return "\n".join([*lines, f"- One-click fix: {fix}", ""])


def _list(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _plain(text: str) -> str:
    """Text whose angle brackets and stars are no markup outside of code."""
    parts = text.split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("*", r"\\*") for part in parts[::2]]
    return "`".join(parts)
