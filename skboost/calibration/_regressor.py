"""A regressor whose predictions are calibrated for the conditional mean."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import RegressorMixin
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from skboost._validation import (
    Constraint,
    Many,
    Nothing,
    Number,
    check_regression_target,
)
from skboost.calibration._calibrated import CalibratedEstimator
from skboost.calibration._venn_abers_regression import DEFAULT_EPSILON, VennAbersRegressionScaler

Floats = npt.NDArray[np.float64]

FEWEST_ROWS = 3
# The calibrator is a step function, and the last bits of a prediction depend on how many rows are predicted at once:
# without rounding, a row could fall on the other side of its own step. Twelve digits remain.
RESOLUTION = 2.0**40


class VennAbersRegressor(RegressorMixin, CalibratedEstimator):
    """Any regressor, with predictions calibrated by Venn-ABERS and an interval for the conditional mean.

    **The interval is for the mean of y among rows with this prediction, not for y itself**; for an interval that holds
    y with a given probability take conformal prediction. What is guaranteed is said in
    :class:`VennAbersRegressionScaler`, which does the work on rows that the model was not trained on: those of
    cross-validation, or all rows if the regressor is frozen. The guarantee is about one model: it holds for a frozen
    regressor or a ``cv`` with a single split, not for several folds.

    Read more in the :ref:`User Guide <calibration>`.

    Parameters
    ----------
    estimator : regressor
        Anything with ``predict``, a pipeline too. It is cloned; to calibrate a fitted model, wrap it in
        ``sklearn.frozen.FrozenEstimator``, and all rows calibrate.
    bounds : (float, float), default=None
        Smallest and largest possible label. None if they are not known.
    epsilon : float between 0 and 1, default=None
        Share of labels that may be moved inwards if there are no bounds; None stands for 0.05. With fewer than
        2 / epsilon - 1 calibration rows the smallest possible share 2 / (n + 1) takes its place, with a warning.
    cv : int, splitter, iterable of (train, test) or None, default=None
        Folds; None is 5 without shuffling. Cannot be given for a frozen estimator.
    ensemble : bool or "auto", default="auto"
        Whether each fold keeps its model and calibrator; answers are then averaged. "auto" is True when every fold has
        at least 100 rows to calibrate on, or when folds share calibration rows, which must not be put together.
    n_jobs : int or None, default=None
        Number of folds that are fitted at the same time, as in joblib. Results do not depend on it.
    verbose : int, default=0
        How much joblib tells of its progress over the folds.

    Attributes
    ----------
    estimators_ : list of regressors
        The fitted models: one a fold in an ensemble, otherwise a single one.
    calibrators_ : list of VennAbersRegressionScaler
        For each model its calibrator.
    n_features_in_ : int
    feature_names_in_ : ndarray of str
        Only if X has column names that are strings.

    See Also
    --------
    VennAbersRegressionScaler : The map itself, on predictions.
    CalibratedClassifier : The same idea for probabilities.

    References
    ----------
    .. [1] L. van der Laan and A. Alaa, "Generalized Venn and Venn-Abers calibration with applications in conformal
       prediction", ICML 2025.
    .. [2] I. Petej and V. Vovk, inductive Venn-Abers regression, arXiv:2605.06646, 2026.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from skboost.calibration import VennAbersRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = VennAbersRegressor(Ridge(alpha=5.0)).fit(X, y)  # shrunk far too much
    >>> Ridge(alpha=5.0).fit(X, y).predict(X[:3]).round()
    array([165., 120., 158.])
    >>> model.predict(X[:3]).round()
    array([194.,  81., 172.])
    >>> model.predict_mean_interval(X[:3]).round()
    array([[188., 200.],
           [ 75.,  87.],
           [169., 174.]])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        CalibratedEstimator.constraints
        | {"bounds": (Many(Number()), Nothing()), "epsilon": (Number(0, 1), Nothing())}
    )

    def __init__(
        self,
        estimator: Any,
        *,
        bounds: tuple[float, float] | None = None,
        epsilon: float | None = None,
        cv: Any = None,
        ensemble: Any = "auto",
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.estimator = estimator
        self.bounds = bounds
        self.epsilon = epsilon
        self.cv = cv
        self.ensemble = ensemble
        self.n_jobs = n_jobs
        self.verbose = verbose

    # -- fit: what CalibratedEstimator asks for ---------------------------------------------------------------------

    def _check_target(self, y: Any, weight: Floats) -> npt.NDArray:
        target = check_regression_target(y, len(weight))
        if target.ndim > 1 and target.shape[1] > 1:
            raise ValueError(
                f"y has {target.shape[1]} columns, but {type(self).__name__} is for one number a row; fit one for each."
            )
        return np.asarray(column_or_1d(target, warn=True))

    def _respond(self, estimator: Any, X: Any, n_train: float) -> Floats:
        prediction = np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1)
        mantissa, exponent = np.frexp(prediction)
        return np.ldexp(np.rint(mantissa * RESOLUTION) / RESOLUTION, exponent)

    def _fit_calibrator(
        self, responses: list[Floats], y: Any, weight: Floats
    ) -> tuple[VennAbersRegressionScaler, list[str]]:
        epsilon, remarks = self.epsilon, list[str]()
        if self.bounds is None:
            epsilon, remarks = self._possible_epsilon(float(weight.sum()))
        scaler = VennAbersRegressionScaler(bounds=self.bounds, epsilon=epsilon)
        return scaler.fit(np.concatenate(responses), y, weight), remarks

    def _possible_epsilon(self, n_rows: float) -> tuple[float, list[str]]:
        """The share of labels that was asked for, or the smallest that so few rows allow and a sentence about it."""
        epsilon = DEFAULT_EPSILON if self.epsilon is None else self.epsilon
        smallest = 2.0 / (n_rows + 1.0)
        if epsilon >= smallest:
            return epsilon, []
        if n_rows < FEWEST_ROWS:
            raise ValueError(
                f"Venn-ABERS without bounds needs at least {FEWEST_ROWS} samples to calibrate on, but their weights "
                f"add up to {n_rows:g}; give more rows or bounds=(low, high)."
            )
        return smallest, [
            f"epsilon={epsilon:g} needs {2 / epsilon - 1:.0f} calibration rows, but there are {n_rows:g}: "
            f"{smallest:.3g} is used, so that the guarantee is weaker. Give more rows, or bounds=(low, high)."
        ]

    # -- predict ----------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> Floats:
        """Calibrated predictions.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "calibrators_")
        responses = self._responses(self._check_columns(X))
        pairs = zip(self.calibrators_, responses, strict=True)
        return np.asarray(np.mean([c.transform(r) for c, r in pairs], axis=0))

    def predict_mean_interval(self, X: Any) -> Floats:
        """Intervals for the conditional mean of y; not for y itself.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        interval : ndarray of shape (n_samples, 2)
            Lower and upper ends; the means over the folds of an ensemble.
        """
        check_is_fitted(self, "calibrators_")
        responses = self._responses(self._check_columns(X))
        pairs = zip(self.calibrators_, responses, strict=True)
        return np.asarray(np.mean([c.transform_interval(r) for c, r in pairs], axis=0))
