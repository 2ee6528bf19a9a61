"""The models that are compared: how each is built, and the space that its tuning draws from.

Every model takes the same frame. Gradient-boosted trees and skboost get categories and missing
values as they are; the linear model and the multilayer perceptron get a pipeline that imputes,
scales and one-hot encodes.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from scipy.stats import loguniform
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import ParameterSampler
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    OneHotEncoder,
    PowerTransformer,
    QuantileTransformer,
    StandardScaler,
)


@dataclass(frozen=True)
class Peer:
    """One model of the comparison.

    ``build(task, params, seed, threads)`` returns an unfitted estimator; ``space`` maps names of
    ``params`` to lists or SciPy distributions; ``family`` is linear, network, trees or ours.
    """

    name: str
    family: str
    build: Callable[[str, dict, int, int], Any]
    space: dict

    def configurations(self, n, seed):
        """``n`` configurations: the defaults, so that tuning can keep them, then random draws."""
        return [{}, *ParameterSampler(self.space, n - 1, random_state=seed)] if n > 1 else [{}]


NUMBERS = {
    "standard": StandardScaler,
    "power": PowerTransformer,
    "quantile": lambda: QuantileTransformer(n_quantiles=200, output_distribution="normal"),
}


def _preprocessing(numbers="standard", min_frequency=None):
    """Median and an indicator for missing numbers, then a scale; one-hot, missing as a category."""
    return ColumnTransformer(
        [
            (
                "numbers",
                make_pipeline(
                    SimpleImputer(strategy="median", add_indicator=True), NUMBERS[numbers]()
                ),
                make_column_selector(dtype_include="number"),
            ),
            (
                "categories",
                OneHotEncoder(
                    handle_unknown="infrequent_if_exist" if min_frequency else "ignore",
                    min_frequency=min_frequency,
                    sparse_output=False,
                ),
                make_column_selector(dtype_include="category"),
            ),
        ]
    )


def _linear(task, params, seed, threads):
    strength = params.get("strength", 1.0)
    first = _preprocessing(params.get("numbers", "standard"), params.get("min_frequency"))
    if task == "classification":
        return make_pipeline(first, LogisticRegression(C=1.0 / strength, max_iter=1000))
    return make_pipeline(first, Ridge(alpha=strength))


def _mlp(task, params, seed, threads):
    params = dict(params)
    first = _preprocessing(params.pop("numbers", "standard"))
    if task == "classification":
        return make_pipeline(first, MLPClassifier(random_state=seed, **params))
    # without a target of unit scale the default step length of Adam hardly leaves the start
    return TransformedTargetRegressor(
        make_pipeline(first, MLPRegressor(random_state=seed, **params)),
        transformer=StandardScaler(),
    )


def _hist(task, params, seed, threads):
    kind = (
        HistGradientBoostingClassifier
        if task == "classification"
        else HistGradientBoostingRegressor
    )
    return kind(random_state=seed, **params)


def _xgboost(task, params, seed, threads):
    from xgboost import XGBClassifier, XGBRegressor

    kind = XGBClassifier if task == "classification" else XGBRegressor
    return kind(
        random_state=seed, n_jobs=threads, enable_categorical=True, tree_method="hist", **params
    )


def _lightgbm(task, params, seed, threads):
    from lightgbm import LGBMClassifier, LGBMRegressor

    kind = LGBMClassifier if task == "classification" else LGBMRegressor
    return kind(random_state=seed, n_jobs=threads, verbose=-1, **params)


def _skboost(task, params, seed, threads):
    networks = importlib.import_module("skboost.networks")
    kind = (
        networks.BoostedNetworkClassifier
        if task == "classification"
        else networks.BoostedNetworkRegressor
    )
    # set_params refuses unknown names and reaches nested ones such as learner__alpha
    return kind(random_state=seed, n_threads=threads).set_params(**params)


PEERS = {
    peer.name: peer
    for peer in (
        Peer(
            "linear",
            "linear",
            _linear,
            {
                "strength": loguniform(1e-3, 1e3),
                "numbers": ["standard", "power", "quantile"],
                "min_frequency": [None, 5, 20],
            },
        ),
        Peer(
            "mlp",
            "network",
            _mlp,
            {
                "hidden_layer_sizes": [(30,), (100,), (30, 30), (100, 30)],
                "learning_rate_init": loguniform(5e-4, 1e-2),
                "alpha": loguniform(1e-5, 10.0),
                "max_iter": [20, 50, 100, 200],
                "numbers": ["standard", "quantile"],
            },
        ),
        Peer(
            "hist_gb",
            "trees",
            _hist,
            {
                "max_iter": [50, 100, 200],
                "learning_rate": loguniform(0.02, 0.3),
                "max_leaf_nodes": [4, 8, 16, 31],
                "min_samples_leaf": [3, 8, 20, 50],
                "l2_regularization": loguniform(1e-3, 10.0),
            },
        ),
        Peer(
            "xgboost",
            "trees",
            _xgboost,
            {
                "n_estimators": [50, 100, 200],
                "learning_rate": loguniform(0.02, 0.3),
                "max_depth": [2, 3, 4, 6],
                "min_child_weight": loguniform(0.5, 20.0),
                "subsample": [0.6, 0.8, 1.0],
            },
        ),
        Peer(
            "lightgbm",
            "trees",
            _lightgbm,
            {
                "n_estimators": [50, 100, 200],
                "learning_rate": loguniform(0.02, 0.3),
                "num_leaves": [4, 8, 16, 31],
                "min_child_samples": [3, 8, 20, 50],
                "reg_lambda": loguniform(1e-3, 10.0),
            },
        ),
        Peer(
            "skboost",
            "ours",
            _skboost,
            {
                "learning_rate": [0.1, 0.2, 0.3],
                "units_per_stage": [4, 10, 20],
                "alpha": loguniform(0.1, 30.0),
                "max_features": [0.3, 0.5, 0.75, 1.0],
                "activation": ["relu", "tanh"],
            },
        ),
    )
}


NEEDS = {
    "xgboost": ("xgboost", "XGBClassifier"),
    "lightgbm": ("lightgbm", "LGBMClassifier"),
    "skboost": ("skboost.networks", "BoostedNetworkClassifier"),
}


def available_models():
    """Names of the models that can run here; skboost enters as soon as its networks exist."""
    return [name for name in PEERS if name not in NEEDS or _found(*NEEDS[name])]


def _found(module, attribute):
    try:
        return hasattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name and not module.startswith(error.name):
            raise  # the package is there, but something that it needs is not
        return False
