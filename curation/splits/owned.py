"""Sets that others own: their rows stay where their file puts them, and a leak is cured on the side of train."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from curation.allocation import HELD_OUT, REFUSED, Group


def cure(
    groups: Sequence[Group], ids: Sequence[str], given: Mapping[str, str], owned: Mapping[str, str]
) -> tuple[list[Group], list[str]]:
    """Keep a group with an owned row in one split: what would leak into a held-out set is left out.

    Args:
        groups: the groups, with the splits that are given already.
        ids: the id of each row.
        given: splits by id: owned, or frozen by an earlier version.
        owned: those that a file gives.

    Returns:
        The groups, and the ids of the rows that are left out. The row of a test set stays before one of a
        validation set, and both before a row of train.
    """
    cured: list[Group] = []
    left_out: list[str] = []
    for group in groups:
        held = {split for _, split in group.frozen} | set(group.anchors)
        strongest = next((split for split in HELD_OUT if split in held), None)
        if strongest is None or not any(ids[row] in owned for row in group.rows):
            cured.append(group)
            continue
        placed = tuple(
            (row, strongest if given.get(ids[row]) == strongest else REFUSED) for row in group.rows
        )
        left_out += [ids[row] for row, split in placed if split == REFUSED]
        cured.append(Group(group.key, group.rows, placed))
    return cured, sorted(left_out)
