"""Split conformal regression: some rows train, the others calibrate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch

from skboost._crossfit.folds import FittedFold, Fold, fit_on
from skboost._crossfit.rows import n_rows_of, take, take_aligned
from skboost.conformal._calibration import widened
from skboost.conformal._difficulty import Difficulty, Training, learn_difficulty
from skboost.conformal._holdout import hold_out, hold_out_splitter
from skboost.conformal._rank import one_sided, pac_rank, pac_size, smallest_size, upper_rank
from skboost.conformal._residuals import Codes, GroupedResiduals
from skboost.conformal._shift import Ratio, effective_number, learn_ratio
from skboost.conformal._shortage import Shortage
from skboost.conformal._strategy import STRATEGIES, Strategy, point_prediction
from skboost.conformal._taxonomy import Description, Groups, learn_taxonomy

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Position:
    """Where rows lie: what is predicted for them, how difficult they are, their group, their density ratio."""

    prediction: Floats
    scale: Floats | None
    codes: Codes
    ratio: Floats | None


@STRATEGIES.register("split")
class SplitStrategy(Strategy):
    """One model, and the residuals of rows that it was not trained on."""

    acts: ClassVar[frozenset[str]] = frozenset(
        {"cv", "difficulty", "taxonomy", "failure", "density_ratio"}
    )
    takes_frozen: ClassVar[bool] = True
    gives_distributions: ClassVar[bool] = True

    difficulty: Difficulty | None = None
    taxonomy: Any = None
    groups: Groups | None = None
    ratio: Ratio | None = None

    def splitter(self, cv: Any, y: Any = None, seed: int = 0) -> Any:
        """One hold-out."""
        return hold_out_splitter(cv, seed)

    def check(self, owner: Any) -> None:
        """Refuse parameters that cannot act together."""
        divided = getattr(owner.taxonomy, "of", None)
        if owner.difficulty is not None and not (
            self.score.needs_difficulty or divided == "difficulty"
        ):
            raise ValueError(
                f"difficulty={owner.difficulty!r} cannot act with nonconformity={owner.nonconformity!r}; use "
                "nonconformity='normalized', or a taxonomy of='difficulty'."
            )
        if owner.density_ratio is not None and self.failure is not None:
            raise ValueError(
                f"failure={self.failure!r} cannot act with density_ratio: weighted rows allow no such promise."
            )

    # -- fit --------------------------------------------------------------------------------------------------------

    def fit(self, owner: Any, X: Any, y: Floats, weight: Floats, routed: Bunch) -> None:
        """Train on one part of the rows, and calibrate on the other."""
        splitter = self.splitter(owner.cv, y, self.seeds.hold_out)
        fold = hold_out(splitter, X, y, weight, routed.splitter.split)
        params = routed.estimator.fit
        self.estimators = [fit_on(owner.estimator, X, y, fold.train, params)]
        rows = fold.calibrate
        if any(
            part is not None for part in (owner.difficulty, owner.taxonomy, owner.density_ratio)
        ):
            self._learn(owner, self._training(owner, X, y, weight, fold.train, params), None)
        self.calibrate(owner, take(X, rows), y[rows], weight[rows])

    def fit_frozen(self, owner: Any, X: Any, y: Floats, weight: Floats) -> None:
        """Calibrate on all rows a model that stays as it is."""
        self.estimators = [owner.estimator]
        rows = np.flatnonzero(weight)
        X, y, weight = take(X, rows), y[rows], weight[rows]
        self._learn(owner, None, (X, weight))
        self.calibrate(owner, X, y, weight)

    def calibrate(self, owner: Any, X: Any, y: Floats, weight: Floats) -> None:
        """Sort the residuals of rows that the model was not trained on."""
        if self.failure is not None and (weight != np.rint(weight)).any():
            raise ValueError(
                f"failure={self.failure!r} needs to count calibration rows, but some of their weights are no whole "
                "numbers; give whole ones, or none."
            )
        prediction, scale, rows = self._describe(X)
        codes, n_groups = np.zeros(len(y), dtype=np.intp), 1
        if self.taxonomy is not None:
            self.groups = Groups(self.taxonomy.label(rows), len(y))
            codes, n_groups = self.groups.codes, len(self.groups)
        ratio = np.ones(len(y)) if self.ratio is None else self.ratio(X)
        residual = self.score.residual(y, prediction, scale)
        self.residuals = GroupedResiduals(residual, weight * ratio, codes, n_groups)
        self.scores = residual if self.score.two_tailed else np.abs(residual)
        self.n_calibration = float(weight.sum())
        self.n_effective = effective_number(weight, ratio)

    def _training(
        self, owner: Any, X: Any, y: Floats, weight: Floats, rows: Any, params: dict[str, Any]
    ) -> Training:
        """The training rows, for what else is learned from them."""
        inner = take_aligned(params, rows, n_rows_of(X))
        X, y, weight = take(X, rows), y[rows], weight[rows]

        def refit(folds: list[Fold]) -> list[FittedFold]:
            fitted: list[FittedFold] = owner._fit_folds(X, y, weight, folds, inner, keep=False)
            return fitted

        return Training(X, y, weight, self.estimators[0], point_prediction, refit, self.seeds.folds)

    def _learn(self, owner: Any, training: Training | None, source: Any) -> None:
        """Difficulty, taxonomy and density ratio, from training rows where they are known."""
        weight = None if training is None else training.weight
        if owner.difficulty is not None:
            self.difficulty = learn_difficulty(owner.difficulty, training)
        if owner.taxonomy is not None:
            rows = None if training is None else self._describe(training.X)[2]
            self.taxonomy = learn_taxonomy(owner.taxonomy, rows, weight)
        if owner.density_ratio is not None:
            X, weight = source if training is None else (training.X, training.weight)
            self.ratio = learn_ratio(owner.density_ratio, X, weight, self.target)

    # -- predict ----------------------------------------------------------------------------------------------------

    def predict(self, X: Any) -> Floats:
        """What the model says."""
        return point_prediction(self.estimators[0], X)

    def interval(self, X: Any, levels: list[Fraction]) -> Floats:
        """Labels whose residuals are within the bounds."""
        at = self.locate(X)
        answer = np.empty((len(at.prediction), 2, len(levels)))
        shortage = Shortage("the intervals are infinite")
        for place, level in enumerate(levels):
            low, high = self._bounds(at, level, shortage)
            ends = self.score.invert(at.prediction, at.scale, low, high)
            answer[:, 0, place] = widened(ends[0], at.prediction, -1.0)
            answer[:, 1, place] = widened(ends[1], at.prediction, 1.0)
        shortage.warn(stacklevel=3)
        return answer

    def locate(self, X: Any) -> Position:
        """Predictions, difficulties, groups and density ratios of rows."""
        prediction, scale, rows = self._describe(X)
        codes = np.zeros(len(prediction), dtype=np.intp)
        if self.groups is not None:
            codes = self.groups.codes_of(self.taxonomy.label(rows), len(prediction))
        return Position(prediction, scale, codes, None if self.ratio is None else self.ratio(X))

    def group_name(self, code: int) -> str:
        """A group in words, "" without a taxonomy."""
        if self.groups is None:
            return ""
        return "unseen groups" if code < 0 else self.taxonomy.name(self.groups.label(code))

    def smallest_size(self, level: Fraction) -> int:
        """Fewest calibration rows with which intervals of a level are finite."""
        one_tail, failure = self._tail(level)
        return smallest_size(one_tail) if failure is None else pac_size(one_tail, failure)

    def _describe(self, X: Any) -> tuple[Floats, Floats | None, Description]:
        prediction = self.predict(X)
        difficulty = None if self.difficulty is None else self.difficulty(X)
        scale = difficulty if self.score.needs_difficulty else None
        return prediction, scale, Description(X, prediction, difficulty)

    def _bounds(self, at: Position, level: Fraction, shortage: Shortage) -> tuple[Floats, Floats]:
        """Bounds of the residual of each row."""
        low, high = np.empty_like(at.prediction), np.empty_like(at.prediction)
        rank: Callable[[int, Fraction], int] = upper_rank
        failure = self._tail(level)[1]
        if failure is not None:
            rank = partial(pac_rank, failure=failure)
        for code, rows, residuals, weights in self.residuals.of(at.codes, at.ratio):
            ends = residuals.bounds(level, self.score.two_tailed, rank=rank, **weights)
            low[rows], high[rows] = ends
            widest = np.maximum(np.abs(low[rows]), np.abs(high[rows]))
            self.note_infinite(shortage, level, self.smallest_size(level), widest, code)
        return low, high

    def note_infinite(
        self, shortage: Shortage, level: Fraction, needed: int, bounds: Floats, code: int
    ) -> None:
        """Put down that some bounds of the rows of a group are infinite, and why."""
        infinite = np.isinf(bounds)
        if not infinite.any():
            return
        group = self.group_name(code)
        if self.ratio is None or code < 0:
            n_rows = 0.0 if code < 0 else self.residuals.groups[code].total
            shortage.note(level, needed, n_rows, group)
        else:
            shortage.note_heavy(level, int(infinite.sum()), self.n_effective)

    def _tail(self, level: Fraction) -> tuple[Fraction, float | None]:
        """Level and probability of failure of each end: with two tails each may err half as often."""
        if not self.score.two_tailed:
            return level, self.failure
        return one_sided(level), None if self.failure is None else self.failure / 2
