"""Logs of Inspect AI, .json or .eval: samples with their scores.

Several epochs of a sample are rows of one group. A sample that ended in an error is missing.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from pathlib import Path
from typing import Any

from curation.errors import BadInput
from evals.elsewhere.rows import id_of
from evals.elsewhere.sheet import Given, Judged, Sheet, as_text, content_of, last_user

_HEADER = "header.json"
_SAMPLE = re.compile(r"samples/[^/]*\.json")
_LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Correct, incorrect, partial, no answer: as Inspect counts them."""
_WORDS = {"true": 1.0, "yes": 1.0, "false": 0.0, "no": 0.0}


def is_log(value: Any) -> bool:  # noqa: ANN401  any JSON value
    """Whether a value is a log of Inspect."""
    return isinstance(value, dict) and isinstance(value.get("eval"), dict) and "status" in value


def unpacked(path: Path) -> dict[str, Any]:
    """A packed log (.eval, a zip file of JSON) as its .json form has it.

    Raises:
        BadInput: it is no such log, unfinished, or packed in a way this Python cannot read.
    """
    hint = f"inspect log convert {path.name} --to json --output-dir ."
    try:
        with zipfile.ZipFile(path) as packed:
            names = packed.namelist()
            if _HEADER not in names:
                raise BadInput(
                    "This packed file holds no finished log of Inspect AI.", where=str(path), hint=hint
                )
            log = json.loads(packed.read(_HEADER))
            samples = [json.loads(packed.read(name)) for name in names if _SAMPLE.fullmatch(name)]
    except (zipfile.BadZipFile, NotImplementedError, ValueError, RuntimeError, OSError, zlib.error) as error:
        raise BadInput(f"The packed log cannot be read: {error}.", where=str(path), hint=hint) from error
    if not is_log(log):
        raise BadInput("This packed file holds no finished log of Inspect AI.", where=str(path), hint=hint)
    return {**log, "samples": samples}


def read(log: dict[str, Any], path: Path) -> list[Sheet]:
    """Read one log.

    Raises:
        BadInput: it has no samples, or one of them cannot be used.
    """
    samples = log.get("samples")
    if not isinstance(samples, list) or not samples:
        raise BadInput(
            "The log holds no samples.", where=str(path), hint="Run Inspect without --no-log-samples."
        )
    sheet = Sheet(as_text(log["eval"].get("model") or path.stem), path, "Inspect AI")
    epochs = any(isinstance(one, dict) and one.get("epoch", 1) != 1 for one in samples)
    for number, sample in enumerate(samples, 1):
        try:
            if not isinstance(sample, dict):
                raise ValueError(f"an object is wanted, found {type(sample).__name__}")
            id_ = id_of(sample.get("id"))
            key = f"{id_} epoch {sample.get('epoch', 1)}" if epochs else id_
            if key in sheet.rows:
                raise ValueError(f"the id {key!r} stands there twice")
            sheet.rows[key] = _given(sample, id_ if epochs else None)
        except ValueError as error:
            raise BadInput(f"sample {number}: {error}.", where=str(path)) from error
    return [sheet]


def _given(sample: dict[str, Any], group: str | None) -> Given:
    error = sample.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    output = sample.get("output") if isinstance(sample.get("output"), dict) else {}
    choices = (output or {}).get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    answer = (output or {}).get("completion")
    if answer is None and isinstance(first.get("message"), dict):
        answer = content_of(first["message"])
    targets = sample.get("target")
    return Given(
        answer=None if answer is None or error else as_text(answer),
        scores={} if error else _scores(sample),
        error=as_text(message) if error else "",
        expected=tuple(map(as_text, targets if isinstance(targets, list) else [targets] if targets else [])),
        prompt=last_user(sample.get("input")),
        group=group,
        cut=first.get("stop_reason") == "max_tokens",
    )


def _scores(sample: dict[str, Any]) -> dict[str, Judged]:
    found = sample.get("scores")
    if not isinstance(found, dict):
        found = {"score": sample["score"]} if isinstance(sample.get("score"), dict) else {}
    return {as_text(name): _judged(one) for name, one in found.items() if isinstance(one, dict)}


def _judged(score: dict[str, Any]) -> Judged:
    value, reason = score.get("value"), as_text(score.get("explanation") or "")
    if isinstance(value, str):
        known = _LETTERS.get(value, _WORDS.get(value.lower()))
        return Judged(_number(value) if known is None else known, reason)
    if isinstance(value, bool | int | float) and value == value:
        return Judged(float(value), reason)
    return Judged(None, reason or f"a value of {type(value).__name__} is no single score")


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
