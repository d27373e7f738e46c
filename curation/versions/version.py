"""What a frozen version is, and reading it: one folder of Parquet and a manifest, written once and never changed.

Its fingerprint is taken from the rows, their splits and clusters and the split settings: the same state gives
the same fingerprint on any machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from curation.errors import BadInput, unknown
from curation.files import canonical_json, read_json
from curation.leakage import SPLITS
from curation.project import Project

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = (
    "id",
    "messages",
    "tools",
    "chosen",
    "rejected",
    "label",
    "group",
    "cluster",
    "split",
    "metadata",
)
GROUPS = "groups"  # only where several fields keep rows together: a JSON object of the value of each
_NAME = re.compile(r"v(\d{3,})")


class Counts(BaseModel):
    """Rows of a version, and examples that were left out of it and why."""

    model_config = ConfigDict(extra="forbid")

    train: int
    validation: int
    test: int
    dropped: int
    blocked: int
    refused: int = 0


class AuditSummary(BaseModel):
    """The leakage audit in one line; audit.json beside the manifest has the pairs."""

    model_config = ConfigDict(extra="forbid")

    clean: bool
    pairs: int
    complete: bool
    kinds: dict[str, int]


class Manifest(BaseModel):
    """What manifest.json holds. `settings` has `split` (part of the fingerprint) and `dedup`."""

    model_config = ConfigDict(extra="forbid")

    version: str
    fingerprint: str
    parent: str | None
    counts: Counts
    settings: dict[str, Any]
    audit: AuditSummary
    created: str


@dataclass(frozen=True, slots=True)
class Version:
    """A frozen version on disk."""

    name: str
    folder: Path
    manifest: Manifest

    def path(self, split: str) -> Path:
        """The Parquet file of one split."""
        return self.folder / f"{split}.parquet"

    def read(self, split: str, columns: tuple[str, ...] = COLUMNS) -> pa.Table:
        """The rows of one split, ordered by id.

        Raises:
            BadUsage: there is no such split.
        """
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        import pyarrow.parquet as pq

        return pq.read_table(self.path(split), columns=list(columns))


def all_versions(project: Project) -> tuple[Version, ...]:
    """Every version of a project, oldest first."""
    if not project.versions.is_dir():
        return ()
    numbered = [
        (int(match.group(1)), folder)
        for folder in project.versions.iterdir()
        if (match := _NAME.fullmatch(folder.name)) and (folder / "manifest.json").is_file()
    ]
    return tuple(open_folder(folder) for _, folder in sorted(numbered))


def newest(project: Project) -> Version | None:
    """The version frozen last, None when there is none."""
    return next(reversed(all_versions(project)), None)


def open_version(project: Project, name: str) -> Version:
    """A version by name.

    Raises:
        BadUsage: there is no such version; the message names near ones.
    """
    found = {version.name: version for version in all_versions(project)}
    if name not in found:
        raise unknown("version", name, found, where=str(project.folder))
    return found[name]


def open_folder(folder: Path) -> Version:
    """The version in a folder.

    Raises:
        BadInput: its manifest is missing or cannot be read.
    """
    try:
        return Version(folder.name, folder, Manifest.model_validate(read_json(folder / "manifest.json")))
    except ValidationError as error:
        raise BadInput(
            f"The manifest cannot be read: {error}", where=str(folder / "manifest.json")
        ) from error


def fingerprint(folder: Path, settings: dict[str, Any]) -> str:
    """SHA-256 over the rows of the three files in the order of their ids, and the settings of the split.

    Each row counts as the canonical JSON of its columns in the order of `COLUMNS`, then `groups` where there is
    one; file bytes, time, paths, parent and the version's name count for nothing.
    """
    digest = sha256(canonical_json(settings).encode("utf-8"))
    for line in _lines(folder):
        digest.update(b"\n")
        digest.update(line.encode("utf-8"))
    return digest.hexdigest()


def has_groups(folder: Path) -> bool:
    """Whether the rows of a version carry the value of several group fields."""
    import pyarrow.parquet as pq

    return GROUPS in pq.read_schema(folder / "train.parquet").names


def verify(version: Version) -> None:
    """Compare a version's rows with the fingerprint in its manifest.

    Raises:
        BadInput: they differ: a file was changed after the freeze.
    """
    if fingerprint(version.folder, version.manifest.settings["split"]) != version.manifest.fingerprint:
        raise BadInput(
            "The rows are not those that were frozen: a file of this version was changed.",
            where=str(version.folder),
            hint="Restore the folder from a copy, or freeze anew.",
        )


def frozen_splits(project: Project) -> dict[str, str]:
    """Where each example was frozen, by content id; the newest version that holds it counts."""
    found: dict[str, str] = {}
    for version in all_versions(project):
        for split in SPLITS:
            found.update(dict.fromkeys(version.read(split, ("id",))["id"].to_pylist(), split))
    return found


def _lines(folder: Path) -> Iterator[str]:
    import duckdb

    columns = (*COLUMNS, GROUPS) if has_groups(folder) else COLUMNS
    with duckdb.connect() as connection:
        query = connection.sql(
            f"""
            select {", ".join(f'"{name}"' for name in columns)}
            from read_parquet($files)
            order by id
            """,
            params={"files": [str(folder / f"{split}.parquet") for split in SPLITS]},
        )
        for batch in query.to_arrow_reader(10_000):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                yield canonical_json(row)
