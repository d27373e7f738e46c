"""The report card of a scan as one page: no script, no network, and every text of a row escaped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curation.leakage import KINDS
from curation.scan import Pair, Scan, read_as
from evals.compare import text_differences
from evals.significance import minimum_detectable_effect

SHARES = (0.1, 0.2, 0.3)  # of the test rows on which two candidates differ
_LABELS = 20
_TEMPLATE = Path(__file__).with_name("scan_page.html.jinja")
_MARKS = {"missing": "gone", "extra": "new"}


@dataclass(frozen=True, slots=True)
class Gain:
    """The smallest true gain that so many rows show four times in five, by the share of rows that differ."""

    rows: int
    says: str
    points: tuple[float | None, ...]


def gains(found: Scan) -> tuple[Gain, ...]:
    """What the test can see: with all its rows, and with those that count."""
    if found.test is None or found.leaks is None:
        return ()
    sizes = [(found.test.read, "all rows of the test")]
    if found.leaks.usable < found.test.read:
        sizes.append((found.leaks.usable, "without copies and leaks"))
    return tuple(
        Gain(n, says, tuple(None if gain is None else 100 * gain for gain in _effects(n)))
        for n, says in sizes
    )


def _effects(n: int) -> list[float | None]:
    return [minimum_detectable_effect(n, share) for share in SHARES]


def page(found: Scan) -> str:
    """The whole page."""
    from importlib.metadata import version

    from jinja2 import Environment, StrictUndefined

    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters["n"] = lambda value: f"{value:,}"
    env.globals.update(kinds=KINDS, read_as=read_as, shares=SHARES)
    return env.from_string(_TEMPLATE.read_text("utf-8")).render(
        found=found,
        gains=gains(found),
        leaks=_by_kind(found.leaks.shown if found.leaks else ()),
        repeats=[(part, [_side_by_side(pair) for pair in part.repeats.pairs]) for part in found.parts],
        labels=_labels(found),
        more_labels=max(0, len(_names(found)) - _LABELS),
        version=version("touchstone-workbench"),
    )


def _by_kind(pairs: Sequence[Pair]) -> dict[str, list[dict[str, Any]]]:
    sorted_in: dict[str, list[dict[str, Any]]] = {}
    for pair in pairs:
        sorted_in.setdefault(pair.kind, []).append(_side_by_side(pair))
    return sorted_in


def _side_by_side(pair: Pair) -> dict[str, Any]:
    """Both rows with the words that only one of them has marked."""
    sides: tuple[dict[str, Any], ...] = (
        {"line": pair.a.line, "prompt": [], "answer": []},
        {"line": pair.b.line, "prompt": [], "answer": []},
    )
    for field in ("prompt", "answer"):
        for text, kind in text_differences(getattr(pair.a, field), getattr(pair.b, field)):
            for side, unseen in zip(sides, ("extra", "missing"), strict=True):
                if kind != unseen:
                    side[field].append((text, _MARKS.get(kind, "")))
    return {"similarity": pair.similarity, "sides": sides}


def _names(found: Scan) -> list[str]:
    return list(dict.fromkeys(label for part in found.parts for label in part.labels))


def _labels(found: Scan) -> list[dict[str, Any]]:
    """Labels whose share differs most between train and test first; by their number where there is no test."""
    totals = [max(1, sum(part.labels.values())) for part in found.parts]
    lines: list[dict[str, Any]] = []
    for name in _names(found):
        counts = [part.labels.get(name, 0) for part in found.parts]
        shares = [count / total for count, total in zip(counts, totals, strict=True)]
        lines.append({"name": name, "counts": counts, "shares": shares, "shift": shares[-1] - shares[0]})
    widest = max((share for line in lines for share in line["shares"]), default=1) or 1
    for line in lines:
        line["bars"] = [round(100 * share / widest, 1) for share in line["shares"]]
    lines.sort(key=lambda line: (-abs(line["shift"]), -max(line["counts"]), line["name"]))
    return lines[:_LABELS]
