"""What makes sets from probabilities: a score, chance, groups, and the ranks of calibration rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skboost.conformal._draws import row_draws
from skboost.conformal._label_ranks import LabelRanks, ScoredRows, Standing
from skboost.conformal._rank import smallest_size
from skboost.conformal._set_scores import SetScore
from skboost.conformal._shortage import Shortage
from skboost.conformal._taxonomy import Description, Groups

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.integer]


class Answered(NamedTuple):
    """Calibration rows of a model, and what it says of them.

    ``numbers`` are the places of the rows among all that calibrate any model.
    """

    X: Any
    probability: npt.NDArray[Any]
    labels: Codes
    weight: Floats
    numbers: Codes


class SetRule:
    """Ranks of calibration rows, and how new rows are compared with them.

    Parameters
    ----------
    score : SetScore
    classes : ndarray of shape (n_classes,)
    randomized : bool
        Whether scores are randomised.
    breaks_ties : bool
        Whether chance tells scores apart that are equal.
    class_conditional : bool
        Whether each class is a group of its own.
    taxonomy : object with ``label`` and ``name``, or None
        Groups of rows, from :func:`~skboost.conformal._taxonomy.learn_taxonomy`.
    seeds : (int, int)
        For calibration rows, and for new rows.

    Attributes
    ----------
    ranks : LabelRanks
    scores : ndarray of shape (n_calibration,)
        Of the calibration rows, model by model.
    """

    ranks: LabelRanks
    scores: Floats

    def __init__(
        self,
        score: SetScore,
        classes: npt.NDArray[Any],
        *,
        randomized: bool,
        breaks_ties: bool,
        class_conditional: bool,
        taxonomy: Any,
        seeds: tuple[int, int],
    ) -> None:
        self.score = score
        self.classes = classes
        self.randomized = randomized
        self.breaks_ties = breaks_ties
        self.class_conditional = class_conditional
        self.taxonomy = taxonomy
        self.seeds = seeds
        self.groups: Groups | None = None

    def calibrate(self, models: list[Answered]) -> None:
        """Sort the scores of calibration rows; with groups of rows there is one model only."""
        n_rows = sum(len(rows.labels) for rows in models)
        draws = np.random.default_rng(self.seeds[0]).random(n_rows)
        if self.taxonomy is not None:
            (rows,) = models
            self.groups = Groups(self._labels(rows.X, rows.probability), n_rows)
        scored = []
        for rows in models:
            scores = self._score(rows.probability, draws[rows.numbers] if self.randomized else None)
            groups = np.zeros(len(rows.labels), dtype=np.intp)
            if self.groups is not None:
                groups = self.groups.codes
            of_labels = scores[np.arange(len(rows.labels)), rows.labels]
            labels = rows.labels if self.class_conditional else None
            scored.append(ScoredRows(of_labels, rows.weight, groups, labels))
        self.ranks = LabelRanks(
            scored,
            1 if self.groups is None else len(self.groups),
            len(self.classes) if self.class_conditional else None,
        )
        self.scores = np.concatenate([rows.scores for rows in scored])

    def stand(
        self, X: Any, answers: Iterable[npt.NDArray[Any]], levels: Sequence[Fraction] = ()
    ) -> tuple[Standing, Floats]:
        """Ranks of all classes at new rows, and the sum of the probabilities of the models.

        Parameters
        ----------
        X : new rows
        answers : iterable of ndarray of shape (m, n_classes)
            What each model says of them.
        levels : sequence of Fraction, optional
            If ranks are compared with the thresholds of these levels only.
        """
        smaller: Any = 0.0
        equal: Any = 0.0
        total: Any = 0.0
        for model, probability in enumerate(answers):
            if model == 0:
                u, tie_breaks = self._draws(probability)
                groups = self._groups_of(X, probability)
            below, same = self.ranks.beside(model, self._score(probability, u), groups, levels)
            smaller, equal, total = smaller + below, equal + same, total + probability
        return self.ranks.standing(smaller, equal, tie_breaks, groups), total

    def shortage(self, levels: list[Fraction], groups: Codes) -> Shortage:
        """Levels for which there are too few calibration rows in the groups of new rows."""
        answer = "the class is in every set" if self.class_conditional else "the sets are full"
        shortage = Shortage(answer)
        seen = np.unique(groups)
        for level in levels:
            short = self.ranks.thresholds(level)[seen] < 1.0
            for place, column in np.argwhere(short).tolist():
                n_rows = self.ranks.totals[seen[place], column]
                shortage.note(level, smallest_size(level), n_rows, self._name(seen[place], column))
        return shortage

    def _score(self, probability: npt.NDArray[Any], u: Floats | None) -> Floats:
        return self.score.scores(np.asarray(probability, dtype=np.float64), u)

    def _draws(self, probability: npt.NDArray[Any]) -> tuple[Floats | None, Floats | None]:
        """Random numbers of rows for their scores and for ties, where there shall be any."""
        if not self.randomized:
            return None, None
        u, tie_breaks = row_draws(probability, self.seeds[1], 2)
        return u, tie_breaks if self.breaks_ties else None

    def _labels(self, X: Any, probability: npt.NDArray[Any]) -> Any:
        return self.taxonomy.label(description(X, probability))

    def _groups_of(self, X: Any, probability: npt.NDArray[Any]) -> Codes:
        if self.groups is None:
            return np.zeros(len(probability), dtype=np.intp)
        return self.groups.codes_of(self._labels(X, probability), len(probability))

    def _name(self, group: int, column: int) -> str:
        """A group in words, "" if there is one only."""
        name = ""
        if self.groups is not None:
            name = "unseen groups"
            if group >= 0:
                name = self.taxonomy.name(self.groups.label(group))
        if not self.class_conditional:
            return name
        return f"class {self.classes[column]}{f' of {name}' if name else ''}"


def description(X: Any, probability: npt.NDArray[Any]) -> Description:
    """What a taxonomy may look at; the prediction is the largest probability of a row."""
    return Description(X, probability.max(axis=1).astype(np.float64), None)
