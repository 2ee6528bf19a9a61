"""Jackknife+ after the bootstrap: each row has its residual from the models whose resamples left it out."""

from __future__ import annotations

import warnings
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.utils import Bunch

from skboost._crossfit.folds import Fold
from skboost._crossfit.rows import take
from skboost.conformal._aggregate import AGGREGATES, Aggregate
from skboost.conformal._members import MemberStrategy
from skboost.conformal._residuals import Codes
from skboost.conformal._shifted_residuals import GroupedShiftedResiduals
from skboost.conformal._shortage import Shortage
from skboost.conformal._strategy import STRATEGIES
from skboost.exceptions import UncertaintyWarning

Floats = npt.NDArray[np.float64]


@STRATEGIES.register("bootstrap")
class BootstrapStrategy(MemberStrategy):
    """Models of resamples; the interval of a row aggregates, for each calibration row, those that left it out.

    Attributes
    ----------
    aggregate : Aggregate
    subsets : ndarray of shape (n_subsets, n_models), bool
        Models that left a calibration row out; rows that the same models left out share a subset.
    """

    acts: ClassVar[frozenset[str]] = MemberStrategy.acts | {
        "n_resamples",
        "fixed_resamples",
        "aggregate",
    }

    aggregate: Aggregate
    subsets: npt.NDArray[np.bool_]

    def fit(self, owner: Any, X: Any, y: Floats, weight: Floats, routed: Bunch) -> None:
        """Fit a model on each resample."""
        self._check(owner)
        if routed.splitter.split:
            raise ValueError(
                f"{', '.join(routed.splitter.split)} cannot act with method='bootstrap', which draws single rows."
            )
        self.aggregate = AGGREGATES.resolve(owner.aggregate, Aggregate)
        params = routed.estimator.fit
        all_rows = np.flatnonzero(weight)
        folds = draw_resamples(
            all_rows, owner.n_resamples, owner.fixed_resamples, self.seeds.resamples
        )
        fitted = owner._fit_folds(X, y, weight, folds, params, keep=True)
        self.members = [
            # a row several times would be on both sides of folds that are made to learn a difficulty
            self._member(owner, X, y, weight, np.unique(fold.train), model.estimator, params)
            for fold, model in zip(folds, fitted, strict=True)
        ]
        self.estimators = [member.estimator for member in self.members]

        left_out = np.zeros((len(folds), len(y)), dtype=bool)
        for number, fold in enumerate(folds):
            left_out[number, fold.calibrate] = True
        rows = rows_left_out(left_out, all_rows)
        prediction = self._out_of_bag(folds, [fold.response for fold in fitted], rows, len(y))
        scale = None
        if self.score.needs_difficulty:
            scales = [
                member.difficulty(take(X, fold.calibrate))
                for member, fold in zip(self.members, folds, strict=True)
                if member.difficulty is not None
            ]
            scale = self._out_of_bag(folds, scales, rows, len(y)) if scales else None
        residual = self.score.residual(y[rows], prediction, scale)
        codes, n_groups = self._calibrate(residual, weight[rows], take(X, rows))
        self.subsets, owners = np.unique(left_out[:, rows].T, axis=0, return_inverse=True)
        self.residuals = GroupedShiftedResiduals(
            residual,
            owners.reshape(-1),
            len(self.subsets),
            weight[rows],
            self.score.two_tailed,
            codes,
            n_groups,
        )

    def _out_of_bag(
        self, folds: list[Fold], values: list[Floats], rows: Any, n_rows: int
    ) -> Floats:
        """Aggregates for each row of what the models said that left it out."""
        place = np.empty(n_rows, dtype=np.intp)
        place[rows] = np.arange(len(rows))
        tested = np.concatenate([fold.calibrate for fold in folds])
        return self.aggregate.of_rows(place[tested], np.concatenate(values), len(rows))

    @property
    def estimator(self) -> None:
        """None: all models together."""
        return None

    def predict(self, X: Any) -> Floats:
        """The aggregate of all models."""
        everyone = np.ones((1, len(self.members)), dtype=bool)
        answer = [
            self.aggregate.of_subsets(prediction, everyone)[:, 0]
            for _, prediction, _ in self._described(X, len(self.members))
        ]
        return np.concatenate(answer)

    def _interval(self, X: Any, levels: list[Fraction], codes: Codes, shortage: Shortage) -> Floats:
        answer = np.empty((len(codes), 2, len(levels)))
        for level, n_rows, code in self.residuals.too_few(codes, levels):
            self._note(shortage, level, n_rows, code)
        for rows, prediction, scale in self._described(X, max(self.subsets.shape)):
            prediction = self.aggregate.of_subsets(prediction, self.subsets)
            if scale is not None:
                scale = self.aggregate.of_subsets(scale, self.subsets)
            unit = self.score.unit(prediction, scale)
            answer[rows] = self.residuals.interval(prediction, unit, codes[rows], levels)
        return answer


def number_of_resamples(n_resamples: int, n_rows: int, random: np.random.Generator) -> int:
    """A number of resamples that the guarantee of jackknife+ after the bootstrap holds for [1]_.

        B ~ Binomial(B', p)   with p = (1 - 1 / (n + 1))^n and B' = round(n_resamples / p)

    as if B' resamples were drawn from n + 1 rows, the new one among them, and those without it were kept: then the new
    row is like any other. It is ``n_resamples`` on average, and at least 1.

    References
    ----------
    .. [1] B. Kim, C. Xu and R. F. Barber, "Predictive inference is free with the jackknife+-after-bootstrap", NeurIPS
       2020, theorem 1.
    """
    share = (1.0 - 1.0 / (n_rows + 1.0)) ** n_rows
    return max(1, int(random.binomial(round(n_resamples / share), share)))


def draw_resamples(
    rows: npt.NDArray[np.integer], n_resamples: int, fixed: bool, seed: int
) -> list[Fold]:
    """As many rows as there are, drawn with replacement, and those that were not drawn.

    Parameters
    ----------
    rows : ndarray of shape (n,)
    n_resamples : int
        Their number if it is ``fixed``, else its mean.
    fixed : bool
    seed : int

    Returns
    -------
    folds : list of Fold
        Those that leave a row out.

    Raises
    ------
    ValueError
        If there is none.
    """
    random = np.random.default_rng(seed)
    n_drawn = n_resamples if fixed else number_of_resamples(n_resamples, len(rows), random)
    folds = []
    for _ in range(n_drawn):
        drawn = np.sort(random.integers(len(rows), size=len(rows)))
        out = np.delete(rows, np.unique(drawn))
        if len(out):
            folds.append(Fold(rows[drawn], out))
    if not folds:
        raise ValueError(
            f"none of {n_drawn} resamples of {len(rows)} sample(s) leaves one out; give more rows."
        )
    return folds


def rows_left_out(
    left_out: npt.NDArray[np.bool_], rows: npt.NDArray[np.integer]
) -> npt.NDArray[np.integer]:
    """Rows that have a residual, with a warning if others have none."""
    has_residual = left_out[:, rows].any(axis=0)
    missing = int(len(rows) - has_residual.sum())
    if missing:
        warnings.warn(
            f"{missing} of {len(rows)} rows are in each of the {len(left_out)} resamples: they have no residual and do "
            "not calibrate. Give a larger n_resamples.",
            UncertaintyWarning,
            stacklevel=4,
        )
    return rows[has_residual]
