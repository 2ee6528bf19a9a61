"""A network as a list of weight matrices, one per layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import check_array

from skboost._ext.network_numpy import ACTIVATIONS, activate
from skboost.losses import Link
from skboost.networks._readout import Readout
from skboost.tables import TableEncoder

Floats = npt.NDArray[np.float64]


class LayeredNetwork(Readout):
    """A network of any depth on plain numeric columns, in the form of scikit-learn's multi-layer perceptrons.

        a_0 = x,    a_l = act_l(a_{l-1} W_l + b_l),    raw(x) = a_L W_{L+1} + b_{L+1},    prediction = link(raw)

    Everything that is needed to compute predictions elsewhere is in its lists of arrays. Made by
    :meth:`Network.to_layers` and :meth:`BoostedHeadClassifier.to_layers`.

    Parameters
    ----------
    coefs : list of ndarray of shape (n_in, n_out)
        Weights of the L hidden layers and of the output layer.
    intercepts : list of ndarray of shape (n_out,)
    activations : list of sequences of str
        For each hidden layer the activation of each of its units: "tanh", "logistic", "relu" or "identity". Units that
        came from a linear stage have "identity" and stand beside those of other stages.
    link : Link
        From raw scores to predictions; its factor is folded into the output layer.
    classes : ndarray or None
    flat : bool, default=True
        Raw scores of a single output are a vector.

    Attributes
    ----------
    coefs_, intercepts_, activations_ : list
    n_layers_ : int
        Layers, the input and the output counted, as scikit-learn counts.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skboost.networks import BoostedNetworkRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = BoostedNetworkRegressor(n_stages=5, early_stopping=False, numeric_scaling="standard")
    >>> model = model.fit(X, y)
    >>> layers = model.to_network().to_layers()
    >>> [weights.shape for weights in layers.coefs_]
    [(10, 51), (51, 1)]
    >>> bool(abs(layers.predict(X) - model.predict(X)).max() < 1e-10)
    True
    """

    def __init__(
        self,
        coefs: list[Floats],
        intercepts: list[Floats],
        activations: list[npt.NDArray[np.str_]],
        link: Link,
        classes: npt.NDArray | None = None,
        flat: bool = True,
    ) -> None:
        self.coefs_ = coefs
        self.intercepts_ = intercepts
        self.activations_ = [np.asarray(layer, dtype=np.str_) for layer in activations]
        self.link = link
        self.classes = classes
        self._flat = flat

    @property
    def n_layers_(self) -> int:
        return len(self.coefs_) + 1

    def raw(self, X: Any) -> Floats:
        """Raw scores by matrix products in NumPy, shape (n_samples,) or (n_samples, n_raw)."""
        values = check_array(X, dtype=np.float64, ensure_min_samples=0, input_name="X")
        if values.shape[1] != len(self.coefs_[0]):
            raise ValueError(
                f"X has {values.shape[1]} columns, but this network was made for {len(self.coefs_[0])}."
            )
        layers = zip(self.coefs_, self.intercepts_, self.activations_, strict=False)
        for weights, bias, activations in layers:
            values = activated(values @ weights + bias, activations)
        raw: Floats = values @ self.coefs_[-1] + self.intercepts_[-1]
        return raw[:, 0] if self._flat else raw

    def behind(
        self,
        coefs: list[Floats],
        intercepts: list[Floats],
        activations: list[npt.NDArray[np.str_]],
    ) -> LayeredNetwork:
        """This network behind the given hidden layers, which then see the input first."""
        return LayeredNetwork(
            coefs + self.coefs_,
            intercepts + self.intercepts_,
            activations + self.activations_,
            self.link,
            self.classes,
            self._flat,
        )

    def __repr__(self) -> str:
        sizes = [len(self.coefs_[0]), *(weights.shape[1] for weights in self.coefs_)]
        return f"LayeredNetwork({' - '.join(map(str, sizes))} units, {self.link.name} link)"


def activated(sums: Floats, activations: npt.NDArray[np.str_]) -> Floats:
    """Each unit's activation applied to its column of ``sums``."""
    values = np.empty_like(sums)
    for name in np.unique(activations):
        units = activations == name
        values[:, units] = activate(sums[:, units], ACTIVATIONS[name])
    return values


def linear_encoding(encoder: TableEncoder) -> tuple[Floats, Floats]:
    """Slope and offset of each column's encoding, ``encoded = slope * x + offset``.

    Raises
    ------
    ValueError
        If the encoding of some column is not linear.
    """
    if encoder.categorical_ or len(encoder.numeric_.indicator):
        what = "categorical columns" if encoder.categorical_ else "missing values"
        raise ValueError(
            f"Layers act on plain numeric columns, but this network was fitted to {what}; encode them before the fit, "
            "or compute with Network.encode, coefs_ and intercepts_."
        )
    if encoder.numeric_scaling != "standard":
        raise ValueError(
            f"Layers need linearly scaled columns, but this network was fitted with "
            f"numeric_scaling={encoder.numeric_scaling!r}, which compresses far-out values; fit with "
            "numeric_scaling='standard', or compute with Network.encode, coefs_ and intercepts_."
        )
    scaling = encoder.numeric_
    slope = scaling.gain / scaling.scale
    return slope, -slope * scaling.centre - scaling.gain * scaling.mean
