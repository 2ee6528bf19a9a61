"""What calibrated classifiers and regressors share: models, and calibrators that saw other rows than they."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from skboost._crossfit.folds import Fold, check_partition, fit_on, overlap
from skboost._crossfit.rows import n_rows_of, take
from skboost._crossfit.wrapper import CrossFitted
from skboost._validation import Constraint, Flag, OneOf, check_parameters, check_weights

Floats = npt.NDArray[np.float64]

# Folds with fewer calibration rows for each class are put together: calibrators learn too little from so few.
SMALL_FOLD = 100


class CalibratedEstimator(CrossFitted, ABC):
    """A model and a calibrator that has seen only rows which the model was not trained on.

    A subclass gives :meth:`_respond` as well.
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        CrossFitted.constraints | {"ensemble": (Flag(), OneOf("auto"))}
    )

    ensemble: Any

    @abstractmethod
    def _check_target(self, y: Any, weight: Floats) -> npt.NDArray:
        """The target as the estimator's ``fit`` gets it; fitted attributes such as ``classes_`` are set."""

    @abstractmethod
    def _fit_calibrator(self, responses: list[Any], y: Any, weight: Floats) -> Any:
        """A calibrator fitted to the responses of some folds, put together."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **fit_params: Any) -> Self:
        """Fit the estimator and its calibrators.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Passed on untouched: whatever the estimator takes.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional
            For the calibrators, and for the estimator if its ``fit`` takes weights. Weight k counts as k copies of the
            row, 0 as none. With metadata routing enabled the estimator gets them if it requests them.
        **fit_params : dict
            ``groups`` go to the splitter, anything else to the estimator's ``fit``, cut to the rows of each fold; with
            metadata routing enabled everything goes where it is requested.

        Returns
        -------
        self : estimator

        Raises
        ------
        ValueError
            If a parameter or the data are not what they must be.
        """
        check_parameters(self, self.constraints)
        X, y = self._check_rows(X, y)
        weight = check_weights(sample_weight, n_rows_of(X))
        y = self._check_target(y, weight)
        if self._is_frozen:
            self._refuse_without_folds(cv=None, ensemble="auto")
            self._refuse_fit_params(fit_params)
            self.estimators_, self._n_train = [self.estimator], [np.inf]
            return self.fit_calibration(X, y, sample_weight)
        routed = self._route(sample_weight, fit_params)
        folds = self._folds(X, y, weight, routed.splitter.split)
        if self._is_ensemble(folds):
            self._fit_members(X, y, weight, folds, routed.estimator.fit)
        else:
            self._fit_together(X, y, weight, folds, routed.estimator.fit)
        return self

    def fit_calibration(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the calibrators anew from other rows; the fitted models stay as they are.

        Parameters
        ----------
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows that no model was trained on.
        y : array-like of shape (n_samples,)
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        self : estimator
        """
        check_is_fitted(self, "estimators_")
        X, y = self._check_pairs(X, y)
        X = self._check_columns(X)
        weight = check_weights(sample_weight, n_rows_of(X))
        rows = np.flatnonzero(weight)
        X, y = take(X, rows), column_or_1d(y)[rows]
        self.calibrators_ = [
            self._fit_calibrator([response], y, weight[rows]) for response in self._responses(X)
        ]
        return self

    def _n_classes(self) -> int:
        """Into how many classes the calibration rows of a fold are divided."""
        return 1

    def _is_ensemble(self, folds: list[Fold]) -> bool:
        if self.ensemble == "auto":
            smallest = min(len(fold.calibrate) for fold in folds)
            return smallest >= SMALL_FOLD * self._n_classes() or overlap(folds)
        return bool(self.ensemble)

    def _fit_members(
        self, X: Any, y: Any, weight: Floats, folds: list[Fold], params: dict[str, Any]
    ) -> None:
        """A model and a calibrator for each fold."""
        fitted = self._fit_folds(X, y, weight, folds, params, keep=True)
        self.estimators_ = [fold.estimator for fold in fitted]
        self._n_train = [float(weight[fold.train].sum()) for fold in folds]
        self.calibrators_ = [
            self._fit_calibrator([fold.response], y[fold.rows], weight[fold.rows])
            for fold in fitted
        ]

    def _fit_together(
        self, X: Any, y: Any, weight: Floats, folds: list[Fold], params: dict[str, Any]
    ) -> None:
        """One model fitted on all rows, and one calibrator for what the models of the folds said."""
        check_partition(folds)
        fitted = self._fit_folds(X, y, weight, folds, params, keep=False)
        rows = np.concatenate([fold.rows for fold in fitted])
        calibrator = self._fit_calibrator([fold.response for fold in fitted], y[rows], weight[rows])
        self.estimators_ = [fit_on(self.estimator, X, y, np.flatnonzero(weight), params)]
        self._n_train = [float(weight.sum())]
        self.calibrators_ = [calibrator]

    def _responses(self, X: Any) -> list[Any]:
        """What each model says of the rows of X."""
        return [
            self._respond(estimator, X, n_train)
            for estimator, n_train in zip(self.estimators_, self._n_train, strict=True)
        ]
