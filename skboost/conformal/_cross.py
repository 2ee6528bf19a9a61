"""Conformal regression by cross-validation: all rows train and all calibrate, but never the same model."""

from __future__ import annotations

from abc import abstractmethod
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch

from skboost._crossfit.folds import check_each_row_once, fit_on
from skboost._crossfit.rows import take
from skboost.conformal._calibration import widened
from skboost.conformal._members import Member, MemberStrategy
from skboost.conformal._residuals import Codes, GroupedResiduals
from skboost.conformal._shifted_residuals import GroupedShiftedResiduals
from skboost.conformal._shortage import Shortage
from skboost.conformal._strategy import STRATEGIES, point_prediction

Floats = npt.NDArray[np.float64]


class CrossStrategy(MemberStrategy):
    """Residuals of each row from a model that was fitted without its fold.

    Point predictions come from a model that is fitted on all rows, :attr:`whole`.

    Attributes
    ----------
    keeps_members : bool
        Whether the models of the folds are wanted after ``fit``.
    whole : Member
        Fitted on all rows, after ``fit``.
    """

    acts: ClassVar[frozenset[str]] = MemberStrategy.acts | {"cv"}
    keeps_members: ClassVar[bool] = True

    whole: Member

    def fit(self, owner: Any, X: Any, y: Floats, weight: Floats, routed: Bunch) -> None:
        """Fit a model on all folds but one, for each, and a last one on all rows."""
        self._check(owner)
        folds = owner._folds(X, y, weight, routed.splitter.split)
        rows, params = np.flatnonzero(weight), routed.estimator.fit
        check_each_row_once(folds, len(rows), owner.method)
        keep = self.keeps_members or owner.difficulty is not None
        fitted = owner._fit_folds(X, y, weight, folds, params, keep=keep)
        self.members = [
            self._member(owner, X, y, weight, fold.train, model.estimator, params)
            for fold, model in zip(folds, fitted, strict=True)
        ]
        self.whole = self._fit_whole(owner, X, y, weight, rows, params)
        prediction, owners = np.empty(len(y)), np.empty(len(y), dtype=np.intp)
        scale = np.empty(len(y)) if self.score.needs_difficulty else None
        for number, fold in enumerate(fitted):
            prediction[fold.rows], owners[fold.rows] = fold.response, number
            difficulty = self.members[number].difficulty
            if scale is not None and difficulty is not None:
                scale[fold.rows] = difficulty(take(X, fold.rows))
        residual = self.score.residual(
            y[rows], prediction[rows], None if scale is None else scale[rows]
        )
        codes, n_groups = self._calibrate(residual, weight[rows], take(X, rows))
        self._learn(residual, owners[rows], weight[rows], codes, n_groups)
        if not self.keeps_members:
            self.members = [self.whole]
        self.estimators = [member.estimator for member in self.members]

    def _fit_whole(
        self, owner: Any, X: Any, y: Floats, weight: Floats, rows: Any, params: dict[str, Any]
    ) -> Member:
        """The model of all rows, which only predicts."""
        return Member(fit_on(owner.estimator, X, y, rows, params), None)

    @abstractmethod
    def _learn(
        self, residual: Floats, owners: Codes, weight: Floats, codes: Codes, n_groups: int
    ) -> None:
        """Sort residuals with their sign; ``owners`` are the numbers of the models that they are of."""

    @property
    def estimator(self) -> Any:
        """The model of all rows."""
        return self.whole.estimator

    def predict(self, X: Any) -> Floats:
        """What the model says that was fitted on all rows."""
        return point_prediction(self.whole.estimator, X)


@STRATEGIES.register("plus")
class PlusStrategy(CrossStrategy):
    """Each residual is added to the prediction of its own model: CV+, and jackknife+ with a fold for each row."""

    def _learn(
        self, residual: Floats, owners: Codes, weight: Floats, codes: Codes, n_groups: int
    ) -> None:
        self.residuals = GroupedShiftedResiduals(
            residual, owners, len(self.members), weight, self.score.two_tailed, codes, n_groups
        )

    def _interval(self, X: Any, levels: list[Fraction], codes: Codes, shortage: Shortage) -> Floats:
        answer = np.empty((len(codes), 2, len(levels)))
        for level, n_rows, code in self.residuals.too_few(codes, levels):
            self._note(shortage, level, n_rows, code)
        for rows, prediction, scale in self._described(X, len(self.members)):
            unit = self.score.unit(prediction, scale)
            answer[rows] = self.residuals.interval(prediction, unit, codes[rows], levels)
        return answer


class PooledStrategy(CrossStrategy):
    """Quantiles of all residuals together."""

    def _learn(
        self, residual: Floats, owners: Codes, weight: Floats, codes: Codes, n_groups: int
    ) -> None:
        self.residuals = GroupedResiduals(residual, weight, codes, n_groups)

    def _bounds(
        self, levels: list[Fraction], codes: Codes, shortage: Shortage
    ) -> tuple[Floats, Floats]:
        """Bounds of the residuals of rows at each level: (n_levels, m)."""
        low, high = np.empty((2, len(levels), len(codes)))
        for code, rows, residuals, _ in self.residuals.of(codes, None):
            for place, level in enumerate(levels):
                ends = residuals.bounds(level, self.score.two_tailed)
                low[place, rows], high[place, rows] = ends
                if np.isinf(ends).any():
                    self._note(shortage, level, residuals.total, code)
        return low, high

    def _ends(self, member: Member, X: Any, low: Floats, high: Floats) -> Floats:
        """Lower and upper ends around the predictions of one model: (m, 2, n_levels)."""
        prediction, scale = member.describe(X)
        lower, upper = self.score.invert(prediction, scale, low, high)
        ends = widened(lower, prediction, -1.0), widened(upper, prediction, 1.0)
        return np.moveaxis(np.stack(ends), -1, 0)


@STRATEGIES.register("minmax")
class MinmaxStrategy(PooledStrategy):
    """A quantile of all residuals below the smallest and above the largest prediction of any model."""

    def _interval(self, X: Any, levels: list[Fraction], codes: Codes, shortage: Shortage) -> Floats:
        bounds = self._bounds(levels, codes, shortage)
        answer = self._ends(self.members[0], X, *bounds)
        for member in self.members[1:]:
            ends = self._ends(member, X, *bounds)
            np.minimum(answer[:, 0], ends[:, 0], out=answer[:, 0])
            np.maximum(answer[:, 1], ends[:, 1], out=answer[:, 1])
        return answer


@STRATEGIES.register("base")
class BaseStrategy(PooledStrategy):
    """A quantile of all residuals around the model of all rows: plain cross-validation, without a guarantee."""

    keeps_members: ClassVar[bool] = False

    def _fit_whole(
        self, owner: Any, X: Any, y: Floats, weight: Floats, rows: Any, params: dict[str, Any]
    ) -> Member:
        estimator = fit_on(owner.estimator, X, y, rows, params)
        return self._member(owner, X, y, weight, rows, estimator, params)

    def _interval(self, X: Any, levels: list[Fraction], codes: Codes, shortage: Shortage) -> Floats:
        return self._ends(self.whole, X, *self._bounds(levels, codes, shortage))
