"""Feature extractors of boosted heads: hidden layers of perceptrons, transformers, functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter, validate_data

from skboost.networks._layers import activated

Floats = npt.NDArray[np.float64]


def is_function(extractor: Any) -> bool:
    """Whether an extractor is a plain callable, which has nothing to fit."""
    return callable(extractor) and not hasattr(extractor, "fit")


def fitted_extractor(extractor: Any, X: Any, y: Any, **parameters: Any) -> Any:
    """A fitted copy of an extractor; functions and frozen estimators stay as they are."""
    if is_function(extractor):
        return extractor
    if not hasattr(extractor, "fit"):
        raise ValueError(
            f"extractor={extractor!r} gives no features: it must be an MLPClassifier or MLPRegressor, a transformer, "
            "or a function of X."
        )
    return clone(extractor).fit(X, y, **parameters)


def weight_parameters(extractor: Any, sample_weight: Any) -> dict[str, Any]:
    """``sample_weight`` under the names by which an extractor's ``fit`` takes it; nothing if it does not."""
    if isinstance(extractor, Pipeline):
        return {
            f"{name}__sample_weight": sample_weight
            for name, step in extractor.steps
            if hasattr(step, "fit") and has_fit_parameter(step, "sample_weight")
        }
    if has_fit_parameter(extractor, "sample_weight"):
        return {"sample_weight": sample_weight}
    return {}


def features_of(extractor: Any, X: Any, layer: int) -> Any:
    """What a head sees of ``X``: activations of a hidden layer, or whatever a transformer or function returns.

    Raises
    ------
    ValueError
        If the extractor gives no features, or ``layer`` is one that it does not have.
    """
    perceptron, before = perceptron_in(extractor)
    if perceptron is not None:
        for step in before:
            X = step.transform(X)
        return hidden_activations(perceptron, X, layer)
    if layer != -1:
        raise ValueError(
            f"layer={layer} names a hidden layer, but extractor={extractor!r} is not a multi-layer perceptron; "
            "leave layer=-1."
        )
    if is_function(extractor):
        return extractor(X)
    if not hasattr(extractor, "transform"):
        raise ValueError(
            f"extractor={extractor!r} gives no features: it has neither hidden layers nor a transform method. Use an "
            "MLPClassifier or MLPRegressor, a transformer, or a function of X."
        )
    return extractor.transform(X)


def perceptron_in(extractor: Any) -> tuple[Any, list[Any]]:
    """A fitted multi-layer perceptron and what stands before it in a pipeline; None if there is none.

    It is known by its fitted attributes, so that other libraries' perceptrons with scikit-learn's names will do.
    """
    extractor = thawed(extractor)
    if isinstance(extractor, Pipeline):
        perceptron, before = perceptron_in(extractor[-1])
        rest = [extractor[:-1]] if len(extractor) > 1 else []
        return perceptron, rest + before
    if hasattr(extractor, "coefs_") and hasattr(extractor, "intercepts_"):
        return extractor, []
    return None, []


def thawed(extractor: Any) -> Any:
    """The estimator inside a FrozenEstimator."""
    from sklearn.frozen import FrozenEstimator  # not needed to import a boosted network

    while isinstance(extractor, FrozenEstimator):
        extractor = extractor.estimator
    return extractor


def hidden_layers(
    perceptron: Any, layer: int
) -> tuple[list[Floats], list[Floats], list[npt.NDArray[np.str_]]]:
    """Weights, biases and activations of the hidden layers up to and with ``layer``, in double precision."""
    n_hidden = len(perceptron.coefs_) - 1
    if not -n_hidden <= layer < n_hidden:
        raise ValueError(
            f"layer={layer} is out of range: the extractor has {n_hidden} hidden layers, counted from 0 on, or from "
            "-1 back."
        )
    n_layers = range(n_hidden)[layer] + 1
    coefs = [np.asarray(weights, dtype=np.float64) for weights in perceptron.coefs_[:n_layers]]
    intercepts = [np.asarray(bias, dtype=np.float64) for bias in perceptron.intercepts_[:n_layers]]
    return coefs, intercepts, [np.full(len(bias), perceptron.activation) for bias in intercepts]


def hidden_activations(perceptron: Any, X: Any, layer: int) -> Floats:
    """Outputs of the units of a hidden layer, shape (n_samples, n_units)."""
    layers = hidden_layers(perceptron, layer)
    values = validate_data(
        perceptron, X, accept_sparse=["csr", "csc"], dtype=np.float64, reset=False
    )
    for weights, bias, activations in zip(*layers, strict=True):
        values = activated(values @ weights + bias, activations)
    return np.asarray(values)
