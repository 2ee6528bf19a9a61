"""Ranges that are worth searching, for estimators that many people use.

A range holds the default of its parameter, reaches as far as good settings have been found on collections of tables,
and no further than a fit stays cheap. A parameter is left out where another setting makes it idle, and a number of
rounds where early stopping chooses it, which was the better way for regression in [3]_. Ranges of boosted trees are
about those of FLAML [1]_ (its numbers of rounds and leaves go up to the number of rows); so are penalties in [2]_,
from 2^-10 to 2^10.

A default of 0 is below every logarithmic range; its lower end changes next to nothing. Numbers of trees of forests are
absent: more are better [4]_.

.. [1] C. Wang, Q. Wu, M. Weimer and E. Zhu, "FLAML: a fast and lightweight AutoML library", MLSys 2021; its source.
.. [2] P. Probst, A.-L. Boulesteix and B. Bischl, "Tunability: importance of hyperparameters of machine learning
   algorithms", JMLR 20, 2019, table 1.
.. [3] F. Sigrist and F. J. Koster, "Selecting hyperparameters for tree-boosting", arXiv:2602.05786, 2026.
.. [4] P. Probst and A.-L. Boulesteix, "To tune or not to tune the number of trees in random forest", JMLR 18, 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

Space = dict[str, BaseDistribution]


def _log(low: float, high: float) -> FloatDistribution:
    return FloatDistribution(low, high, log=True)


def _log_int(low: int, high: int) -> IntDistribution:
    return IntDistribution(low, high, log=True)


def _share(low: float) -> FloatDistribution:
    return FloatDistribution(low, 1.0)


def _one_of(*choices: Any) -> CategoricalDistribution:
    return CategoricalDistribution(choices)


RATE = _log(0.005, 0.5)
ROUNDS = _log_int(20, 1000)
PENALTY = _log(1e-3, 1e3)
LEAVES = _log_int(4, 512)
ROWS_IN_LEAF = _log_int(2, 129)


def _boosted_network(estimator: Any) -> Space:
    space: Space = {"learning_rate": _log(0.02, 1.0), "subsample": _share(0.4)}
    if estimator.learner is None:  # any other learner has parameters of its own
        space |= {
            "units_per_stage": _log_int(1, 32),
            "activation": _one_of("relu", "tanh"),
            "alpha": PENALTY,
            "max_features": _share(0.1),
        }
    if estimator.linear_start:
        space["linear_alpha"] = PENALTY
    if estimator.early_stopping is False:
        space["n_stages"] = _log_int(20, 500)
    return space


def _xgboost(estimator: Any) -> Space:
    space: Space = {"learning_rate": RATE, "reg_alpha": PENALTY, "reg_lambda": PENALTY}
    if estimator.early_stopping_rounds is None:
        space["n_estimators"] = ROUNDS
    if estimator.booster != "gblinear":
        space |= {
            "max_depth": IntDistribution(1, 12),
            "min_child_weight": _log(1e-3, 128.0),
            "subsample": _share(0.4),
            "colsample_bytree": _share(0.3),
        }
    return space


def _lightgbm(estimator: Any) -> Space:
    space: Space = {
        "num_leaves": LEAVES,
        "min_child_samples": ROWS_IN_LEAF,
        "colsample_bytree": _share(0.3),
        "reg_alpha": PENALTY,
        "reg_lambda": PENALTY,
    }
    if estimator.boosting_type == "rf":  # averages its trees
        return space
    space |= {"learning_rate": RATE, "n_estimators": ROUNDS}
    if estimator.subsample_freq > 0:  # rows are not drawn otherwise
        space["subsample"] = _share(0.4)
    return space


def _histogram_boosting(estimator: Any) -> Space:
    space: Space = {
        "learning_rate": RATE,
        "max_leaf_nodes": LEAVES,
        "min_samples_leaf": ROWS_IN_LEAF,
        "l2_regularization": PENALTY,
        "max_features": _share(0.3),
    }
    if estimator.early_stopping is not True:
        space["max_iter"] = ROUNDS
    return space


def _gradient_boosting(estimator: Any) -> Space:
    space: Space = {
        "learning_rate": RATE,
        "max_depth": IntDistribution(1, 10),
        "min_samples_leaf": _log_int(1, 64),
        "subsample": _share(0.4),
    }
    if estimator.n_iter_no_change is None:
        space["n_estimators"] = ROUNDS
    return space


def _forest(estimator: Any) -> Space:
    space: Space = {
        "max_features": _one_of("sqrt", 0.2, 0.4, 0.6, 0.8, 1.0),
        "min_samples_leaf": _log_int(1, 64),
    }
    if estimator.bootstrap:
        space["max_samples"] = _share(0.3)
    return space


def _support_vectors(estimator: Any) -> Space:
    space: Space = {"C": PENALTY}
    if estimator.kernel in ("rbf", "poly", "sigmoid"):
        space["gamma"] = _log(1e-5, 10.0)  # "scale" is 1 / n_features on standardised columns
    if "epsilon" in estimator.get_params():
        space["epsilon"] = _log(1e-3, 1.0)
    return space


def _perceptron(estimator: Any) -> Space:
    space: Space = {
        "hidden_layer_sizes": _log_int(8, 512),  # of a single layer, which is what a number means
        "activation": _one_of("relu", "tanh"),
        "alpha": _log(1e-6, 10.0),
    }
    if estimator.solver != "lbfgs":
        space["learning_rate_init"] = _log(1e-4, 0.1)
    return space


def _choice(parameter: str, *options: Any) -> Callable[[Any], Space]:
    """A choice between options, for an estimator that has one of them."""

    def space(estimator: Any) -> Space:
        value = getattr(estimator, parameter)
        known = isinstance(value, str) and value in options
        return {parameter: _one_of(*options)} if known else {}

    return space


FOREST_OF_XGBOOST: Space = {
    "max_depth": IntDistribution(1, 16),
    "min_child_weight": _log(1e-3, 128.0),
    "subsample": FloatDistribution(0.3, 0.95),
    "colsample_bynode": FloatDistribution(0.1, 1.0),
    "reg_lambda": _log(1e-5, 1e3),
}
TREE: Space = {"max_depth": IntDistribution(1, 32), "min_samples_leaf": _log_int(1, 64)}
NEIGHBOURS: Space = {
    "n_neighbors": _log_int(1, 64),
    "weights": _one_of("uniform", "distance"),
    "p": IntDistribution(1, 2),
}
STEPS: Space = {"n_estimators": _log_int(20, 500), "learning_rate": _log(0.01, 2.0)}
DRAWS: Space = {"max_samples": _share(0.3), "max_features": _share(0.3)}
WEAK_PENALTY = _log(
    1e-5, 100.0
)  # of losses that are means over rows, which scikit-learn's L1 is added to

RANGES: dict[str, Space | Callable[[Any], Space]] = {
    "skboost.BaseBoostedNetwork": _boosted_network,
    "skboost.CalibratedClassifier": _choice(
        "method", "structured", "temperature", "sigmoid", "beta", "isotonic", "venn_abers"
    ),
    "skboost.ConformalClassifier": _choice(
        "nonconformity", "lac", "aps", "raps", "saps", "margin", "topk"
    ),
    "skboost.ConformalRegressor": _choice("nonconformity", "absolute", "signed"),
    "skboost.ConformalQuantileRegressor": {"symmetric": _one_of(True, False)},
    "skboost.AdaptiveConformalRegressor": {"gamma": _log(5e-4, 0.5)},
    "xgboost.XGBModel": _xgboost,
    "xgboost.XGBRFClassifier": FOREST_OF_XGBOOST,
    "xgboost.XGBRFRegressor": FOREST_OF_XGBOOST,
    "lightgbm.LGBMModel": _lightgbm,
    "sklearn.HistGradientBoostingClassifier": _histogram_boosting,
    "sklearn.HistGradientBoostingRegressor": _histogram_boosting,
    "sklearn.GradientBoostingClassifier": _gradient_boosting,
    "sklearn.GradientBoostingRegressor": _gradient_boosting,
    "sklearn.RandomForestClassifier": _forest,
    "sklearn.RandomForestRegressor": _forest,
    "sklearn.ExtraTreesClassifier": _forest,
    "sklearn.ExtraTreesRegressor": _forest,
    "sklearn.DecisionTreeClassifier": TREE,
    "sklearn.DecisionTreeRegressor": TREE,
    "sklearn.AdaBoostClassifier": STEPS,
    "sklearn.AdaBoostRegressor": STEPS,
    "sklearn.BaggingClassifier": DRAWS,
    "sklearn.BaggingRegressor": DRAWS,
    "sklearn.LogisticRegression": {"C": _log(1e-4, 1e4)},
    "sklearn.LinearSVC": {"C": _log(1e-4, 1e4)},
    "sklearn.LinearSVR": {"C": _log(1e-4, 1e4)},
    "sklearn.SVC": _support_vectors,
    "sklearn.SVR": _support_vectors,
    "sklearn.Ridge": {"alpha": _log(1e-4, 1e4)},
    "sklearn.RidgeClassifier": {"alpha": _log(1e-4, 1e4)},
    "sklearn.Lasso": {"alpha": WEAK_PENALTY},
    "sklearn.ElasticNet": {"alpha": WEAK_PENALTY, "l1_ratio": FloatDistribution(0.01, 1.0)},
    "sklearn.QuantileRegressor": {"alpha": WEAK_PENALTY},
    "sklearn.SGDClassifier": {"alpha": _log(1e-7, 0.1)},
    "sklearn.SGDRegressor": {"alpha": _log(1e-7, 0.1)},
    "sklearn.KNeighborsClassifier": NEIGHBOURS,
    "sklearn.KNeighborsRegressor": NEIGHBOURS,
    "sklearn.MLPClassifier": _perceptron,
    "sklearn.MLPRegressor": _perceptron,
    "sklearn.GaussianNB": {"var_smoothing": _log(1e-12, 1.0)},
}
