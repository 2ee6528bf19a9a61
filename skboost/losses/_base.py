"""What every loss offers to the engine."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt

from skboost._registry import Registry
from skboost._validation import Constraint, check_parameters
from skboost.base import Component
from skboost.losses._link import Link

FloatArray = npt.NDArray[np.float64]
CodeArray = npt.NDArray[np.int64]
Seed = int | np.random.Generator | None
LOSSES = Registry("loss")


class Loss(Component, ABC):
    """A loss that acts row by row on raw scores.

    A boosted model produces *raw scores*; a loss says how bad they are and which way is down. It
    never sees weights in its row-wise methods: the caller weights and sums. Shapes, with n rows:

    * ``y``: float64 of shape (n,), or (n, K) for a regression loss with ``multi_output``; int64
      codes 0..K-1 of shape (n,) for a classification loss;
    * ``raw``: float64, C-contiguous, of shape ``(n, *raw_shape(y, n_classes))``.

    A subclass must give :meth:`value`, :meth:`gradient`, :meth:`hessian`, :meth:`initial_raw` and
    :meth:`sample`; the rest has defaults. A loss that treats each output alike is shorter as an
    :class:`ElementwiseLoss`.

    Attributes
    ----------
    kind : {"regression", "classification"}
    multi_output : bool
        Whether ``y`` may have shape (n, K).
    convex : bool
        Whether the loss is convex in the raw scores of a row.
    smooth : bool
        Whether the gradient is continuous in the raw scores; if not, see :meth:`smoothed`.
    exact_hessian : bool
        Whether :meth:`hessian` is the second derivative. Otherwise it is a positive surrogate,
        documented by the loss, that bounds the loss from above by a parabola, so that a Newton step
        with it never increases the loss.
    starts_at_minimum : bool
        Whether :meth:`initial_raw` is the best constant.
    constraints : dict
        What the constructor parameters may be, for :func:`skboost._validation.check_parameters`.
    """

    kind: ClassVar[str] = "regression"
    convex: ClassVar[bool] = True
    exact_hessian: ClassVar[bool] = True
    starts_at_minimum: ClassVar[bool] = True
    constraints: ClassVar[Mapping[str, Constraint | Iterable[Constraint]]] = {}

    # Properties and not class attributes, because in some losses they follow from a parameter; a
    # subclass may override them by plain attributes.
    @property
    def multi_output(self) -> bool:
        return False

    @property
    def smooth(self) -> bool:
        return True

    def check_target(self, y: npt.NDArray[Any]) -> None:
        """Refuse wrong parameters and targets that the loss is not made for.

        Parameters
        ----------
        y : ndarray
            The whole target, as the row-wise methods will see it.

        Raises
        ------
        ValueError
            With a sentence that names the parameter or the target value and the way out.
        """
        check_parameters(self, self.constraints)
        name = type(self).__name__
        if self.kind == "classification":
            if y.ndim != 1 or y.dtype.kind not in "iu" or (y.size and y.min() < 0):
                raise ValueError(
                    f"{name} needs class codes 0, 1, ... of shape (n_samples,), but y has shape "
                    f"{y.shape} and dtype {y.dtype}; encode the labels with "
                    "numpy.unique(y, return_inverse=True)."
                )
            return
        if y.ndim > 2 or y.ndim < 1 or (y.ndim == 2 and not self.multi_output):
            raise ValueError(
                f"{name} needs y of shape (n_samples,), but it has shape {y.shape}; "
                "fit one model for each output."
            )
        if not np.isfinite(y).all():
            raise ValueError(f"{name}: y contains NaN or infinity; remove these rows.")

    def raw_shape(self, y: npt.NDArray[Any], n_classes: int | None = None) -> tuple[int, ...]:
        """Shape of the raw scores of one row: () for a single score, (R,) for R of them."""
        return y.shape[1:]

    def target_scale(
        self,
        y: npt.NDArray[Any],
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """Unit of a raw score: how large a typical raw score is, one positive number per raw score.

        The default is 1, which suits logarithmic and logistic links.
        """
        return np.ones(self.raw_shape(y, n_classes))

    @abstractmethod
    def value(self, y: npt.NDArray[Any], raw: FloatArray) -> FloatArray:
        """Loss of each row, of shape (n,); outputs are summed."""

    @abstractmethod
    def gradient(self, y: npt.NDArray[Any], raw: FloatArray) -> FloatArray:
        """Derivative of the loss with respect to the raw scores, of the shape of ``raw``."""

    @abstractmethod
    def hessian(self, y: npt.NDArray[Any], raw: FloatArray) -> FloatArray:
        """Diagonal of the second derivative or a surrogate, of the shape of ``raw``; >= 0."""

    def value_and_gradient(
        self, y: npt.NDArray[Any], raw: FloatArray, n_threads: int = 1
    ) -> tuple[FloatArray, FloatArray]:
        """:meth:`value` and :meth:`gradient` at once, where a loss can share work between them."""
        return self.value(y, raw), self.gradient(y, raw)

    def curvature(self, y: npt.NDArray[Any], raw: FloatArray, direction: FloatArray) -> FloatArray:
        """Second derivative of each row's loss along ``direction``, of shape (n,).

        It is d'Hd with the whole matrix H of second derivatives of the row, or with the surrogate
        of :meth:`hessian` if ``exact_hessian`` is False. The default is for a diagonal H.

        Parameters
        ----------
        y, raw : ndarray
        direction : ndarray of the shape of ``raw``
        """
        product = self.hessian(y, raw) * direction**2
        return product if product.ndim == 1 else product.sum(axis=1)

    def smoothed(self, scale: float) -> Self:
        """A smooth stand-in for solvers that need second derivatives; a smooth loss itself.

        Parameters
        ----------
        scale : float
            Width of the rounding, in the unit of a raw score.
        """
        return self

    @abstractmethod
    def initial_raw(
        self,
        y: npt.NDArray[Any],
        sample_weight: FloatArray | None = None,
        n_classes: int | None = None,
    ) -> FloatArray:
        """Constant raw scores that minimise the weighted loss, of shape ``raw_shape``.

        Where the minimum is at infinity (one class only, no count above zero), a large finite score
        is given.
        """

    def predict(self, raw: FloatArray) -> FloatArray:
        """What a raw score means: a mean, a quantile, or probabilities of the classes.

        Regression: the shape of ``raw``, which may be returned itself. Classification: shape (n,
        n_classes). It is the :meth:`link`, applied.
        """
        link = self.link(raw.shape[1:])
        return link.predict(raw if link.factor == 1.0 else link.factor * raw)

    def link(self, raw_shape: tuple[int, ...]) -> Link:
        """The meaning of raw scores as data, for merged networks; see :meth:`predict`.

        Parameters
        ----------
        raw_shape : tuple
            Shape of the raw scores of one row.
        """
        return Link()

    @abstractmethod
    def sample(
        self, n: int, random_state: Seed = None, n_raw: int | None = None
    ) -> tuple[npt.NDArray[Any], FloatArray]:
        """A valid random pair of target and raw scores, for tests.

        Parameters
        ----------
        n : int
            Number of rows.
        random_state : int, numpy.random.Generator or None
        n_raw : int, optional
            Number of outputs or classes; by default the simplest case, with one raw score per row
            if there is one.
        """


def row_mean(y: npt.NDArray[Any], sample_weight: FloatArray | None) -> FloatArray:
    """Weighted mean over the rows, one number per output."""
    # the deviations from the first row are averaged, so that a large offset in y costs no digits
    return np.asarray(y[0] + np.average(y - y[0], axis=0, weights=sample_weight))


def row_deviation(y: npt.NDArray[Any], sample_weight: FloatArray | None) -> FloatArray:
    """Weighted standard deviation of each output; 1 for a constant one."""
    centre = row_mean(y, sample_weight)
    deviation = np.sqrt(np.average((y - centre) ** 2, axis=0, weights=sample_weight))
    # rounding of the mean leaves a deviation of that size in a constant column
    noise = 1e-13 * np.abs(centre)
    return np.asarray(np.where(deviation > noise, deviation, 1.0))
