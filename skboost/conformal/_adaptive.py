"""Prediction intervals for streams, whose error rate is right in the long run whatever happens."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skboost._crossfit.folds import Fold, fit_on
from skboost._crossfit.rows import n_rows_of, take
from skboost._validation import (
    Constraint,
    Integer,
    Nothing,
    Number,
    check_parameters,
    check_weights,
)
from skboost.conformal._adaptive_level import AdaptiveLevel
from skboost.conformal._base import ConformalEstimator
from skboost.conformal._last_rows import LastRows
from skboost.conformal._rank import exact_level, smallest_size
from skboost.conformal._score_stream import ScoreStream
from skboost.conformal._target import one_number_a_row
from skboost.exceptions import UncertaintyWarning

Floats = npt.NDArray[np.float64]

DEFAULT_SHARE = 0.25  # of the rows of fit, for the first errors


class AdaptiveConformalRegressor(RegressorMixin, ConformalEstimator):
    """Adaptive conformal inference: intervals for a stream, whose world may change [1]_.

    Each new row gets the interval mu(x) -+ q_t, where q_t is the ceil((n + 1)(1 - alpha_t))-th smallest of the n
    absolute errors so far. When the truth is known, :meth:`update` moves the level and adds the error:

        alpha_{t+1} = alpha_t + gamma (alpha - err_t),    err_t = 1 if y_t was outside, 0 if not        [1]_, eq. (2)

    After a miss intervals grow, after a hit they shrink a little. If alpha_t <= 0 the interval is everything, and if
    alpha_t >= 1 it is empty, written (nan, nan); the level is neither clipped nor rounded, which the guarantee needs.

    **What is guaranteed.** For *any* sequence of rows, dependent, drifting or chosen by an opponent, and any model, the
    share of misses among the first T rows that went through :meth:`update` differs from alpha = 1 - confidence_level by
    at most [1]_, proposition 4.1,

        (max(alpha, 1 - alpha) + gamma) / (gamma T)

    **What is not guaranteed.** Anything about a single row, or a stretch that is short beside 1 / gamma. A method that
    answers everything and nothing in turn would fulfil the bound as well: look at the widths too. Rows that are
    predicted but never go through ``update`` do not count.

    Parameters
    ----------
    estimator : regressor
        Anything with ``predict``, a pipeline too. It is cloned and fitted once; to use a fitted model, wrap it in
        ``sklearn.frozen.FrozenEstimator``, and all rows calibrate.
    gamma : float, default=0.005
        Step of the level: large ones follow changes quickly, small ones keep the level calm. At least 0; 0 is split
        conformal prediction with growing calibration rows, and has no guarantee for streams.
    confidence_level : float, default=0.9
        Share of rows, in the long run, that lie inside.
    window : int, default=None
        How many errors are kept, the latest; None is all, those of ``fit`` included.
    cv : float, int, splitter, iterable of (train, test) or None, default=None
        Where the first errors come from. A share: that of the last rows, on which the model is not trained; None is
        0.25. Anything else are folds, such as ``TimeSeriesSplit()``: errors of their test rows, and a model that is
        fitted once more on all rows. Cannot be given for a frozen estimator.
    n_jobs : int or None, default=None
        Number of folds that are fitted at the same time, as in joblib. Results do not depend on it.
    verbose : int, default=0
        How much joblib tells of its progress over the folds.

    Attributes
    ----------
    estimator_ : regressor
        The fitted model.
    alpha_ : float
        The current level.
    alphas_ : ndarray of shape (n_updates_ + 1,)
        The level of each row of the stream, and of the next.
    misses_ : ndarray of shape (n_updates_,), bool
        Which rows of the stream were outside of their interval.
    coverage_ : float
        Share of the rows of the stream that were inside; NaN before the first.
    n_updates_ : int
        Rows of the stream so far.
    calibration_scores_ : ndarray of shape (n,)
        Absolute errors that are kept, sorted.
    n_calibration_ : float
        How many that are; the sum of their weights.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names that are strings.

    See Also
    --------
    ConformalRegressor : Intervals with a guarantee for each row, if rows are exchangeable.

    Notes
    -----
    Time is O(log n) for the interval of a row and for its place among the sorted errors, and a move in memory.
    Intervals for several rows at once all have the current level.

    References
    ----------
    .. [1] I. Gibbs and E. Candes, "Adaptive conformal inference under distribution shift", NeurIPS 2021
       (arXiv:2106.00170).

    Examples
    --------
    The noise becomes five times as large in the middle of the stream.

    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from skboost.conformal import AdaptiveConformalRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(3000, 2))
    >>> y = X[:, 0] + rng.normal(size=3000) * np.where(np.arange(3000) < 1500, 1, 5)
    >>> model = AdaptiveConformalRegressor(LinearRegression(), gamma=0.02, window=500)
    >>> model = model.fit(X[:1000], y[:1000])
    >>> model.predict_interval(X[1000:1001]).round(1)
    array([[-1.3,  2.2]])
    >>> model = model.update(X[1000:], y[1000:])
    >>> model.coverage_
    0.9
    >>> model.predict_interval(X[:1]).round(1)
    array([[-7.9,  8.1]])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        ConformalEstimator.constraints
        | {"gamma": Number(0, closed="left"), "window": (Integer(1), Nothing())}
    )

    def __init__(
        self,
        estimator: Any,
        *,
        gamma: float = 0.005,
        confidence_level: float = 0.9,
        window: int | None = None,
        cv: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.gamma = gamma
        self.confidence_level = confidence_level
        self.window = window
        self.cv = cv
        self.n_jobs = n_jobs
        self.verbose = verbose

    # -- fit --------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator, and start with its errors on rows that it was not trained on.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows in the order of time. Passed on untouched: whatever the estimator takes.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            For the first errors, and for the estimator if its ``fit`` takes weights. Weight k counts as k copies of the
            row, 0 as none. With metadata routing enabled the estimator gets them if it requests them.
        **fit_params : dict
            ``groups`` go to the splitter, anything else to the estimator's ``fit``, cut to the rows of each fold; with
            metadata routing enabled everything goes where it is requested.

        Returns
        -------
        self : AdaptiveConformalRegressor

        Raises
        ------
        ValueError
            If a parameter or the data are not what they must be.
        """
        check_parameters(self, self.constraints)
        target = 1 - exact_level(self.confidence_level)
        X, y = self._check_rows(X, y)
        weight = check_weights(sample_weight, n_rows_of(X))
        y = one_number_a_row(y, len(weight), type(self).__name__)
        if self._is_frozen:
            self._refuse_without_folds(cv=None)
            self._refuse_fit_params(fit_params)
            self.estimator_ = self.estimator
            rows: npt.NDArray[np.integer] = np.flatnonzero(weight)
            errors = self._errors(self.estimator_, take(X, rows), y[rows])
        else:
            routed = self._route(sample_weight, fit_params)
            folds = self._folds(X, y, weight, routed.splitter.split)
            rows, errors = self._first_errors(X, y, weight, folds, routed.estimator.fit)
        return self._start(target, errors, weight[rows])

    def fit_calibration(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Start anew, with the errors of other rows; the fitted model stays as it is.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows that the model was not trained on, in the order of time.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : AdaptiveConformalRegressor
        """
        check_is_fitted(self, "estimator_")
        X = self._check_columns(X)
        weight = check_weights(sample_weight, n_rows_of(X))
        y = one_number_a_row(y, len(weight), type(self).__name__)
        rows = np.flatnonzero(weight)
        errors = self._errors(self.estimator_, take(X, rows), y[rows])
        return self._start(self._level.target, errors, weight[rows])

    def _start(self, target: Fraction, errors: Floats, weight: Floats) -> Self:
        if np.isnan(errors).any():
            raise ValueError(
                f"{int(np.isnan(errors).sum())} of {len(errors)} calibration errors are NaN; look at the predictions "
                "of the model on the calibration rows."
            )
        self._level = AdaptiveLevel(target, Fraction(str(float(self.gamma))))
        self._stream = ScoreStream(errors, weight, self.window)
        return self

    def _splitter(self, y: Any = None) -> Any:
        share = DEFAULT_SHARE if self.cv is None else self.cv
        return LastRows(share) if isinstance(share, float) else super()._splitter(y)

    def _folds(self, X: Any, y: Any, weight: Floats, params: dict[str, Any]) -> list[Fold]:
        splitter = self._splitter(y)
        if isinstance(splitter, LastRows):  # a share of the rows that count
            rows = np.flatnonzero(weight)
            return [Fold(rows[train], rows[test]) for train, test in splitter.split(rows, **params)]
        folds = super()._folds(X, y, weight, params)
        rows = np.concatenate([fold.calibrate for fold in folds])
        if len(np.unique(rows)) < len(rows):
            raise ValueError(
                "cv tests rows in several folds, which would count their errors more than once; use a cv that puts "
                "each row into at most one test fold."
            )
        return folds

    def _first_errors(
        self, X: Any, y: Floats, weight: Floats, folds: list[Fold], params: dict[str, Any]
    ) -> tuple[npt.NDArray[np.integer], Floats]:
        """Fit the model; rows that it, or its likes of the folds, were not trained on, in order, and their errors."""
        if isinstance(self._splitter(y), LastRows):
            rows = folds[0].calibrate
            self.estimator_ = fit_on(self.estimator, X, y, folds[0].train, params)
            return rows, self._errors(self.estimator_, take(X, rows), y[rows])
        fitted = self._fit_folds(X, y, weight, folds, params, keep=False)
        rows = np.concatenate([fold.rows for fold in fitted])
        errors = np.abs(y[rows] - np.concatenate([fold.response for fold in fitted]))
        self.estimator_ = fit_on(self.estimator, X, y, np.flatnonzero(weight), params)
        order = np.argsort(rows)
        return rows[order], errors[order]

    def _respond(self, estimator: Any, X: Any, n_train: float) -> Floats:
        return np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1)

    def _errors(self, estimator: Any, X: Any, y: Floats) -> Floats:
        return np.abs(y - self._respond(estimator, X, 0))

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
        check_is_fitted(self, "estimator_")
        return self._respond(self.estimator_, self._check_columns(X), 0)

    def predict_interval(self, X: Any, confidence_level: Any = None) -> Floats:
        """Intervals at the current level. Nothing changes: call :meth:`update` when the truth is known.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
        confidence_level : float, optional
            That of the constructor; no other, because the level has followed the misses at that one.

        Returns
        -------
        interval : ndarray of shape (n_samples, 2)
            Lower and upper ends. (-inf, inf) if alpha_ <= 0, or if there are too few errors for it; (nan, nan), the
            empty interval, if alpha_ >= 1. Both are told by an UncertaintyWarning.
        """
        prediction = self.predict(X)
        asked = self.confidence_level if confidence_level is None else confidence_level
        if exact_level(asked) != 1 - self._level.target:
            raise ValueError(
                f"confidence_level={asked!r} cannot act: the level has followed the misses of intervals at "
                f"{float(1 - self._level.target):g}; fit another AdaptiveConformalRegressor."
            )
        radius = self._radius()
        if not np.isfinite(radius):
            self._warn()
        return np.column_stack([prediction - radius, prediction + radius])

    def _radius(self) -> float:
        """Half of the width of the next interval; NaN if it is empty."""
        alpha = self._level.alpha
        if alpha <= 0:
            return np.inf
        return np.nan if alpha >= 1 else self._stream.upper(1 - alpha)

    def _warn(self) -> None:
        """Say why an interval is everything or empty."""
        alpha = self._level.alpha
        if alpha >= 1:
            reason = f"alpha_={float(alpha):.4g} is 1 or more after many hits: the interval is empty, (nan, nan)"
        elif alpha <= 0:
            reason = f"alpha_={float(alpha):.4g} is 0 or less after many misses: the interval is everything"
        else:
            reason = (
                f"alpha_={float(alpha):.4g} needs at least {smallest_size(1 - alpha)} errors, but there are "
                f"{self.n_calibration_:g}: the interval is everything"
            )
        warnings.warn(f"{reason}.", UncertaintyWarning, stacklevel=3)

    # -- the stream -------------------------------------------------------------------------------------------------

    def update(self, X: Any, y: Any) -> Self:
        """Tell the truth about rows, one after the other: whether they were inside, and how far they were off.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows in the order of time. Each is judged by the interval that it would have got at its turn.
        y : array-like of shape (n_samples,)

        Returns
        -------
        self : AdaptiveConformalRegressor

        Raises
        ------
        ValueError
            If the data are not what they must be; then nothing has changed.
        """
        prediction = self.predict(X)
        errors = np.abs(one_number_a_row(y, len(prediction), type(self).__name__) - prediction)
        if np.isnan(errors).any():
            raise ValueError(
                f"{int(np.isnan(errors).sum())} of {len(errors)} errors are NaN; look at the predictions of the model."
            )
        for error in errors.tolist():
            self._level.record(not error <= self._radius())  # NaN, the empty interval, is a miss
            self._stream.add(error)
        return self

    @property
    def alpha_(self) -> float:
        """The current level."""
        return float(self._level.alpha)

    @property
    def alphas_(self) -> Floats:
        """The level of each row of the stream, and of the next."""
        return self._level.alphas

    @property
    def misses_(self) -> npt.NDArray[np.bool_]:
        """Which rows of the stream were outside of their interval."""
        return self._level.misses

    @property
    def coverage_(self) -> float:
        """Share of the rows of the stream that were inside."""
        return 1 - self._level.n_misses / self.n_updates_ if self.n_updates_ else float("nan")

    @property
    def n_updates_(self) -> int:
        """Rows of the stream so far."""
        return len(self._level)

    @property
    def calibration_scores_(self) -> Floats:
        """Absolute errors that are kept, sorted."""
        return self._stream.scores

    @property
    def n_calibration_(self) -> float:
        """Sum of the weights of the errors that are kept."""
        return self._stream.total
