"""Measures of how well predictions agree with what happened.

**Calibration.** All functions take ``y_true``, labels of any type, and ``y_prob``: one number a row for the probability
of the second class, or one column a class. Errors over bins, their floor and their test must be told with ``kind=``
what is to be calibrated: the probability of one event ("binary"), the largest probability of each row ("top_label") or
that of each class ("classwise"). The others look at one event, whose label is ``pos_label``.

A calibration error has a floor, because frequencies of finitely many rows scatter: report it beside the error
(:func:`calibration_test` gives both). And it is not a measure of quality: lead with log loss or Brier score, of which
:func:`corp_decomposition` tells how much is miscalibration.

**Intervals, sets and distributions.** Intervals are arrays of shape (n_samples, 2), sets of labels boolean arrays of
shape (n_samples, n_classes), both with one axis more for several levels, as conformal estimators give them. Coverage
and width or size belong together; :func:`interval_score` joins them, and :func:`coverage_by_group` tells where the
coverage fails. :func:`pinball_loss` judges quantiles, :func:`continuous_ranked_probability_score` whole distributions.

Everywhere a weight k counts as k copies of a row and 0 as none. Errors depend on the proportions of weights only; what
is about chance (tests, floor, bands, limits, debiasing) also on their size, because it asks how many rows there are.
"""

from skboost.metrics._calibration_error import (
    adaptive_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
)
from skboost.metrics._corp import CorpDecomposition, corp_decomposition
from skboost.metrics._crps import continuous_ranked_probability_score
from skboost.metrics._floor import CalibrationTest, calibration_floor, calibration_test
from skboost.metrics._group_coverage import GroupCoverage, coverage_by_group
from skboost.metrics._intervals import coverage_score, interval_score, mean_interval_width
from skboost.metrics._kolmogorov import kolmogorov_calibration_error
from skboost.metrics._pinball import pinball_loss
from skboost.metrics._prediction_scorer import (
    coverage_scorer,
    interval_score_scorer,
    set_size_scorer,
)
from skboost.metrics._reliability import ReliabilityCurve, consistency_band, reliability_curve
from skboost.metrics._scorer import calibration_error_scorer
from skboost.metrics._sets import mean_set_size, set_coverage_score
from skboost.metrics._smooth import smooth_calibration_error
from skboost.metrics._spiegelhalter import SpiegelhalterTest, spiegelhalter_test

__all__ = [
    "CalibrationTest",
    "CorpDecomposition",
    "GroupCoverage",
    "ReliabilityCurve",
    "SpiegelhalterTest",
    "adaptive_calibration_error",
    "calibration_error_scorer",
    "calibration_floor",
    "calibration_test",
    "consistency_band",
    "continuous_ranked_probability_score",
    "corp_decomposition",
    "coverage_by_group",
    "coverage_score",
    "coverage_scorer",
    "expected_calibration_error",
    "interval_score",
    "interval_score_scorer",
    "kolmogorov_calibration_error",
    "maximum_calibration_error",
    "mean_interval_width",
    "mean_set_size",
    "pinball_loss",
    "reliability_curve",
    "set_coverage_score",
    "set_size_scorer",
    "smooth_calibration_error",
    "spiegelhalter_test",
]
