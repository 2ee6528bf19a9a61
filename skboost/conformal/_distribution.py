"""Conformal predictive distributions: the residuals of calibration rows around the prediction of a new one."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skboost._crossfit.rows import n_rows_of
from skboost.conformal._calibration import Calibration
from skboost.conformal._rank import exact_level, smallest_size
from skboost.conformal._shortage import Shortage
from skboost.conformal._strategy import STRATEGIES, Strategy

Floats = npt.NDArray[np.float64]


def gives_distributions(model: Any) -> bool:
    """Whether the method of a regressor has predictive distributions."""
    return STRATEGIES.resolve(model.method, Strategy).gives_distributions


class PredictiveDistributions:
    """The questions that a regressor answers about the distribution of labels, if its method has one."""

    method: Any
    _strategy: Strategy
    _check_columns: Any
    _within_bounds: Any

    @available_if(gives_distributions)
    def predict_quantiles(self, X: Any, quantiles: Any) -> Floats:
        """Quantiles of the label: bounds that it keeps with given probabilities. Only with ``method="split"``.

        The quantile of p is the label whose residual has rank floor(p (n + 1)) among those of the calibration rows if
        p < 1/2, otherwise ceil(p (n + 1)), which makes them bounds on the safe side:

            P(y < quantile of p) <= p   if p < 1/2,       P(y <= quantile of p) >= p   otherwise

        so that the quantiles of alpha / 2 and 1 - alpha / 2 are the interval of a score with two tails, such as
        "signed". They come from residuals with their sign whatever the score; ``failure`` does not act on them.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
        quantiles : float or list of float
            Probabilities p, between 0 and 1.

        Returns
        -------
        quantiles : ndarray of shape (n_samples,), or (n_samples, n_quantiles) for a list
            Infinite where there are too few calibration rows.
        """
        check_is_fitted(self, "estimators_")
        if np.ndim(quantiles) > 1 or not np.size(quantiles):
            raise ValueError(f"quantiles={quantiles!r} must be a number or a list of numbers.")
        asked = quantiles if np.ndim(quantiles) else [quantiles]
        probabilities = [exact_level(p, "quantiles") for p in asked]
        found = quantiles_of(self._strategy, self._check_columns(X), probabilities)
        found = np.asarray(self._within_bounds(found))
        return found if np.ndim(quantiles) else found[:, 0]

    @available_if(gives_distributions)
    def predict_cdf(self, X: Any, y: Any, tau: Any = None) -> Floats:
        """Conformal predictive distributions [1]_ at y. Only with ``method="split"``.

            Q(y, tau) = (number of r_i < r + tau (number of r_i = r + 1)) / (n + 1)

        with the residual r of y and those r_i of the n calibration rows (of the group of x). For a label y from the
        distribution of the data and tau uniform between 0 and 1, Q(y, tau) is exactly uniform. tau = 0 and tau = 1 give
        the limits between which the distribution function is known: they are 1 / (n + 1) apart.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
        y : float or array-like of shape (n_samples,)
        tau : float or array-like of shape (n_samples,), optional
            Between 0 and 1. By default drawn for each row, in the same way at each call.

        Returns
        -------
        probability : ndarray of shape (n_samples,)

        References
        ----------
        .. [1] V. Vovk, J. Shen, V. Manokhin and M. Xie, "Nonparametric predictive distributions based on conformal
           prediction", Machine Learning 108, 2019; V. Vovk, I. Petej, I. Nouretdinov, V. Manokhin and A. Gammerman,
           "Computationally efficient versions of conformal predictive distributions", Neurocomputing 397, 2020.
        """
        check_is_fitted(self, "estimators_")
        X = self._check_columns(X)
        n_rows = n_rows_of(X)
        if tau is None:
            tau = np.random.default_rng(self._strategy.seeds.distribution).random(n_rows)
        tau = self._one_a_row(tau, n_rows, "tau")
        if tau.min() < 0 or tau.max() > 1:
            raise ValueError(
                f"tau must lie between 0 and 1, but reaches from {tau.min():g} to {tau.max():g}."
            )
        return cdf_of(self._strategy, X, self._one_a_row(y, n_rows, "y"), tau)

    @available_if(gives_distributions)
    def crps(self, X: Any, y: Any) -> Floats:
        """Continuous ranked probability score of the predictive distributions at y. Only with ``method="split"``.

            E|Y - y| - E|Y - Y'| / 2,   Y and Y' independent from the labels whose residuals are r_1, ..., r_n

        The smaller, the better: it rewards distributions that are narrow and right, and is the absolute error of a
        distribution in one point.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
        y : float or array-like of shape (n_samples,)

        Returns
        -------
        score : ndarray of shape (n_samples,)
            In the unit of y.
        """
        check_is_fitted(self, "estimators_")
        X = self._check_columns(X)
        return crps_of(self._strategy, X, self._one_a_row(y, n_rows_of(X), "y"))

    def _one_a_row(self, values: Any, n_rows: int, name: str) -> Floats:
        """A number for each row, given as such or as a single one."""
        array = np.asarray(values, dtype=np.float64)
        if array.shape not in ((), (n_rows,)) or not np.isfinite(array).all():
            raise ValueError(
                f"{name} must be a finite number, or one for each of {n_rows} rows; its shape is {array.shape}."
            )
        return np.broadcast_to(array, (n_rows,))


def quantiles_of(strategy: Any, X: Any, probabilities: list[Fraction]) -> Floats:
    """Quantiles of the distribution of each row.

    Parameters
    ----------
    strategy : SplitStrategy
        Fitted.
    X : anything with rows
    probabilities : list of Fraction

    Returns
    -------
    quantiles : ndarray of shape (n, n_probabilities)
    """
    at = strategy.locate(X)
    answer = np.empty((len(at.prediction), len(probabilities)))
    bound = np.empty(len(at.prediction))
    shortage = Shortage("the quantiles are infinite")
    for place, p in enumerate(probabilities):
        level = max(p, 1 - p)
        for code, rows, residuals, weights in strategy.residuals.of(at.codes, at.ratio):
            bound[rows] = residuals.quantile(p, **weights)
            strategy.note_infinite(shortage, level, smallest_size(level), bound[rows], code)
        answer[:, place] = strategy.score.invert(at.prediction, at.scale, bound, bound)[1]
    shortage.warn(stacklevel=3)
    return answer


def cdf_of(strategy: Any, X: Any, y: Floats, tau: Floats) -> Floats:
    """Value of the distribution function of each row at y.

        Q(y, tau) = (sum_i w_i 1{r_i < r} + tau (w + sum_i w_i 1{r_i = r})) / (w + sum_i w_i)

    with r the residual of y, and weights 1 unless there are others.

    Parameters
    ----------
    strategy : SplitStrategy
    X : anything with rows
    y : ndarray of shape (n,)
    tau : ndarray of shape (n,)
        Between 0 and 1.

    Returns
    -------
    probability : ndarray of shape (n,)
    """
    at = strategy.locate(X)
    residual = strategy.score.residual(y, at.prediction, at.scale)
    answer = np.empty(len(y))
    for _, rows, residuals, weights in strategy.residuals.of(at.codes, at.ratio):
        below, upto = weight_around(residuals.signed, residual[rows])
        own = weights.get("test_weight", 1.0)
        total = residuals.total + own
        share = (below + tau[rows] * (upto - below + own)) / np.where(total > 0, total, 1.0)
        answer[rows] = np.where(total > 0, share, tau[rows])  # without any weight nothing is known
    return answer


def crps_of(strategy: Any, X: Any, y: Floats) -> Floats:
    """Continuous ranked probability score at y of the labels mu + unit r_i, with the weights of calibration rows.

        unit (sum_i w_i |r_i - r| / W - sum_ij w_i w_j |r_i - r_j| / (2 W^2))

    Sums over i below and above r come from prefix sums, so that a row costs O(log n).

    Parameters
    ----------
    strategy : SplitStrategy
    X : anything with rows
    y : ndarray of shape (n,)

    Returns
    -------
    score : ndarray of shape (n,)
        In the unit of y; infinite without calibration rows.
    """
    at = strategy.locate(X)
    residual = strategy.score.residual(y, at.prediction, at.scale)
    answer = np.full(len(y), np.inf)
    shortage = Shortage("the score is infinite")
    for code, rows, residuals, _ in strategy.residuals.of(at.codes, at.ratio):
        if residuals.total > 0:
            answer[rows] = distance(residuals.signed, residual[rows])
        else:
            shortage.note(Fraction(1, 2), 1, 0, strategy.group_name(code))
    shortage.warn(stacklevel=3)
    return np.asarray(answer * strategy.score.unit(at.prediction, at.scale))


def weight_around(calibration: Calibration, values: Floats) -> tuple[Floats, Floats]:
    """Weight of the scores below each value, and of those up to and with it."""
    below = np.searchsorted(calibration.scores, values, side="left")
    upto = np.searchsorted(calibration.scores, values, side="right")
    return calibration.cumulative[below], calibration.cumulative[upto]


def distance(calibration: Calibration, values: Floats) -> Floats:
    """Mean distance of the scores from each value, less half of their mean distance from one another."""
    weight = np.diff(calibration.cumulative)
    total = calibration.total
    centre = float(weight @ calibration.scores) / total
    scores = calibration.scores - centre  # sums of numbers around 0 lose no digits
    moments = np.concatenate([[0.0], np.cumsum(weight * scores)])
    middle = calibration.cumulative[:-1] + calibration.cumulative[1:] - total
    spread = float((weight * scores) @ middle) / total**2
    values = values - centre
    place = np.searchsorted(scores, values, side="right")
    below = calibration.cumulative[place]
    away = values * (2.0 * below - total) + moments[-1] - 2.0 * moments[place]
    return np.asarray(away / total - spread)
