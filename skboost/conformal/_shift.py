"""Covariate shift: how much more often rows occur where predictions are made than where they were calibrated."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.utils.validation import has_fit_parameter

from skboost._crossfit.rows import n_rows_of, stack
from skboost._validation import Constraint, Number, check_parameters
from skboost.base import Component

Floats = npt.NDArray[np.float64]


class DensityRatio(Component):
    """Density ratio w(x) = dP_target / dP_source, learned by telling target rows from source rows.

        w(x) = g(x) / (1 - g(x)) n_source / n_target,     kept between 1 / clip and clip

    with g(x) the probability that a classifier gives to x being a target row.

    Parameters
    ----------
    estimator : classifier
        With ``predict_proba``, the better calibrated the better. It is cloned.
    clip : float, default=100.0
        Largest ratio, and one over the smallest. A few rows of huge weight would decide everything.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression, LogisticRegression
    >>> from skboost.conformal import ConformalRegressor, DensityRatio
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 1))
    >>> y = X[:, 0] + np.exp(X[:, 0]) * rng.normal(size=1000)  # errors grow with x
    >>> X_target = rng.normal(1.0, size=(1000, 1))  # and so will x
    >>> model = ConformalRegressor(
    ...     LinearRegression(),
    ...     method="split",
    ...     density_ratio=DensityRatio(LogisticRegression(), clip=20.0),
    ...     random_state=0,
    ... ).fit(X, y, X_target=X_target)
    >>> width = np.diff(model.predict_interval([[0.0]]))
    >>> plain = ConformalRegressor(LinearRegression(), method="split", random_state=0).fit(X, y)
    >>> bool(width > 1.5 * np.diff(plain.predict_interval([[0.0]])))
    True
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "clip": Number(1, math.inf, closed="both")
    }

    def __init__(self, estimator: Any, *, clip: float = 100.0) -> None:
        self.estimator = estimator
        self.clip = clip

    def learn(self, X_source: Any, weight: Floats, X_target: Any) -> Ratio:
        """The ratio between two samples of rows, of which those of the source have weights."""
        check_parameters(self, self.constraints)
        n_target = n_rows_of(X_target)
        X = stack(X_source, X_target)
        is_target = np.repeat([0, 1], [len(weight), n_target])
        params = {}
        if not (weight == 1.0).all():
            if has_fit_parameter(self.estimator, "sample_weight"):
                params["sample_weight"] = np.append(weight, np.ones(n_target))
            else:
                warnings.warn(
                    f"{type(self.estimator).__name__} takes no sample_weight: it learns density_ratio without weights.",
                    stacklevel=2,
                )
        classifier = clone(self.estimator).fit(X, is_target, **params)
        return Ratio(Odds(classifier, float(weight.sum()) / n_target, float(self.clip)))


@dataclass(frozen=True)
class Odds:
    """Odds of the second class, times a factor, within limits."""

    classifier: Any
    factor: float
    clip: float

    def __call__(self, X: Any) -> Floats:
        probability = np.asarray(self.classifier.predict_proba(X), dtype=np.float64)
        with np.errstate(divide="ignore"):
            odds = probability[:, 1] / probability[:, 0]
        return np.clip(odds * self.factor, 1.0 / self.clip, self.clip)


@dataclass(frozen=True)
class Ratio:
    """w(x) of rows, checked: finite and not negative."""

    ratio: Callable[[Any], Any]

    def __call__(self, X: Any) -> Floats:
        w = np.asarray(self.ratio(X), dtype=np.float64).reshape(-1)
        if len(w) != n_rows_of(X):
            raise ValueError(
                f"density_ratio= gives {len(w)} numbers for {n_rows_of(X)} rows; it must give one for each."
            )
        if not np.isfinite(w).all() or w.min(initial=0.0) < 0:
            raise ValueError(
                "density_ratio= must give finite numbers that are not negative, but some are NaN, infinite or below 0."
            )
        return w


def learn_ratio(density_ratio: Any, X_source: Any, weight: Floats, X_target: Any) -> Ratio:
    """What the parameter ``density_ratio`` means, fitted where it has to be.

    Parameters
    ----------
    density_ratio : callable, classifier or DensityRatio
    X_source, weight : rows and their weights
    X_target : rows, or None

    Raises
    ------
    ValueError
        If it is none of these, or ``X_target`` is missing or cannot act.
    """
    if isinstance(density_ratio, DensityRatio) or hasattr(density_ratio, "fit"):
        if X_target is None:
            raise ValueError(
                f"density_ratio={density_ratio!r} is learned from rows of the target population: give X_target to fit."
            )
        kind = isinstance(density_ratio, DensityRatio)
        return (density_ratio if kind else DensityRatio(density_ratio)).learn(
            X_source, weight, X_target
        )
    if not callable(density_ratio):
        raise ValueError(
            f"density_ratio={density_ratio!r} must be a classifier, a DensityRatio or a callable from rows to numbers."
        )
    if X_target is not None:
        raise ValueError("X_target cannot act: density_ratio is a callable, which is not learned.")
    return Ratio(density_ratio)


def effective_number(weight: Floats, ratio: Floats) -> float:
    """Kish's effective number of rows, (sum k w)^2 / sum k w^2, with k copies of rows of ratio w."""
    squares = float(weight @ ratio**2)
    return float(weight @ ratio) ** 2 / squares if squares else 0.0
