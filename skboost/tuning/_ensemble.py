"""Boosted trees fitted to bootstrap samples, all in one booster with one output a member."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._optional import import_optional

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32]

TREES = {
    "max_depth": 4,
    "eta": 0.3,
    "colsample_bytree": 0.7,
    "reg_lambda": 0.3,
    "tree_method": "hist",
    "max_bin": 32,  # a hundred trials need no finer cuts, and 256 bins make trees three times as slow
}


@dataclass(frozen=True)
class BoosterEnsemble:
    """Members that were fitted to bootstrap samples of the same rows.

    Attributes
    ----------
    booster : xgboost.Booster
        One output a member.
    centre : ndarray of shape (n_members,)
        What is added to the outputs: the mean target of each bootstrap sample.
    count : ndarray of shape (n_rows, n_members)
        How often each row is in the sample of each member.
    """

    booster: Any
    centre: Floats
    count: npt.NDArray[np.float32]

    def predict(self, features: Features) -> Floats:
        """Predictions of the members, of shape (n, n_members)."""
        margin = self.booster.inplace_predict(features, predict_type="margin")
        predictions: Floats = margin.reshape(len(features), -1).astype(np.float64) + self.centre
        return predictions

    def out_of_bag(self, features: Features) -> Floats:
        """Mean prediction for each row of the fit by the members that have not seen it; NaN if all have."""
        unseen = self.count == 0
        number = unseen.sum(axis=1)
        total = np.where(unseen, self.predict(features), 0.0).sum(axis=1)
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def fit_ensemble(
    features: Features, target: Floats, *, n_members: int, n_rounds: int, seed: list[int]
) -> BoosterEnsemble:
    """Fit boosted trees to ``n_members`` bootstrap samples by squared error.

    The members are outputs of one booster. Row i has the gradient ``c_ik (f_k(x_i) - y_i)`` and the second derivative
    ``c_ik`` in output k, where ``c_ik`` is how often the row was drawn for member k. That is the same as K separate
    fits, for half of the time: data are passed once.

    Parameters
    ----------
    features : ndarray of shape (n_rows, n_features), float32
        NaN where missing.
    target : ndarray of shape (n_rows,)
    n_members, n_rounds : int
    seed : list of int
        Key of the random numbers: samples of rows and of columns.

    Returns
    -------
    ensemble : BoosterEnsemble
    """
    xgboost = import_optional("xgboost", extra="tuning", purpose="CostModelSampler")
    random = np.random.default_rng(seed)
    n = len(target)
    count = np.ascontiguousarray(
        random.multinomial(n, np.full(n, 1.0 / n), size=n_members).T, dtype=np.float32
    )
    centre = (count * target[:, None]).sum(axis=0) / n  # each column of count adds up to n
    residual = (target[:, None] - centre).astype(np.float32)

    def derivatives(margin: Any, _: Any) -> tuple[Any, Any]:
        return np.ascontiguousarray(count * (margin.reshape(n, -1) - residual)), count

    parameters = {
        **TREES,
        "num_target": n_members,
        "base_score": 0.0,
        "seed": int(random.integers(2**31)),
        "nthread": 1,
        "verbosity": 0,
    }
    data = xgboost.DMatrix(features, label=residual, nthread=1)
    booster = xgboost.train(parameters, data, n_rounds, obj=derivatives)
    return BoosterEnsemble(booster, centre, count)
