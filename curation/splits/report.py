"""What a split did, in plain lines and as plain data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from curation.allocation import HELD_OUT, REFUSED, Allocation, Group
from curation.groups import Setting


@dataclass(frozen=True, slots=True)
class SplitReport:
    """What a split did.

    Args:
        train: rows.
        validation: rows.
        test: rows.
        refused: ids of new rows that would tie two frozen splits together.
        groups: how many groups there are.
        largest_group: rows of the largest one.
        too_large: groups over half the test size, which went to train.
        kept: rows that stayed where an earlier version froze them.
        stratify: the field whose shares are kept.
        group: the field or fields whose rows stay together; None: the one mapped on import.
        imbalance: largest absolute difference between a stratum's share in a split and in all rows.
        balance: rows by stratum and split.
        owned: rows whose split their file gives.
        left_out: ids of rows that would leak into a held-out set of a file.
        cut: by time, when the oldest test row is from: a date and time of UTC.
        straddling: by time, rows that stayed in train because their group lies on both sides of a cut.
    """

    train: int
    validation: int
    test: int
    refused: tuple[str, ...]
    groups: int
    largest_group: int
    too_large: int
    kept: int
    stratify: str
    group: Setting
    imbalance: float
    balance: dict[str, dict[str, int]] = field(default_factory=dict)
    owned: int = 0
    left_out: tuple[str, ...] = ()
    cut: str | None = None
    straddling: int = 0

    @property
    def text(self) -> str:
        """The report in a few plain lines."""
        lines = [
            f"{self.train:,} train, {self.validation:,} validation, {self.test:,} test, in {self.groups:,} groups "
            f"(the largest has {self.largest_group:,} rows)",
            f"Shares of {self.stratify} differ by at most {self.imbalance * 100:.1f} points between the splits.",
        ]
        if self.owned:
            lines.append(f"{self.owned:,} rows stand in the split that their file gives them.")
        if self.left_out:
            lines.append(
                f"{len(self.left_out):,} rows are left out: they say the same as, or belong to, a row of a "
                "held-out set that a file brings: " + ", ".join(self.left_out[:10])
            )
        if self.cut:
            lines.append(f"Test holds the newest rows, from {self.cut} on.")
        if self.straddling:
            lines.append(
                f"{self.straddling:,} rows of groups that lie on both sides of the cut stayed in train."
            )
        if self.kept:
            lines.append(f"{self.kept:,} rows stayed where an earlier version froze them.")
        if self.too_large:
            lines.append(f"{self.too_large:,} groups are larger than half the test set and went to train.")
        if self.refused:
            lines.append(
                f"{len(self.refused):,} new rows tie two frozen splits together and are refused: "
                + ", ".join(self.refused[:10])
            )
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return asdict(self)


def report(
    ids: Sequence[str],
    strata: Sequence[str],
    allocation: Allocation,
    groups: Sequence[Group],
    kept: int,
    settings: dict[str, Any],
    owned: int = 0,
    left_out: Sequence[str] = (),
) -> SplitReport:
    """Sum up an allocation: rows by split and stratum, and how far the shares differ."""
    balance: dict[str, Counter[str]] = defaultdict(Counter)
    for stratum, split in zip(strata, allocation.splits, strict=True):
        balance[stratum][split] += 1
    counts = Counter(allocation.splits)
    imbalance = max(
        (
            abs(per[split] / counts[split] - per.total() / len(ids))
            for per in balance.values()
            for split in ("train", *HELD_OUT)
            if counts[split]
        ),
        default=0.0,
    )
    refused = [one for one, split in zip(ids, allocation.splits, strict=True) if split == REFUSED]
    cured = set(left_out)
    return SplitReport(
        train=counts["train"],
        validation=counts["validation"],
        test=counts["test"],
        refused=tuple(one for one in refused if one not in cured),
        groups=len(groups),
        largest_group=max(len(one.rows) for one in groups),
        too_large=allocation.too_large,
        kept=kept,
        stratify=settings["stratify"],
        group=settings["group"],
        imbalance=imbalance,
        balance={name: dict(per) for name, per in sorted(balance.items())},
        owned=owned,
        left_out=tuple(left_out),
        cut=_moment(allocation.cut),
        straddling=allocation.straddling,
    )


def _moment(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat(" ")
