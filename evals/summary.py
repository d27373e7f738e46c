"""The numbers beside a candidate's name: mean and interval of each scorer, tokens, time, cut answers.

"Could not judge" and missing answers are counted apart and never enter a mean.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from statistics import median
from typing import Any

from evals import scorers
from evals.answers import Answer
from evals.significance import wilson, z_value

_POSITION = re.compile(r"\[\d+\]")


def of(
    names: Sequence[str],
    scorer_names: Sequence[str],
    scored: Sequence[dict[str, Any]],
    given: Sequence[Answer],
) -> dict[str, Any]:
    """Sum up an evaluation.

    Args:
        names: the candidates, in the order shown.
        scorer_names: the scorers, primary first.
        scored: the rows of scores.parquet.
        given: the answers.

    Returns:
        `candidates`: name → `scorers` (name → n, mean, low, high, missing), `by_field` (where answers were
        judged field by field: scorer → path → right, wrong, missing, extra, precision, recall, f1, over all
        rows, with `[*]` for any position of an array), answers, errors, truncated
        (cut at the token limit), empty, tokens_in, tokens_out, seconds; for endpoints `latency` (median and
        95th percentile in seconds, and how many questions were asked at a time).
    """
    values: defaultdict[tuple[str, str], list[float | None]] = defaultdict(list)
    for row in scored:
        if not row["field"]:
            values[row["candidate"], row["scorer"]].append(row["value"])
    by_field = _fields(names, scored)
    answered: defaultdict[str, list[Answer]] = defaultdict(list)
    for one in given:
        answered[one.candidate].append(one)
    return {
        "candidates": {
            name: {"scorers": {scorer: _one(scorer, values[name, scorer]) for scorer in scorer_names}}
            | {"by_field": by_field[name]}
            | _cost(answered[name])
            | _latency(name, answered[name])
            for name in names
        }
    }


def _one(scorer: str, values: Sequence[float | None]) -> dict[str, Any]:
    known = [value for value in values if value is not None]
    n, missing = len(known), len(values) - len(known)
    if not n:
        return {"n": 0, "mean": None, "low": None, "high": None, "missing": missing}
    mean = sum(known) / n
    low, high = wilson(sum(known), n) if scorers.get(scorer).binary else normal(known, mean)
    return {"n": n, "mean": mean, "low": low, "high": high, "missing": missing}


def _fields(
    names: Sequence[str], scored: Sequence[dict[str, Any]]
) -> dict[str, dict[str, dict[str, dict[str, float]]]]:
    """Candidate → scorer → path → its counts over all rows, with precision, recall and F1.

    A wrong value is one given too many and one expected that is not there; every expected field of an
    answer that could not be read is missing.
    """
    counts: dict[str, dict[str, dict[str, Counter[str]]]] = {name: {} for name in names}
    for row in scored:
        if row["field"]:
            kind = row["reason"].partition(":")[0]
            kind = kind if kind in ("right", "wrong", "extra") else "missing"
            paths = counts[row["candidate"]].setdefault(row["scorer"], {})
            paths.setdefault(_POSITION.sub("[*]", row["field"]), Counter())[kind] += 1
    return {
        name: {
            scorer: {path: _rates(one) for path, one in sorted(paths.items())}
            for scorer, paths in told.items()
        }
        for name, told in counts.items()
    }


def _rates(counts: Counter[str]) -> dict[str, float]:
    right, wrong, missing, extra = (counts[kind] for kind in ("right", "wrong", "missing", "extra"))
    given, wanted = right + wrong + extra, right + wrong + missing
    return {
        "right": right, "wrong": wrong, "missing": missing, "extra": extra,
        "precision": right / given if given else 0.0, "recall": right / wanted if wanted else 0.0,
        "f1": 2 * right / (given + wanted),
    }  # fmt: skip


def normal(values: Sequence[float], mean: float) -> tuple[float, float]:
    """Mean ± 1.96 standard errors inside 0…1: for the eye; comparisons are paired and decide elsewhere."""
    n = len(values)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, n - 1) / n)
    reach = z_value(0.95) * spread
    return max(0.0, mean - reach), min(1.0, mean + reach)


def _cost(given: Sequence[Answer]) -> dict[str, Any]:
    return {
        "answers": sum(not one.missing for one in given),
        "errors": sum(one.missing for one in given),
        "truncated": sum(one.finish == "length" for one in given),
        "empty": sum(one.finish == "empty" for one in given),
        "tokens_in": _sum([one.tokens_in for one in given]),
        "tokens_out": _sum([one.tokens_out for one in given]),
        "seconds": _sum([one.seconds for one in given]),
    }


def _latency(name: str, given: Sequence[Answer]) -> dict[str, Any]:
    """Seconds from question to answer, where they were measured; batched seconds are throughput, not latency."""
    measured = [one for one in given if one.seconds is not None and not one.missing and one.batch != "cache"]
    if not name.startswith("endpoint:") or not measured:
        return {}
    seconds = sorted(one.seconds for one in measured if one.seconds is not None)
    return {
        "latency": {
            "median": round(median(seconds), 3),
            "p95": round(seconds[math.ceil(0.95 * len(seconds)) - 1], 3),
            "n": len(seconds),
            "asked": measured[0].batch,
        }
    }


def _sum(values: Sequence[float | None]) -> float | None:
    """The sum of what was measured; None when nothing was."""
    known = [value for value in values if value is not None]
    return round(sum(known), 3) if known else None
