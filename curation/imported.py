"""What one import did, in numbers and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from curation.drift import Drift


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What one import did; `rows == examples + quarantined + repeated`.

    `repeated` counts rows whose example was known already, from this file or an earlier one, by content or by the
    name its family gives it. Of these, `revised` came back with other content and changed their example, `kept`
    did too but gave way to an edit made here. `forms` counts the readable rows of a JSON file by their form;
    `mapping_from` names the import whose mapping was taken over; `drift` compares a file with the last of its family.
    """

    source: str
    format: str
    mapping: dict[str, str]
    rows: int
    examples: int
    quarantined: int
    repeated: int
    already_imported: bool = False
    revised: int = 0
    kept: int = 0
    family: str = ""
    mapping_from: str | None = None
    drift: Drift | None = None
    forms: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain data for `--json`."""
        return asdict(self)

    def revisions(self) -> list[str]:
        """What became of rows that came back changed, in words; nothing when there are none."""
        told = [f"{self.revised:,} of the repeated rows came back changed: new revisions of their examples."]
        kept = [f"{self.kept:,} changed rows left their examples as they were edited here."]
        return told * bool(self.revised) + kept * bool(self.kept)

    def drifted(self) -> list[str]:
        """How the file differs from the last one of its family, in words; nothing for the first one."""
        return self.drift.says() if self.drift else []
