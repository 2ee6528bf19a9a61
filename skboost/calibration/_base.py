"""What every calibrator is: a map from scores to probabilities, learned from scores and labels."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from scipy.special import expit
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from skboost._registry import Registry
from skboost._validation import (
    Constraint,
    Many,
    Nothing,
    OneOf,
    check_parameters,
    check_weights,
)
from skboost.calibration._labels import Label, codes_of
from skboost.calibration._reduction import COUPLINGS, Reduction, reduction_for
from skboost.calibration._scores import read_scores
from skboost.exceptions import UncertaintyWarning

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

CALIBRATORS = Registry("method")
"""Names that the parameter ``method`` of CalibratedClassifier accepts."""


class Calibrator(BaseEstimator, ABC):
    """A map from the scores of a model to probabilities, learned from scores and labels.

    A subclass gives :meth:`_fit` and :meth:`_transform`, which see checked arrays only: scores of shape (n,) for two
    classes or (n_samples, n_classes), labels as codes 0, 1, ..., and weights that are all positive, because rows of
    weight 0 are left away before. A map that knows only two classes derives from :class:`BinaryCalibrator` instead.

    Every calibrator has the parameters ``input`` and ``classes``. Scores are either *probabilities*, checked to lie in
    [0, 1] and to sum to 1 in each row, or *logits*: any real numbers that grow with the belief in a class, such as the
    margin of a support vector machine or the last layer of a deep network. With two classes scores may be one number a
    row, for the second class, or one column a class, of which probabilities use the second and logits the difference.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of columns.
    n_calibration_ : float
        Sum of the weights of the calibration rows.
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "input": OneOf("probability", "logit"),
        "classes": (Many(Label()), Nothing()),
    }

    input: str
    classes: Any

    def fit(self, scores: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the map.

        Parameters
        ----------
        scores : array-like of shape (n_samples,), (n_samples, 1) or (n_samples, n_classes)
            What the model said of rows that it was not trained on.
        y : array-like of shape (n_samples,)
            Labels of these rows.
        sample_weight : array-like of shape (n_samples,), optional
            Weight k counts as k copies of the row, 0 as none.

        Returns
        -------
        self : Calibrator

        Raises
        ------
        ValueError
            If a parameter, the scores, the labels or the weights are not what they must be.

        Warns
        -----
        UncertaintyWarning
            If the map is right, but says less than hoped for.
        """
        for remark in self._learn(scores, y, sample_weight):
            warnings.warn(remark, UncertaintyWarning, stacklevel=2)
        return self

    def _learn(self, scores: Any, y: Any, sample_weight: Any) -> list[str]:
        """Learn the map, and return what the user should be told of it, each sentence once."""
        check_parameters(self, self.constraints)
        values = read_scores(scores, self.input)
        weight = check_weights(sample_weight, len(values))
        n_classes = 2 if values.ndim == 1 else values.shape[1]
        classes, codes = codes_of(y, len(values), n_classes, self.classes)
        counted = weight > 0
        if not counted.all():
            values, codes, weight = values[counted], codes[counted], weight[counted]
        self._remarks: list[str] = []
        self._fit(values, codes, weight, n_classes)
        self.classes_ = classes
        self.n_calibration_ = float(weight.sum())
        self._n_columns = columns_of(scores)
        return list(dict.fromkeys(self._remarks))

    def _remark(self, sentence: str) -> None:
        """For :meth:`_fit`: an UncertaintyWarning to be given once, however many maps and folds there are."""
        self._remarks.append(sentence)

    def transform(self, scores: Any) -> Floats:
        """Calibrated probabilities.

        Parameters
        ----------
        scores : array-like of the columns that ``fit`` saw

        Returns
        -------
        probability : ndarray of the shape of ``scores``
            One number a row is the probability of the second class; columns sum to 1 in each row.
        """
        values, shape = self._read(scores)
        probability = self._transform(values)
        return in_shape(probability, shape)

    def _read(self, scores: Any) -> tuple[Floats, tuple[int, ...]]:
        """Checked scores for the hooks, and the shape that answers must have."""
        check_is_fitted(self)
        values = read_scores(scores, self.input)
        shape = np.asarray(scores).shape
        if columns_of(scores) != self._n_columns:
            raise ValueError(
                f"scores have {columns_of(scores)} column(s), but the calibrator was fitted on {self._n_columns}."
            )
        return values, shape

    @abstractmethod
    def _fit(self, scores: Floats, codes: Codes, weight: Floats, n_classes: int) -> None:
        """Learn from checked scores, shape (n,) or (n, n_classes >= 3); rows of weight 0 are gone."""

    @abstractmethod
    def _transform(self, scores: Floats) -> Floats:
        """Probabilities in the shape of the checked scores."""

    @staticmethod
    def pool(calibrators: Sequence[Any], scores: Sequence[Any]) -> Floats:
        """One answer of several fitted calibrators, each with the scores of its own model: the mean.

        Parameters
        ----------
        calibrators : sequence of Calibrator
        scores : sequence of array-like
            For each calibrator the scores of the same rows.

        Returns
        -------
        probability : ndarray of the shape of the scores
        """
        answers = [c.transform(s) for c, s in zip(calibrators, scores, strict=True)]
        return np.asarray(np.mean(answers, axis=0))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        # like isotonic regression: scores are no table of features
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.target_tags.required = True
        return tags


class Unchanged:
    """What is done with a pair of classes of which no calibration row exists: the model is believed.

    Parameters
    ----------
    input : {"probability", "logit"}
    """

    def __init__(self, input: str) -> None:
        self.input = input

    def __call__(self, scores: Floats) -> Floats:
        return scores.copy() if self.input == "probability" else np.asarray(expit(scores))


class BinaryCalibrator(Calibrator):
    """A calibrator made of maps for two classes.

    A subclass gives :meth:`_fit_map`, which learns one map from scores and labels 0 and 1. More classes are reduced to
    pairs of groups: each class against the rest, after which rows are divided by their sums, or each pair of classes,
    whose answers are coupled.

    Attributes
    ----------
    maps_ : list of callable
        The map for two classes; with more classes one for each class, or for each pair in the order
        (0, 1), (0, 2), ..., (1, 2), ...
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        Calibrator.constraints | {"multi_class": OneOf("one_vs_rest", *COUPLINGS)}
    )

    _without_rows: ClassVar[type[Unchanged]] = Unchanged
    """The map of a pair of classes of which no calibration row exists."""

    multi_class: str
    maps_: list[Any]

    @abstractmethod
    def _fit_map(self, scores: Floats, y: Codes, weight: Floats) -> Any:
        """A callable that turns scores into probabilities of label 1.

        Scores are probabilities or logits, as ``self.input`` says; all labels may be the same. There is at least one
        row.
        """

    def _fit(self, scores: Floats, codes: Codes, weight: Floats, n_classes: int) -> None:
        reduction = self._reduction(n_classes)
        self.maps_ = []
        for problem, (rows, labels) in zip(
            reduction.scores(scores), reduction.labels(codes), strict=True
        ):
            if len(labels):
                self.maps_.append(self._fit_map(problem[rows], labels, weight[rows]))
            else:
                self.maps_.append(self._without_rows(self.input))

    def _transform(self, scores: Floats) -> Floats:
        reduction = self._reduction(2 if scores.ndim == 1 else scores.shape[1])
        answers = [
            fitted(s) for fitted, s in zip(self.maps_, reduction.scores(scores), strict=True)
        ]
        return reduction.assemble(answers)

    def _reduction(self, n_classes: int) -> Reduction:
        return reduction_for(n_classes, self.multi_class, self.input)


def columns_of(scores: Any) -> int:
    """Number of columns of scores; one number a row is one column."""
    shape = np.shape(scores)
    return 1 if len(shape) == 1 else shape[1]


def in_shape(probability: Floats, shape: tuple[int, ...]) -> Floats:
    """Probabilities in the shape of the scores: (n,), (n, 1) or (n, n_classes)."""
    if probability.ndim == 1 and len(shape) == 2 and shape[1] == 2:
        return np.column_stack([1.0 - probability, probability])
    return probability.reshape(shape)
