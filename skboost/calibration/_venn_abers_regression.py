"""Venn-ABERS for numbers: an interval that holds a calibrated prediction, whatever the model."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skboost._ext.venn_abers import Blocks, Steps
from skboost._validation import (
    Constraint,
    Many,
    Nothing,
    Number,
    check_parameters,
    check_regression_target,
    check_weights,
)

Floats = npt.NDArray[np.float64]

DEFAULT_EPSILON = 0.05
# Ranks are whole numbers; products of floats such as .1 * 20 may miss them by a rounding.
RANK_TOLERANCE = 1e-9


class VennAbersRegressionScaler(BaseEstimator):
    """Venn-ABERS intervals for the predictions of a regression model [1]_ [2]_.

    **This is an interval for the conditional mean, not a prediction interval.** It says where a calibrated prediction
    lies, not where the next y falls: most y may lie outside, however many rows there are. For an interval that y falls
    into with a given probability take conformal prediction.

    Among the calibration rows and one more, (s, c), with the prediction s and a possible label c, isotonic regression
    has the value f_c(s) at that row. It grows with c, so that the smallest and the largest possible label give an
    interval:

        lower(s) = f_low(s),   upper(s) = f_high(s)

    **What is guaranteed.** If the calibration rows and the new row are exchangeable, and the model was not trained on
    any of them, then f_Y(s), of the label Y that comes true, is perfectly calibrated, E(Y | f_Y(s)) = f_Y(s), exactly
    and for any number of rows; and it lies in the interval. Nobody knows where in the interval.

    * With ``bounds=(low, high)`` every Y must lie in [low, high].
    * Without bounds (IVAR [2]_) the m smallest and the m largest of the labels, the new one among them, are moved to
      the nearest of the others, m = floor(epsilon (n + 1) / 2), and all this holds for the moved labels. The new label
      is one of those that are moved with a probability of at most epsilon. The smaller epsilon, the wider the
      intervals.

    **What is not guaranteed.** That the middle of the interval, which :meth:`transform` gives, is calibrated; anything
    about calibration rows that were predicted by other models than the new row, such as those of other folds, or about
    rows of unequal weight, unless they are exchangeable after weighting.

    Parameters
    ----------
    bounds : (float, float), default=None
        Smallest and largest possible label. None if they are not known.
    epsilon : float between 0 and 1, default=None
        Share of labels that may be moved if there are no bounds; at least 2 / epsilon - 1 calibration rows are
        needed. None stands for 0.05, and is the only choice if there are bounds.

    Attributes
    ----------
    lower_, upper_ : callable
        Step functions of the prediction.
    label_range_ : tuple of two floats
        The labels that the additional row has for the lower and for the upper end.
    epsilon_ : float
        2 m / (n + 1); 0 with bounds.
    n_calibration_ : float
        Sum of the weights of the calibration rows.

    See Also
    --------
    VennAbersScaler : The same idea for the probability of a class.

    Notes
    -----
    The ends do not fall where the prediction grows, and rows of equal prediction, of which trees give many, are taken
    together.

    :meth:`transform` gives the middle of the interval: f_Y(s) is never further away than half of the width, and no
    other number has a smaller bound. [2]_ weights the ends by their distances from the extreme labels instead. That
    prepares for a label that is extreme itself; the middle is closer to the conditional mean where most are not.

    The cost is O(n log n) for sorting and O(n) for all the rest; a look-up is O(log n).

    References
    ----------
    .. [1] L. van der Laan and A. Alaa, "Generalized Venn and Venn-Abers calibration with applications in conformal
       prediction", ICML 2025.
    .. [2] I. Petej and V. Vovk, inductive Venn-Abers regression, arXiv:2605.06646, 2026.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.calibration import VennAbersRegressionScaler
    >>> rng = np.random.default_rng(0)
    >>> prediction = rng.uniform(0, 10, 10_000)
    >>> y = 2 * prediction + rng.normal(size=10_000)  # the model predicts half of what it should
    >>> scaler = VennAbersRegressionScaler().fit(prediction, y)
    >>> scaler.transform([2.0, 5.0]).round(1)
    array([ 4.1, 10.1])
    >>> scaler.transform_interval([2.0, 5.0]).round(1)
    array([[ 3.9,  4.2],
           [10. , 10.3]])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "bounds": (Many(Number()), Nothing()),
        "epsilon": (Number(0, 1), Nothing()),
    }

    def __init__(
        self, *, bounds: tuple[float, float] | None = None, epsilon: float | None = None
    ) -> None:
        self.bounds = bounds
        self.epsilon = epsilon

    def fit(self, predictions: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the two step functions.

        Parameters
        ----------
        predictions : array-like of shape (n_samples,) or (n_samples, 1)
            What the model said of rows that it was not trained on.
        y : array-like of shape (n_samples,)
            Labels of these rows.
        sample_weight : array-like of shape (n_samples,), optional
            Weight k counts as k copies of the row, 0 as none.

        Returns
        -------
        self : VennAbersRegressionScaler

        Raises
        ------
        ValueError
            If a parameter, the predictions, the labels or the weights are not what they must be, labels lie outside
            the bounds, or there are too few rows for epsilon.
        """
        check_parameters(self, self.constraints)
        values, _ = read_predictions(predictions)
        target = one_output(check_regression_target(y, len(values)))
        weight = check_weights(sample_weight, len(values))
        counted = weight > 0
        values, target, weight = values[counted], target[counted], weight[counted]
        if self.bounds is None:
            epsilon = DEFAULT_EPSILON if self.epsilon is None else self.epsilon
            smaller, larger, self.epsilon_ = winsorized(target, weight, epsilon)
            low, high = float(smaller.min()), float(larger.max())
        else:
            low, high = self._checked_bounds(target)
            smaller, larger, self.epsilon_ = target, target, 0.0
        blocks = Blocks(values, weight)
        # sums of distances from low, not of labels, because a common part of all labels would cost digits
        self.lower_ = shifted(blocks.lower(smaller - low, 0.0), low, high)
        self.upper_ = shifted(blocks.upper(larger - low, high - low), low, high)
        self.label_range_ = low, high
        self.n_calibration_ = float(weight.sum())
        return self

    def transform(self, predictions: Any) -> Floats:
        """Middles of the intervals.

        Parameters
        ----------
        predictions : array-like of shape (n_samples,) or (n_samples, 1)

        Returns
        -------
        calibrated : ndarray of the shape of ``predictions``
        """
        check_is_fitted(self)
        values, shape = read_predictions(predictions)
        lower, upper = self._ends(values)
        return (0.5 * lower + 0.5 * upper).reshape(shape)

    def transform_interval(self, predictions: Any) -> Floats:
        """Intervals for the conditional mean; not for the label itself.

        Parameters
        ----------
        predictions : array-like of shape (n_samples,) or (n_samples, 1)

        Returns
        -------
        interval : ndarray of shape (n_samples, 2)
            Lower and upper ends.
        """
        check_is_fitted(self)
        return np.column_stack(self._ends(read_predictions(predictions)[0]))

    def _ends(self, values: Floats) -> tuple[Floats, Floats]:
        lower = self.lower_(values)
        return lower, np.maximum(lower, self.upper_(values))  # equal ends may differ by rounding

    def _checked_bounds(self, y: Floats) -> tuple[float, float]:
        if self.epsilon is not None:
            raise ValueError(
                f"epsilon={self.epsilon} has no effect with bounds={self.bounds}, because no label is moved; "
                "leave one of them at None."
            )
        bounds = [float(bound) for bound in self.bounds or ()]
        if len(bounds) != 2 or bounds[0] >= bounds[1]:
            raise ValueError(
                f"bounds={self.bounds} must be two numbers, the smallest and the largest possible label."
            )
        low, high = bounds
        if y.min() < low or y.max() > high:
            raise ValueError(
                f"bounds={self.bounds}, but y reaches from {y.min():g} to {y.max():g}; widen the bounds, or leave them "
                "at None if they are not known."
            )
        return low, high

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = True
        return tags


def winsorized(y: Floats, weight: Floats, epsilon: float) -> tuple[Floats, Floats, float]:
    """Labels with the m smallest and m largest moved inwards, if the new label is the smallest, and if the largest.

    With y_(1) <= ... <= y_(n), the order statistics of the n + 1 labels are those of y, one rank later where the new
    label is the smallest. So labels are moved into

        [y_(m), y_(n - m)]  if it is the smallest,    [y_(m + 1), y_(n - m + 1)]  if it is the largest,

    and the new label becomes y_(m) or y_(n - m + 1).

    Parameters
    ----------
    y, weight : ndarray of shape (n_rows,)
    epsilon : float

    Returns
    -------
    smaller, larger : ndarray of shape (n_rows,)
        Labels in the two cases.
    epsilon : float
        2 m / (n + 1), n being the total weight.

    Raises
    ------
    ValueError
        If m would be 0.
    """
    order = np.argsort(y, kind="stable")
    ranked, reached = y[order], np.cumsum(weight[order])
    n = float(reached[-1])
    m = min(math.floor(epsilon * (n + 1) / 2 * (1 + RANK_TOLERANCE)), math.floor((n - 1) / 2))
    if m < 1:
        raise ValueError(
            f"epsilon={epsilon} needs at least {max(3, math.ceil((2 / epsilon - 1) * (1 - RANK_TOLERANCE)))} "
            f"calibration rows, but their weights add up to {n:g}; take a larger epsilon, more rows, or "
            "bounds=(low, high) if these are known."
        )

    def statistic(rank: float) -> float:
        place = np.searchsorted(reached, rank - RANK_TOLERANCE)
        return float(ranked[min(int(place), len(ranked) - 1)])

    smaller = np.clip(y, statistic(m), statistic(n - m))
    larger = np.clip(y, statistic(m + 1), statistic(n - m + 1))
    return smaller, larger, 2 * m / (n + 1)


def shifted(steps: Steps, origin: float, high: float) -> Steps:
    """The same steps from another origin; rounding does not carry them beyond ``high``."""
    return Steps(steps.thresholds, np.minimum(origin + steps.values, high), steps.side)


def one_output(y: Floats) -> Floats:
    """A target of shape (n,) from one of shape (n,) or (n, 1)."""
    if y.ndim == 2 and y.shape[1] > 1:
        raise ValueError(f"y has {y.shape[1]} columns, but only one can be calibrated at a time.")
    return y.reshape(-1)


def read_predictions(predictions: Any) -> tuple[Floats, tuple[int, ...]]:
    """Predictions as float64 of shape (n,), and the shape that they came in."""
    try:
        values = np.asarray(predictions, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"predictions must be an array of numbers: {error}.") from error
    if values.ndim not in (1, 2) or values.shape[1:] not in ((), (1,)) or not len(values):
        raise ValueError(
            f"predictions have shape {values.shape}, but (n_samples,) or (n_samples, 1) is needed, with a row at least."
        )
    if not np.isfinite(values).all():
        raise ValueError(
            "predictions contain NaN or infinity; look at the model that gave them, or leave these rows out."
        )
    return values.reshape(-1), values.shape
