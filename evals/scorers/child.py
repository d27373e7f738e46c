"""The process that runs a person's own scorer; it imports nothing of Touchstone.

Arguments: the file, the function, a file of JSON lines with `expected` and `answer`, the first line to judge.
One JSON line a judgement goes to the standard output it was started with; what the function prints does not.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any


def main(file: str, function: str, rows: str, first: int) -> None:
    """Judge row after row; an exception in the function is an answer like any other."""
    told = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(value: dict[str, Any]) -> None:
        told.write(json.dumps(value) + "\n")
        told.flush()

    try:
        judge = _function(file, function)
    except Exception as error:
        tell({"failed": _said(error)})
        return
    tell({"ready": True})
    with open(rows, encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            if number >= first:
                row = json.loads(line)
                tell(_judged(judge, row["expected"], row["answer"]))


def _function(file: str, name: str) -> Callable[[str, str], Any]:
    spec = spec_from_file_location("own_scorer", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python file")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[str, str], Any] = getattr(module, name)
    return found


def _judged(judge: Callable[[str, str], Any], expected: str, answer: str) -> dict[str, Any]:
    try:
        said = judge(expected, answer)
    except Exception as error:
        return {"error": _said(error)}
    value, reason = said if isinstance(said, tuple) and len(said) == 2 else (said, "")
    if value is None:
        return {"value": None, "reason": str(reason)}
    try:
        if not isinstance(value, str):
            return {"value": float(value), "reason": str(reason)}
    except (TypeError, ValueError):
        pass
    return {"error": f"a number, True, False or None is wanted, got {type(value).__name__}"}


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:500]


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
