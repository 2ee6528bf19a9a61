"""Many classes as several problems of two: each class against the rest, or pair by pair."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from itertools import combinations

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

from skboost.calibration._coupling import normalised, price_couple, wu_couple

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Rows = npt.NDArray[np.bool_] | slice

# Numbers of the pairs of some rows, to bound memory.
BLOCK = 2**20

COUPLINGS: dict[str, Callable[[Floats], Floats]] = {
    "pairwise": price_couple,
    "pairwise_least_squares": wu_couple,
}


class Reduction(ABC):
    """Problems of two classes, and how their answers become probabilities of all classes."""

    @abstractmethod
    def scores(self, scores: Floats) -> list[Floats]:
        """Scores of shape (n,) for each problem."""

    @abstractmethod
    def labels(self, codes: Codes) -> Iterator[tuple[Rows, Codes]]:
        """Rows that belong to each problem, and their labels 0 and 1 there."""

    @abstractmethod
    def assemble(self, answers: list[Floats]) -> Floats:
        """Probabilities of all classes from those of label 1 in each problem."""


def reduction_for(n_classes: int, multi_class: str, input: str) -> Reduction:
    """The reduction for so many classes."""
    if n_classes == 2:
        return TwoClasses()
    if multi_class in COUPLINGS:
        return Pairwise(n_classes, COUPLINGS[multi_class], input)
    return OneVersusRest(n_classes, input)


class TwoClasses(Reduction):
    """Nothing to reduce: scores and answers speak of the second class."""

    def scores(self, scores: Floats) -> list[Floats]:
        return [scores]

    def labels(self, codes: Codes) -> Iterator[tuple[Rows, Codes]]:
        yield slice(None), codes

    def assemble(self, answers: list[Floats]) -> Floats:
        return answers[0]


class OneVersusRest(Reduction):
    """A problem for each class; answers are divided by their sum in each row.

    The score of class k is its probability p_k, or with logits z its log-odds z_k - log sum_{j != k} exp(z_j), because
    a logit by itself is not comparable between rows.

    Parameters
    ----------
    n_classes : int
    input : {"probability", "logit"}
    """

    def __init__(self, n_classes: int, input: str) -> None:
        self.n_classes = n_classes
        self.input = input

    def scores(self, scores: Floats) -> list[Floats]:
        if self.input == "probability":
            return [np.ascontiguousarray(column) for column in scores.T]
        return [
            scores[:, k] - logsumexp(np.delete(scores, k, axis=1), axis=1)
            for k in range(self.n_classes)
        ]

    def labels(self, codes: Codes) -> Iterator[tuple[Rows, Codes]]:
        for k in range(self.n_classes):
            yield slice(None), (codes == k).astype(np.int64)

    def assemble(self, answers: list[Floats]) -> Floats:
        return normalised(np.column_stack(answers))


class Pairwise(Reduction):
    """A problem for each pair i < j of classes, with label 1 for class i; answers are coupled.

    The score of a pair is p_i / (p_i + p_j), 1/2 where both are 0, or z_i - z_j with logits.

    Parameters
    ----------
    n_classes : int
    couple : callable
        From r of shape (n, n_classes, n_classes), r_ij = P(i | i or j), to probabilities.
    input : {"probability", "logit"}
    """

    def __init__(self, n_classes: int, couple: Callable[[Floats], Floats], input: str) -> None:
        self.pairs = list(combinations(range(n_classes), 2))
        self.n_classes = n_classes
        self.couple = couple
        self.input = input

    def scores(self, scores: Floats) -> list[Floats]:
        return [self._score(scores[:, i], scores[:, j]) for i, j in self.pairs]

    def _score(self, one: Floats, other: Floats) -> Floats:
        if self.input == "logit":
            return one - other
        total = one + other
        return np.divide(one, total, out=np.full_like(one, 0.5), where=total > 0)

    def labels(self, codes: Codes) -> Iterator[tuple[Rows, Codes]]:
        for i, j in self.pairs:
            rows = (codes == i) | (codes == j)
            yield rows, (codes[rows] == i).astype(np.int64)

    def assemble(self, answers: list[Floats]) -> Floats:
        at_once = max(1, BLOCK // self.n_classes**2)
        rows = range(0, len(answers[0]), at_once)
        return np.concatenate([self._coupled([a[k : k + at_once] for a in answers]) for k in rows])

    def _coupled(self, answers: list[Floats]) -> Floats:
        ratio = np.full((len(answers[0]), self.n_classes, self.n_classes), 0.5)
        for (i, j), answer in zip(self.pairs, answers, strict=True):
            ratio[:, i, j], ratio[:, j, i] = answer, 1.0 - answer
        return self.couple(ratio)
