"""All stages of a boosted network as one network."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._ext._omp import effective_n_threads
from skboost._ext.packed import PackedRows
from skboost.boosting import StagedModel, Term
from skboost.learners import NetworkUnit
from skboost.losses import Link, Loss
from skboost.tables import TableEncoder, read_table

Floats = npt.NDArray[np.float64]

FILE_FORMAT = 1


class Network:
    """A network with one hidden layer, merged from the stages of a boosted network.

        raw(x) = c_t + V' act(W' e(x) + b),      prediction = link(raw)

    where e(x) are the encoded columns (scaled numbers, one-hot categories). Hidden units stand in the order of their
    stages, so the network after ``t`` stages is its first units, with the output bias of that stage: biases of the small
    networks add up in the output bias, which is therefore kept for every stage. A linear stage becomes units with
    identity activation.

    Attributes
    ----------
    hidden : ndarray of shape (n_columns, n_units)
    hidden_bias : ndarray of shape (n_units,)
    output : ndarray of shape (n_units, n_raw)
    stage_bias : ndarray of shape (n_stages + 1, n_raw)
        Output bias after 0, 1, ... stages.
    stage_units : ndarray of shape (n_stages + 1,)
        Number of units after 0, 1, ... stages.
    activations : list of str
        Activation of each stage's units.
    encoder : TableEncoder
    link : Link
        From raw scores to predictions; its factor is folded into ``output`` and ``stage_bias``.
    classes : ndarray or None
        Class labels, in the order of the columns of :meth:`predict_proba`.

    See Also
    --------
    BoostedNetworkClassifier.to_network, BoostedNetworkRegressor.to_network
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
        self._flat = flat  # raw scores are a vector

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

        The output weights of stage ``s`` are ``step_s * V_s`` and its part of the output bias ``step_s * b_s``, divided by
        the number of models that are averaged. Units with identity activation are summed up, as many as there are raw
        scores.
        """
        link = loss.link(raw_shape)
        units = [_stage_unit(stage) for stage in model.stages]
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
    def coefs_(self) -> list[Floats]:
        """Weight matrices as in scikit-learn's MLP: input to hidden, hidden to output."""
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

        Raises
        ------
        ValueError
            If ``n_stages`` is out of range.
        """
        if not 0 <= n_stages <= self.n_stages:
            raise ValueError(
                f"n_stages={n_stages} is out of range: this network has {self.n_stages} stages."
            )
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
            self._flat,
        )

    # -- prediction -------------------------------------------------------------------------------------------------

    def _forward(self, rows: PackedRows, n_threads: int) -> Floats:
        """Raw scores of encoded rows, shape (n_samples, n_raw)."""
        raw = np.tile(self.stage_bias[-1], (rows.n_rows, 1))
        for unit in self._runs():
            raw += unit.predict(rows, n_threads=n_threads)
        return raw

    def _runs(self) -> list[NetworkUnit]:
        """Neighbouring stages of one activation as one wide unit each."""
        runs, stage = [], 0
        for activation, stages in groupby(self.activations):
            first = self.stage_units[stage]
            stage += sum(1 for _ in stages)
            part = slice(first, self.stage_units[stage])
            nothing = np.zeros(self.output.shape[1])
            runs.append(
                NetworkUnit(
                    self.hidden[:, part],
                    self.hidden_bias[part],
                    self.output[part],
                    nothing,
                    activation,
                )
            )
        return runs

    def raw(self, X: Any, n_threads: int | None = None) -> Floats:
        """Raw scores of a raw table, shape (n_samples,) or (n_samples, n_raw)."""
        rows = self.encoder.pack(read_table(X), dtype="float64")
        raw = self._forward(rows, effective_n_threads(n_threads))
        return raw[:, 0] if self._flat else raw

    def predict_proba(self, X: Any) -> Floats:
        """Probabilities of the classes, shape (n_samples, n_classes).

        Raises
        ------
        AttributeError
            For networks of a regressor.
        """
        if self.classes is None:
            raise AttributeError("This network predicts numbers, it has no classes.")
        return self.link.predict(self.raw(X))

    def predict(self, X: Any) -> npt.NDArray:
        """Labels of a classifier's network, numbers of a regressor's."""
        if self.classes is not None:
            return np.asarray(self.classes[np.argmax(self.predict_proba(X), axis=1)])
        return self.link.predict(self.raw(X))

    # -- files ------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the network to a NumPy ``.npz`` file of plain arrays, without pickle.

        Raises
        ------
        ValueError
            If class labels are objects other than strings.
        """
        arrays, plain = split_state(self.encoder.get_state())
        header = {
            "format": FILE_FORMAT,
            "activations": self.activations,
            "link": self.link.to_dict(),
            "flat": self._flat,
            "encoder": plain,
        }
        stored = {f"encoder.{name}": value for name, value in arrays.items()}
        if self.classes is not None:
            classes = np.asarray(self.classes)
            if classes.dtype == object:
                classes = np.asarray(classes.tolist())
                if classes.dtype.kind not in "US":
                    raise ValueError(
                        "Class labels of mixed types cannot be stored without pickle; use strings or numbers."
                    )
            stored["classes"] = classes
        for name in ("hidden", "hidden_bias", "output", "stage_bias", "stage_units"):
            stored[name] = getattr(self, name)
        with open(path, "wb") as file:
            np.savez_compressed(file, header=np.array(json.dumps(header)), **stored)

    @classmethod
    def load(cls, path: str | Path) -> Network:
        """Read a network that :meth:`save` wrote.

        Raises
        ------
        ValueError
            If the file is of a newer format.
        """
        with np.load(path, allow_pickle=False) as file:
            header = json.loads(str(file["header"]))
            if header["format"] > FILE_FORMAT:
                raise ValueError(
                    f"{path} has format {header['format']}, this version reads up to {FILE_FORMAT}; upgrade skboost."
                )
            arrays = {
                name.removeprefix("encoder."): file[name]
                for name in file.files
                if name.startswith("encoder.")
            }
            state = join_state(arrays, header["encoder"])
            return cls(
                *(file[n] for n in ("hidden", "hidden_bias", "output", "stage_bias", "stage_units")),
                activations=header["activations"],
                encoder=TableEncoder.from_state(state),
                link=Link.from_dict(header["link"]),
                classes=file["classes"] if "classes" in file.files else None,
                flat=header["flat"],
            )

    def __repr__(self) -> str:
        return (
            f"Network({self.hidden.shape[0]} columns, {self.n_units} units in {self.n_stages} stages, "
            f"{self.output.shape[1]} outputs, {self.link.name} link)"
        )


def _stage_unit(stage: list[Term]) -> NetworkUnit:
    """The units of one stage as one unit that takes its step by itself."""
    share = 1.0 / len(stage)
    units: list[NetworkUnit] = [term.unit for term in stage]  # type: ignore[misc]
    steps = [share * term.step for term in stage]
    pairs = list(zip(units, steps, strict=True))
    bias = sum(step * unit.output_bias for unit, step in pairs)
    if units[0].activation == "identity":
        hidden = sum((unit.hidden @ unit.output) * step for unit, step in pairs)
        bias = bias + sum((unit.hidden_bias @ unit.output) * step for unit, step in pairs)
        n_raw = len(steps[0])
        return NetworkUnit(hidden, np.zeros(n_raw), np.eye(n_raw), bias, "identity")
    return NetworkUnit(
        np.hstack([unit.hidden for unit in units]),
        np.concatenate([unit.hidden_bias for unit in units]),
        np.vstack([step * unit.output for unit, step in pairs]),
        bias,
        units[0].activation,
    )


def split_state(state: dict[str, Any]) -> tuple[dict[str, npt.NDArray], dict[str, Any]]:
    """Arrays and everything else of a flat dict, so that each can be stored in its own way."""
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    return arrays, {name: value for name, value in state.items() if name not in arrays}


def join_state(arrays: dict[str, npt.NDArray], plain: dict[str, Any]) -> dict[str, Any]:
    """Inverse of :func:`split_state`."""
    return {**plain, **arrays}
