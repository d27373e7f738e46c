"""Equal texts, similar texts and the clusters they form. Exact: no pair is missed, none is invented."""

from curation.dedup.clusters import Duplicates, View, find, view
from curation.dedup.counting import PairCount
from curation.dedup.near import Threshold
from curation.dedup.shingles import Shingle

__all__ = ["Duplicates", "PairCount", "Shingle", "Threshold", "View", "find", "view"]
