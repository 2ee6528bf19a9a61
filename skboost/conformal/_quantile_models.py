"""Models that predict several quantiles: one for each, one for all, or models that are fitted already."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils.parallel import Parallel, delayed

from skboost.conformal._quantile_parameter import find_quantile_parameter, is_sequence

Floats = npt.NDArray[np.float64]


class QuantileModels(BaseEstimator, ABC):
    """What predicts the lower and the upper quantile of a row, and perhaps some between.

    A subclass gives :meth:`fit` and :meth:`columns`.

    Attributes
    ----------
    has_levels : bool
        Whether the levels are those of the constructor; otherwise models have their own.
    in_order : bool
        Whether columns are in the order of levels, so that a fall from one to the next is a crossing.
    estimators_ : list of regressors
        After ``fit``.
    """

    has_levels: ClassVar[bool] = True
    in_order: ClassVar[bool] = True
    estimators_: list[Any]

    @abstractmethod
    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Fit the models."""

    @abstractmethod
    def columns(self, X: Any) -> Floats:
        """Predictions of shape (n, n_quantiles), as they come."""


class ModelForEach(QuantileModels):
    """A model for each level.

    Parameters
    ----------
    estimator : regressor
    parameter : str
        Name of the parameter that is the level.
    levels : list of float
        Rising.
    n_jobs : int or None, default=None
    """

    def __init__(
        self, estimator: Any, parameter: str, levels: list[float], n_jobs: int | None = None
    ) -> None:
        self.estimator = estimator
        self.parameter = parameter
        self.levels = levels
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Fit a clone for each level."""
        models = [clone(self.estimator).set_params(**{self.parameter: q}) for q in self.levels]
        parallel = Parallel(n_jobs=self.n_jobs)
        self.estimators_ = list(parallel(delayed(fitted)(m, X, y, params) for m in models))
        return self

    def columns(self, X: Any) -> Floats:
        """One column a model."""
        return side_by_side(self.estimators_, X)


class ModelForAll(QuantileModels):
    """A model whose predictions have a column for each level.

    Parameters
    ----------
    estimator : regressor
    parameter : str or None
        Name of the parameter that takes the levels; None leaves the model as it is.
    levels : list of float
        Rising.
    """

    def __init__(self, estimator: Any, parameter: str | None, levels: list[float]) -> None:
        self.estimator = estimator
        self.parameter = parameter
        self.levels = levels

    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Fit a clone."""
        model = clone(self.estimator)
        if self.parameter is not None:
            model.set_params(**{self.parameter: self.levels})
        self.estimators_ = [fitted(model, X, y, params)]
        return self

    @property
    def has_levels(self) -> bool:  # type: ignore[override]
        """Only if there is a parameter to set them."""
        return self.parameter is not None

    @property
    def in_order(self) -> bool:  # type: ignore[override]
        """Only if the levels were set here."""
        return self.has_levels

    def columns(self, X: Any) -> Floats:
        """What the model predicts."""
        return several_columns(self.estimators_[0].predict(X), self.estimators_[0])


class AskedModel(QuantileModels):
    """A model that is told the levels when it predicts, by ``predict(X, quantiles=...)``.

    Parameters
    ----------
    estimator : regressor
    levels : list of float
        Rising.
    """

    def __init__(self, estimator: Any, levels: list[float]) -> None:
        self.estimator = estimator
        self.levels = levels

    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Fit a clone, which is the estimator itself if it is frozen."""
        self.estimators_ = [fitted(clone(self.estimator), X, y, params)]
        return self

    def columns(self, X: Any) -> Floats:
        """What the model predicts for the levels."""
        model = self.estimators_[0]
        return several_columns(model.predict(X, quantiles=self.levels), model)


class FrozenModels(QuantileModels):
    """Models that are fitted already: for the lower and the upper quantile, and perhaps for the median.

    Parameters
    ----------
    estimators : list of two or three FrozenEstimator
    """

    has_levels: ClassVar[bool] = False

    def __init__(self, estimators: Sequence[Any]) -> None:
        self.estimators = estimators

    def fit(self, X: Any, y: Any, **params: Any) -> Self:
        """Put the median between the others."""
        low, high, *median = self.estimators
        self.estimators_ = [low, *median, high]
        return self

    def columns(self, X: Any) -> Floats:
        """One column a model."""
        return side_by_side(self.estimators_, X)


def quantile_models(
    estimator: Any, parameter: str | None, levels: list[float], n_jobs: int | None
) -> QuantileModels:
    """The way in which an estimator predicts several quantiles; ``parameter`` is None unless it was given."""
    if isinstance(estimator, list | tuple):
        return FrozenModels(estimator)
    if parameter is None and takes_quantiles(estimator):
        return AskedModel(estimator, levels)
    if isinstance(estimator, FrozenEstimator):
        return ModelForAll(estimator, None, levels)
    name = find_quantile_parameter(estimator) if parameter is None else parameter
    if name is None or is_sequence(estimator.get_params(deep=True).get(name)):
        return ModelForAll(estimator, name, levels)
    return ModelForEach(estimator, name, levels, n_jobs)


def check_frozen_models(estimator: Any) -> None:
    """Refuse a list that is not of two or three frozen models."""
    if len(estimator) not in (2, 3) or not all(isinstance(m, FrozenEstimator) for m in estimator):
        kinds = ", ".join(type(model).__name__ for model in estimator)
        raise ValueError(
            f"estimator=[{kinds}] must be one regressor, or a list of two or three fitted ones, each in a "
            "FrozenEstimator: for the lower and the upper quantile, and if there are three for the median."
        )


def takes_quantiles(estimator: Any) -> bool:
    """Whether ``predict`` has an argument ``quantiles``."""
    try:
        return "quantiles" in inspect.signature(estimator.predict).parameters
    except (AttributeError, TypeError, ValueError):
        return False


def fitted(model: Any, X: Any, y: Any, params: dict[str, Any]) -> Any:
    """The model, after fit."""
    return model.fit(X, y, **params)


def side_by_side(models: list[Any], X: Any) -> Floats:
    """Predictions of several models, one column each."""
    return np.column_stack([one_column(model.predict(X), model) for model in models])


def one_column(prediction: Any, model: Any) -> Floats:
    """Predictions of shape (n,)."""
    values = np.asarray(prediction, dtype=np.float64)
    if values.ndim > 1 and values.shape[1:] != (1,):
        raise ValueError(
            f"{type(model).__name__} predicts an array of shape {values.shape}, but a model for one quantile must give "
            "one number a row."
        )
    return values.reshape(-1)


def several_columns(prediction: Any, model: Any) -> Floats:
    """Predictions of shape (n, n_quantiles)."""
    values = np.asarray(prediction, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] < 2:
        raise ValueError(
            f"{type(model).__name__} predicts one number a row, and no parameter is known that sets the level of the "
            "quantile. Name it with quantile_parameter=, choose a quantile loss where the model has a choice, or give "
            "a model that predicts a column for each level, or a list of frozen models (low, high)."
        )
    return values
