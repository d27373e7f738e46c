"""What changed between two frozen versions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from curation.leakage import SPLITS
from curation.versions.version import Version


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed between two versions: content ids, in order; `relabelled` are among `edited`."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    edited: tuple[str, ...]
    moved: tuple[str, ...]
    relabelled: tuple[str, ...]


def compare(old: Version, new: Version) -> Difference:
    """What changed from one version to another."""
    before, after = ({row[0]: row[1:] for row in _contents(version)} for version in (old, new))
    kept = sorted(before.keys() & after.keys())
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        edited=tuple(one for one in kept if before[one][1:] != after[one][1:]),
        moved=tuple(one for one in kept if before[one][0] != after[one][0]),
        relabelled=tuple(one for one in kept if before[one][-1] != after[one][-1]),
    )


def _contents(version: Version) -> Iterator[tuple[Any, ...]]:
    for split in SPLITS:
        columns = ("id", "messages", "tools", "chosen", "rejected", "label")
        table = version.read(split, columns)
        for id_, *rest in zip(*(table[name].to_pylist() for name in columns), strict=True):
            yield (id_, split, *rest)
