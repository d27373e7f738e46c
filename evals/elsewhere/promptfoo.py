"""Exports of promptfoo: `promptfoo eval -o results.json`, one sheet for each provider and prompt.

A test is known by its variables, so that two files pair by what was asked. A provider's error is a
missing answer; a failed assertion is a wrong one, although promptfoo fills `error` for both.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from curation.errors import BadInput
from curation.files import sha256
from evals.elsewhere.sheet import Given, Judged, Sheet, as_text

SCORER = "promptfoo"
_PROVIDER_FAILED = 2


def results(value: Any) -> list[Any] | None:  # noqa: ANN401  any JSON value
    """The results of an export; None where the value is none."""
    inner = value.get("results") if isinstance(value, dict) else None
    found = inner.get("results") if isinstance(inner, dict) else inner
    return found if isinstance(found, list) and any(map(is_result, found)) else None


def is_result(row: Any) -> bool:  # noqa: ANN401  any JSON value
    """Whether a row is one result of promptfoo."""
    wanted = {"provider", "vars", "testIdx", "success"}
    return (
        isinstance(row, dict)
        and wanted <= set(row)
        and isinstance(row["testIdx"], int)
        and isinstance(row["success"], bool)
    )


def read(found: Sequence[Any], path: Path) -> list[Sheet]:
    """Read results.

    Raises:
        BadInput: a result without what it must have.
    """
    known = [row for row in found if is_result(row)]
    if len(known) != len(found):
        raise BadInput(
            f"{len(found) - len(known)} results lack provider, vars, testIdx, or a success of true or false.",
            where=str(path),
        )
    known.sort(key=_place)
    prompts: dict[str, dict[str, None]] = {}
    for row in sorted(known, key=_column):
        prompts.setdefault(_provider(row), {})[_prompt_label(row)] = None
    names = {
        (provider, label): f"{provider} | {label}" if len(labels) > 1 else provider
        for provider, labels in prompts.items()
        for label in labels
    }
    sheets = {name: Sheet(name, path, "promptfoo") for name in names.values()}
    ids = _ids(known)
    groups = Counter(id_.partition("#")[0] for id_ in set(ids))
    for row, id_ in zip(known, ids, strict=True):
        sheet = sheets[names[_provider(row), _prompt_label(row)]]
        if id_ in sheet.rows:
            raise BadInput(f"Test {_place(row)} of {sheet.name} stands there twice.", where=str(path))
        test = id_.partition("#")[0]
        sheet.rows[id_] = _given(row, test if groups[test] > 1 else None)
    return list(sheets.values())


def _ids(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The id of each result: its variables, so that files pair by what was asked; numbered where asked again.

    Results of one test have one id, whatever a provider did to the variables.
    """
    tests: dict[int, str] = {}
    asked: Counter[str] = Counter()
    found = []
    for row in rows:
        place = _place(row)
        if place not in tests:
            test = sha256(json.dumps(row["vars"], sort_keys=True))[:12]
            asked[test] += 1
            tests[place] = test if asked[test] == 1 else f"{test}#{asked[test]}"
        found.append(tests[place])
    return found


def _place(row: dict[str, Any]) -> int:
    """The number of a test in its file."""
    return int(row["testIdx"])


def _column(row: dict[str, Any]) -> int:
    """The number of provider and prompt in their file."""
    number = row.get("promptIdx")
    return number if isinstance(number, int) else 0


def _provider(row: dict[str, Any]) -> str:
    told = row["provider"]
    if isinstance(told, dict):
        return as_text(told.get("label") or told.get("id") or "provider")
    return as_text(told)


def _prompt_label(row: dict[str, Any]) -> str:
    prompt = row.get("prompt")
    label = prompt.get("label") or prompt.get("raw") if isinstance(prompt, dict) else prompt
    words = " ".join(as_text(label or row.get("promptIdx", "")).split())
    return words if len(words) <= 60 else words[:59] + "\u2026"


def _given(row: dict[str, Any], group: str | None) -> Given:
    response = row.get("response") if isinstance(row.get("response"), dict) else {}
    output = response.get("output") if response else None
    graded = row.get("gradingResult") if isinstance(row.get("gradingResult"), dict) else {}
    failed = row.get("failureReason") == _PROVIDER_FAILED or (output is None and bool(row.get("error")))
    reason = as_text((graded or {}).get("reason") or row.get("error") or "")
    case = row.get("testCase") if isinstance(row.get("testCase"), dict) else {}
    equal, asserted = _asserted((case or {}).get("assert"))
    prompt = row.get("prompt")
    return Given(
        answer=None if output is None or failed else as_text(output),
        scores={} if failed else {SCORER: Judged(float(bool(row["success"])), reason)},
        error=as_text(row.get("error") or "the provider failed") if failed else "",
        expected=equal,
        prompt=as_text(prompt["raw"])
        if isinstance(prompt, dict) and prompt.get("raw")
        else as_text(row["vars"]),
        group=group,
        note=asserted,
        cut=(response or {}).get("finishReason") == "length",
    )


def _asserted(found: Any) -> tuple[tuple[str, ...], str]:  # noqa: ANN401  whatever the file held
    """The expected answer where one assertion is `equals`, and the others in words."""
    equal: list[str] = []
    others: list[str] = []
    for one in found if isinstance(found, list) else []:
        if not isinstance(one, dict) or one.get("value") is None:
            continue
        if one.get("type") == "equals":
            equal.append(as_text(one["value"]))
        else:
            others.append(f"{one.get('type')}: {as_text(one['value'])}")
    return tuple(equal), " \u00b7 ".join(others)
