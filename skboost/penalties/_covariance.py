"""Covariance with protected attributes."""

from __future__ import annotations

import numpy as np

from skboost._validation import Number
from skboost.penalties._base import PENALTIES, FloatArray, Penalty, PenaltyContext, Seed


@PENALTIES.register("covariance")
class Covariance(Penalty):
    """Squared covariance of each raw score with each protected attribute.

    With weights w_i of sum W and attributes z_ij, each of weighted mean 0 and deviation 1:

        penalty(F) = W/2 sum_jk c_jk^2,    c_jk = 1/W sum_i w_i z_ij F_ik
        d penalty / dF_ik = w_i sum_j c_jk z_ij

    It is zero exactly if no raw score is linearly related to any attribute; other dependence is not
    seen. For one attribute with two groups of shares p and 1-p, c^2 is p (1-p) times the squared
    difference of the mean scores of the groups. The penalty has the unit of a squared error, so a
    strength of 1 weighs linear dependence as much as unexplained variance.

    *Needs*: numeric protected attributes. An attribute that is constant has no covariance and adds
    nothing.

    Parameters
    ----------
    strength : float, default=1.0
        Factor of the penalty in the objective, at least 0.

    References
    ----------
    .. [1] M. B. Zafar, I. Valera, M. Gomez Rodriguez, K. P. Gummadi, "Fairness constraints:
       mechanisms for fair classification", AISTATS 2017: covariance with the decision score.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.penalties import Covariance, PenaltyContext
    >>> penalty = Covariance()
    >>> group = np.array([0.0, 0.0, 1.0, 1.0])
    >>> penalty.prepare(PenaltyContext(np.zeros(4), np.ones(4), protected=group))
    >>> penalty.value_and_gradient(np.array([1.0, 3.0, 1.0, 3.0]))[0]
    0.0
    >>> penalty.value_and_gradient(np.array([1.0, 1.0, 3.0, 3.0]))
    (2.0, array([-1., -1.,  1.,  1.]))
    """

    constraints = {"strength": Number(0, closed="left")}

    def __init__(self, strength: float = 1.0) -> None:
        self.strength = strength

    def prepare(self, context: PenaltyContext) -> None:
        """Standardise the protected attributes."""
        super().prepare(context)
        if context.protected is None:
            raise ValueError(
                "penalty='covariance' needs protected attributes, but none were given; "
                "name them, or leave the penalty out."
            )
        try:
            attributes = np.asarray(context.protected, dtype=np.float64)
        except ValueError as error:
            raise ValueError(
                f"penalty='covariance' needs numeric protected attributes ({error}); "
                "encode groups as 0 and 1, one column for each."
            ) from error
        attributes = attributes.reshape(len(context.sample_weight), -1)
        if not np.isfinite(attributes).all():
            raise ValueError(
                "penalty='covariance': a protected attribute contains NaN or infinity; "
                "fill it in or give it a column of its own."
            )
        weight = context.sample_weight
        centred = attributes - np.average(attributes, axis=0, weights=weight)
        deviation = np.sqrt(np.average(centred**2, axis=0, weights=weight))
        # a constant column is left with rounding errors, which must not be blown up
        constant = deviation <= 1e-13 * np.abs(attributes).max(axis=0, initial=0.0)
        self._attributes = np.where(constant, 0.0, centred / np.where(constant, 1.0, deviation))
        self._weight = weight
        self._total = float(weight.sum())

    def value_and_gradient(self, raw: FloatArray) -> tuple[float, FloatArray]:
        """Strength times half the total weight times the summed squares; and the derivative."""
        weighted = self._weight[:, None] * self._attributes  # (n, P)
        scores = raw.reshape(len(raw), -1)  # (n,) -> (n, 1)
        covariance = weighted.T @ scores / self._total  # (P, R)
        value = 0.5 * self.strength * self._total * float(np.sum(covariance**2))
        return value, self.strength * (weighted @ covariance).reshape(raw.shape)

    def sample(
        self, n: int, random_state: Seed = None, n_raw: int | None = None
    ) -> tuple[PenaltyContext, FloatArray]:
        """Two attributes, a group and a number, and scores that depend on them."""
        rng = np.random.default_rng(random_state)
        protected = np.column_stack([rng.integers(0, 2, n), 30 + 10 * rng.standard_normal(n)])
        shape = (n,) if n_raw is None else (n, n_raw)
        raw = rng.standard_normal(shape) + protected[:, 0].reshape(n, *([1] * (len(shape) - 1)))
        context = PenaltyContext(
            y=rng.standard_normal(n),
            sample_weight=rng.integers(0, 4, n).astype(np.float64),
            protected=protected,
            n_raw=n_raw or 1,
        )
        return context, raw
