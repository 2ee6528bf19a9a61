"""What wrappers around classifiers and regressors share: folds, weights, metadata, members."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, Tags, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel
from sklearn.utils.validation import check_is_fitted, has_fit_parameter, validate_data

from skboost._validation import (
    Constraint,
    Flag,
    Integer,
    Nothing,
    OneOf,
    check_parameters,
    check_weights,
)
from skboost.calibration._folds import (
    FittedFold,
    Fold,
    Rows,
    check_partition,
    fit_folds,
    fit_on,
    folds_of,
)
from skboost.calibration._rows import indexable_rows, n_rows_of, take

Floats = npt.NDArray[np.float64]

# Folds with fewer calibration rows are put together: a calibrator cannot learn from so few.
SMALL_FOLD = 50


class CalibratedEstimator(MetaEstimatorMixin, BaseEstimator, ABC):
    """A model and a calibrator that has seen only rows which the model was not trained on."""

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "ensemble": (Flag(), OneOf("auto")),
        "n_jobs": (Integer(), Nothing()),
        "verbose": Integer(0),
    }

    estimator: Any
    cv: Any
    ensemble: Any
    n_jobs: Any
    verbose: int

    # -- what a subclass gives --------------------------------------------------------------------------------------

    @abstractmethod
    def _check_target(self, y: Any, weight: Floats) -> Any:
        """The target as the estimator's ``fit`` gets it; fitted attributes such as ``classes_`` are set."""

    @abstractmethod
    def _respond(self, estimator: Any, X: Any, n_train: float) -> Any:
        """What a fitted estimator says of the rows of X."""

    @abstractmethod
    def _fit_calibrator(self, responses: list[Any], y: Any, weight: Floats) -> Any:
        """A calibrator fitted to the responses of some folds, put together."""

    # -- fit --------------------------------------------------------------------------------------------------------

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
        if isinstance(self.estimator, FrozenEstimator):
            self._keep_frozen()
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
        X = self._check_columns(X)
        weight = check_weights(sample_weight, n_rows_of(X))
        rows = np.flatnonzero(weight)
        X, y = take(X, rows), take(np.asarray(y), rows)
        self.calibrators_ = [
            self._fit_calibrator([response], y, weight[rows]) for response in self._responses(X)
        ]
        return self

    def _check_rows(self, X: Any, y: Any) -> tuple[Any, Any]:
        """X that can be indexed, y as an array; columns are noted."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        X, y = indexable(X, y)
        X = indexable_rows(X)
        validate_data(self, X, skip_check_array=True)
        return X, y

    def _keep_frozen(self) -> None:
        """Take the estimator as it is: all rows calibrate."""
        for name, unset in (("cv", None), ("ensemble", "auto")):
            value = getattr(self, name)
            if value is not unset and value != unset:
                raise ValueError(
                    f"{name}={value!r} cannot act: the estimator is frozen, so that all rows calibrate it; leave "
                    f"{name} at {unset!r}."
                )
        self.estimators_, self._n_train = [self.estimator], [np.inf]

    def _folds(self, X: Any, y: Any, weight: Floats, params: dict[str, Any]) -> list[Fold]:
        splitter = check_cv(self.cv, y, classifier=is_classifier(self))
        return folds_of(splitter.split(X, y, **params), weight)

    def _is_ensemble(self, folds: list[Fold]) -> bool:
        if self.ensemble == "auto":
            return min(len(fold.calibrate) for fold in folds) >= SMALL_FOLD
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

    def _fit_folds(
        self,
        X: Any,
        y: Any,
        weight: Floats,
        folds: list[Fold],
        params: dict[str, Any],
        keep: bool,
    ) -> list[FittedFold]:
        def respond(estimator: Any, rows_of_X: Any, train: Rows) -> Any:
            return self._respond(estimator, rows_of_X, float(weight[train].sum()))

        parallel = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)
        return fit_folds(self.estimator, X, y, folds, params, respond, parallel, keep)

    # -- predict ----------------------------------------------------------------------------------------------------

    def _responses(self, X: Any) -> list[Any]:
        """What each model says of the rows of X."""
        return [
            self._respond(estimator, X, n_train)
            for estimator, n_train in zip(self.estimators_, self._n_train, strict=True)
        ]

    def _check_columns(self, X: Any) -> Any:
        """Compare number and names of columns with those at fit, for whatever has columns; X that has rows."""
        X = indexable_rows(X)
        if getattr(X, "ndim", None) == 1 and hasattr(self, "n_features_in_"):
            raise ValueError(
                "Expected 2D array, got 1D array instead. Reshape your data: X.reshape(1, -1) if it is one row of "
                f"{self.n_features_in_} features."
            )
        validate_data(self, X, skip_check_array=True, reset=False)
        if not n_rows_of(X):
            raise ValueError("Found array with 0 sample(s), but at least one row is needed.")
        return X

    # -- metadata ---------------------------------------------------------------------------------------------------

    def _route(self, sample_weight: Any, fit_params: dict[str, Any]) -> Bunch:
        """Metadata of the estimator's ``fit`` and of the splitter."""
        if get_config()["enable_metadata_routing"]:
            return process_routing(self, "fit", sample_weight=sample_weight, **fit_params)
        params = dict(fit_params)
        groups = {"groups": params.pop("groups")} if "groups" in params else {}
        if sample_weight is not None:
            if has_fit_parameter(self.estimator, "sample_weight"):
                params["sample_weight"] = np.asarray(sample_weight)
            else:
                warnings.warn(
                    f"{type(self.estimator).__name__} takes no sample_weight: it is trained without weights, only "
                    "its calibration uses them. Inside a Pipeline, enable metadata routing.",
                    stacklevel=3,
                )
        return Bunch(splitter=Bunch(split=groups), estimator=Bunch(fit=params))

    def get_metadata_routing(self) -> MetadataRouter:
        """Where metadata of ``fit`` go: to the estimator and to the splitter, as far as they request it."""
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(
            estimator=self.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit")
        )
        router.add(
            splitter=check_cv(self.cv, classifier=is_classifier(self)),
            method_mapping=MethodMapping().add(caller="fit", callee="split"),
        )
        return router

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags
