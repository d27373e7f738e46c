"""A report card of one or two files without a project: what is wrong in each, and what of the test is known to train.

The files go through the import, the checks, deduplication and the leakage audit of any project, in a folder
that is gone afterwards.
"""

from curation.scan.report import (
    Excerpt,
    Finding,
    Flagged,
    Leaks,
    Pair,
    Part,
    Refused,
    Repeats,
    Scan,
    read_as,
)
from curation.scan.scanning import scan

__all__ = [
    "Excerpt",
    "Finding",
    "Flagged",
    "Leaks",
    "Pair",
    "Part",
    "Refused",
    "Repeats",
    "Scan",
    "read_as",
    "scan",
]
