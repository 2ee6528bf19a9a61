"""Split conformal regression: some rows train, the others calibrate."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch

from skboost._crossfit.folds import fit_on
from skboost._crossfit.rows import take
from skboost.conformal._holdout import hold_out, hold_out_splitter
from skboost.conformal._residuals import Residuals
from skboost.conformal._strategy import STRATEGIES, Strategy, point_prediction

Floats = npt.NDArray[np.float64]


@STRATEGIES.register("split")
class SplitStrategy(Strategy):
    """One model, and the residuals of rows that it was not trained on."""

    acts: ClassVar[frozenset[str]] = frozenset({"cv"})
    takes_frozen: ClassVar[bool] = True

    def splitter(self, cv: Any, y: Any = None, seed: int = 0) -> Any:
        """One hold-out."""
        return hold_out_splitter(cv, seed)

    def fit(self, owner: Any, X: Any, y: Floats, weight: Floats, routed: Bunch) -> None:
        """Train on one part of the rows, and calibrate on the other."""
        splitter = self.splitter(owner.cv, y, self.seeds.hold_out)
        fold = hold_out(splitter, X, y, weight, routed.splitter.split)
        self.estimators = [fit_on(owner.estimator, X, y, fold.train, routed.estimator.fit)]
        rows = fold.calibrate
        self.calibrate(owner, take(X, rows), y[rows], weight[rows])

    def fit_frozen(self, owner: Any, X: Any, y: Floats, weight: Floats) -> None:
        """Calibrate on all rows a model that stays as it is."""
        self.estimators = [owner.estimator]
        rows = np.flatnonzero(weight)
        self.calibrate(owner, take(X, rows), y[rows], weight[rows])

    def calibrate(self, owner: Any, X: Any, y: Floats, weight: Floats) -> None:
        """Sort the residuals of rows that the model was not trained on."""
        residual = self.score.residual(y, self.predict(X))
        self.residuals = Residuals(residual, weight)
        self.scores = residual if self.score.two_tailed else np.abs(residual)
        self.n_calibration = float(weight.sum())

    def predict(self, X: Any) -> Floats:
        """What the model says."""
        return point_prediction(self.estimators[0], X)

    def interval(self, X: Any, levels: list[Fraction]) -> Floats:
        """Labels whose residuals are within the bounds."""
        prediction = self.predict(X)
        answer = np.empty((len(prediction), 2, len(levels)))
        for place, level in enumerate(levels):
            low, high = self.residuals.bounds(level, self.score.two_tailed)
            answer[:, 0, place], answer[:, 1, place] = self.score.invert(
                prediction, None, low, high
            )
        return answer
