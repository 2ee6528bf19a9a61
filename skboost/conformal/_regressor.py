"""Prediction intervals for any regressor."""

from __future__ import annotations

import copy
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skboost._crossfit.rows import n_rows_of, take
from skboost._validation import (
    Constraint,
    Flag,
    Instance,
    Integer,
    Many,
    Nothing,
    Number,
    OneOf,
    check_parameters,
    check_weights,
)
from skboost.conformal import _bootstrap, _cross, _split  # noqa: F401  they register their methods
from skboost.conformal._base import ConformalEstimator
from skboost.conformal._distribution import PredictiveDistributions
from skboost.conformal._regression_scores import SCORES, RegressionScore
from skboost.conformal._strategy import STRATEGIES, Seeds, Strategy, point_prediction
from skboost.conformal._target import one_number_a_row

Floats = npt.NDArray[np.float64]

# Parameters that act with some methods only, and their defaults.
OPTIONS = {
    "cv": None,
    "difficulty": None,
    "taxonomy": None,
    "failure": None,
    "n_resamples": 30,
    "fixed_resamples": False,
    "aggregate": "mean",
    "density_ratio": None,
}


class ConformalRegressor(PredictiveDistributions, RegressorMixin, ConformalEstimator):
    """Any regressor, with intervals that hold the label with a given probability.

    How far labels are from predictions on rows that the model was not trained on tells how far the next one may be.
    Nothing is assumed about the model or the distribution of the data, only that the next row and the calibration rows
    are exchangeable: drawn independently from one distribution, say, and not rows of a time series.

    What is guaranteed for the interval C(x) at confidence level 1 - alpha depends on ``method``:

    ===========  ==========================================  =======================================================
    method       P(y in C(x)) is at least                    where residuals come from
    ===========  ==========================================  =======================================================
    "split"      1 - alpha                                   rows held out; one model
    "plus"       1 - 2 alpha, in practice about 1 - alpha    each row from the model without its fold, whose prediction
                                                             moves with it: CV+, and jackknife+ if folds are single rows
    "minmax"     1 - alpha if folds are single rows          the same, around the extreme predictions of all models:
                                                             wider
    "base"       nothing                                     the same, around the model of all rows
    "bootstrap"  1 - 2 alpha, in practice about 1 - alpha    each row from the models whose resample missed it:
                                                             jackknife+-after-bootstrap, around their aggregate
    ===========  ==========================================  =======================================================

    The first is due to [1]_, the next two to [2]_, the last to [3]_.

    **The probability is over the calibration rows and the next row together.** It is no promise for a given x, for a
    group of rows unless it is in the ``taxonomy``, or for the calibration rows at hand: with these given, the coverage
    of "split" scatters like Beta(k, n + 1 - k), k = ceil((n + 1)(1 - alpha)), unless ``failure`` is set. If scores have
    no ties, "split" covers with probability at most 1 - alpha + 1 / (n + 1).

    Read more in the :ref:`User Guide <conformal>`.

    Parameters
    ----------
    estimator : regressor
        Anything with ``predict``, a pipeline too. It is cloned; to calibrate a fitted model, wrap it in
        ``sklearn.frozen.FrozenEstimator``, and all rows calibrate (``method="split"``).
    method : {"split", "plus", "minmax", "base", "bootstrap"}, default="plus"
        Where residuals come from, see above.
    cv : float, int, splitter, iterable of (train, test) or None, default=None
        Folds; None is 5 without shuffling. For "split" one hold-out instead: the share of rows that calibrate, drawn
        at random (None is 0.25), or a splitter, of which the first split is taken. Cannot be given for a frozen
        estimator, or for "bootstrap".
    nonconformity : str or RegressionScore, default="absolute"
        How errors are measured. "absolute": ``|y - mu|``, intervals of one width around the prediction. "signed":
        y - mu, half of alpha on each side. "normalized": in units of ``difficulty``. "gamma": in units of the
        prediction, which must be positive. Or an instance with parameters of its own, such as
        ``NormalizedScore(beta=0.1)``.
    difficulty : regressor, ResidualDifficulty, callable or None, default=None
        Scale of the error of a row, sigma(x). A regressor is fitted to the absolute errors out of fold on the rows that
        train the model, anew for each model; a callable gets X; a fitted regressor is wrapped in ``FrozenEstimator``.
        Numbers that are not positive are raised to a small one. For ``nonconformity="normalized"``, or groups by
        difficulty.
    taxonomy : str, int, callable, transformer, Bins, QuantileBins or None, default=None
        Divides rows into groups, each with a guarantee of its own [4]_: a column of X by name or number, a callable
        that gives labels for X, a transformer (fitted on the rows that train the model), or bins of the prediction or
        the difficulty. With several models a row must have one group for all of them: only a column, a callable or a
        frozen transformer can act with other methods than "split". Rows of a group without enough calibration rows get
        infinite intervals.
    confidence_level : float or list of float, default=0.9
        Between 0 and 1; :meth:`predict_interval` may be asked for others.
    failure : float between 0 and 1, default=None
        If set, the coverage given the calibration rows is at least the confidence level with probability
        1 - ``failure`` over their draw [5]_ (in each group, with a taxonomy). Wider; only with "split".
    n_resamples : int, default=30
        Number of resamples of as many rows as there are, drawn with replacement; only with "bootstrap".
    fixed_resamples : bool, default=False
        The guarantee of "bootstrap" is for a random number of resamples, B ~ Binomial(B', p) with
        p = (1 - 1 / (n + 1))^n and B' = n_resamples / p, rounded: ``n_resamples`` on average. True draws
        ``n_resamples`` of them, for which nothing is proven and little differs.
    aggregate : {"mean", "median"}, default="mean"
        How the predictions of the models of resamples are put together; only with "bootstrap".
    density_ratio : callable, classifier, DensityRatio or None, default=None
        For covariate shift: how many times more often x occurs where intervals are needed than where rows were drawn,
        up to a constant factor. A classifier learns it from the rows that train the model (those that calibrate, if
        the model is frozen) and ``X_target`` of :meth:`fit`. With the true ratio the guarantee holds [6]_; with an
        estimate it loses at most half of its mean absolute error [7]_, relative to its mean. Only with "split".
    bounds : (float, float), default=None
        Smallest and largest possible label: intervals and quantiles are cut there, which costs no coverage.
    n_jobs : int or None, default=None
        Number of models that are fitted at the same time, as in joblib. Results do not depend on it.
    verbose : int, default=0
        How much joblib tells of its progress.
    random_state : int, RandomState or None, default=None
        Draws the hold-out, the folds of ``difficulty``, resamples, and the ties of :meth:`predict_cdf`.

    Attributes
    ----------
    estimators_ : list of regressors
        The fitted models that intervals come from: one for "split" and "base", one a fold for "plus" and "minmax", one
        a resample for "bootstrap".
    estimator_ : regressor
        The model that :meth:`predict` asks: for "plus", "minmax" and "base" it is fitted on all rows. "bootstrap" has
        none, it aggregates all.
    calibration_scores_ : ndarray of shape (n_calibration,)
        Nonconformity scores of the calibration rows.
    n_calibration_ : float
        Sum of the weights of the calibration rows.
    n_effective_ : float
        Effective number of calibration rows under ``density_ratio``, (sum w)^2 / sum w^2; only if that is set.
    nonconformity_ : RegressionScore
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names that are strings.

    See Also
    --------
    skboost.calibration.VennAbersRegressor : Intervals for the mean of y given x rather than for y.

    Notes
    -----
    Ranks are exact: a level is the decimal number that is written, and 9 rows give a finite interval at 90 %. Ends are
    moved outwards by some units in the last place, because a label that lies exactly on an end would be lost to
    rounding, and with it all labels that are equal to it. With fewer rows than :attr:`min_calibration_size` intervals
    are infinite, and a warning says so.

    "plus" with K folds of n / K rows each covers with probability at least
    1 - 2 alpha - min{2 (1 - 1 / K) / (n / K + 1), (1 - K / n) / (K + 1)} >= 1 - 2 alpha - sqrt(2 / n), which is
    1 - 2 alpha if folds are single rows (Theorems 1 and 4 of [2]_); "minmax" at least
    ceil((1 - alpha) (n + 1)) / (n + n / K), by the proof of Theorem 3 there, and at least what "plus" does, whose
    intervals it contains. With two tails this holds for each end, with alpha / 2 in the place of alpha. Coverage is
    near 1 - alpha unless models change much when a few rows are left out; then "base" may fail altogether. With a
    taxonomy, what holds for folds of single rows holds in each group.

    Rows that are in all resamples of "bootstrap" have no residual; they are dropped, with a warning. With so many
    resamples that this happens to none, the guarantee is that of the theorem.

    Folds and resamples are drawn once, in :meth:`fit`. A row must be in one test fold. At levels below one half the
    ends of "plus" and "bootstrap" may cross, where models disagree: both are their middle then.

    A weight k of a calibration row counts as k copies. The guarantee then needs that rows so weighted are exchangeable
    with the next one. Where rows drift, weights between 0 and 1 that were fixed beforehand, smaller for older rows, do
    not restore it but limit what is lost: by at most the sum of w_i / (1 + sum w) times the total variation distance
    between the data, and the data with row i and the next one exchanged [8]_.

    References
    ----------
    .. [1] H. Papadopoulos, K. Proedrou, V. Vovk and A. Gammerman, "Inductive confidence machines for regression",
       ECML 2002; J. Lei, M. G'Sell, A. Rinaldo, R. Tibshirani and L. Wasserman, "Distribution-free predictive inference
       for regression", JASA 113, 2018, Theorem 2.2.
    .. [2] R. Barber, E. Candes, A. Ramdas and R. Tibshirani, "Predictive inference with the jackknife+", Annals of
       Statistics 49, 2021.
    .. [3] B. Kim, C. Xu and R. Barber, "Predictive inference is free with the jackknife+-after-bootstrap", NeurIPS
       2020, Theorem 1.
    .. [4] V. Vovk, D. Lindsay, I. Nouretdinov and A. Gammerman, "Mondrian confidence machine", 2003.
    .. [5] V. Vovk, "Conditional validity of inductive conformal predictors", ACML 2012, Proposition 2b.
    .. [6] R. Tibshirani, R. Barber, E. Candes and A. Ramdas, "Conformal prediction under covariate shift", NeurIPS
       2019, Corollary 1.
    .. [7] L. Lei and E. Candes, "Conformal inference of counterfactuals and individual treatment effects", JRSS B 83,
       2021, Theorem 3.
    .. [8] R. Barber, E. Candes, A. Ramdas and R. Tibshirani, "Conformal prediction beyond exchangeability", Annals of
       Statistics 51, 2023, Theorem 2.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import RidgeCV
    >>> from skboost.conformal import ConformalRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ConformalRegressor(RidgeCV(), method="split", random_state=0).fit(X[:400], y[:400])
    >>> model.predict(X[400:402]).round()
    array([172.,  89.])
    >>> model.predict_interval(X[400:402]).round()
    array([[ 68., 277.],
           [-16., 193.]])
    >>> model.predict_quantiles(X[400:402], [0.1, 0.5, 0.9]).round()
    array([[103., 175., 266.],
           [ 19.,  92., 182.]])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        ConformalEstimator.constraints
        | {
            "method": Instance(str),
            "nonconformity": (Instance(str), Instance(RegressionScore)),
            "failure": (Number(0, 1), Nothing()),
            "n_resamples": Integer(2),
            "fixed_resamples": Flag(),
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
        fixed_resamples: bool = False,
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
        self.fixed_resamples = fixed_resamples
        self.aggregate = aggregate
        self.density_ratio = density_ratio
        self.bounds = bounds
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    # -- fit --------------------------------------------------------------------------------------------------------

    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_target: Any = None, **fit_params: Any
    ) -> Self:
        """Fit the estimator, and learn how far it errs.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Passed on untouched: whatever the estimator takes.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            For the calibration, and for the estimator if its ``fit`` takes weights. Weight k counts as k copies of the
            row, 0 as none. With metadata routing enabled the estimator gets them if it requests them.
        X_target : rows like those of X, optional
            Rows, without labels, of the population that intervals are wanted for; needed and used only by a classifier
            as ``density_ratio``.
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
        strategy.seeds = Seeds.draw(self.random_state)
        strategy.target = self._check_X_target(X_target)
        if self._is_frozen:
            self._refuse_without_folds(cv=None)
            self._refuse_fit_params(fit_params)
            strategy.fit_frozen(self, X, y, weight)
        else:
            strategy.fit(self, X, y, weight, self._route(sample_weight, fit_params))
        return self._take_over(strategy)

    def fit_calibration(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Calibrate anew on other rows; the fitted model stays as it is. Only with ``method="split"``.

        So do fitted difficulties, bins, transformers and density ratios.

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
        strategy = copy.copy(self._strategy)  # the old one stays whole if the new rows are refused
        strategy.calibrate(self, take(X, rows), y[rows], weight[rows])
        return self._take_over(strategy)

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
        if strategy.score.needs_difficulty and self.difficulty is None:
            raise ValueError(
                f"nonconformity={self.nonconformity!r} needs a scale of errors: give difficulty a regressor or a "
                "callable."
            )
        strategy.failure = self.failure
        strategy.check(self)
        return strategy

    def _take_over(self, strategy: Strategy) -> Self:
        """Show what a fitted strategy holds."""
        strategy.target = None
        self._strategy = strategy
        self.nonconformity_ = strategy.score
        self.estimators_ = strategy.estimators
        self.calibration_scores_ = strategy.scores
        self.n_calibration_ = strategy.n_calibration
        for name in ("estimator_", "n_effective_"):
            if hasattr(self, name):
                delattr(self, name)
        if strategy.estimator is not None:
            self.estimator_ = strategy.estimator
        if self.density_ratio is not None:
            self.n_effective_ = strategy.n_effective
        return self

    def _splitter(self, y: Any = None) -> Any:
        return STRATEGIES.resolve(self.method, Strategy).splitter(self.cv, y)

    def _check_X_target(self, X_target: Any) -> Any:
        if X_target is None:
            return None
        if self.density_ratio is None:
            raise ValueError("X_target cannot act: density_ratio is not set.")
        return self._check_columns(X_target)

    def _check_target(self, y: Any, n_rows: int) -> Floats:
        target = one_number_a_row(y, n_rows, type(self).__name__)
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
        interval = self._within_bounds(
            self._strategy.interval(self._check_columns(X), levels.exact)
        )
        return np.asarray(interval[..., 0] if levels.single else interval)

    def _within_bounds(self, labels: Floats) -> Floats:
        return labels if self.bounds is None else np.asarray(np.clip(labels, *self._bounds()))

    @property
    def min_calibration_size(self) -> int:
        """Fewest calibration rows (in each group) for finite intervals at all levels of the constructor."""
        strategy = self._make_strategy()
        return max(strategy.smallest_size(level) for level in self._levels().exact)
