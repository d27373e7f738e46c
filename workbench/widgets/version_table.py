"""Frozen versions, what leaks in one of them, and what a test set of some size can show."""

from __future__ import annotations

from collections.abc import Sequence

from curation import leakage
from curation.leakage import Audit
from curation.versions import Version
from evals.significance import minimum_detectable_effect
from workbench.widgets.table import Cell, table

MOST_PAIRS = 50


def version_table(found: Sequence[Version]) -> None:
    """Draw versions in the order given."""
    lines: list[dict[str, Cell]] = []
    tones: dict[tuple[int, str], str] = {}
    for i, one in enumerate(found):
        counts, audit = one.manifest.counts, one.manifest.audit
        lines.append(
            {
                "name": one.name,
                "train": counts.train,
                "validation": counts.validation,
                "test": counts.test,
                "left": counts.dropped + counts.blocked + counts.refused,
                "audit": "clean" if audit.clean else f"{audit.pairs:,} leaked pairs",
                "print": one.manifest.fingerprint[:12],
                "made": one.manifest.created[:16].replace("T", " "),
            }
        )
        tones[i, "audit"] = "good" if audit.clean else "bad"
    table(
        lines,
        [
            ("name", "Version"),
            ("train", "Train"),
            ("validation", "Validation"),
            ("test", "Test"),
            ("left", "Left out"),
            ("audit", "Leakage audit"),
            ("print", "Fingerprint"),
            ("made", "Frozen (UTC)"),
        ],
        right=("train", "validation", "test", "left"),
        tones=tones,
    )


def leaked_pairs(audit: Audit) -> None:
    """Draw the first pairs of an audit."""
    table(
        [
            {
                "kind": leakage.KINDS[pair.kind],
                "a": f"{pair.id_a[:8]} in {pair.split_a}",
                "b": f"{pair.id_b[:8]} in {pair.split_b}",
                "similarity": f"{pair.similarity:.2f}",
            }
            for pair in audit.pairs[:MOST_PAIRS]
        ],
        [("kind", "What they share"), ("a", "One"), ("b", "The other"), ("similarity", "Similarity")],
        right=("similarity",),
    )


def detectable(n: int) -> str:
    """What a test of this size can show, before anything is measured."""
    gains = [minimum_detectable_effect(n, share) for share in (0.1, 0.2, 0.3)]
    if None in gains:
        return f"{n:,} test rows are too few to show a gain reliably. Take more, or collect more rows."
    low, middle, high = (f"{100 * gain:.1f}" for gain in gains if gain is not None)
    return (
        f"{n:,} test rows show a true gain of {low}, {middle} or {high} points four times in five, "
        "when 10, 20 or 30 % of the answers differ."
    )
