"""The statistics of paired answers: right or wrong (`binary`), scored between 0 and 1 (`graded`)."""

from __future__ import annotations

from evals.significance.binary import Paired, mcnemar_exact, mcnemar_midp, paired, tango
from evals.significance.graded import FEWEST_DIFFERENT, bca, flip_signs, paired_scores
from evals.significance.groups import MIN_GROUPS, cluster_error, cluster_t, design_effect, sign_flip
from evals.significance.power import minimum_detectable_effect, rows_needed, rows_to_match
from evals.significance.proportions import Interval, wilson, z_value
from evals.significance.several import chance_of_a_false_ship, holm, holm_share, look_confidence

__all__ = [
    "FEWEST_DIFFERENT",
    "MIN_GROUPS",
    "Interval",
    "Paired",
    "bca",
    "chance_of_a_false_ship",
    "cluster_error",
    "cluster_t",
    "design_effect",
    "flip_signs",
    "holm",
    "holm_share",
    "look_confidence",
    "mcnemar_exact",
    "mcnemar_midp",
    "minimum_detectable_effect",
    "paired",
    "paired_scores",
    "rows_needed",
    "rows_to_match",
    "sign_flip",
    "tango",
    "wilson",
    "z_value",
]
