"""Deduplication of a project: the clusters of its examples as they are now, stored until the texts change."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from curation.dedup.clusters import Duplicates, find
from curation.progress import SILENT, Progress

if TYPE_CHECKING:
    from curation.store import Store

_KEY = "dedup"


@dataclass(frozen=True, slots=True)
class DedupReport:
    """What deduplication found.

    `near_pairs` counts similar pairs of distinct conversations and is None above a million, where
    `near_pairs_at_least` is what is proven; `near_pairs_prompt` is the same of the user turns alone.
    `proposed` counts examples that may be dropped; `settings` says how texts were compared.
    """

    exact_groups: int
    near_pairs: int | None
    near_pairs_at_least: int
    near_pairs_prompt: int | None
    near_pairs_prompt_at_least: int
    clusters: int
    clustered: int
    proposed: int
    settings: dict[str, Any]

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json` and for the project's memory."""
        return asdict(self)


def deduplicate(store: Store, near: float | None = None, progress: Progress = SILENT) -> DedupReport:
    """Find the duplicates among all present examples and store their clusters.

    Args:
        store: the open project.
        near: the least Jaccard similarity in place of the defaults for the length of the texts.
        progress: told in stages.

    Raises:
        BadUsage: `near` is not above 0 and up to 1.
    """
    with store.transaction() as cursor:
        progress.stage("Normalising texts", None)
        cursor.execute(
            """
            create or replace temp table whole_text as
            select e.seq, normalise(conversation_text(c.messages)) as text
            from example e
            join content c using (seq)
            where e.present
            """
        )
        cursor.execute(
            """
            create or replace temp table asked_text as
            select e.seq, normalise(user_text(c.messages)) as text
            from example e
            join content c using (seq)
            where e.present
            """
        )
        found = find(cursor, "whole_text", "asked_text", near, progress)
        members, edges = found.members, found.edges  # noqa: F841  DuckDB reads them by name
        cursor.execute("delete from duplicate")
        cursor.execute("insert into duplicate by name select * from members")
        cursor.execute("delete from duplicate_edge where kind <> 'semantic'")
        cursor.execute("insert into duplicate_edge by name select * from edges")
        cursor.execute("update example set cluster = null where cluster is not null")
        cursor.execute("update example set cluster = d.cluster from duplicate d where example.seq = d.seq")
        cursor.execute("drop table whole_text")
        cursor.execute("drop table asked_text")
        report = _report(found, near)
        store.put(_KEY, json.dumps({"revision": store.revision, "near": near, "report": report.as_json()}))
    return report


def last(store: Store) -> DedupReport | None:
    """What the last deduplication found, current or not; None when there was none."""
    stored = store.get(_KEY)
    return DedupReport(**json.loads(stored)["report"]) if stored else None


def is_current(store: Store) -> bool:
    """Whether the stored clusters are those of the texts as they are now."""
    stored = store.get(_KEY)
    return stored is not None and json.loads(stored)["revision"] == store.revision


def near_setting(store: Store) -> float | None:
    """The similarity asked for last, None for the defaults."""
    stored = store.get(_KEY)
    setting: float | None = json.loads(stored)["near"] if stored else None
    return setting


def _report(found: Duplicates, near: float | None) -> DedupReport:
    return DedupReport(
        exact_groups=found.exact_groups,
        near_pairs=found.near_pairs.exact,
        near_pairs_at_least=found.near_pairs.at_least,
        near_pairs_prompt=found.near_pairs_prompt.exact,
        near_pairs_prompt_at_least=found.near_pairs_prompt.at_least,
        clusters=found.clusters,
        clustered=len(found.members),
        proposed=int(sum(found.members["proposed"].to_pylist())),
        settings={
            "shingle": f"{found.shingle.unit} {found.shingle.size}",
            "threshold_short": found.threshold.short,
            "threshold": found.threshold.long,
            "near": near,
        },
    )
