"""What methods share that keep several models: a scale of errors for each model, and groups that do without models."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from sklearn.frozen import FrozenEstimator

from skboost._crossfit.folds import FittedFold, Fold
from skboost._crossfit.rows import n_rows_of, take, take_aligned
from skboost.conformal._difficulty import Difficulty, Training, learn_difficulty
from skboost.conformal._residuals import Codes
from skboost.conformal._shortage import Shortage
from skboost.conformal._strategy import Strategy, point_prediction
from skboost.conformal._taxonomy import Bins, Description, Groups, QuantileBins, learn_taxonomy

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.integer]

# Numbers that are made of the predictions of all models at a time, 32 MB: with a model for each row there would be as
# many of them as rows times new rows.
ROOM = 2**22


@dataclass(frozen=True)
class Member:
    """A model, and the difficulty that was learned from the rows that trained it."""

    estimator: Any
    difficulty: Difficulty | None

    def describe(self, X: Any) -> tuple[Floats, Floats | None]:
        """What the model predicts, and how difficult the rows are if that matters."""
        prediction = point_prediction(self.estimator, X)
        return prediction, None if self.difficulty is None else self.difficulty(X)


class MemberStrategy(Strategy):
    """Several models, each with rows that it was not trained on.

    Attributes
    ----------
    members : list of Member
    taxonomy, groups : object and Groups, or None
        What divides rows into groups, and the groups of the calibration rows.
    """

    members: list[Member]
    taxonomy: Any = None
    groups: Groups | None = None

    acts: ClassVar[frozenset[str]] = frozenset({"difficulty", "taxonomy"})

    # -- fit --------------------------------------------------------------------------------------------------------

    def _check(self, owner: Any) -> None:
        """Refuse parameters that cannot act, before anything is fitted."""
        if owner.difficulty is not None and not self.score.needs_difficulty:
            raise ValueError(
                f"difficulty={owner.difficulty!r} cannot act with nonconformity={owner.nonconformity!r} and "
                f"method={owner.method!r}; use nonconformity='normalized'."
            )
        if owner.taxonomy is not None:
            self.taxonomy = taxonomy_without_models(owner.taxonomy, owner.method)

    def _member(
        self,
        owner: Any,
        X: Any,
        y: Floats,
        weight: Floats,
        rows: Rows,
        estimator: Any,
        params: dict[str, Any],
    ) -> Member:
        """A model fitted on some rows, with what they say of its errors."""
        if owner.difficulty is None:
            return Member(estimator, None)
        inner = take_aligned(params, rows, n_rows_of(X))
        X, y, weight = take(X, rows), y[rows], weight[rows]

        def refit(folds: list[Fold]) -> list[FittedFold]:
            fitted: list[FittedFold] = owner._fit_folds(X, y, weight, folds, inner, keep=False)
            return fitted

        training = Training(X, y, weight, estimator, point_prediction, refit, self.seeds.folds)
        return Member(estimator, learn_difficulty(owner.difficulty, training))

    def _calibrate(self, residual: Floats, weight: Floats, X: Any) -> tuple[Codes, int]:
        """Note scores, and group the calibration rows: number of the group of each, and number of groups."""
        self.scores = residual if self.score.two_tailed else np.abs(residual)
        self.n_calibration = float(weight.sum())
        if self.taxonomy is None:
            return np.zeros(len(residual), dtype=np.intp), 1
        self.groups = Groups(self._labels(X), len(residual))
        return self.groups.codes, len(self.groups)

    # -- predict ----------------------------------------------------------------------------------------------------

    def interval(self, X: Any, levels: list[Fraction]) -> Floats:
        """Lower and upper ends, infinite where a group has too few calibration rows."""
        shortage = Shortage("the intervals are infinite")
        answer = self._interval(X, levels, self._codes(X), shortage)
        shortage.warn(stacklevel=3)
        return answer

    @abstractmethod
    def _interval(self, X: Any, levels: list[Fraction], codes: Codes, shortage: Shortage) -> Floats:
        """Lower and upper ends; ``codes`` are the groups of the rows, -1 for one that has no calibration rows."""

    def _codes(self, X: Any) -> Codes:
        if self.groups is None:
            return np.zeros(n_rows_of(X), dtype=np.intp)
        return self.groups.codes_of(self._labels(X), n_rows_of(X))

    def _labels(self, X: Any) -> Any:
        return self.taxonomy.label(Description(X, np.empty(0), None))

    def _note(self, shortage: Shortage, level: Fraction, n_rows: float, code: int) -> None:
        """Put a level that a group has too few rows for on the list."""
        name = ""
        if self.groups is not None:
            known = code >= 0
            name = self.taxonomy.name(self.groups.label(code)) if known else "unseen groups"
        shortage.note(level, self.smallest_size(level), n_rows, name)

    def _described(self, X: Any, width: int) -> Iterator[tuple[Rows, Floats, Floats | None]]:
        """What all models say, for as many rows at a time as there is room for.

        Parameters
        ----------
        X : anything with rows
        width : int
            How many numbers are made of each row.

        Yields
        ------
        rows : ndarray of shape (m,)
        prediction, scale : ndarray of shape (m, n_members)
            ``scale`` is None where it does not matter.
        """
        scaled = self.score.needs_difficulty  # then there are scales and units beside predictions
        n_rows, at_once = n_rows_of(X), max(1, ROOM // (3 * width if scaled else width))
        shape = min(at_once, n_rows), len(self.members)
        prediction = np.empty(shape)
        scale = np.empty(shape) if scaled else None
        for first in range(0, n_rows, at_once):
            rows = np.arange(first, min(first + at_once, n_rows))
            block = X if len(rows) == n_rows else take(X, rows)
            for number, member in enumerate(self.members):
                described = member.describe(block)
                prediction[: len(rows), number] = described[0]
                if scale is not None:
                    scale[: len(rows), number] = described[1]
            yield rows, prediction[: len(rows)], None if scale is None else scale[: len(rows)]


def taxonomy_without_models(taxonomy: Any, method: str) -> Any:
    """What the parameter ``taxonomy`` means, if the group of a row is the same for all models.

    Raises
    ------
    ValueError
        If it depends on what a model predicts, or would be learned from the rows that train it.
    """
    fitted = hasattr(taxonomy, "transform") and not isinstance(taxonomy, FrozenEstimator)
    if fitted or isinstance(taxonomy, Bins | QuantileBins):
        raise ValueError(
            f"taxonomy={taxonomy!r} would be another one for each model of method={method!r}, and a row would be in "
            "several groups; give a column, a callable or a fitted transformer in FrozenEstimator, or use "
            "method='split'."
        )
    return learn_taxonomy(taxonomy, None, None)
