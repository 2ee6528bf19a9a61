"""Losses that treat each output alike and add them up."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from scipy.optimize import brentq

from skboost.losses._base import FloatArray, Loss, Seed, row_deviation


class ElementwiseLoss(Loss):
    """A regression loss that is a sum over outputs of one function of a target and a raw score.

        L(y_i, f_i) = sum_k l(y_ik, f_ik)

    A subclass gives :meth:`pointwise`, :meth:`gradient` and :meth:`hessian`, each of them working
    on arrays of any shape element by element; the best constant is found numerically unless
    :meth:`minimiser` is overridden.
    """

    multi_output = True

    @abstractmethod
    def pointwise(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Loss of each element, of the shape of ``raw``."""

    def value(self, y: FloatArray, raw: FloatArray) -> FloatArray:
        """Loss of each row, of shape (n,): the sum over its outputs."""
        each = self.pointwise(y, raw)
        return each if each.ndim == 1 else each.sum(axis=1)

    def minimiser(self, y: FloatArray, weight: FloatArray) -> float:
        """Best constant raw score for one output.

        The default finds the zero of the weighted mean gradient, which needs a convex, smooth loss.

        Parameters
        ----------
        y : ndarray of shape (n,)
        weight : ndarray of shape (n,)
            All positive.
        """
        share = weight / weight.sum()

        def slope(raw: float) -> float:
            return float(share @ self.gradient(y, np.full(y.shape, raw)))

        unit = float(self.target_scale(y, weight))
        low, high = -unit, unit
        for _ in range(64):  # the bracket doubles, so 64 steps reach any sensible scale
            if slope(low) <= 0 <= slope(high):
                return float(brentq(slope, low, high, xtol=1e-14 * unit))
            low, high = 2 * low, 2 * high
        raise ValueError(
            f"{type(self).__name__} found no constant of least loss; override its minimiser."
        )

    def initial_raw(
        self,
        y: FloatArray,
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """Best constant of each output, of shape () or (K,)."""
        weight = np.ones(y.shape[0]) if sample_weight is None else sample_weight
        counted = weight > 0
        kept, weight = y[counted], weight[counted]
        if y.ndim == 1:
            return np.asarray(self.minimiser(kept, weight))
        return np.array([self.minimiser(column, weight) for column in kept.T])

    def target_scale(
        self,
        y: FloatArray,
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """Weighted standard deviation of each output; 1 where an output is constant."""
        return row_deviation(y, sample_weight)

    def sample(
        self, n: int, random_state: Seed = None, n_raw: int | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Normal targets around 1 with deviation 2, and raw scores of the same spread."""
        rng = np.random.default_rng(random_state)
        shape = (n,) if n_raw is None else (n, n_raw)
        return 1.0 + 2.0 * rng.standard_normal(shape), 1.0 + 2.0 * rng.standard_normal(shape)
