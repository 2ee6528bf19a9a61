"""Venn-ABERS: two probabilities for each row, one of which is calibrated whatever the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from skboost._ext.venn_abers import Blocks, Steps
from skboost._validation import Constraint, Integer, Nothing, OneOf
from skboost.calibration._base import (
    CALIBRATORS,
    BinaryCalibrator,
    Codes,
    Floats,
    Unchanged,
    in_shape,
)
from skboost.calibration._merge import MERGES, Merge
from skboost.calibration._reduction import COUPLINGS

# Doubles hold no more decimals of a number in [0, 1].
MOST_DECIMALS = 15
# What pooled calibrators must have in common.
SHARED = ("input", "multi_class", "loss")


@dataclass(frozen=True, eq=False)
class VennAbersMap:
    """p0 and p1 as step functions of the score, and how they become one probability.

    Scores are rounded to ``precision`` decimals before they are looked up, as those of the calibration rows were; None
    leaves them as they are.
    """

    lower: Steps
    upper: Steps
    merge: Merge
    precision: int | None

    informed: ClassVar[bool] = True

    def interval(self, scores: Floats) -> tuple[Floats, Floats]:
        """p0 and p1, each of the shape of the scores."""
        scores = rounded(scores, self.precision)
        return self.lower(scores), self.upper(scores)

    def __call__(self, scores: Floats) -> Floats:
        return self.merge.merge(*self.interval(scores))


class Uninformed(Unchanged):
    """A pair of classes without calibration rows: anything is possible, and the model is believed."""

    informed: ClassVar[bool] = False

    def interval(self, scores: Floats) -> tuple[Floats, Floats]:
        """0 and 1."""
        return np.zeros_like(scores), np.ones_like(scores)


@CALIBRATORS.register("venn_abers")
class VennAbersScaler(BinaryCalibrator):
    """Inductive Venn-ABERS prediction [1]_: a probability for each label that the row may have.

        p0(s) = g(s) after isotonic regression of the calibration rows and one more, (s, 0)
        p1(s) = g(s) after isotonic regression of the calibration rows and one more, (s, 1)

    so that always p0 < p1. The distance tells how much is known about scores near s; it shrinks as rows become more.

    **What is guaranteed.** Two classes, one calibrator: if the calibration rows and the new row are exchangeable, for
    instance drawn independently from one distribution, and the model was not trained on any of them, then p_S, that one
    of p0 and p1 which belongs to the label S = Y that comes true, is perfectly calibrated,

        E(Y | p_S) = p_S,

    exactly, for any number of rows, any model and any distribution ([1]_, theorem 1). Nobody knows which of the two it
    is, but both are given by :meth:`transform_interval`.

    **What is not guaranteed.** The one probability that :meth:`transform` makes of the two, though it lies between them
    and its regret is the least in the worst case; what :meth:`pool` and :meth:`pool_interval` make of several
    calibrators (cross-Venn-ABERS); calibration rows that were scored by other models than the new row, such as those
    of other folds; anything about more than two classes; rows of unequal weight, unless they are exchangeable after
    weighting.

    With n rows and ``loss="log"`` the probability lies in [1 / (n + 2), (n + 1) / (n + 2)], so that log loss is always
    finite. Isotonic regression by itself says 0 and 1.

    Parameters
    ----------
    input : {"probability", "logit"}, default="probability"
        What scores are: probabilities, or any real numbers that grow with the belief in a class. With two classes only
        their order matters.
    classes : sequence of labels, default=None
        Labels in the order of the columns of scores; None for the sorted labels of y, which then must all occur.
    multi_class : {"one_vs_rest", "pairwise", "pairwise_least_squares"}, default="one_vs_rest"
        How more than two classes are reduced to two: each class against the rest, after which rows are divided by
        their sums, or all pairs with the coupling of Price et al. or of Wu, Lin and Weng. Pairs see few rows each, so
        they need several hundred rows of each class, and they have no intervals.
    loss : {"log", "brier"}, default="log"
        The loss that the merged probability is made for: p1 / (1 - p0 + p1) or p1 + p0^2 / 2 - p1^2 / 2.
    precision : int from 0 to 15, default=None
        Number of decimals to which scores are rounded, those of calibration rows and those to transform alike. Equal
        scores share their rows, so that fewer decimals give narrower intervals and a coarser map. The guarantee
        stays. None does not round.

    Attributes
    ----------
    maps_ : list of VennAbersMap
        ``lower`` and ``upper`` are step functions; ``interval(scores)`` gives p0 and p1 of one binary problem.
    classes_ : ndarray of shape (n_classes,)
        Labels in the order of columns.
    n_calibration_ : float
        Sum of the weights of the calibration rows.

    See Also
    --------
    VennAbersRegressionScaler : The same idea for a numeric target.

    Notes
    -----
    All p0 and p1 are found in one sweep, O(n log n) for sorting and O(n) for the rest; a look-up is O(log n). With
    whole weights they are fractions in exact arithmetic, rounded once, and neither the order of rows nor an increasing
    transformation of the scores changes a bit. The additional row has weight 1.

    A single class among the calibration rows is enough. A pair of classes without any row (``"pairwise"``) has the
    interval [0, 1], and its probability is the model's own.

    References
    ----------
    .. [1] V. Vovk, I. Petej and V. Fedorova, "Large-scale probabilistic predictors with and without guarantees of
       validity", NIPS 2015.
    .. [2] V. Manokhin, "Multi-class probabilistic classification using inductive and cross Venn-Abers predictors",
       PMLR 60, 2017.

    Examples
    --------
    >>> from skboost.calibration import VennAbersScaler
    >>> score = [0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9]
    >>> scaler = VennAbersScaler().fit(score, [0, 0, 0, 1, 0, 1, 1, 1])
    >>> scaler.transform_interval([0.35, 0.5]).round(3)
    array([[0.   , 0.667],
           [0.333, 0.667]])
    >>> scaler.transform([0.35, 0.5]).round(3)
    array([0.4, 0.5])
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = (
        BinaryCalibrator.constraints
        | {"loss": OneOf(*MERGES), "precision": (Integer(0, MOST_DECIMALS), Nothing())}
    )
    _without_rows = Uninformed

    def __init__(
        self,
        *,
        input: str = "probability",
        classes: Any = None,
        multi_class: str = "one_vs_rest",
        loss: str = "log",
        precision: int | None = None,
    ) -> None:
        self.input = input
        self.classes = classes
        self.multi_class = multi_class
        self.loss = loss
        self.precision = precision

    def _fit_map(self, scores: Floats, y: Codes, weight: Floats) -> VennAbersMap:
        # counting needs no products
        blocks = Blocks(rounded(scores, self.precision), None if (weight == 1).all() else weight)
        return VennAbersMap(
            blocks.lower(y, 0), blocks.upper(y, 1), MERGES[self.loss], self.precision
        )

    def transform_interval(self, scores: Any) -> Floats:
        """The two probabilities p0 < p1.

        Parameters
        ----------
        scores : array-like of the columns that ``fit`` saw

        Returns
        -------
        interval : ndarray of shape (n_samples, 2) or (n_samples, n_classes, 2)
            p0 and p1 of the second of two classes; with more of each class against the rest, before rows are divided by
            their sums, so that the probability of :meth:`transform` may lie outside.

        Raises
        ------
        ValueError
            If there are more than two classes and they are reduced to pairs.
        """
        return self.pool_interval([self], [scores])

    @staticmethod
    def pool(calibrators: Sequence[Any], scores: Sequence[Any]) -> Floats:
        """One answer of several fitted calibrators, each with the scores of its own model: cross-Venn-ABERS [1]_.

            loss="log"      p = GM(p1) / (GM(1 - p0) + GM(p1))
            loss="brier"    p = mean(p1 + p0^2 / 2 - p1^2 / 2)

        with geometric and arithmetic means over the calibrators, for each binary problem by itself. Of a pair of
        classes those calibrators that saw no row of it say nothing. One calibrator gives what :meth:`transform` gives.

        Parameters
        ----------
        calibrators : sequence of VennAbersScaler
        scores : sequence of array-like
            For each calibrator the scores of the same rows.

        Returns
        -------
        probability : ndarray of the shape of the scores

        References
        ----------
        .. [1] V. Vovk, I. Petej and V. Fedorova, "Large-scale probabilistic predictors with and without guarantees of
           validity", NIPS 2015, section 4.
        """
        first, problems, shape = binary_problems(calibrators, scores)
        merge = MERGES[first.loss]
        answers = []
        for fitted, mine in problems:
            pairs = [f.interval(s) for f, s in zip(fitted, mine, strict=True) if f.informed]
            if pairs:
                p0, p1 = map(np.stack, zip(*pairs, strict=True))
                answers.append(merge.pool(p0, p1))
            else:
                answers.append(np.mean([f(s) for f, s in zip(fitted, mine, strict=True)], axis=0))
        return in_shape(first._reduction(len(first.classes_)).assemble(answers), shape)

    @staticmethod
    def pool_interval(calibrators: Sequence[Any], scores: Sequence[Any]) -> Floats:
        """One interval of several fitted calibrators, each with the scores of its own model.

            loss="log"      p_l = GM(p_l) / (GM(p_l) + GM(1 - p_l)),   l = 0, 1
            loss="brier"    p_l = mean(p_l)

        With two classes the probability of :meth:`pool` lies between. The ends have no guarantee of their own.

        Parameters
        ----------
        calibrators : sequence of VennAbersScaler
        scores : sequence of array-like
            For each calibrator the scores of the same rows.

        Returns
        -------
        interval : ndarray of shape (n_samples, 2) or (n_samples, n_classes, 2)
            As :meth:`transform_interval`.

        Raises
        ------
        ValueError
            If there are more than two classes and they are reduced to pairs.
        """
        first, problems, _ = binary_problems(calibrators, scores)
        if len(first.classes_) > 2 and first.multi_class in COUPLINGS:
            raise ValueError(
                f"multi_class={first.multi_class!r} has no intervals, because each class takes part in several pairs; "
                "use multi_class='one_vs_rest', where each class has one."
            )
        merge = MERGES[first.loss]
        intervals = []
        for fitted, mine in problems:
            pairs = [f.interval(s) for f, s in zip(fitted, mine, strict=True)]
            p0, p1 = map(np.stack, zip(*pairs, strict=True))
            intervals.append(np.stack(merge.pool_ends(p0, p1), axis=-1))
        return intervals[0] if len(intervals) == 1 else np.stack(intervals, axis=1)


def binary_problems(
    calibrators: Sequence[VennAbersScaler], scores: Sequence[Any]
) -> tuple[VennAbersScaler, list[tuple[list[Any], list[Floats]]], tuple[int, ...]]:
    """The first calibrator, for each binary problem the maps and scores of all, and the shape of scores.

    Raises
    ------
    ValueError
        If there are no calibrators, or they are not alike.
    """
    if not calibrators:
        raise ValueError("calibrators is empty; at least one is needed.")
    first = calibrators[0]
    read = [c._read(s) for c, s in zip(calibrators, scores, strict=True)]
    for name in SHARED:
        seen = sorted({getattr(c, name) for c in calibrators})
        if len(seen) > 1:
            raise ValueError(
                f"calibrators differ in {name} ({', '.join(seen)}); pool those of equal {name}."
            )
    if any(not np.array_equal(c.classes_, first.classes_) for c in calibrators):
        raise ValueError(
            "calibrators differ in their classes; pass the same classes=[...] to each."
        )
    if len({shape for _, shape in read}) > 1:
        shapes = [shape for _, shape in read]
        raise ValueError(f"scores differ in shape ({shapes}); all must be of the same rows.")
    reduction = first._reduction(len(first.classes_))
    each = [reduction.scores(values) for values, _ in read]
    problems = [
        ([c.maps_[k] for c in calibrators], [mine[k] for mine in each])
        for k in range(len(first.maps_))
    ]
    return first, problems, read[0][1]


def rounded(scores: Floats, precision: int | None) -> Floats:
    """Scores on the grid of so many decimals."""
    return scores if precision is None else np.round(scores, precision)
