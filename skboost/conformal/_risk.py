"""A threshold whose expected loss is bounded, for losses other than a miss."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils import check_array

from skboost._validation import Constraint, Flag, Number, check_parameters, check_weights
from skboost.conformal._calibration import TOLERANCE
from skboost.exceptions import UncertaintyWarning

Floats = npt.NDArray[np.float64]


class ConformalRiskControl(BaseEstimator):
    """Conformal risk control: the smallest threshold that keeps an expected loss below a bound [1]_.

    Something has a threshold that makes it more careful the larger it is: a set of labels that grows, a region of an
    image that widens, an interval that stretches. Its loss L_i(t) at calibration row i falls as the threshold t rises,
    and is at most B. Chosen is

        t* = inf{ t : (L_1(t) + ... + L_n(t) + B) / (n + 1) <= risk }                                    [1]_, eq. (4)

    among the thresholds that losses are given for.

    **What is guaranteed.** If the calibration rows and a new row are exchangeable, no loss rises with the threshold or
    exceeds B, and at the largest threshold none exceeds ``risk``, then E[L_new(t*)] <= risk [1]_, theorem 1, whatever
    the model and for any number of rows. The expectation is over the calibration rows and the new one. If rows are
    independent and losses continuous in the threshold and not negative, it is at least risk - 2 B / (n + 1), theorem
    2; on a coarse list of thresholds it may be less.

    **What is not guaranteed.** That the expected loss is small given the calibration rows at hand, or in a group of
    rows; anything if the thresholds or the model were chosen with these rows. If no threshold is feasible, which always
    happens when risk < B / (n + 1), the largest is taken with a warning: right only if losses there cannot exceed
    ``risk``. With weights, rows must be exchangeable after weighting.

    With the loss 1{y not in the set}, B = 1, this is split conformal prediction at the confidence level 1 - risk.

    Parameters
    ----------
    risk : float, default=0.1
        Largest expected loss, in the unit of the losses; less than ``bound``.
    bound : float, default=1.0
        B: no loss can be larger, whether seen or not.
    monotonize : bool, default=False
        Replace each loss by the largest at this or any larger threshold, which never rises [1]_. The guarantee then
        holds for the larger losses, so for the given ones as well. Otherwise losses that rise are refused.

    Attributes
    ----------
    threshold_ : float
        t*.
    thresholds_ : ndarray of shape (n_thresholds,)
        Sorted.
    risks_ : ndarray of shape (n_thresholds,)
        Mean loss of the calibration rows at each of them.
    risk_bounds_ : ndarray of shape (n_thresholds,)
        The same with one more row of loss B, which is compared with ``risk``.
    n_calibration_ : float
        Sum of the weights of the calibration rows.

    See Also
    --------
    ConformalClassifier : Sets of labels that miss the true one with at most a given probability.

    Notes
    -----
    Something that becomes more careful as a cut-off falls, such as a cut-off for probabilities, has a threshold of
    minus the cut-off, or 1 - cut-off.

    References
    ----------
    .. [1] A. N. Angelopoulos, S. Bates, A. Fisch, L. Lei and T. Schuster, "Conformal risk control", ICLR 2024
       (arXiv:2208.02814).

    Examples
    --------
    Which labels to show for a picture that has several? All whose probability is at least 1 - t, and on average at
    most 10 % of the true ones shall be missed.

    >>> import numpy as np
    >>> from skboost.conformal import ConformalRiskControl
    >>> rng = np.random.default_rng(0)
    >>> probability = rng.beta(0.5, 1.0, size=(500, 8))
    >>> is_true = rng.random(probability.shape) < probability
    >>> thresholds = np.linspace(0, 1, 101)
    >>> shown = probability[:, :, None] >= 1 - thresholds             # (500, 8) -> (500, 8, 101)
    >>> missed = np.sum(is_true[:, :, None] & ~shown, axis=1)
    >>> share_missed = missed / np.maximum(is_true.sum(axis=1), 1)[:, None]
    >>> control = ConformalRiskControl(risk=0.1).fit(share_missed, thresholds)
    >>> control.threshold_  # so labels of a probability of at least 0.21 are shown
    0.79
    >>> control.risk_bounds_[[78, 79]].round(3)
    array([0.105, 0.095])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "risk": Number(),
        "bound": Number(),
        "monotonize": Flag(),
    }

    def __init__(self, *, risk: float = 0.1, bound: float = 1.0, monotonize: bool = False) -> None:
        self.risk = risk
        self.bound = bound
        self.monotonize = monotonize

    def fit(self, losses: Any, thresholds: Any, sample_weight: Any = None) -> Self:
        """Choose the threshold.

        Parameters
        ----------
        losses : array-like of shape (n_samples, n_thresholds)
            Loss of each calibration row at each threshold.
        thresholds : array-like of shape (n_thresholds,)
            In any order; infinite ones are allowed.
        sample_weight : array-like of shape (n_samples,), optional
            Weight k counts as k copies of the row, 0 as none.

        Returns
        -------
        self : ConformalRiskControl

        Raises
        ------
        ValueError
            If a parameter, the losses, the thresholds or the weights are not what they must be, or a loss exceeds the
            bound or rises with the threshold.
        """
        check_parameters(self, self.constraints)
        if self.risk >= self.bound:
            raise ValueError(
                f"risk={self.risk!r} must be less than bound={self.bound!r}: every threshold has a loss of at most "
                "that."
            )
        rows = check_array(losses, dtype=np.float64, input_name="losses")
        weight = check_weights(sample_weight, len(rows))
        self.thresholds_, rows = sorted_columns(thresholds, rows[weight > 0])
        weight = weight[weight > 0]
        self._check_bound(rows)
        if self.monotonize:
            rows = np.maximum.accumulate(rows[:, ::-1], axis=1)[:, ::-1]
        self._check_order(rows)
        total = weight @ rows
        self.n_calibration_ = float(weight.sum())
        self.risks_ = total / self.n_calibration_
        self.risk_bounds_ = (total + self.bound) / (self.n_calibration_ + 1)
        self.threshold_ = self._choose()
        return self

    def _check_bound(self, losses: Floats) -> None:
        if losses.max() > self.bound:
            raise ValueError(
                f"bound={self.bound!r} must be at least as large as every loss, but there is one of {losses.max():g}; "
                "set bound to the largest loss that is possible, seen or not."
            )

    def _check_order(self, losses: Floats) -> None:
        """Refuse losses that rise with the threshold, by more than their rounding."""
        rise = np.diff(losses, axis=1).max(axis=1, initial=0.0)
        rises = rise > TOLERANCE * max(1.0, float(np.abs(losses).max()))
        if rises.any():
            raise ValueError(
                f"losses of {int(rises.sum())} rows rise with the threshold, the first in row {int(rises.argmax())}, "
                "but risk control needs losses that fall or stay; turn the sign of the thresholds if all rise, or set "
                "monotonize=True."
            )

    def _choose(self) -> float:
        """The smallest feasible threshold."""
        # risks are sums of rounded numbers: one that is equal to the bound on paper must not be lost to the last bit
        slack = TOLERANCE * max(abs(self.risk), abs(self.bound))
        feasible = self.risk_bounds_ <= self.risk + slack
        if feasible.any():
            return float(self.thresholds_[feasible.argmax()])
        needed = ""
        if self.risk > 0:
            needed = f" (a loss that falls to 0 needs {self._smallest_size()} rows)"
        warnings.warn(
            f"no threshold keeps the expected loss at {self.risk:g} or below: with {self.n_calibration_:g} calibration "
            f"rows the smallest bound is {self.risk_bounds_.min():.4g}{needed}. The largest threshold is taken, which "
            "is right only if no loss can exceed the risk there; give more rows, larger thresholds or a larger risk.",
            UncertaintyWarning,
            stacklevel=3,
        )
        return float(self.thresholds_[-1])

    def _smallest_size(self) -> int:
        """Fewest rows for which losses of 0 are feasible: ceil(B / risk) - 1."""
        return int(np.ceil(self.bound / self.risk * (1 - TOLERANCE))) - 1


def sorted_columns(thresholds: Any, losses: Floats) -> tuple[Floats, Floats]:
    """Thresholds in rising order, and the columns of losses in the same.

    Raises
    ------
    ValueError
        If there is not one number for each column, one is NaN, or two are equal.
    """
    values = np.asarray(thresholds, dtype=np.float64)
    if values.shape != losses.shape[1:]:
        raise ValueError(
            f"thresholds must hold one number for each of the {losses.shape[1]} columns of losses, but their shape is "
            f"{values.shape}."
        )
    if np.isnan(values).any():
        raise ValueError("thresholds holds NaN; remove these columns.")
    order = np.argsort(values, kind="stable")
    values = values[order]
    if (values[1:] == values[:-1]).any():
        raise ValueError(
            f"thresholds holds {values[1:][values[1:] == values[:-1]][0]:g} twice; give each threshold once."
        )
    return values, losses[:, order]
