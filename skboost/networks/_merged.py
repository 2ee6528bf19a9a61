"""All stages of a boosted network as one network."""

from __future__ import annotations

from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import validate_data

from skboost._ext._omp import effective_n_threads
from skboost._ext.packed import PackedRows
from skboost.boosting import StagedModel
from skboost.learners import NetworkUnit
from skboost.losses import Link, Loss
from skboost.networks import _storage
from skboost.networks._layers import LayeredNetwork, linear_encoding
from skboost.networks._readout import Readout
from skboost.networks._stage import stage_unit
from skboost.tables import TableEncoder, read_table

Floats = npt.NDArray[np.float64]

# Rows that are encoded at a time, so that long tables need no second copy in memory.
CHUNK = 64 * 1024


class Network(Readout):
    """A network with one hidden layer, merged from the stages of a boosted network.

        raw(x) = c_t + V' act(W' e(x) + b),      prediction = link(raw)

    where e(x) are the encoded columns (scaled numbers, one-hot categories). Hidden units stand in the order of their
    stages, so the network after ``t`` stages is its first units, with the output bias of that stage: biases of the
    small networks add up in the output bias, which is therefore kept for every stage. A linear stage becomes units with
    identity activation.

    Attributes
    ----------
    hidden : ndarray of shape (n_columns, n_units)
        Weights W from encoded columns to hidden units.
    hidden_bias : ndarray of shape (n_units,)
    output : ndarray of shape (n_units, n_raw)
        Weights V from hidden units to raw scores, steps included.
    stage_bias : ndarray of shape (n_stages + 1, n_raw)
        Output bias after 0, 1, ... stages.
    stage_units : ndarray of shape (n_stages + 1,)
        Number of units after 0, 1, ... stages.
    activations : list of str
        Activation of each stage's units.
    encoder : TableEncoder
        From raw tables to encoded columns.
    link : Link
        From raw scores to predictions; its factor is folded into ``output`` and ``stage_bias``.
    classes : ndarray or None
        Class labels, in the order of the columns of :meth:`predict_proba`.

    See Also
    --------
    BoostedNetworkClassifier.to_network, BoostedNetworkRegressor.to_network

    Notes
    -----
    The network after t stages is the one of the GBNN paper [1]_: the weights of its small networks side by side, the
    output weights times the steps, and the step-weighted sum of their output biases added to the start.

    References
    ----------
    .. [1] S. Emami and G. Martinez-Munoz, "Sequential training of neural networks with gradient boosting", IEEE Access
       11, 2023 (arXiv:1909.12098).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skboost.networks import BoostedNetworkClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = BoostedNetworkClassifier(n_stages=10, early_stopping=False, random_state=0).fit(X, y)
    >>> network = model.to_network()
    >>> network
    Network(4 columns, 103 units in 11 stages, 3 outputs, softmax link)
    >>> bool(abs(network.predict_proba(X) - model.predict_proba(X)).max() < 1e-10)
    True
    """

    def __init__(
        self,
        hidden: Floats,
        hidden_bias: Floats,
        output: Floats,
        stage_bias: Floats,
        stage_units: npt.NDArray[np.intp],
        activations: list[str],
        encoder: TableEncoder,
        link: Link,
        classes: npt.NDArray | None = None,
        flat: bool = True,
    ) -> None:
        self.hidden = hidden
        self.hidden_bias = hidden_bias
        self.output = output
        self.stage_bias = stage_bias
        self.stage_units = stage_units
        self.activations = activations
        self.encoder = encoder
        self.link = link
        self.classes = classes
        self.flat = flat

    @classmethod
    def merge(
        cls,
        model: StagedModel,
        encoder: TableEncoder,
        loss: Loss,
        raw_shape: tuple[int, ...],
        classes: npt.NDArray | None = None,
    ) -> Network:
        """Put the units of a staged model side by side.

        The output weights of stage ``s`` are ``step_s * V_s`` and its part of the output bias ``step_s * b_s``,
        divided by the number of models that are averaged. Units with identity activation are summed up, as many as
        there are raw scores.

        Raises
        ------
        TypeError
            If a unit of the model is not a network with one hidden layer.
        """
        link = loss.link(raw_shape)
        units = [stage_unit(stage) for stage in model.stages]
        n_raw = len(model.start)
        biases = [model.start, *(unit.output_bias for unit in units)]
        return cls(
            hidden=np.hstack([np.empty((encoder.n_outputs_, 0)), *(u.hidden for u in units)]),
            hidden_bias=np.concatenate([np.empty(0), *(u.hidden_bias for u in units)]),
            output=link.factor * np.vstack([np.empty((0, n_raw)), *(u.output for u in units)]),
            stage_bias=link.factor * np.cumsum(biases, axis=0),
            stage_units=np.cumsum([0, *(u.n_units for u in units)]),
            activations=[u.activation for u in units],
            encoder=encoder,
            link=link,
            classes=classes,
            flat=not raw_shape,
        )

    # -- size -------------------------------------------------------------------------------------------------------

    @property
    def n_units(self) -> int:
        """Number of hidden units."""
        return int(self.stage_units[-1])

    @property
    def n_stages(self) -> int:
        """Number of stages, a linear stage included."""
        return len(self.activations)

    @property
    def unit_activations(self) -> npt.NDArray[np.str_]:
        """Activation of each hidden unit, shape (n_units,)."""
        return np.repeat(np.asarray(self.activations, dtype=np.str_), np.diff(self.stage_units))

    @property
    def coefs_(self) -> list[Floats]:
        """Weight matrices as in scikit-learn's MLP: encoded columns to hidden, hidden to output."""
        return [self.hidden, self.output]

    @property
    def intercepts_(self) -> list[Floats]:
        """Bias vectors as in scikit-learn's MLP: hidden, output."""
        return [self.hidden_bias, self.stage_bias[-1]]

    def truncate(self, n_stages: int) -> Network:
        """The network with the units of all but the first ``n_stages`` stages switched off.

        Parameters
        ----------
        n_stages : int
            From 0 (the constant start) to ``self.n_stages``.

        Returns
        -------
        network : Network
            It shares its arrays with this one; with all stages it is this one.

        Raises
        ------
        ValueError
            If ``n_stages`` is out of range.
        """
        if isinstance(n_stages, bool) or not isinstance(n_stages, int | np.integer):
            raise ValueError(f"n_stages={n_stages!r} must be a whole number.")
        if not 0 <= n_stages <= self.n_stages:
            raise ValueError(
                f"n_stages={n_stages} is out of range: this network has {self.n_stages} stages, "
                "and 0 means its constant start."
            )
        if n_stages == self.n_stages:
            return self
        kept = int(self.stage_units[n_stages])
        return Network(
            self.hidden[:, :kept],
            self.hidden_bias[:kept],
            self.output[:kept],
            self.stage_bias[: n_stages + 1],
            self.stage_units[: n_stages + 1],
            self.activations[:n_stages],
            self.encoder,
            self.link,
            self.classes,
            self.flat,
        )

    # -- prediction -------------------------------------------------------------------------------------------------

    @cached_property
    def _runs(self) -> list[NetworkUnit]:
        """Neighbouring stages of one activation as one wide unit each."""
        runs, stage = [], 0
        nothing = np.zeros(self.output.shape[1])
        for activation, stages in groupby(self.activations):
            first = self.stage_units[stage]
            stage += sum(1 for _ in stages)
            part = slice(first, self.stage_units[stage])
            weights = (self.hidden[:, part], self.hidden_bias[part], self.output[part])
            runs.append(NetworkUnit(*weights, nothing, activation))
        return runs

    def _forward(self, rows: PackedRows, n_threads: int) -> Floats:
        """Raw scores of encoded rows, shape (n_samples, n_raw)."""
        raw = np.tile(self.stage_bias[-1], (rows.n_rows, 1))
        for unit in self._runs:
            raw += unit.predict(rows, n_threads=n_threads)
        return raw

    def raw(self, X: Any, n_threads: int | None = None) -> Floats:
        """Raw scores of a raw table, shape (n_samples,) or (n_samples, n_raw).

        Parameters
        ----------
        X : array-like or dataframe of shape (n_samples, n_features)
            With the columns of the table that the network was fitted to.
        n_threads : int, optional
            As in the estimators; the result does not depend on it.
        """
        table = self._read(X)
        threads = effective_n_threads(n_threads)
        parts = []
        for start in range(0, len(table), CHUNK):
            order = np.arange(start, min(start + CHUNK, len(table)))
            rows = self.encoder.pack(table, order=order, dtype="float64")
            parts.append(self._forward(rows, threads))
        raw = np.concatenate(parts)
        return raw[:, 0] if self.flat else raw

    def encode(self, X: Any) -> Floats:
        """The columns e(x) that ``coefs_`` act on, shape (n_samples, n_columns)."""
        return np.asarray(
            self.encoder.pack(self._read(X), dtype="float64").to_dense(), dtype=np.float64
        )

    def _read(self, X: Any) -> Any:
        table = read_table(X)
        validate_data(self.encoder, X, skip_check_array=True, reset=False)  # names of columns
        return table

    # -- other forms ------------------------------------------------------------------------------------------------

    def to_layers(self) -> LayeredNetwork:
        """The network in terms of raw columns: its encoding folded into the hidden weights.

        Returns
        -------
        network : LayeredNetwork
            Its raw scores differ from those of this network by rounding alone, for values within a million standard
            deviations of those at fit.

        Raises
        ------
        ValueError
            Unless all columns are numeric, without missing values at fit, and were scaled with
            ``numeric_scaling="standard"``; other encodings are not linear.
        """
        slope, offset = linear_encoding(self.encoder)
        return LayeredNetwork(
            [slope[:, None] * self.hidden, self.output],
            [offset @ self.hidden + self.hidden_bias, self.stage_bias[-1]],
            [self.unit_activations],
            self.link,
            self.classes,
            self.flat,
        )

    def to_onnx(self, path: str | Path | None = None) -> Any:
        """The network with its encoding and its link as an ONNX model in double precision.

        Where all columns are numbers, the model has one input ``X`` of shape (n, n_features), float64, NaN where a
        value is missing. Where a categorical column holds text, it has one input of shape (n, 1) per column: float64
        for numbers, string for text, the empty string where it is missing. They have the names of the columns, or
        ``x0, x1, ...``, with an underscore behind a name that is taken. Values are not checked: infinite ones count as
        the largest number.

        A classifier's model gives ``label`` of shape (n,) and ``probabilities`` of shape (n, n_classes), a regressor's
        ``prediction`` in the shape of :meth:`predict`.

        Parameters
        ----------
        path : str or Path, optional
            Write the model to this file, too.

        Returns
        -------
        model : onnx.ModelProto

        Raises
        ------
        ImportError
            If the package onnx is not installed; the extra ``onnx`` brings it.
        ValueError
            If a categorical column mixes text and numbers, or ``handle_unknown="error"``: a model can raise no error.
        """
        from skboost.networks._onnx import onnx_model  # an extra: read when it is asked for

        model = onnx_model(self)
        if path is not None:
            Path(path).write_bytes(model.SerializeToString())
        return model

    def save(self, path: str | Path) -> None:
        """Write the network to a NumPy ``.npz`` file of plain arrays, without pickle.

        Raises
        ------
        ValueError
            If class labels are objects other than strings and numbers.
        """
        _storage.write(path, {name: value for name, value in vars(self).items() if name != "_runs"})

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read a network that :meth:`save` wrote.

        Raises
        ------
        ValueError
            If the file holds something else, or is of a newer format.
        """
        return cls(**_storage.read(path))

    def __repr__(self) -> str:
        return (
            f"Network({self.hidden.shape[0]} columns, {self.n_units} units in {self.n_stages} stages, "
            f"{self.output.shape[1]} outputs, {self.link.name} link)"
        )
