"""Splits: whole groups go to train, validation or test, stratified, seeded, and stable when rows are added."""

from curation.groups import NO_GROUP
from curation.splits.making import make
from curation.splits.report import SplitReport

__all__ = ["NO_GROUP", "SplitReport", "make"]
