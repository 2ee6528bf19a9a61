"""Merged networks as ONNX models: the encoding of raw columns, the network and its link, in double precision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from skboost._optional import import_optional
from skboost.losses._link import LIMIT
from skboost.networks._storage import plain_labels
from skboost.tables import NumericScaling, OneHot

if TYPE_CHECKING:  # the network knows this file
    from skboost.networks._merged import Network

# Operators of 2021, which every runtime that is still in use understands.
OPSET, ML_OPSET, IR_VERSION = 15, 2, 8
OPERATORS = {"tanh": "Tanh", "logistic": "Sigmoid", "relu": "Relu", "identity": "Identity"}
OUTPUTS = ("label", "probabilities", "prediction")
LARGEST = float(np.finfo(np.float64).max)
LARGEST_EXACT = 2**53  # whole numbers beyond it are not all float64


class Graph:
    """An ONNX graph in the making; tensors are known by their names.

    Attributes
    ----------
    inputs, outputs, nodes, constants : list
        Parts of the graph.
    """

    def __init__(self) -> None:
        self._onnx = import_optional("onnx", extra="onnx", purpose="Network.to_onnx")
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, value: npt.ArrayLike) -> str:
        """A tensor that holds ``value``."""
        array, name = np.asarray(value), f"/constant_{len(self.constants)}"
        if array.dtype.kind == "U":
            array = array.astype(object)
        self.constants.append(self._onnx.numpy_helper.from_array(array, name))
        return name

    def add(
        self,
        operator: str,
        *tensors: str,
        domain: str = "",
        place: int = 0,
        n_outputs: int = 1,
        **settings: Any,
    ) -> str:
        """Apply an operator; the result is the name of its output number ``place``."""
        names = [f"/{operator}_{len(self.nodes)}_{k}" for k in range(n_outputs)]
        self.nodes.append(
            self._onnx.helper.make_node(operator, tensors, names, domain=domain, **settings)
        )
        return names[place]

    def cast(self, tensor: str, dtype: npt.DTypeLike) -> str:
        """The tensor in another type."""
        return self.add("Cast", tensor, to=self._element_type(dtype))

    def squeeze(self, tensor: str) -> str:
        """A column of shape (n, 1) as a vector."""
        return self.add("Squeeze", tensor, self.constant([1]))

    def concatenate(self, tensors: Sequence[str]) -> str:
        """Columns side by side."""
        return tensors[0] if len(tensors) == 1 else self.add("Concat", *tensors, axis=1)

    def put_in(self, name: str, dtype: npt.DTypeLike, width: int) -> str:
        """Declare an input of shape (n, width)."""
        self.inputs.append(self._value(name, dtype, ["n", width]))
        return name

    def put_out(self, tensor: str, name: str, dtype: npt.DTypeLike, width: int | None) -> None:
        """Declare an output of shape (n,) or (n, width)."""
        self.nodes.append(self._onnx.helper.make_node("Identity", [tensor], [name]))
        self.outputs.append(self._value(name, dtype, ["n"] if width is None else ["n", width]))

    def model(self, description: str) -> Any:
        """The finished model, checked."""
        helper = self._onnx.helper
        graph = helper.make_graph(
            self.nodes, "network", self.inputs, self.outputs, self.constants, description
        )
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        model = helper.make_model(
            graph, producer_name="skboost", opset_imports=versions, ir_version=IR_VERSION
        )
        self._onnx.checker.check_model(model, full_check=True)
        return model

    def _element_type(self, dtype: npt.DTypeLike) -> int:
        kind = np.dtype(dtype)
        kind = np.dtype(object) if kind.kind in "US" else kind
        return int(self._onnx.helper.np_dtype_to_tensor_dtype(kind))

    def _value(self, name: str, dtype: npt.DTypeLike, shape: list[Any]) -> Any:
        return self._onnx.helper.make_tensor_value_info(name, self._element_type(dtype), shape)


def onnx_model(network: Network) -> Any:
    """Translate a network; see :meth:`Network.to_onnx`."""
    graph = Graph()
    raw = hidden_layers(graph, network, encoding(graph, network))
    if network.classes is None:
        numbers(graph, network, raw)
    else:
        probabilities(graph, network, raw)
    return graph.model(repr(network))


# -- encoding -----------------------------------------------------------------------------------------------------


def encoding(graph: Graph, network: Network) -> str:
    """Inputs of the model and the columns e(x) made of them."""
    encoder = network.encoder
    check_categories(encoder.categorical_, encoder.handle_unknown)
    text = {coding.column for coding in encoder.categorical_ if holds_text(coding)}
    scaling = encoder.numeric_
    if text:
        columns = [
            graph.put_in(name, str if j in text else np.float64, 1)
            for j, name in enumerate(input_names(encoder))
        ]
    else:
        table = graph.put_in("X", np.float64, encoder.n_features_in_)
    parts = []
    if len(scaling.columns):
        values = (
            graph.concatenate([columns[j] for j in scaling.columns])
            if text
            else graph.add("Gather", table, graph.constant(scaling.columns), axis=1)
        )
        parts += numeric_columns(graph, scaling, values)
    for coding in encoder.categorical_:
        column = (
            columns[coding.column]
            if text
            else graph.add("Gather", table, graph.constant([coding.column]), axis=1)
        )
        one_hot = text_column if coding.column in text else number_column
        parts.append(one_hot(graph, coding, column))
    return graph.concatenate(parts)


def check_categories(codings: list[OneHot], handle_unknown: str) -> None:
    """Refuse categories that a model cannot tell apart, or cannot refuse."""
    if codings and handle_unknown == "error":
        raise ValueError(
            "handle_unknown='error' refuses unknown categories, which an ONNX model cannot do; use a network that was "
            "fitted with handle_unknown='ignore'."
        )
    for coding in codings:
        kinds = {isinstance(level, str) for level in coding.levels}
        if len(kinds) > 1:
            raise ValueError(
                f"Column {coding.column} has categories that are text and others that are numbers, but a column of an "
                "ONNX model has one type; convert the column to text before the fit."
            )
        if kinds == {False} and max(abs(level) for level in coding.levels) > LARGEST_EXACT:  # type: ignore[arg-type]
            raise ValueError(
                f"Column {coding.column} has categories beyond 2**53, which float64 does not tell apart; convert the "
                "column to text before the fit."
            )


def holds_text(coding: OneHot) -> bool:
    """Whether the categories are strings."""
    return any(isinstance(level, str) for level in coding.levels)


def input_names(encoder: Any) -> list[str]:
    """Names of the columns, underscores added to those that are taken by an output or an earlier column."""
    taken = dict.fromkeys(OUTPUTS)
    names = getattr(encoder, "feature_names_in_", None)
    for name in [f"x{j}" for j in range(encoder.n_features_in_)] if names is None else names:
        while name in taken:
            name += "_"
        taken[name] = None
    return list(taken)[len(OUTPUTS) :]


def numeric_columns(graph: Graph, scaling: NumericScaling, values: str) -> list[str]:
    """Encoded numbers and indicators of missing values; the formulas are those of NumericScaling."""
    missing = graph.add("IsNaN", values)
    centred = graph.add("Sub", values, graph.constant(scaling.centre))
    z = graph.add("Div", centred, graph.constant(scaling.scale))
    knee, one = graph.constant(scaling.knee), graph.constant(1.0)
    size = graph.add("Min", graph.add("Abs", z), graph.constant(LARGEST))
    beyond = graph.add("Max", graph.add("Sub", size, knee), graph.constant(0.0))
    tail = graph.add("Add", knee, graph.add("Log", graph.add("Add", one, beyond)))
    far = graph.add("Greater", size, knee)
    s = graph.add("Where", far, graph.add("Mul", graph.add("Sign", z), tail), z)
    shifted = graph.add("Sub", s, graph.constant(scaling.mean))
    scaled = graph.add("Mul", shifted, graph.constant(scaling.gain))
    parts = [graph.add("Where", missing, graph.constant(0.0), scaled)]
    if len(scaling.indicator):
        marked = graph.add("Gather", missing, graph.constant(scaling.indicator), axis=1)
        on, off = graph.constant(scaling.indicator_on), graph.constant(scaling.indicator_off)
        parts.append(graph.add("Where", marked, on, off))
    return parts


def codes_of(coding: OneHot) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """One row of codes per level, and the row of missing values."""
    outputs = np.append(coding.output, coding.missing_output)
    rows = coding.encode(outputs).T
    return rows[:-1], rows[-1]


def text_column(graph: Graph, coding: OneHot, column: str) -> str:
    """One-hot codes of strings; the empty string means missing unless it is a category."""
    levels, missing = codes_of(coding)
    unknown = np.zeros_like(missing)
    keys = [str(level) for level in coding.levels]
    if "" not in keys:
        keys, levels = [*keys, ""], np.vstack([levels, missing])
    place = graph.add(
        "LabelEncoder",
        column,
        domain="ai.onnx.ml",
        keys_strings=keys,
        values_int64s=list(range(len(keys))),
        default_int64=len(keys),
    )
    return graph.add("Gather", graph.constant(np.vstack([levels, unknown])), graph.squeeze(place))


def number_column(graph: Graph, coding: OneHot, column: str) -> str:
    """One-hot codes of numbers; NaN means missing."""
    levels, missing = codes_of(coding)
    known = graph.constant(np.array([coding.levels], dtype=np.float64))
    is_level = graph.cast(graph.add("Equal", column, known), np.float64)
    is_missing = graph.cast(graph.add("IsNaN", column), np.float64)
    # a value is one level, or missing, or nothing at all: then its codes are zeros
    found = graph.concatenate([is_level, is_missing])
    return graph.add("MatMul", found, graph.constant(np.vstack([levels, missing])))


# -- network ------------------------------------------------------------------------------------------------------


def hidden_layers(graph: Graph, network: Network, encoded: str) -> str:
    """Raw scores of shape (n, n_raw)."""
    raw = graph.constant(network.stage_bias[-1])
    for unit in network._runs:
        sums = graph.add("MatMul", encoded, graph.constant(unit.hidden))
        sums = graph.add("Add", sums, graph.constant(unit.hidden_bias))
        hidden = graph.add(OPERATORS[unit.activation], sums)
        raw = graph.add("Add", raw, graph.add("MatMul", hidden, graph.constant(unit.output)))
    if not network.n_stages:  # the constant start, once for each row
        nothing = np.zeros((network.hidden.shape[0], network.output.shape[1]))
        raw = graph.add("Add", raw, graph.add("MatMul", encoded, graph.constant(nothing)))
    return raw


def numbers(graph: Graph, network: Network, raw: str) -> None:
    """Predictions of a regressor."""
    link, width = network.link, network.output.shape[1]
    if link.name == "exp":
        raw = graph.add("Exp", graph.add("Min", raw, graph.constant(LIMIT)))
    elif link.name == "sorted":
        count = graph.constant([width])
        raw = graph.add("TopK", raw, count, n_outputs=2, axis=1, largest=0, sorted=1)
        raw = graph.add("Gather", raw, graph.constant(list(link.rank)), axis=1)
    if network.flat:
        graph.put_out(graph.squeeze(raw), "prediction", np.float64, None)
    else:
        graph.put_out(raw, "prediction", np.float64, width)


def probabilities(graph: Graph, network: Network, raw: str) -> None:
    """Labels and probabilities of a classifier."""
    classes = plain_labels(np.asarray(network.classes))
    if network.link.name == "softmax":
        code = graph.add("ArgMax", raw, axis=1, keepdims=0)
        shares = graph.add("Softmax", raw, axis=1)
    else:
        second = graph.cast(graph.add("Greater", raw, graph.constant(0.0)), np.int64)
        code = graph.squeeze(second)
        both = [graph.add("Neg", raw), raw]
        shares = graph.concatenate([graph.add("Sigmoid", scores) for scores in both])
    graph.put_out(graph.add("Gather", graph.constant(classes), code), "label", classes.dtype, None)
    graph.put_out(shares, "probabilities", np.float64, len(classes))
