"""Frozen versions, what leaks in one of them, and what a test set of some size can show."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st

from curation import leakage, versions
from curation.example import text_of
from curation.leakage import SPLITS, Audit
from curation.project import Project
from curation.versions import Difference, Version
from evals.significance import minimum_detectable_effect
from workbench.widgets import text
from workbench.widgets.table import Cell, table

MOST_PAIRS = 50
Review = Callable[[str, Sequence[str]], None]


def frozen_versions(project: Project, review: Review) -> None:
    """Draw all versions, what leaks in the newest that leaks, and what changed between two.

    Args:
        project: whose versions.
        review: draws a link, of this label, to the rows with these ids.
    """
    found = list(reversed(versions.all_versions(project)))
    if not found:
        return
    text.heading("Versions")
    version_table(found)
    leaking = next((one for one in found if not one.manifest.audit.clean), None)
    if leaking is not None:
        audit = leakage.read_audit(leaking.folder)
        text.heading(
            f"What leaks in {leaking.name}",
            "no training and no verdict on it; drop one of each pair and split again",
        )
        ids = list(dict.fromkeys(one for pair in audit.pairs[:MOST_PAIRS] for one in (pair.id_a, pair.id_b)))
        leaked_pairs(audit, _texts(leaking, ids))
        review("Review these rows", ids)
    if len(found) > 1:
        old, new = two_versions([one.name for one in found])
        changed(_changes(project.versions / old, project.versions / new), review)


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


def leaked_pairs(audit: Audit, texts: Mapping[str, str]) -> None:
    """Draw the first pairs of an audit, both texts side by side."""
    table(
        [
            {
                "kind": leakage.KINDS[pair.kind],
                "a": f"{pair.split_a} {pair.id_a[:8]}: {_short(texts.get(pair.id_a, ''))}",
                "b": f"{pair.split_b} {pair.id_b[:8]}: {_short(texts.get(pair.id_b, ''))}",
                "similarity": f"{pair.similarity:.2f}",
            }
            for pair in audit.pairs[:MOST_PAIRS]
        ],
        [("kind", "What they share"), ("a", "One"), ("b", "The other"), ("similarity", "Similarity")],
        right=("similarity",),
    )


def _short(said: str, longest: int = 280) -> str:
    words = " ".join(said.split())
    return words if len(words) <= longest else words[: longest - 1] + "…"


def spread_table(found: Sequence[Mapping[str, Any]]) -> None:
    """Draw how far label, length and source are from their shares in all rows, at most."""
    lines: list[dict[str, Cell]] = []
    for one in found:
        worst = one["worst"]
        lines.append(
            {
                "what": one["what"].capitalize(),
                "most": f"{100 * one['difference']:.1f} points",
                "where": f"{worst['value']} in {worst['split']}: {100 * worst['here']:.1f} % "
                f"against {100 * worst['overall']:.1f} % of all rows",
            }
        )
    table(
        lines, [("what", "Balance of"), ("most", "Largest difference"), ("where", "Where")], right=("most",)
    )


def detectable(n: int, measured: tuple[str, str, float] | None) -> str:
    """What a test of this size can show.

    Args:
        n: test rows.
        measured: two baselines and the share of rows that only one of them gets right.
    """
    shares = (measured[2],) if measured and measured[2] else (0.1, 0.2)
    gains = [minimum_detectable_effect(n, share) for share in shares]
    differ = (
        f"{100 * measured[2]:.1f} % of the answers differ, as they do between {measured[0]} and {measured[1]}"
        if measured and measured[2]
        else "10 or 20 % of the answers differ"
    )
    if None in gains:
        return f"{n:,} test rows are too few to show a gain reliably when {differ}. Take more, or collect more rows."
    shown = " or ".join(f"{100 * gain:.1f}" for gain in gains if gain is not None)
    return f"{n:,} test rows show a true gain of {shown} points four times in five, when {differ}."


def two_versions(names: Sequence[str]) -> tuple[str, str]:
    """Draw the choice of an older and a newer version; names come newest first, and there are two or more."""
    text.heading("What changed", "rows by id; an edited label counts as edited too")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        old = st.selectbox("From", names, index=1, key="diff-old", width=130)
        new = st.selectbox("To", names, index=0, key="diff-new", width=130)
    return str(old), str(new)


def changed(found: Difference, review: Review) -> None:
    """Draw how many rows were added, removed, edited and moved, each with a way to look at them.

    Args:
        found: what changed.
        review: draws a link to these rows.
    """
    shown = {name: ids for name, ids in asdict(found).items() if ids}
    if not shown:
        text.plain("Nothing changed between these two.", "dim")
    with st.container(horizontal=True, gap="medium"):
        for name, ids in shown.items():
            review(f"{len(ids):,} {name}", ids)


def _texts(version: Version, ids: Sequence[str]) -> dict[str, str]:
    """What rows of a version say, by id."""
    import pyarrow.parquet as pq

    found = {}
    for split in SPLITS:
        read = pq.read_table(
            version.path(split), columns=["id", "messages"], filters=[("id", "in", list(ids))]
        )
        for row in read.to_pylist():
            found[row["id"]] = "\n".join(text_of(one) for one in json.loads(row["messages"]))
    return found


@lru_cache(maxsize=8)
def _changes(old: Path, new: Path) -> Difference:
    """What changed between two version folders, which never change themselves."""
    return versions.compare(versions.open_folder(old), versions.open_folder(new))
