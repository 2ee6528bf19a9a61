"""How conformalized quantile regression comes to models and scores: by one split, or by folds."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch
from sklearn.utils.parallel import Parallel

from skboost._crossfit.folds import check_each_row_once, fit_folds, fit_on
from skboost._crossfit.rows import n_rows_of, take
from skboost._registry import Registry
from skboost.conformal._holdout import hold_out, hold_out_splitter
from skboost.conformal._quantile_calibration import CrossScores, SplitScores, size_for
from skboost.conformal._quantile_models import QuantileModels
from skboost.conformal._quantile_variants import QuantileVariant
from skboost.conformal._shortage import Shortage
from skboost.conformal._strategy import Seeds
from skboost.conformal._taxonomy import Description, Groups, learn_taxonomy
from skboost.exceptions import UncertaintyWarning

Floats = npt.NDArray[np.float64]

QUANTILE_STRATEGIES = Registry("method")
"""Names that the parameter ``method`` of ConformalQuantileRegressor accepts."""

# Quantiles that cross in more than this share of the calibration rows are hardly those that were asked for.
MANY = 0.25
# Quantiles that are held at a time by the cross method, 32 MB.
ROOM = 2**22


@dataclass(frozen=True)
class Task:
    """What is wanted: the level of the intervals, and how their ends move."""

    level: Fraction
    variant: QuantileVariant
    symmetric: bool

    @property
    def smallest_size(self) -> int:
        """Fewest calibration rows with which intervals are finite."""
        return size_for(self.level, self.symmetric)


class QuantileStrategy(ABC):
    """One way from models of quantiles to intervals; an instance belongs to one fit and holds what is fitted.

    Attributes
    ----------
    task : Task
        Set before ``fit``.
    members : list of QuantileModels
        Fitted, after ``fit``.
    scores : SplitScores or CrossScores
        After ``fit``.
    n_crossed, n_calibration : float
        Summed weight of the calibration rows whose quantiles crossed, and of all.
    """

    task: Task
    members: list[QuantileModels]
    scores: Any
    n_crossed: float
    n_calibration: float

    @abstractmethod
    def splitter(self, cv: Any) -> Any:
        """What the parameter ``cv`` means, or None if that is folds."""

    @abstractmethod
    def fit(
        self, owner: Any, models: QuantileModels, X: Any, y: Floats, weight: Floats, routed: Bunch
    ) -> None:
        """Fit models, and learn from rows they were not trained on.

        Parameters
        ----------
        owner : ConformalQuantileRegressor
        models : QuantileModels
            Not fitted.
        X : anything with rows
        y, weight : ndarray of shape (n,)
        routed : Bunch
            ``routed.estimator.fit`` are the metadata of the estimator, ``routed.splitter.split`` those of the splitter.
        """

    @abstractmethod
    def fit_frozen(
        self, owner: Any, models: QuantileModels, X: Any, y: Floats, weight: Floats
    ) -> None:
        """Learn from all rows, with models that stay as they are."""

    @abstractmethod
    def calibrate(self, X: Any, y: Floats, weight: Floats) -> None:
        """Learn anew from other rows, all of positive weight; models stay."""

    @abstractmethod
    def ends(self, X: Any, shortage: Shortage) -> tuple[Floats, Floats]:
        """Lower and upper ends of the intervals of new rows."""

    def point(self, X: Any) -> Floats:
        """The median of the predicted quantiles, averaged over the members."""
        points = [np.median(self.columns(models, X), axis=1) for models in self.members]
        return np.asarray(np.mean(points, axis=0))

    def columns(self, models: QuantileModels, X: Any, train: Any = None) -> Floats:
        """Predicted quantiles as they come, of shape (n, n_quantiles)."""
        columns = models.columns(X)
        if self.task.variant.needs_median and columns.shape[1] < 3:
            raise ValueError(
                f"variant='median' needs a median, but the models predict {columns.shape[1]} quantiles; give three, or "
                "use variant='plain'."
            )
        return columns

    def count(self, columns: Floats, weight: Floats) -> None:
        """Note the weight of all rows, and of those whose quantiles are in the wrong order."""
        crossed = (np.diff(columns, axis=1) < 0).any(axis=1) & self.members[0].in_order
        self.n_calibration, self.n_crossed = float(weight.sum()), float(weight[crossed].sum())
        if self.n_crossed > MANY * self.n_calibration:
            warnings.warn(
                f"predicted quantiles cross in {self.n_crossed / self.n_calibration:.0%} of the calibration rows. They "
                "are sorted, and the guarantee holds, but look whether the right parameter sets the level.",
                UncertaintyWarning,
                stacklevel=5,
            )


@QUANTILE_STRATEGIES.register("split")
class SplitQuantiles(QuantileStrategy):
    """One set of models, and the scores of rows that they were not trained on."""

    taxonomy: Any = None
    groups: Groups | None = None

    def splitter(self, cv: Any) -> Any:
        """One hold-out."""
        return hold_out_splitter(cv, 0)

    def fit(
        self, owner: Any, models: QuantileModels, X: Any, y: Floats, weight: Floats, routed: Bunch
    ) -> None:
        """Train on one part of the rows, and calibrate on the other."""
        splitter = hold_out_splitter(owner.cv, Seeds.draw(owner.random_state).hold_out)
        fold = hold_out(splitter, X, y, weight, routed.splitter.split)
        self.members = [fit_on(models, X, y, fold.train, routed.estimator.fit)]
        if owner.taxonomy is not None:
            rows = take(X, fold.train)
            quantiles = np.sort(self.columns(self.members[0], rows), axis=1)
            description = described(rows, quantiles)
            self.taxonomy = learn_taxonomy(owner.taxonomy, description, weight[fold.train])
        rows = fold.calibrate
        self.calibrate(take(X, rows), y[rows], weight[rows])

    def fit_frozen(
        self, owner: Any, models: QuantileModels, X: Any, y: Floats, weight: Floats
    ) -> None:
        """Calibrate on all rows models that stay as they are."""
        self.members = [models.fit(None, None)]
        rows = np.flatnonzero(weight)
        if owner.taxonomy is not None:
            self.taxonomy = learn_taxonomy(owner.taxonomy, None, None)
        self.calibrate(take(X, rows), y[rows], weight[rows])

    def calibrate(self, X: Any, y: Floats, weight: Floats) -> None:
        """Sort the scores of each group."""
        columns = self.columns(self.members[0], X)
        quantiles = np.sort(columns, axis=1)
        codes, n_groups = np.zeros(len(y), dtype=np.intp), 1
        if self.taxonomy is not None:
            self.groups = Groups(self.taxonomy.label(described(X, quantiles)), len(y))
            codes, n_groups = self.groups.codes, len(self.groups)
        variant, symmetric = self.task.variant, self.task.symmetric
        self.scores = SplitScores(y, quantiles, weight, codes, n_groups, variant, symmetric)
        self.count(columns, weight)

    def ends(self, X: Any, shortage: Shortage) -> tuple[Floats, Floats]:
        """Ends from the scores of the group of each row."""
        quantiles = np.sort(self.columns(self.members[0], X), axis=1)
        codes = np.zeros(len(quantiles), dtype=np.intp)
        if self.groups is not None:
            labels = self.taxonomy.label(described(X, quantiles))
            codes = self.groups.codes_of(labels, len(quantiles))
        for code in np.unique(codes).tolist():
            n_rows = self.scores.n_rows(code)
            if n_rows < self.task.smallest_size:
                shortage.note(self.task.level, self.task.smallest_size, n_rows, self._name(code))
        ends: tuple[Floats, Floats] = self.scores.interval(quantiles, codes, self.task.level)
        return ends

    def _name(self, code: int) -> str:
        """A group in words, "" without a taxonomy."""
        if self.groups is None:
            return ""
        return "unseen groups" if code < 0 else str(self.taxonomy.name(self.groups.label(code)))


@QUANTILE_STRATEGIES.register("cross")
class CrossQuantiles(QuantileStrategy):
    """Models without each fold, and the scores of the rows of that fold."""

    def splitter(self, cv: Any) -> Any:
        """Folds, whatever they are."""
        return None

    def fit(
        self, owner: Any, models: QuantileModels, X: Any, y: Floats, weight: Floats, routed: Bunch
    ) -> None:
        """Fit models on all folds but one, for each, and let them judge the rows of that one."""
        folds = owner._folds(X, y, weight, routed.splitter.split)
        check_each_row_once(folds, int(np.count_nonzero(weight)), "cross")
        parallel = Parallel(n_jobs=owner.n_jobs, verbose=owner.verbose)
        params = routed.estimator.fit
        fitted = fit_folds(models, X, y, folds, params, self.columns, parallel, keep=True)
        self.members = [fold.estimator for fold in fitted]
        rows = np.concatenate([fold.rows for fold in fitted])
        owners = np.repeat(np.arange(len(fitted)), [len(fold.rows) for fold in fitted])
        columns = np.concatenate([fold.response for fold in fitted])
        order = np.argsort(rows)
        rows, columns = rows[order], columns[order]
        self.scores = CrossScores(
            y[rows], np.sort(columns, axis=1), weight[rows], owners[order], len(fitted),
            self.task.variant, self.task.symmetric,
        )  # fmt: skip
        self.count(columns, weight[rows])

    def fit_frozen(
        self, owner: Any, models: QuantileModels, X: Any, y: Floats, weight: Floats
    ) -> None:
        """Impossible."""
        raise ValueError(
            "method='cross' fits models on each fold, but the estimator is frozen; use method='split', with which all "
            "rows calibrate it."
        )

    def calibrate(self, X: Any, y: Floats, weight: Floats) -> None:
        """Impossible."""
        raise ValueError(
            "method='cross' learns from the rows of its own folds and cannot be calibrated on others; use "
            "method='split'."
        )

    def ends(self, X: Any, shortage: Shortage) -> tuple[Floats, Floats]:
        """Ends from the scores beside all models, for some rows at a time."""
        if self.scores.n_rows < self.task.smallest_size:
            shortage.note(self.task.level, self.task.smallest_size, self.scores.n_rows)
        n_rows = n_rows_of(X)
        lower, upper = np.empty(n_rows), np.empty(n_rows)
        at_once = max(1, ROOM // (4 * len(self.members)))
        for first in range(0, n_rows, at_once):
            rows = np.arange(first, min(first + at_once, n_rows))
            block = X if len(rows) == n_rows else take(X, rows)
            quantiles = np.sort([self.columns(m, block) for m in self.members], axis=2)
            lower[rows], upper[rows] = self.scores.interval(quantiles, self.task.level)
        return lower, upper


def described(X: Any, quantiles: Floats) -> Description:
    """What a taxonomy may look at: the difficulty of a row is the distance of its quantiles."""
    return Description(X, np.median(quantiles, axis=1), quantiles[:, -1] - quantiles[:, 0])
