"""What a round of boosting lowers: weighted row losses plus whole-sample penalties."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import numpy.typing as npt

from skboost.losses import Loss
from skboost.penalties import Penalty

Floats = npt.NDArray[np.float64]


class Objective:
    """The training objective as a function of the raw scores of all rows.

        objective(F) = [ sum_i w_i loss(y_i, F_i) + sum_k penalty_k(F) ] / sum_i w_i

    The engine keeps raw scores as C-contiguous (n_samples, n_raw) arrays; losses of a single score see the same memory
    as a vector.

    Parameters
    ----------
    loss : Loss
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    weight : ndarray of shape (n_samples,)
        Weight zero keeps a row from counting, though its raw scores are carried along.
    penalties : sequence of Penalty
        Prepared penalties.
    n_threads : int
    n_classes : int, optional
        For classifiers; a set of rows need not hold all classes.
    """

    def __init__(
        self,
        loss: Loss,
        y: npt.NDArray,
        weight: Floats,
        penalties: Sequence[Penalty] = (),
        n_threads: int = 1,
        n_classes: int | None = None,
    ) -> None:
        self.loss = loss
        self.y = y
        self.weight = weight
        self.total_weight = float(weight.sum())
        self.raw_shape = loss.raw_shape(y, n_classes)
        self.penalties = tuple(penalties)
        self.n_threads = n_threads
        self.n_classes = n_classes

    @property
    def n_raw(self) -> int:
        return self.raw_shape[0] if self.raw_shape else 1

    @property
    def n_rows(self) -> int:
        return int(self.weight.shape[0])

    @property
    def separable(self) -> bool:
        """Whether each raw column has its own loss, so that each may have a step length of its own."""
        return self.loss.kind == "regression"

    def _shaped(self, raw: Floats) -> Floats:
        return raw.reshape(raw.shape[0], *self.raw_shape)

    def start(self) -> Floats:
        """Weighted constant minimiser of the loss, shape (n_raw,)."""
        constant = self.loss.initial_raw(self.y, self.weight, n_classes=self.n_classes)
        return np.asarray(constant, dtype=np.float64).reshape(self.n_raw)

    def raw_scale(self) -> Floats:
        """How large a typical raw score is, shape (n_raw,)."""
        return self._raw_scale

    @cached_property
    def _raw_scale(self) -> Floats:
        scale = self.loss.target_scale(self.y, self.weight, n_classes=self.n_classes)
        return np.asarray(scale, dtype=np.float64).reshape(self.n_raw)

    def residual_scale(self, newton: bool) -> Floats:
        """Unit of the residuals that a learner fits, one for each raw score, shape (n_raw,).

        Outputs share the hidden units of a network. In units of their own they have equal say in them, whether they
        are counted in cents or in millions. Classes share one unit.
        """
        if not self.separable or self.n_raw == 1:
            return np.ones(self.n_raw)
        return self.raw_scale() if newton else self._gradient_scale

    @cached_property
    def _gradient_scale(self) -> Floats:
        """Root mean square of the derivative at the constant start; 1 where it is zero."""
        start = np.tile(self.start(), (self.n_rows, 1))
        gradient = self.loss.gradient(self.y, self._shaped(start)).reshape(start.shape)
        size = np.sqrt(np.average(gradient**2, axis=0, weights=self.weight))
        return np.where(size > 0, size, 1.0)

    def smooth_head(self, n_rows: int) -> tuple[Objective, float]:
        """The smooth problem on the first rows that a linear start solves, and the unit of its curvature.

        Penalties speak of the whole sample, so with penalties all rows stay.
        """
        n_rows = self.n_rows if self.penalties else n_rows
        loss = self.loss.smoothed(0.1 * float(np.mean(self.raw_scale())))
        head = Objective(
            loss,
            self.y[:n_rows],
            self.weight[:n_rows],
            self.penalties,
            self.n_threads,
            self.n_classes,
        )
        if self.loss.exact_hessian:
            return head, 1.0
        start = np.tile(self.start(), (n_rows, 1))
        return head, float(np.mean(head.hessian(start)))

    def behind(self, first: int) -> Objective:
        """The loss of the rows from ``first`` on, without penalties."""
        weight = self.weight[first:].copy()  # a view would keep all weights in memory
        return Objective(self.loss, self.y[first:], weight, (), self.n_threads, self.n_classes)

    def value(self, raw: Floats) -> float:
        """Objective at ``raw``, per unit of weight."""
        total = float(self.weight @ self.loss.value(self.y, self._shaped(raw)))
        for penalty in self.penalties:
            total += penalty.value_and_gradient(self._shaped(raw))[0]
        return total / self.total_weight

    def value_and_gradient(self, raw: Floats) -> tuple[float, Floats]:
        """Objective and its derivative per row and unit of weight, shape (n_samples, n_raw).

        Row ``i`` of the second result times ``w_i`` is the derivative of the sum, so that a learner that fits it with
        weights ``w`` follows the gradient of the whole objective, penalties included.
        """
        rows, gradient = self.loss.value_and_gradient(
            self.y, self._shaped(raw), n_threads=self.n_threads
        )
        total = float(self.weight @ rows)
        gradient = gradient.reshape(raw.shape)
        for penalty in self.penalties:
            value, pull = penalty.value_and_gradient(self._shaped(raw))
            total += value
            gradient = gradient + self._per_weight(pull, raw)
        return total / self.total_weight, gradient

    def gradient(self, raw: Floats) -> Floats:
        """The second part of :meth:`value_and_gradient`, for searches that need no value."""
        gradient = self.loss.gradient(self.y, self._shaped(raw)).reshape(raw.shape)
        for penalty in self.penalties:
            _, pull = penalty.value_and_gradient(self._shaped(raw))
            gradient = gradient + self._per_weight(pull, raw)
        return gradient

    def _per_weight(self, pull: Floats, raw: Floats) -> Floats:
        """A penalty's derivative per unit of weight; rows that do not count get none."""
        weight = np.where(self.weight > 0, self.weight, np.inf)
        return pull.reshape(raw.shape) / weight[:, None]

    def hessian(self, raw: Floats) -> Floats:
        """Diagonal curvature of the loss per row, shape (n_samples, n_raw)."""
        return self.loss.hessian(self.y, self._shaped(raw)).reshape(raw.shape)

    def slope(self, gradient: Floats, direction: Floats) -> Floats:
        """Derivative along ``direction``: one number, or one per raw column where columns are separate."""
        if self.separable:
            return np.asarray(np.einsum("i,ij,ij->j", self.weight, gradient, direction))
        return np.array([np.einsum("i,ij,ij->", self.weight, gradient, direction)])

    def curvature(self, raw: Floats, direction: Floats, *, diagonal: bool = False) -> Floats:
        """Second derivative of the loss along ``direction``, in the shape of :meth:`slope`.

        ``diagonal=True`` leaves the mixed derivatives of classes out, as the GBNN paper's step does.
        """
        if self.separable:
            hessian = self.hessian(raw)
            return np.asarray(
                np.einsum("i,ij,ij,ij->j", self.weight, hessian, direction, direction)
            )
        if diagonal:
            rows = np.einsum("ij,ij,ij->i", self.hessian(raw), direction, direction)
        else:
            rows = self.loss.curvature(self.y, self._shaped(raw), self._shaped(direction))
        return np.array([self.weight @ rows])
