"""Conformalized quantile regression."""

from __future__ import annotations

import copy
import warnings
from fractions import Fraction
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils.metadata_routing import MetadataRouter
from sklearn.utils.validation import check_is_fitted

from skboost._crossfit.rows import n_rows_of, take
from skboost._validation import (
    Constraint,
    Flag,
    Instance,
    Many,
    Nothing,
    Number,
    OneOf,
    check_parameters,
    check_weights,
)
from skboost.conformal._base import ConformalEstimator
from skboost.conformal._quantile_models import check_frozen_models, quantile_models
from skboost.conformal._quantile_strategy import (
    QUANTILE_STRATEGIES,
    QuantileStrategy,
    Task,
)
from skboost.conformal._quantile_variants import VARIANTS, QuantileVariant
from skboost.conformal._rank import exact_level
from skboost.conformal._shortage import Shortage
from skboost.conformal._target import one_number_a_row
from skboost.exceptions import UncertaintyWarning

Floats = npt.NDArray[np.float64]

LEVEL = Number(0, 1)


class ConformalQuantileRegressor(RegressorMixin, ConformalEstimator):
    """Conformalized quantile regression: predicted quantiles, moved until they hold the label as often as asked [1]_.

    Models of a lower and an upper quantile give an interval whose width follows the noise of a row, but that holds the
    label too often or too rarely. On rows that the models were not trained on it is seen by how much. With predicted
    quantiles lo(x) <= hi(x), put into this order where they cross,

        E_i = max(lo(x_i) - y_i, y_i - hi(x_i))                            [1]_, eq. (6)
        Q   = ceil((n + 1) confidence_level)-th smallest of E_1, ..., E_n  [1]_, eq. (8)

    and the interval is [lo(x) - Q, hi(x) + Q]; Q is negative where the models were too careful. If ``symmetric=False``
    each end moves by a quantile of its own, of lo - y and of y - hi, and may miss half as often [1]_, theorem 2.

    **What is guaranteed.** If the calibration rows and a new row are exchangeable, the interval holds the label of the
    new row with a probability of at least the confidence level, however wrong the models are [1]_, theorem 1; and of at
    most 1 / (n + 1) more, 2 / (n + 1) if not symmetric, if scores almost surely differ. That is over calibration rows
    and new rows together. With ``taxonomy`` it holds in each group. With ``method="cross"`` and K folds it is

        1 - 2 alpha - min(2 (1 - 1/K) / (n/K + 1), (1 - K/n) / (K + 1)),    alpha = 1 - confidence_level [2]_

    at least, in most data close to the confidence level.

    **What is not guaranteed.** That the share is right for each x, although widths that follow the noise bring it
    closer; that each end misses half if symmetric. With weights, rows must be exchangeable after weighting.

    Parameters
    ----------
    estimator : regressor or list of frozen regressors
        One of

        * a regressor with a parameter for the level of its quantile, such as ``QuantileRegressor`` or
          ``GradientBoostingRegressor(loss="quantile")``, or a pipeline with one inside: a clone is fitted for each
          level. If the parameter holds a list, one clone is fitted with all levels;
        * a regressor with ``predict(X, quantiles=...)``, which is fitted once;
        * a regressor whose predictions have a column for each of its own levels, two or more, in any order: the
          smallest and the largest of a row are its quantiles;
        * the last two in a ``FrozenEstimator``, or a list of frozen models (low, high) or (low, high, median): all rows
          calibrate.
    method : {"split", "cross"}, default="split"
        Hold rows out for the calibration, or fit models on folds and let each row be judged by those that did not see
        it. "cross" uses all rows for both and takes K times as long.
    cv : float, int, splitter, iterable of (train, test) or None, default=None
        For "split" the share of rows that calibrate, drawn by ``random_state`` (None is 0.25), or a splitter, whose
        first split is taken. For "cross" the folds (None is 5, without shuffling). Cannot be given for frozen models.
    symmetric : bool, default=True
        Whether both ends move alike, or each on its own, which needs twice as many calibration rows and is wider.
    variant : {"plain", "relative", "median"}, default="plain"
        Unit in which ends move: that of y; the distance hi - lo (CQR-r) [3]_; or the distance of each end from the
        median (CQR-m) [3]_, [4]_, for which a median is fitted as well.
    quantile_parameter : str, default=None
        Name of the parameter that is the level, nested ones as for ``set_params``. None looks for ``quantile``,
        ``quantile_alpha`` or ``alpha``, where these are levels of quantiles.
    quantiles : list of float, default=None
        Levels of the models, rising: (low, high) or (low, middle, high). None is (1 - c) / 2 and (1 + c) / 2 for the
        confidence level c, and 1/2 if the variant needs it. Other levels leave the guarantee as it is and may give
        shorter intervals.
    confidence_level : float, default=0.9
        Share of labels that intervals shall hold.
    taxonomy : str, int, callable, transformer, Bins or QuantileBins, default=None
        Groups that are calibrated each on their own: a column of X, a function from X to labels, a transformer that
        gives labels, or bins of the point prediction, or of the width hi - lo (``of="difficulty"``). Only with "split".
    n_jobs : int or None, default=None
        Number of models, or of folds, that are fitted at the same time, as in joblib. Results do not depend on it.
    verbose : int, default=0
        How much joblib tells of its progress over the folds.
    random_state : int, RandomState instance or None, default=None
        Draws the rows that calibrate.

    Attributes
    ----------
    estimators_ : list of lists of regressors
        Fitted models, of rising levels; one list for "split", one for each fold for "cross".
    quantiles_ : list of float or None
        Levels of the models; None if they have their own.
    calibration_scores_ : ndarray of shape (n,), or (n, 2) if not symmetric
        E_i, or lo - y and y - hi.
    n_calibration_ : float
        Sum of the weights of the calibration rows.
    n_crossed_ : float
        Sum of the weights of the calibration rows whose quantiles crossed; 0 for models with levels of their own.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names that are strings.

    See Also
    --------
    ConformalRegressor : Intervals around any regressor, without models of quantiles.

    Notes
    -----
    If Q is so negative that the ends pass each other, no label would be in the interval: both ends are put in the
    middle then, which is said in a warning. Ends are rounded outwards in the last digits, so that labels that occur
    many times are not lost at an end.

    References
    ----------
    .. [1] Y. Romano, E. Patterson and E. Candes, "Conformalized quantile regression", NeurIPS 2019.
    .. [2] C. Gupta, A. Kuchibhotla and A. Ramdas, "Nested conformal prediction and quantile out-of-bag ensemble
       methods", Pattern Recognition 127, 2022; the bound is that of CV+, R. Barber, E. Candes, A. Ramdas and R.
       Tibshirani, "Predictive inference with the jackknife+", Annals of Statistics 49(1), 2021, theorem 4.
    .. [3] M. Sesia and E. Candes, "A comparison of some conformal quantile regression methods", Stat 9, 2020.
    .. [4] D. Kivaranovic, K. Johnson and H. Leeb, "Adaptive, distribution-free prediction intervals for deep networks",
       AISTATS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import QuantileRegressor
    >>> from skboost.conformal import ConformalQuantileRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(1, 5, size=(1000, 1))
    >>> y = X[:, 0] * (1 + 0.3 * rng.normal(size=1000))
    >>> model = ConformalQuantileRegressor(QuantileRegressor(alpha=0), random_state=0)
    >>> model.fit(X, y).predict_interval([[1.0], [4.0]]).round(1)
    array([[0.3, 1.6],
           [1.9, 6.1]])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        ConformalEstimator.constraints
        | {
            "method": OneOf(*QUANTILE_STRATEGIES.aliases()),
            "symmetric": Flag(),
            "variant": OneOf(*VARIANTS.aliases()),
            "quantile_parameter": (Instance(str), Nothing()),
            "quantiles": (Many(LEVEL), Nothing()),
        }
    )

    def __init__(
        self,
        estimator: Any,
        *,
        method: str = "split",
        cv: Any = None,
        symmetric: bool = True,
        variant: str = "plain",
        quantile_parameter: str | None = None,
        quantiles: Any = None,
        confidence_level: float = 0.9,
        taxonomy: Any = None,
        n_jobs: int | None = None,
        verbose: int = 0,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.method = method
        self.cv = cv
        self.symmetric = symmetric
        self.variant = variant
        self.quantile_parameter = quantile_parameter
        self.quantiles = quantiles
        self.confidence_level = confidence_level
        self.taxonomy = taxonomy
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.random_state = random_state

    # -- fit --------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit the models of the quantiles, and learn by how much they have to move.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Passed on untouched: whatever the estimator takes.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            For the calibration, and for the models if their ``fit`` takes weights. Weight k counts as k copies of the
            row, 0 as none. With metadata routing enabled the estimator gets them if it requests them.
        **fit_params : dict
            ``groups`` go to the splitter, anything else to the estimator's ``fit``, cut to the rows of each fold; with
            metadata routing enabled everything goes where it is requested.

        Returns
        -------
        self : ConformalQuantileRegressor

        Raises
        ------
        ValueError
            If a parameter or the data are not what they must be, a parameter cannot act, or the level of the quantile
            is not to be found among the parameters of the estimator.
        """
        check_parameters(self, self.constraints)
        level = exact_level(self.confidence_level)
        X, y = self._check_rows(X, y)
        weight = check_weights(sample_weight, n_rows_of(X))
        y = one_number_a_row(y, len(weight), type(self).__name__)
        variant = VARIANTS.resolve(self.variant, QuantileVariant)
        self._check_options(variant, fit_params)
        levels = self._levels_of_models(level, variant)
        n_jobs = None if self.method == "cross" else self.n_jobs  # folds are fitted side by side
        models = quantile_models(self.estimator, self.quantile_parameter, levels, n_jobs)
        if self.quantiles is not None and not models.has_levels:
            raise ValueError(
                f"quantiles={self.quantiles!r} cannot act: the models have levels of their own, and no parameter is "
                "known that sets them; leave it at None, or name the parameter with quantile_parameter=."
            )
        self.quantiles_ = levels if models.has_levels else None
        strategy = QUANTILE_STRATEGIES.resolve(self.method, QuantileStrategy)
        strategy.task = Task(level, variant, bool(self.symmetric))
        if not self._is_frozen:
            routed = self._route(sample_weight, fit_params)
            strategy.fit(self, models, X, y, weight, routed)
        else:
            strategy.fit_frozen(self, models, X, y, weight)
        return self._take_over(strategy)

    def fit_calibration(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Calibrate anew on other rows; the fitted models stay as they are. Only with ``method="split"``.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows that the models were not trained on.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : ConformalQuantileRegressor
        """
        check_is_fitted(self, "estimators_")
        X = self._check_columns(X)
        weight = check_weights(sample_weight, n_rows_of(X))
        y = one_number_a_row(y, len(weight), type(self).__name__)
        rows = np.flatnonzero(weight)
        strategy = copy.copy(self._strategy)  # the old one stays whole if the new rows are refused
        strategy.calibrate(take(X, rows), y[rows], weight[rows])
        return self._take_over(strategy)

    def _take_over(self, strategy: QuantileStrategy) -> Self:
        """Show what a fitted strategy holds."""
        self._strategy = strategy
        self.estimators_ = [models.estimators_ for models in strategy.members]
        self.calibration_scores_ = strategy.scores.scores
        self.n_calibration_, self.n_crossed_ = strategy.n_calibration, strategy.n_crossed
        return self

    @property
    def _is_frozen(self) -> bool:
        return isinstance(self.estimator, list | tuple) or super()._is_frozen

    def _check_options(self, variant: QuantileVariant, fit_params: dict[str, Any]) -> None:
        """Refuse parameters that cannot act together."""
        if isinstance(self.estimator, list | tuple):
            check_frozen_models(self.estimator)
        if self._is_frozen:
            self._refuse_without_folds(cv=None, quantile_parameter=None)
            self._refuse_fit_params(fit_params)
        if self.method == "cross" and self.taxonomy is not None:
            raise ValueError(
                f"taxonomy={self.taxonomy!r} cannot act with method='cross'; use method='split'."
            )
        if self.quantiles is None:
            return
        if len(self.quantiles) not in (2, 3) or (np.diff(self.quantiles) <= 0).any():
            raise ValueError(
                f"quantiles={self.quantiles!r} must be two or three different levels, rising."
            )
        if variant.needs_median and len(self.quantiles) < 3:
            raise ValueError(
                f"quantiles={self.quantiles!r} has no level between, which variant={self.variant!r} needs; give "
                "(low, 0.5, high)."
            )

    def _levels_of_models(self, level: Fraction, variant: QuantileVariant) -> list[float]:
        if self.quantiles is not None:
            return [float(q) for q in self.quantiles]
        low, high = float((1 - level) / 2), float((1 + level) / 2)
        return [low, 0.5, high] if variant.needs_median else [low, high]

    def _splitter(self, y: Any = None) -> Any:
        strategy = QUANTILE_STRATEGIES.resolve(self.method, QuantileStrategy)
        return strategy.splitter(self.cv) or super()._splitter(y)

    # -- predict ----------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> Floats:
        """The median of the predicted quantiles: the middle one of three, the midpoint of two.

        Before calibration, and the mean over the folds for ``method="cross"``. The midpoint of two quantiles is neither
        median nor mean where labels are skewed: give ``quantiles=(low, 0.5, high)`` for a model of the median.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "estimators_")
        return self._strategy.point(self._check_columns(X))

    def predict_interval(self, X: Any, confidence_level: Any = None) -> Floats:
        """Intervals that hold the label with a probability of at least the confidence level.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
        confidence_level : float or list of float, optional
            That of the constructor; no other, because the models are trained for it.

        Returns
        -------
        interval : ndarray of shape (n_samples, 2), or (n_samples, 2, n_levels) for a list of levels
            Lower and upper ends, infinite where there are too few calibration rows.
        """
        check_is_fitted(self, "estimators_")
        levels = self._levels(confidence_level)
        trained = self._strategy.task.level
        other = [level for level in levels.exact if level != trained]
        if other:
            raise ValueError(
                f"confidence_level={float(other[0]):g} cannot act: the models of the quantiles are fitted for "
                f"{float(trained):g}; fit another ConformalQuantileRegressor."
            )
        shortage = Shortage("the intervals are infinite")
        lower, upper = self._strategy.ends(self._check_columns(X), shortage)
        shortage.warn(stacklevel=2)
        if not shortage.needed and np.isinf(lower).any():
            warnings.warn(
                "the intervals are infinite, because the unit in which ends move is 0 in too many calibration "
                "rows, where predicted quantiles coincide; use variant='plain'.",
                UncertaintyWarning,
                stacklevel=2,
            )
        crossed = lower > upper
        if crossed.any():
            lower[crossed] = upper[crossed] = (lower[crossed] + upper[crossed]) / 2
            warnings.warn(
                f"{int(crossed.sum())} of {len(crossed)} intervals would be empty, because predicted quantiles are too "
                "far apart in the calibration rows: both ends are the middle.",
                UncertaintyWarning,
                stacklevel=2,
            )
        return np.asarray(levels.shaped([np.column_stack([lower, upper])] * len(levels.exact)))

    # -- metadata ---------------------------------------------------------------------------------------------------

    def get_metadata_routing(self) -> MetadataRouter:
        """Where metadata of ``fit`` go: to the estimator and to the splitter, as far as they request it."""
        if isinstance(self.estimator, list | tuple):  # they are not fitted
            return MetadataRouter(owner=self).add_self_request(self)
        return super().get_metadata_routing()
