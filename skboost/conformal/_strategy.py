"""How conformal regression comes to models and residuals, and from them to intervals: the seam of its methods."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import check_cv
from sklearn.utils import Bunch, check_random_state

from skboost._registry import Registry
from skboost.conformal._rank import one_sided, smallest_size
from skboost.conformal._regression_scores import RegressionScore

Floats = npt.NDArray[np.float64]

STRATEGIES = Registry("method")
"""Names that the parameter ``method`` of ConformalRegressor accepts."""


@dataclass(frozen=True)
class Seeds:
    """A seed for each purpose, so that one does not depend on whether another is needed."""

    hold_out: int
    folds: int
    resamples: int
    distribution: int

    @classmethod
    def draw(cls, random_state: Any) -> Seeds:
        """All seeds from one random state."""
        return cls(*map(int, check_random_state(random_state).randint(2**31 - 1, size=4)))


class Strategy(ABC):
    """One way from a regressor to intervals; an instance belongs to one fit and holds what is fitted.

    A subclass registers itself in ``STRATEGIES`` and gives :meth:`fit`, :meth:`predict` and :meth:`interval`. In
    ``fit`` it reads the parameters of the ``owner``, a ConformalRegressor whose parameters are checked, but keeps no
    reference to it.

    Attributes
    ----------
    acts : frozenset of str
        Parameters of the constructor that act here, of those that do not act everywhere. Others are refused when set.
    takes_frozen : bool
        Whether the estimator may be frozen.
    gives_distributions : bool
        Whether there are predictive distributions, see :mod:`skboost.conformal._distribution`.
    score : RegressionScore
        Set before ``fit``.
    seeds : Seeds
        Set before ``fit``.
    failure : float or None
        Set before ``fit``.
    target : anything with rows, or None
        ``X_target`` of the call of ``fit``, set before it and forgotten after.
    estimators : list of regressors
        The fitted models, after ``fit``.
    scores : ndarray of shape (n_calibration,)
        Nonconformity scores of the calibration rows, after ``fit``.
    n_calibration : float
        Sum of the weights of the calibration rows, after ``fit``.
    n_effective : float
        Effective number of calibration rows, after ``fit`` with a density ratio.
    """

    acts: ClassVar[frozenset[str]] = frozenset()
    takes_frozen: ClassVar[bool] = False
    gives_distributions: ClassVar[bool] = False

    score: RegressionScore
    seeds: Seeds
    failure: float | None = None
    target: Any = None
    estimators: list[Any]
    scores: Floats
    n_calibration: float
    n_effective: float

    def splitter(self, cv: Any, y: Any = None, seed: int = 0) -> Any:
        """What the parameter ``cv`` means here; asked for before ``fit`` too, by metadata routing."""
        return check_cv(cv, y)

    def check(self, owner: Any) -> None:  # noqa: B027  most have nothing to refuse
        """Refuse parameters that cannot act together."""

    @abstractmethod
    def fit(self, owner: Any, X: Any, y: Floats, weight: Floats, routed: Bunch) -> None:
        """Fit models, and learn from the rows they were not trained on.

        Parameters
        ----------
        owner : ConformalRegressor
            Has ``_folds``, ``_fit_folds`` and the like of :class:`~skboost._crossfit.wrapper.CrossFitted`.
        X : anything with rows
        y : ndarray of shape (n,)
        weight : ndarray of shape (n,)
            Rows of weight 0 must neither train nor calibrate.
        routed : Bunch
            ``routed.estimator.fit`` are the metadata of the estimator, ``routed.splitter.split`` those of the splitter.
        """

    def fit_frozen(self, owner: Any, X: Any, y: Floats, weight: Floats) -> None:
        """Learn from all rows how far a model errs that stays as it is; only if :attr:`takes_frozen`."""
        raise NotImplementedError

    def calibrate(self, owner: Any, X: Any, y: Floats, weight: Floats) -> None:
        """Learn anew from other rows, all of positive weight; models stay."""
        raise ValueError(
            f"method={owner.method!r} learns from the rows of its own folds and cannot be calibrated on others; use "
            "method='split'."
        )

    @property
    def estimator(self) -> Any:
        """The model that point predictions come from, after ``fit``; None if they come from several."""
        return self.estimators[0]

    def smallest_size(self, level: Fraction) -> int:
        """Fewest calibration rows with which intervals of a level are finite."""
        return smallest_size(one_sided(level) if self.score.two_tailed else level)

    @abstractmethod
    def predict(self, X: Any) -> Floats:
        """Point predictions of shape (n,)."""

    @abstractmethod
    def interval(self, X: Any, levels: list[Fraction]) -> Floats:
        """Lower and upper ends for each level, of shape (n, 2, n_levels); too few rows are warned of once a call."""


def point_prediction(estimator: Any, X: Any) -> Floats:
    """What a regressor predicts, one number a row in double precision."""
    return np.asarray(estimator.predict(X), dtype=np.float64).reshape(-1)
