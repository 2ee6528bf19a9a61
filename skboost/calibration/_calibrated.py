"""What calibrated classifiers and regressors share: models, and calibrators that saw other rows than they."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from itertools import chain
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d
from sklearn.utils.validation import check_is_fitted

from skboost._crossfit.folds import Fold, check_partition, fit_on, overlap
from skboost._crossfit.rows import n_rows_of, take
from skboost._crossfit.wrapper import CrossFitted
from skboost._validation import Constraint, Flag, OneOf, check_parameters, check_weights
from skboost.exceptions import UncertaintyWarning

Floats = npt.NDArray[np.float64]

# Responses of some folds, labels and weights of their rows: what a calibrator learns from.
Lesson = tuple[list[Any], npt.NDArray[Any], Floats]

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
    def _fit_calibrator(
        self, responses: list[Any], y: Any, weight: Floats
    ) -> tuple[Any, list[str]]:
        """A calibrator fitted to the responses of some folds, put together; sentences that the user should read."""

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
            lessons = self._lessons(X, y, weight)
        else:
            routed = self._route(sample_weight, fit_params)
            folds = self._folds(X, y, weight, routed.splitter.split)
            fit = self._fit_members if self._is_ensemble(folds) else self._fit_together
            lessons = fit(X, y, weight, folds, routed.estimator.fit)
        self._fit_calibrators(lessons)
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
        self._fit_calibrators(self._lessons(X, column_or_1d(y), weight))
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
    ) -> list[Lesson]:
        """A model for each fold; lessons for as many calibrators."""
        fitted = self._fit_folds(X, y, weight, folds, params, keep=True)
        self.estimators_ = [fold.estimator for fold in fitted]
        self._n_train = [float(weight[fold.train].sum()) for fold in folds]
        return [([fold.response], y[fold.rows], weight[fold.rows]) for fold in fitted]

    def _fit_together(
        self, X: Any, y: Any, weight: Floats, folds: list[Fold], params: dict[str, Any]
    ) -> list[Lesson]:
        """One model fitted on all rows; one lesson, of what the models of the folds said."""
        check_partition(folds)
        fitted = self._fit_folds(X, y, weight, folds, params, keep=False)
        rows = np.concatenate([fold.rows for fold in fitted])
        self.estimators_ = [fit_on(self.estimator, X, y, np.flatnonzero(weight), params)]
        self._n_train = [float(weight.sum())]
        return [([fold.response for fold in fitted], y[rows], weight[rows])]

    def _lessons(self, X: Any, y: npt.NDArray, weight: Floats) -> list[Lesson]:
        """What the models say of rows that they were not trained on."""
        rows = np.flatnonzero(weight)
        return [([said], y[rows], weight[rows]) for said in self._responses(take(X, rows))]

    def _fit_calibrators(self, lessons: list[Lesson]) -> None:
        """A calibrator for each lesson. Called by what the user calls, to which warnings point, each given once."""
        fitted = [self._fit_calibrator(*lesson) for lesson in lessons]
        self.calibrators_ = [calibrator for calibrator, _ in fitted]
        for remark in dict.fromkeys(chain.from_iterable(remarks for _, remarks in fitted)):
            warnings.warn(remark, UncertaintyWarning, stacklevel=3)

    def _responses(self, X: Any) -> list[Any]:
        """What each model says of the rows of X."""
        return [
            self._respond(estimator, X, n_train)
            for estimator, n_train in zip(self.estimators_, self._n_train, strict=True)
        ]
