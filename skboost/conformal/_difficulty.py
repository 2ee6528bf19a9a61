"""How difficult a row is: the scale sigma(x) of the errors that are to be expected there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold
from sklearn.utils.validation import has_fit_parameter

from skboost._crossfit.folds import FittedFold, Fold
from skboost._crossfit.rows import n_rows_of
from skboost._validation import Constraint, Integer, OneOf, check_parameters
from skboost.base import Component

Floats = npt.NDArray[np.float64]

# A fitted sigma is not let fall below this share of the mean error: a model of errors may well predict none, or less.
SMALLEST_SHARE = 1e-3
# Without a mean error to compare with, sigma is only kept from 0, far enough for a residual to be divided by it.
SMALLEST = 1e-150


@dataclass(frozen=True)
class Training:
    """The rows that trained a model, for what else is to be learned from them.

    Attributes
    ----------
    X : anything with rows
    y, weight : ndarray of shape (n,)
        All weights are positive.
    model : regressor
        Fitted on these rows.
    predict : callable
        From a model and rows to its predictions.
    refit : callable
        From folds of these rows to clones fitted on them, and what they predict for their calibration rows.
    seed : int
    """

    X: Any
    y: Floats
    weight: Floats
    model: Any
    predict: Callable[[Any, Any], Floats]
    refit: Callable[[list[Fold]], list[FittedFold]]
    seed: int


class ResidualDifficulty(Component):
    """A regressor of the absolute error of another.

    It is fitted on the rows that train the model, never on those that calibrate it, so that the guarantee holds
    whatever it learns; how well it knows the errors decides only how much narrower intervals get.

    Parameters
    ----------
    estimator : regressor
        Learns ``|y - mu(x)|`` from x.
    residuals : {"out_of_fold", "training"}, default="out_of_fold"
        Whether mu are predictions for rows that were left out, which costs ``cv`` more fits of the model, or those of
        the model for its own training rows, which are too small where it overfits.
    cv : int, default=5
        Number of folds, shuffled, for errors out of fold.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from skboost.conformal import ConformalRegressor, ResidualDifficulty
    >>> rng = np.random.default_rng(0)
    >>> X = rng.uniform(0.0, 1.0, size=(600, 1))
    >>> y = X[:, 0] + X[:, 0] * rng.normal(size=600)  # the larger x, the larger the errors
    >>> sigma = ResidualDifficulty(KNeighborsRegressor(50), cv=3)
    >>> model = ConformalRegressor(
    ...     LinearRegression(), method="split", nonconformity="normalized", difficulty=sigma, random_state=0
    ... ).fit(X, y)
    >>> np.diff(model.predict_interval([[0.2], [0.8]])).round(1)
    array([[0.4],
           [2.4]])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "residuals": OneOf("out_of_fold", "training"),
        "cv": Integer(2),
    }

    def __init__(self, estimator: Any, *, residuals: str = "out_of_fold", cv: int = 5) -> None:
        self.estimator = estimator
        self.residuals = residuals
        self.cv = cv

    def learn(self, training: Training) -> Difficulty:
        """Difficulty learned from the errors on training rows."""
        check_parameters(self, self.constraints)
        if self.residuals == "training":
            prediction = training.predict(training.model, training.X)
        else:
            prediction = self._out_of_fold(training)
        error = np.abs(training.y - prediction)
        model = clone(self.estimator).fit(training.X, error, **self._weights(training))
        floor = SMALLEST_SHARE * float(np.average(error, weights=training.weight))
        return Difficulty(Predictor(model), max(floor, SMALLEST))

    def _out_of_fold(self, training: Training) -> Floats:
        n_rows = len(training.y)
        if n_rows < 2:
            raise ValueError(
                "difficulty= needs errors out of fold, but only 1 sample trains the model; give more rows."
            )
        splitter = KFold(min(self.cv, n_rows), shuffle=True, random_state=training.seed)
        folds = [Fold(train, test) for train, test in splitter.split(training.y)]
        prediction = np.empty(n_rows)
        for fitted in training.refit(folds):
            prediction[fitted.rows] = fitted.response
        return prediction

    def _weights(self, training: Training) -> dict[str, Floats]:
        if (training.weight == 1.0).all():
            return {}
        if has_fit_parameter(self.estimator, "sample_weight"):
            return {"sample_weight": training.weight}
        warnings.warn(
            f"{type(self.estimator).__name__} takes no sample_weight: it learns difficulties without weights.",
            stacklevel=2,
        )
        return {}


@dataclass(frozen=True)
class Predictor:
    """What a fitted model predicts; unlike its method, it can be pickled in any Python."""

    model: Any

    def __call__(self, X: Any) -> Any:
        return self.model.predict(X)


@dataclass(frozen=True)
class Difficulty:
    """sigma(x) of rows, positive.

    Attributes
    ----------
    sigma : callable
        From rows to numbers.
    floor : float
        Smaller ones are raised to it.
    """

    sigma: Callable[[Any], Any]
    floor: float = SMALLEST

    def __call__(self, X: Any) -> Floats:
        sigma = np.asarray(self.sigma(X), dtype=np.float64).reshape(-1)
        if len(sigma) != n_rows_of(X):
            raise ValueError(
                f"difficulty= gives {len(sigma)} numbers for {n_rows_of(X)} rows; it must give one for each."
            )
        if not np.isfinite(sigma).all():
            raise ValueError("difficulty= gives NaN or infinity; it must give a finite number.")
        return np.maximum(sigma, self.floor)


def learn_difficulty(difficulty: Any, training: Training | None) -> Difficulty:
    """What the parameter ``difficulty`` means, fitted where it has to be.

    Parameters
    ----------
    difficulty : regressor, FrozenEstimator, ResidualDifficulty or callable
    training : Training or None
        None if the training rows are not known because the model is frozen.

    Raises
    ------
    ValueError
        If it is none of these, or would have to be fitted without training rows.
    """
    if isinstance(difficulty, FrozenEstimator):
        return Difficulty(Predictor(difficulty))
    if isinstance(difficulty, ResidualDifficulty) or hasattr(difficulty, "fit"):
        if training is None:
            raise ValueError(
                f"difficulty={difficulty!r} cannot be fitted: the estimator is frozen, so that its training rows are "
                "not known. Fit it on their errors and wrap it in FrozenEstimator, or give a callable."
            )
        kind = isinstance(difficulty, ResidualDifficulty)
        return (difficulty if kind else ResidualDifficulty(difficulty)).learn(training)
    if callable(difficulty):
        return Difficulty(difficulty)
    raise ValueError(
        f"difficulty={difficulty!r} must be a regressor, a ResidualDifficulty or a callable from rows to numbers."
    )
