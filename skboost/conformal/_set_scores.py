"""Nonconformity scores of classification: how strange each class would be at a row, given its probabilities."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from skboost._registry import Registry
from skboost._validation import Constraint, Integer, Number
from skboost.base import Component

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

# The parameter cannot be called score, which is a method of every scikit-learn estimator.
SET_SCORES = Registry("nonconformity")
"""Names that the parameter ``nonconformity`` of ConformalClassifier accepts."""


class SetScore(Component, ABC):
    """How strange each class would be as the label of a row: a number for all classes at once.

    Below, p_(1) >= p_(2) >= ... are the probabilities of a row, sorted, and o is the rank of class y among them: 1 for
    the most probable class. Classes of equal probability are ranked in the order of columns, in calibration and test
    alike.

    Some scores are *randomised*: they depend on a uniform random number u, of which a row has one for all classes and
    all confidence levels, so that sets are nested. Without u they take the value at which the most probable class
    scores 0, so that it is in every set.

    A subclass gives :meth:`scores`.
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {}

    @abstractmethod
    def scores(self, probability: Floats, u: Floats | None = None) -> Floats:
        """Scores of all classes.

        Parameters
        ----------
        probability : ndarray of shape (n_samples, n_classes)
            Not negative.
        u : ndarray of shape (n_samples,), optional
            A number in [0, 1] for each row. None for the form that is not randomised.

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes)
            The larger, the stranger.
        """


class Ranking(NamedTuple):
    """Classes of each row from the most to the least probable; ties in the order of columns."""

    order: Places
    probability: Floats

    def by_class(self, values: Any) -> Floats:
        """Values by rank, put into the order of columns."""
        answer = np.empty(self.order.shape)
        np.put_along_axis(answer, self.order, values, axis=1)
        return answer

    def mass_to(self, u: Floats | None) -> Floats:
        """p_(1) + ... + p_(o) - u p_(o) at each rank o, with u = 1 if there is none.

        Rows are divided by their sum, so that classes of probability 0 have a mass of exactly 1 in every row and tie,
        whatever rounding did to the sum.
        """
        mass = np.cumsum(self.probability, axis=1)
        total = np.where(mass[:, -1:] > 0, mass[:, -1:], 1.0)
        mass /= total
        above = np.zeros_like(mass)
        above[:, 1:] = mass[:, :-1]
        return above if u is None else above + (1.0 - u[:, None]) * (self.probability / total)


def ranked(probability: Floats) -> Ranking:
    """Sort the classes of each row."""
    order = np.argsort(-probability, axis=1, kind="stable")
    return Ranking(order, np.take_along_axis(probability, order, axis=1))


@SET_SCORES.register("lac")
class LAC(SetScore):
    """Least ambiguous classifier [1]_: what the class lacks to certainty.

        s(y) = 1 - p_y

    A set holds the classes above one threshold, the same for all rows. If the probabilities are right, no sets of the
    same coverage are smaller on average; rows where all classes are improbable get small or empty sets.

    References
    ----------
    .. [1] M. Sadinle, J. Lei and L. Wasserman, "Least ambiguous set-valued classifiers with bounded error levels",
       Journal of the American Statistical Association 114, 2019.
    """

    def scores(self, probability: Floats, u: Floats | None = None) -> Floats:
        """1 - p; u plays no part."""
        return np.asarray(1.0 - probability)


@SET_SCORES.register("aps")
class APS(SetScore):
    """Adaptive prediction sets [1]_: the probability of all that is more probable.

        s(y) = p_(1) + ... + p_(o) - u p_(o)

    Easy rows get small sets and hard rows large ones. Without u it is taken as 1: the mass strictly above y. Rows are
    divided by their sum.

    References
    ----------
    .. [1] Y. Romano, M. Sesia and E. J. Candes, "Classification with valid and adaptive coverage", NeurIPS 2020.
    """

    def scores(self, probability: Floats, u: Floats | None = None) -> Floats:
        """Mass up to each class."""
        ranking = ranked(probability)
        return ranking.by_class(ranking.mass_to(u))


@SET_SCORES.register("raps")
class RAPS(SetScore):
    """Regularised adaptive prediction sets [1]_: each rank beyond ``k_reg`` costs ``lam``.

        s(y) = p_(1) + ... + p_(o) - u p_(o) + lam max(o - k_reg, 0)

    For many classes, of which the improbable ones have noisy probabilities that add up: sets become smaller. Choose
    ``lam`` and ``k_reg`` by cross-validation, never on the rows that calibrate.

    Parameters
    ----------
    lam : float, default=0.01
        Cost of a rank, at least 0; with 0 it is :class:`APS`.
    k_reg : int, default=1
        So many classes are free.

    References
    ----------
    .. [1] A. N. Angelopoulos, S. Bates, J. Malik and M. I. Jordan, "Uncertainty sets for image classifiers using
       conformal prediction", ICLR 2021.
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "lam": Number(0, closed="left"),
        "k_reg": Integer(0),
    }

    def __init__(self, *, lam: float = 0.01, k_reg: int = 1) -> None:
        self.lam = lam
        self.k_reg = k_reg

    def scores(self, probability: Floats, u: Floats | None = None) -> Floats:
        """Mass up to each class, and the cost of its rank."""
        ranking = ranked(probability)
        ranks = np.arange(1, probability.shape[1] + 1)
        return ranking.by_class(ranking.mass_to(u) + self.lam * np.maximum(ranks - self.k_reg, 0))


@SET_SCORES.register("saps")
class SAPS(SetScore):
    """Sorted adaptive prediction sets [1]_: of the probabilities only the largest counts, the rest are ranks.

        s(y) = u p_(1)                         if o = 1
        s(y) = p_(1) + (o - 2 + u) lam         otherwise

    Where only the order of classes can be trusted. Without u it is taken as 0.

    Parameters
    ----------
    lam : float, default=0.2
        Cost of a rank, at least 0. Small costs give large sets.

    References
    ----------
    .. [1] J. Huang, H. Xi, L. Zhang, H. Yao, Y. Qiu and H. Wei, "Conformal prediction for deep classifier via label
       ranking", ICML 2024.
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "lam": Number(0, closed="left")
    }

    def __init__(self, *, lam: float = 0.2) -> None:
        self.lam = lam

    def scores(self, probability: Floats, u: Floats | None = None) -> Floats:
        """The largest probability, and the cost of ranks beyond it."""
        ranking = ranked(probability)
        share = np.zeros((len(probability), 1)) if u is None else u[:, None]
        ranks = np.arange(1, probability.shape[1] + 1)
        by_rank = ranking.probability[:, :1] + (ranks - 2 + share) * self.lam
        by_rank[:, :1] = share * ranking.probability[:, :1]
        return ranking.by_class(by_rank)


@SET_SCORES.register("margin")
class Margin(SetScore):
    """How far the class is behind the best of the others.

        s(y) = max_{j != y} p_j - p_y

    Unlike with 1 - p_y, a class is stranger beside a confident rival than where no class stands out: there all classes
    are plausible, and sets are large.
    """

    def scores(self, probability: Floats, u: Floats | None = None) -> Floats:
        """Largest probability of another class, less that of the class."""
        n_classes = probability.shape[1]
        if n_classes == 1:
            return np.asarray(-probability)
        top = np.partition(probability, n_classes - 2, axis=1)[:, -2:]
        # the others of the best class are led by the second, which may be just as probable
        rival = np.where(probability == top[:, 1:], top[:, :1], top[:, 1:])
        return np.asarray(rival - probability)


@SET_SCORES.register("topk")
class TopK(SetScore):
    """Rank of the class: sets of nearly one size.

        s(y) = o

    Ranks tie a lot, so that sets which are not randomised cover more than they were asked for.
    """

    def scores(self, probability: Floats, u: Floats | None = None) -> Floats:
        """1 for the most probable class, 2 for the next, ..."""
        ranking = ranked(probability)
        return ranking.by_class(np.arange(1.0, probability.shape[1] + 1)[None, :])
