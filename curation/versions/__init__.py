"""Frozen versions: read, made, compared."""

from curation.versions.difference import Difference, compare
from curation.versions.freezing import FROZEN_KEY, SPLIT_KEY, freeze
from curation.versions.version import (
    COLUMNS,
    AuditSummary,
    Counts,
    Manifest,
    Version,
    all_versions,
    fingerprint,
    frozen_splits,
    newest,
    open_folder,
    open_version,
    verify,
)

__all__ = [
    "COLUMNS",
    "FROZEN_KEY",
    "SPLIT_KEY",
    "AuditSummary",
    "Counts",
    "Difference",
    "Manifest",
    "Version",
    "all_versions",
    "compare",
    "fingerprint",
    "freeze",
    "frozen_splits",
    "newest",
    "open_folder",
    "open_version",
    "verify",
]
