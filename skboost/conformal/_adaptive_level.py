"""A level that follows the misses of a stream."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt


class AdaptiveLevel:
    """Share of misses that is asked for next, by the rule of adaptive conformal inference [1]_, eq. (2).

        alpha_{t+1} = alpha_t + gamma (alpha - err_t),    alpha_1 = alpha

    Summed up, that is alpha + gamma (t alpha - misses among the first t): an exact fraction, without a rounding that
    grows with time.

    Parameters
    ----------
    target : Fraction
        alpha.
    gamma : Fraction
        Step; 0 leaves the level alone.

    References
    ----------
    .. [1] I. Gibbs and E. Candes, "Adaptive conformal inference under distribution shift", NeurIPS 2021.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from skboost.conformal._adaptive_level import AdaptiveLevel
    >>> level = AdaptiveLevel(Fraction("0.1"), Fraction("0.05"))
    >>> level.record(True)
    >>> level.alpha
    Fraction(11, 200)
    """

    def __init__(self, target: Fraction, gamma: Fraction) -> None:
        self.target, self.gamma = target, gamma
        self.n_misses = 0
        self._misses = bytearray()  # one a row, in order

    def __len__(self) -> int:
        return len(self._misses)

    @property
    def alpha(self) -> Fraction:
        """The current level: neither rounded nor clipped, so that it may leave [0, 1] by up to a step."""
        return self.target + self.gamma * (len(self) * self.target - self.n_misses)

    def record(self, miss: bool) -> None:
        """Move on after a row was inside (False) or outside (True) of its interval."""
        self._misses.append(miss)
        self.n_misses += miss

    @property
    def misses(self) -> npt.NDArray[np.bool_]:
        """Which rows were outside, in order."""
        return np.frombuffer(bytes(self._misses), dtype=np.bool_)

    @property
    def alphas(self) -> npt.NDArray[np.float64]:
        """alpha_1, alpha_2, ..., the current one."""
        counts = np.concatenate([[0], np.cumsum(self.misses)])
        steps = np.arange(len(counts))
        target, gamma = float(self.target), float(self.gamma)
        return np.asarray(target + gamma * (steps * target - counts))
