"""Prediction intervals for any regressor."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from skboost._crossfit.rows import n_rows_of, take
from skboost._validation import (
    Constraint,
    Instance,
    Integer,
    Many,
    Nothing,
    Number,
    OneOf,
    check_parameters,
    check_regression_target,
    check_weights,
)
from skboost.conformal import _split  # noqa: F401  registers its method
from skboost.conformal._base import ConformalEstimator
from skboost.conformal._regression_scores import SCORES, RegressionScore
from skboost.conformal._strategy import STRATEGIES, Seeds, Strategy, point_prediction

Floats = npt.NDArray[np.float64]

# Parameters that act with some methods only, and their defaults.
OPTIONS = {
    "cv": None,
    "difficulty": None,
    "taxonomy": None,
    "failure": None,
    "n_resamples": 30,
    "aggregate": "mean",
    "density_ratio": None,
}


class ConformalRegressor(RegressorMixin, ConformalEstimator):
    """Any regressor, with intervals that hold the label with a given probability.

    Parameters
    ----------
    estimator : regressor
        Anything with ``predict``, a pipeline too. It is cloned; to calibrate a fitted model, wrap it in
        ``sklearn.frozen.FrozenEstimator``, and all rows calibrate.
    method : {"split", "plus", "minmax", "base", "bootstrap"}, default="plus"
        Where the residuals come from.
    cv : float, int, splitter, iterable of (train, test) or None, default=None
        Folds; for "split" one hold-out: the share of rows that calibrate (None is 0.25), or a splitter, of which the
        first split is taken.
    nonconformity : str or RegressionScore, default="absolute"
        "absolute", "signed", "normalized" or "gamma".
    difficulty : regressor, callable or None, default=None
    taxonomy : str, int, callable, transformer or None, default=None
    confidence_level : float or list of float, default=0.9
    failure : float between 0 and 1, default=None
    n_resamples : int, default=30
    aggregate : {"mean", "median"}, default="mean"
    density_ratio : callable, classifier or None, default=None
    bounds : (float, float), default=None
        Smallest and largest possible label: intervals are cut there.
    n_jobs : int or None, default=None
    verbose : int, default=0
    random_state : int, RandomState or None, default=None
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        ConformalEstimator.constraints
        | {
            "method": Instance(str),
            "nonconformity": (Instance(str), Instance(RegressionScore)),
            "failure": (Number(0, 1), Nothing()),
            "n_resamples": Integer(2),
            "aggregate": OneOf("mean", "median"),
            "bounds": (Many(Number()), Nothing()),
        }
    )

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "plus",
        cv: Any = None,
        nonconformity: Any = "absolute",
        difficulty: Any = None,
        taxonomy: Any = None,
        confidence_level: Any = 0.9,
        failure: float | None = None,
        n_resamples: int = 30,
        aggregate: str = "mean",
        density_ratio: Any = None,
        bounds: tuple[float, float] | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.nonconformity = nonconformity
        self.difficulty = difficulty
        self.taxonomy = taxonomy
        self.confidence_level = confidence_level
        self.failure = failure
        self.n_resamples = n_resamples
        self.aggregate = aggregate
        self.density_ratio = density_ratio
        self.bounds = bounds
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    # -- fit --------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator, and learn how far it errs.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Passed on untouched: whatever the estimator takes.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            For the calibration, and for the estimator if its ``fit`` takes weights. Weight k counts as k copies of the
            row, 0 as none. With metadata routing enabled the estimator gets them if it requests them.
        **fit_params : dict
            ``groups`` go to the splitter, anything else to the estimator's ``fit``, cut to the rows of each fold; with
            metadata routing enabled everything goes where it is requested.

        Returns
        -------
        self : ConformalRegressor

        Raises
        ------
        ValueError
            If a parameter or the data are not what they must be, or a parameter cannot act.
        """
        check_parameters(self, self.constraints)
        self._levels()
        X, y = self._check_rows(X, y)
        weight = check_weights(sample_weight, n_rows_of(X))
        y = self._check_target(y, len(weight))
        strategy = self._make_strategy()
        if self._is_frozen:
            self._refuse_without_folds(cv=None)
            self._refuse_fit_params(fit_params)
            strategy.fit_frozen(self, X, y, weight)
        else:
            strategy.fit(self, X, y, weight, self._route(sample_weight, fit_params))
        return self._take_over(strategy)

    def fit_calibration(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Calibrate anew on other rows; the fitted model stays as it is. Only with ``method="split"``.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows that the model was not trained on.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : ConformalRegressor
        """
        check_is_fitted(self, "estimators_")
        X = self._check_columns(X)
        weight = check_weights(sample_weight, n_rows_of(X))
        y = self._check_target(y, len(weight))
        rows = np.flatnonzero(weight)
        self._strategy.calibrate(self, take(X, rows), y[rows], weight[rows])
        return self._take_over(self._strategy)

    def _make_strategy(self) -> Strategy:
        """A fresh strategy for the method, if all parameters that are set can act."""
        strategy = STRATEGIES.resolve(self.method, Strategy)
        for name, default in OPTIONS.items():
            value = getattr(self, name)
            if name not in strategy.acts and value is not default and value != default:
                raise ValueError(
                    f"{name}={value!r} cannot act with method={self.method!r}; leave {name} at {default!r}."
                )
        if self._is_frozen and not strategy.takes_frozen:
            raise ValueError(
                f"method={self.method!r} fits a model on each fold, but the estimator is frozen; use method='split', "
                "with which all rows calibrate it."
            )
        strategy.score = SCORES.resolve(self.nonconformity, RegressionScore)
        check_parameters(strategy.score, strategy.score.constraints)
        strategy.seeds = Seeds.draw(self.random_state)
        return strategy

    def _take_over(self, strategy: Strategy) -> Self:
        """Show what a fitted strategy holds."""
        self._strategy = strategy
        self.nonconformity_ = strategy.score
        self.estimators_ = strategy.estimators
        self.calibration_scores_ = strategy.scores
        self.n_calibration_ = strategy.n_calibration
        return self

    def _splitter(self, y: Any = None) -> Any:
        return STRATEGIES.resolve(self.method, Strategy).splitter(self.cv, y)

    def _refuse_fit_params(self, fit_params: dict[str, Any]) -> None:
        if fit_params:
            raise ValueError(
                f"{', '.join(fit_params)} cannot act: the estimator is frozen and is not fitted again."
            )

    def _check_target(self, y: Any, n_rows: int) -> Floats:
        target = check_regression_target(y, n_rows)
        if target.ndim > 1 and target.shape[1] > 1:
            raise ValueError(
                f"y has {target.shape[1]} columns, but {type(self).__name__} is for one number a row; fit one for each."
            )
        target = np.asarray(column_or_1d(target, warn=True))
        if self.bounds is not None:
            low, high = self._bounds()
            if target.min(initial=low) < low or target.max(initial=high) > high:
                raise ValueError(
                    f"y lies between {target.min():g} and {target.max():g}, outside bounds={self.bounds!r}."
                )
        return target

    def _bounds(self) -> tuple[float, float]:
        if self.bounds is None or len(self.bounds) != 2 or not self.bounds[0] < self.bounds[1]:
            raise ValueError(f"bounds={self.bounds!r} must be two numbers, the smaller first.")
        return float(self.bounds[0]), float(self.bounds[1])

    def _respond(self, estimator: Any, X: Any, n_train: float) -> Floats:
        return point_prediction(estimator, X)

    # -- predict ----------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> Floats:
        """Point predictions of the model.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "estimators_")
        return self._strategy.predict(self._check_columns(X))

    def predict_interval(self, X: Any, confidence_level: Any = None) -> Floats:
        """Intervals that hold the label with a probability of at least the confidence level.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
        confidence_level : float or list of float, optional
            By default that of the constructor.

        Returns
        -------
        interval : ndarray of shape (n_samples, 2), or (n_samples, 2, n_levels) for a list of levels
            Lower and upper ends, infinite where there are too few calibration rows.
        """
        check_is_fitted(self, "estimators_")
        levels = self._levels(confidence_level)
        interval = self._strategy.interval(self._check_columns(X), levels.exact)
        if self.bounds is not None:
            interval = np.clip(interval, *self._bounds())
        return interval[..., 0] if levels.single else interval
