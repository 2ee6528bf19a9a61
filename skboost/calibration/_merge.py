"""One probability from the two of Venn-ABERS, and one pair from those of several folds."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


class Merge(ABC):
    """How p0 and p1 become one number p: the one whose regret is the same whichever label comes true.

        loss(p, 0) - loss(p0, 0)  =  loss(p, 1) - loss(p1, 1)

    With p below that number label 1 would be regretted more, above it label 0; so it has the least largest regret [1]_.

    References
    ----------
    .. [1] V. Vovk, I. Petej and V. Fedorova, "Large-scale probabilistic predictors with and without guarantees of
       validity", NIPS 2015, section 4.
    """

    @abstractmethod
    def merge(self, p0: Floats, p1: Floats) -> Floats:
        """The probability between p0 and p1 with the least largest regret; all of shape (n,)."""

    @abstractmethod
    def pool(self, p0: Floats, p1: Floats) -> Floats:
        """The probability of shape (n,) from pairs of shape (n_folds, n); :meth:`merge` if there is one fold."""

    @abstractmethod
    def pool_ends(self, p0: Floats, p1: Floats) -> tuple[Floats, Floats]:
        """One pair from pairs of shape (n_folds, n); the probability of :meth:`pool` lies between."""


class LogMerge(Merge):
    """For log loss. Odds are those of p1 for, and those of p0 against:

        merge      p / (1 - p)  =  p1 / (1 - p0)
        pool       p / (1 - p)  =  GM(p1) / GM(1 - p0)
        pool_ends  p / (1 - p)  =  GM(p0) / GM(1 - p0)  and  GM(p1) / GM(1 - p1)

    GM is the geometric mean over folds; ends are pooled by the logarithmic opinion pool. Since p0 < p1, the pooled
    probability lies between the pooled ends.
    """

    def merge(self, p0: Floats, p1: Floats) -> Floats:
        return p1 / (1.0 - p0 + p1)

    def pool(self, p0: Floats, p1: Floats) -> Floats:
        against, favour = geometric_mean(1.0 - p0), geometric_mean(p1)
        return favour / (against + favour)

    def pool_ends(self, p0: Floats, p1: Floats) -> tuple[Floats, Floats]:
        if len(p0) == 1:
            return p0[0], p1[0]
        low = [geometric_mean(p0), geometric_mean(1.0 - p0)]
        high = [geometric_mean(p1), geometric_mean(1.0 - p1)]
        return low[0] / (low[0] + low[1]), high[0] / (high[0] + high[1])


class BrierMerge(Merge):
    """For squared error, with means over folds:

    merge      p  =  p1 + p0^2 / 2 - p1^2 / 2
    pool       p  =  mean(p1 + p0^2 / 2 - p1^2 / 2)
    pool_ends        mean(p0)  and  mean(p1)
    """

    def merge(self, p0: Floats, p1: Floats) -> Floats:
        middle = 0.5 * (p0 + p1)
        # the same, without a difference of squares
        return middle + (p1 - p0) * (0.5 - middle)

    def pool(self, p0: Floats, p1: Floats) -> Floats:
        return np.asarray(self.merge(p0, p1).mean(axis=0))

    def pool_ends(self, p0: Floats, p1: Floats) -> tuple[Floats, Floats]:
        return p0.mean(axis=0), p1.mean(axis=0)


MERGES: dict[str, Merge] = {"log": LogMerge(), "brier": BrierMerge()}


def geometric_mean(values: Floats) -> Floats:
    """Geometric mean over the first axis; 0 if one is 0, and to the last bit the value if there is one."""
    if len(values) == 1:
        return np.asarray(values[0])
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(np.log(values).mean(axis=0)))
