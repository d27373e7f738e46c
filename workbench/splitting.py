"""What the Splits screen knows: fields, proposals, copies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from curation import grouping, groups
from curation.dedup import run as dedup
from curation.dedup import semantic
from curation.grouping import Proposal
from curation.progress import Progress
from curation.store import Store
from curation.task import Task
from workbench import chores, ledger

MOST_IDS = 50


@dataclass(frozen=True, slots=True)
class Proposed:
    """Fields worth keeping together, of which project and at which of its revisions."""

    folder: Path
    revision: int
    found: tuple[Proposal, ...]


def fields(store: Store) -> list[str]:
    """What can keep rows together, as `split --group` takes it."""
    taken = {groups.MAPPED, "external_id", *groups.COMPUTED}
    named = [f"metadata.{one}" if one in taken else one for one in columns(store)]
    mapped = [groups.MAPPED] if ledger.has_groups(store) else []
    return [*mapped, *named, "external_id", *groups.COMPUTED]


def columns(store: Store) -> list[str]:
    """Metadata columns of the first rows: any of them may be a date."""
    return groups.metadata_fields(store, among=2000)


def strata(store: Store, task: Task | None) -> list[str]:
    """Fields whose shares a split can keep; the task's comes first."""
    answers = (task.output_schema or {}).get("properties", {}) if task else {}
    known = [*([task.stratify] if task else []), "label", "source", *(f"answer.{one}" for one in answers)]
    return list(dict.fromkeys(known))


def propose(store: Store, task: Task | None) -> chores.Chore:
    """Look for fields that should keep rows together: as they are now, with nothing but copies tied."""

    def work(progress: Progress) -> Proposed:
        setting = groups.NO_GROUP
        found = grouping.propose(store, task, setting, progress)
        alike = grouping.by_meaning(store, task, setting, progress=progress)
        shown = [one for one in found if one.proposed or one.field == "template"]
        return Proposed(store.project.folder, store.revision, (*shown, *([alike] if alike else [])))

    return chores.start("propose", "Looking for what belongs together", work)


def duplicates(store: Store) -> str:
    """What is known about copies, which splitting keeps together."""
    found = dedup.last(store)
    if found is None:
        return "Duplicates have not been looked for yet; splitting does that first."
    near = f"{found.near_pairs:,}" if found.near_pairs is not None else f"over {found.near_pairs_at_least:,}"
    return (
        f"{found.clusters:,} clusters of duplicates hold {found.clustered:,} examples: "
        f"{found.exact_groups:,} groups of exact copies, {near} pairs that are nearly the same."
        + ("" if dedup.is_current(store) else " Out of date: splitting looks again.")
    )


def by_meaning_known(store: Store) -> bool:
    """Whether duplicates by meaning were ever looked for."""
    return semantic.last(store) is not None
