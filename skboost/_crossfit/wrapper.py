"""Base of estimators around an estimator that fit it on folds: columns, weights, metadata, tags."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn import get_config
from sklearn.base import BaseEstimator, MetaEstimatorMixin, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import PredefinedSplit, check_cv
from sklearn.utils import Bunch, Tags, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel
from sklearn.utils.validation import has_fit_parameter, validate_data

from skboost._crossfit.folds import FittedFold, Fold, Rows, fit_folds, folds_of
from skboost._crossfit.rows import indexable_rows, n_rows_of, take, take_aligned
from skboost._validation import Constraint, Integer, Nothing

Floats = npt.NDArray[np.float64]


class CrossFitted(MetaEstimatorMixin, BaseEstimator):
    """An estimator around an estimator, of which clones are fitted on folds.

    A subclass has the parameters ``estimator``, ``cv``, ``n_jobs`` and ``verbose``, and gives :meth:`_respond`.
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "n_jobs": (Integer(), Nothing()),
        "verbose": Integer(0),
    }

    estimator: Any
    cv: Any
    n_jobs: Any
    verbose: int

    def _respond(self, estimator: Any, X: Any, n_train: float) -> Any:
        """What a fitted clone says of the rows of X; ``n_train`` is the summed weight of its training rows."""
        raise NotImplementedError

    # -- rows and columns -------------------------------------------------------------------------------------------

    def _check_rows(self, X: Any, y: Any) -> tuple[Any, Any]:
        """X that can be indexed and y; columns are noted."""
        X, y = self._check_pairs(X, y)
        X = indexable_rows(X)
        validate_data(self, X, skip_check_array=True)
        return X, y

    def _check_pairs(self, X: Any, y: Any) -> tuple[Any, Any]:
        """X and y with equally many rows."""
        if y is None:
            raise ValueError(
                f"{type(self).__name__} requires y to be passed, but the target y is None."
            )
        X, y = indexable(X, y)
        return X, y

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

    # -- folds ------------------------------------------------------------------------------------------------------

    @property
    def _is_frozen(self) -> bool:
        """Whether the estimator stays as it is, so that no row has to be kept from it."""
        return isinstance(self.estimator, FrozenEstimator)

    def _refuse_without_folds(self, **unset: Any) -> None:
        """Refuse parameters that say how a frozen estimator is fitted; ``unset`` are their values when not given."""
        for name, default in unset.items():
            value = getattr(self, name)
            if value is not default and value != default:
                raise ValueError(
                    f"{name}={value!r} cannot act: the estimator is frozen, so that all rows calibrate it; leave "
                    f"{name} at {default!r}."
                )

    def _refuse_fit_params(self, fit_params: dict[str, Any]) -> None:
        """Refuse metadata of ``fit`` for a frozen estimator, which is not fitted."""
        if fit_params:
            raise ValueError(
                f"{', '.join(fit_params)} cannot act: the estimator is frozen, so that nothing is fitted with it and "
                "there are no folds; leave it out."
            )

    def _splitter(self, y: Any = None) -> Any:
        """What ``cv`` means, as a splitter."""
        return check_cv(self.cv, y, classifier=is_classifier(self))

    def _folds(self, X: Any, y: Any, weight: Floats, params: dict[str, Any]) -> list[Fold]:
        """Folds of the rows of positive weight, as if there were no others."""
        splitter, rows = self._splitter(y), np.flatnonzero(weight)
        if len(rows) == len(weight) or self._numbers_rows():
            return folds_of(splitter.split(X, y, **params), weight)
        params = take_aligned(params, rows, len(weight))
        splits = splitter.split(take(X, rows), take(y, rows), **params)
        return folds_of(((rows[train], rows[test]) for train, test in splits), weight)

    def _numbers_rows(self) -> bool:
        """Whether ``cv`` names rows by their numbers, so that none may be left away before."""
        is_splitter = self.cv is None or Integer().accepts(self.cv) or hasattr(self.cv, "split")
        return not is_splitter or isinstance(self.cv, PredefinedSplit)

    def _fit_folds(
        self,
        X: Any,
        y: Any,
        weight: Floats,
        folds: list[Fold],
        params: dict[str, Any],
        keep: bool,
        respond: Callable[[Any, Any, float], Any] | None = None,
    ) -> list[FittedFold]:
        """A clone for each fold, and what it says of the fold's calibration rows."""
        ask = respond or self._respond

        def answer(estimator: Any, rows_of_X: Any, train: Rows) -> Any:
            return ask(estimator, rows_of_X, float(weight[train].sum()))

        parallel = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)
        return fit_folds(self.estimator, X, y, folds, params, answer, parallel, keep)

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
            # an iterator has no requests, and a look at it would use it up
            splitter=self.cv if isinstance(self.cv, Iterator) else self._splitter(),
            method_mapping=MethodMapping().add(caller="fit", callee="split"),
        )
        return router

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            tags.input_tags = get_tags(self.estimator).input_tags
        return tags
