"""Isotonic calibration: the best map that never falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.isotonic import isotonic_regression

from skboost._validation import Flag
from skboost.calibration._base import CALIBRATORS, BinaryCalibrator, Codes, Floats

# Blocks whose means differ by less are one: sums of weights in another order must not change the centres.
ROUNDING = 1e-13


@dataclass(frozen=True, eq=False)
class IsotonicMap:
    """Straight lines between knots, constant before the first and after the last.

    ``scores`` grow and ``probabilities`` do not fall; both are arrays of shape (n_knots,).
    """

    scores: Floats
    probabilities: Floats

    def __call__(self, scores: Floats) -> Floats:
        # not np.interp, whose slope overflows where probabilities of a model underflow
        scores = np.clip(scores, self.scores[0], self.scores[-1])
        right = np.searchsorted(self.scores, scores, side="right")
        right = np.minimum(right, len(self.scores) - 1)
        left = np.maximum(right - 1, 0)
        start, width = self.scores[left], self.scores[right] - self.scores[left]
        share = np.divide(scores - start, width, out=np.zeros_like(scores), where=width > 0)
        low, high = self.probabilities[left], self.probabilities[right]
        # exactly flat on blocks, and exactly the value of the next knot there
        return np.asarray(np.where(share < 1, low + share * (high - low), high))


@CALIBRATORS.register("isotonic")
@CALIBRATORS.register("centered_isotonic", centered=True)
class IsotonicScaler(BinaryCalibrator):
    """Isotonic calibration [1]_: of all maps that never fall the one with the least squared error.

        minimise  sum_i w_i (y_i - g(s_i))^2   over non-decreasing g

    It has the least log loss of these maps too. The solution is constant on blocks of neighbouring scores, where it is
    the weighted mean of the labels. Nothing is assumed but the order, which takes many rows: with fewer than a few
    hundred a calibrator with few parameters is better in most cases.

    Parameters
    ----------
    input : {"probability", "logit"}, default="probability"
        What scores are: probabilities, or any real numbers that grow with the belief in a class.
    classes : sequence of labels, default=None
        Labels in the order of the columns of scores; None for the sorted labels of y, which then must all occur.
    multi_class : {"one_vs_rest", "pairwise", "pairwise_least_squares"}, default="one_vs_rest"
        How more than two classes are reduced to two: each class against the rest, or all pairs with the coupling of
        Price et al. or of Wu, Lin and Weng.
    centered : bool, default=False
        Take each block as one point at the weighted mean of its scores [2]_, and draw lines between these points, so
        that scores within a block keep their order. Else lines are drawn between blocks only.
    clip : bool, default=True
        Keep probabilities within [1 / (n + 2), (n + 1) / (n + 2)], n being the summed weight of the rows. Blocks at the
        ends are often 0 and 1, and a single error there makes log loss infinite.

    Attributes
    ----------
    maps_ : list of IsotonicMap
        ``scores`` and ``probabilities`` of the knots.
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of columns.
    n_calibration_ : float
        Sum of the weights of the calibration rows.

    Notes
    -----
    Rows of equal score are merged before blocks are formed. The cost is that of sorting, O(n log n).

    Theory knows only the values on the blocks. Between the last score of a block and the first of the next a straight
    line is drawn, as :class:`sklearn.isotonic.IsotonicRegression` does; ``clip=False`` gives its numbers. There the
    default is not to clip.

    The centred form is that of [2]_ without its exception for blocks at 0 and 1, which would stay flat.

    References
    ----------
    .. [1] B. Zadrozny and C. Elkan, "Transforming classifier scores into accurate multiclass probability estimates",
       KDD 2002.
    .. [2] A. P. Oron and N. Flournoy, "Centered isotonic regression: point and interval estimation for dose-response
       studies", Statistics in Biopharmaceutical Research 9, 2017.

    Examples
    --------
    >>> from skboost.calibration import IsotonicScaler
    >>> scaler = IsotonicScaler().fit([0.1, 0.3, 0.5, 0.6, 0.8, 0.9], [0, 1, 0, 1, 1, 1])
    >>> scaler.transform([0.0, 0.4, 0.7]).round(3)
    array([0.125, 0.5  , 0.875])
    """

    constraints = BinaryCalibrator.constraints | {"centered": Flag(), "clip": Flag()}

    def __init__(
        self,
        *,
        input: str = "probability",
        classes: Any = None,
        multi_class: str = "one_vs_rest",
        centered: bool = False,
        clip: bool = True,
    ) -> None:
        self.input = input
        self.classes = classes
        self.multi_class = multi_class
        self.centered = centered
        self.clip = clip

    def _fit_map(self, scores: Floats, y: Codes, weight: Floats) -> IsotonicMap:
        distinct, place = np.unique(scores, return_inverse=True)
        total = np.asarray(np.bincount(place, weight), dtype=np.float64)
        mean = np.bincount(place, weight * y) / total
        fitted = np.asarray(isotonic_regression(mean, sample_weight=total))
        ends = block_ends(fitted)
        if self.centered:
            knots, values = centres(distinct, total, ends), fitted[ends[:-1]]
        else:
            kept = np.union1d(ends[:-1], ends[1:] - 1)  # the first and the last score of a block
            knots, values = distinct[kept], fitted[kept]
        if self.clip:
            n = weight.sum()
            values = np.clip(values, 1 / (n + 2), (n + 1) / (n + 2))
        return IsotonicMap(knots, values)


def block_ends(fitted: Floats) -> Codes:
    """Where blocks of equal values begin, and at last the number of values."""
    jumps = np.flatnonzero(np.diff(fitted) > ROUNDING) + 1
    return np.concatenate([[0], jumps, [len(fitted)]])


def centres(scores: Floats, weight: Floats, ends: Codes) -> Floats:
    """Weighted mean of the scores of each block."""
    first = scores[ends[:-1]]
    size = np.diff(ends)
    # distances from the first score: means of far scores must neither lose digits nor leave their block
    share = weight / np.repeat(np.add.reduceat(weight, ends[:-1]), size)
    return np.asarray(first + np.add.reduceat(share * (scores - np.repeat(first, size)), ends[:-1]))
