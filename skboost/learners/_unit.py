"""One fitted network with a single hidden layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from skboost._ext import _network as kernels
from skboost._ext.network_numpy import ACTIVATIONS
from skboost._ext.packed import PackedRows

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False, slots=True)
class NetworkUnit:
    """A network with J hidden units and K linear outputs.

        f(x) = output_bias + output' act(hidden' x + hidden_bias)

    Parameters
    ----------
    hidden : ndarray of shape (d, J)
    hidden_bias : ndarray of shape (J,)
    output : ndarray of shape (J, K)
    output_bias : ndarray of shape (K,)
        All float64 and finite.
    activation : {"tanh", "logistic", "relu", "identity"}

    Raises
    ------
    ValueError
        If the shapes do not belong together, a number is not finite, or the activation is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost._ext.packed import PackedRows
    >>> from skboost.learners import NetworkUnit
    >>> unit = NetworkUnit(np.ones((2, 1)), np.zeros(1), np.eye(1), np.ones(1), "identity")
    >>> unit.predict(PackedRows.from_dense(np.array([[1.0, 2.0]]), dtype=np.float64))
    array([[4.]])
    """

    hidden: Array
    hidden_bias: Array
    output: Array
    output_bias: Array
    activation: str = "tanh"

    def __post_init__(self) -> None:
        for name in ("hidden", "hidden_bias", "output", "output_bias"):
            value = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            if not np.isfinite(value).all():
                raise ValueError(f"{name} holds numbers that are not finite.")
            object.__setattr__(self, name, value)
        if self.activation not in ACTIVATIONS:
            raise ValueError(
                f"activation={self.activation!r} is unknown; choose from {sorted(ACTIVATIONS)}."
            )
        n_units, n_outputs = self.output.shape if self.output.ndim == 2 else (-1, -1)
        if (
            self.hidden.ndim != 2
            or self.hidden.shape[1] != n_units
            or self.hidden_bias.shape != (n_units,)
            or self.output_bias.shape != (n_outputs,)
        ):
            raise ValueError(
                "The arrays of a unit do not belong together: "
                f"hidden {self.hidden.shape}, hidden_bias {self.hidden_bias.shape}, "
                f"output {self.output.shape}, output_bias {self.output_bias.shape}; "
                "expected (d, J), (J,), (J, K), (K,)."
            )

    @classmethod
    def zero(cls, n_columns: int, n_units: int, n_outputs: int, activation: str) -> NetworkUnit:
        """A unit whose outputs are zero everywhere."""
        return cls(
            np.zeros((n_columns, n_units)),
            np.zeros(n_units),
            np.zeros((n_units, n_outputs)),
            np.zeros(n_outputs),
            activation,
        )

    @property
    def n_units(self) -> int:
        """Number of hidden units J."""
        return int(self.output.shape[0])

    @property
    def n_outputs(self) -> int:
        """Number of outputs K."""
        return int(self.output.shape[1])

    @property
    def n_columns(self) -> int:
        """Number of columns d."""
        return int(self.hidden.shape[0])

    def predict(self, rows: PackedRows, *, n_threads: int = 1) -> Array:
        """Outputs for packed rows, computed in the precision of the rows.

        Parameters
        ----------
        rows : PackedRows
        n_threads : int, default=1

        Returns
        -------
        outputs : ndarray of shape (n_rows, K)
        """
        if rows.n_columns != self.n_columns:
            raise ValueError(
                f"This unit was fitted on {self.n_columns} columns, but the rows have "
                f"{rows.n_columns}."
            )
        used = np.flatnonzero(self.hidden.any(axis=1)).astype(np.int32)
        out = np.empty((rows.n_rows, self.n_outputs))
        parameters = np.concatenate(
            [
                self.hidden[used].T.ravel(),
                self.hidden_bias,
                self.output.ravel(),
                self.output_bias,
            ]
        )
        kernels.forward(
            rows.blocks,
            None if len(used) == rows.n_columns else used,
            parameters,
            self.n_units,
            ACTIVATIONS[self.activation],
            out,
            n_threads=n_threads,
        )
        return out

    def __repr__(self) -> str:
        return (
            f"NetworkUnit({self.n_columns} columns, {self.n_units} {self.activation} units, "
            f"{self.n_outputs} outputs)"
        )
