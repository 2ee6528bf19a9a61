"""Parameters that repeat the algorithm of the paper that introduced boosted networks."""

from __future__ import annotations

import copy
from types import SimpleNamespace
from typing import Any

from sklearn.utils import check_random_state

from skboost._validation import Integer, Number, OneOf, check_parameters
from skboost.learners import MLPLearner

KINDS = {
    "classifier": {"loss": "half_log_loss", "step": "diagonal_newton"},
    "regressor": {"loss": "squared_error", "step": "fixed"},
}


def paper_settings(
    kind: str = "classifier",
    *,
    total_units: int = 200,
    units_per_step: int = 1,
    learning_rate: float = 0.1,
    subsample: float = 0.5,
    max_iter: int = 200,
    random_state: Any = None,
) -> dict[str, Any]:
    """Constructor parameters with which our estimators run the algorithm of the GBNN paper [1]_.

    Each step fits scikit-learn's ``MLPRegressor`` with J logistic units by L-BFGS to the pseudo-residuals r of all
    rows, or of a random part of them, and moves along its outputs f:

        F <- F + eta rho f
        squared error:   rho = 1
        two classes:     L = ln(1 + exp(-2 y F)), y = +-1;   rho = sum r f / sum f^2 r (2y - r)
        K > 2 classes:   softmax cross-entropy;              rho = sum_ik f_ik r_ik / sum_ik f_ik^2 p_ik (1 - p_ik)

    There is no linear start, no early stopping, no selection of columns and no guard on the step. The start is the
    mean, half the log-odds, or 0 for more than two classes. It exists for comparisons: the estimators' own defaults are
    faster and more accurate.

    Parameters
    ----------
    kind : {"classifier", "regressor"}, default="classifier"
        Which of the two estimators the parameters are for.
    total_units : int, default=200
        Hidden units of the merged network; a remainder that is not enough for a step is dropped, as by the authors.
    units_per_step : int, default=1
        Units J of a step; the authors search 1 to 4.
    learning_rate : float, default=0.1
        Shrinkage eta. The authors search 0.025, 0.05, 0.1, 0.5 and 1. Their default 1 with J = 1 diverges for many
        classes, and is stopped with a warning here.
    subsample : float, default=0.5
        Share of the rows that a step is fitted to; the authors search 0.25 to 1.
    max_iter : int, default=200
        Most iterations of L-BFGS in a step.
    random_state : int, RandomState instance or None, default=None
        Seed of the drawn rows, and of the starting weights: with a seed, all networks share one ``RandomState`` made of
        it, as in a plain loop of regressors. With None nothing is fixed.

    Returns
    -------
    parameters : dict
        For ``BoostedNetworkClassifier(**parameters)`` or ``BoostedNetworkRegressor(**parameters)``.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    Notes
    -----
    Columns are standardised inside; the authors do that outside. What stays different from their program: drawn rows
    keep the classes' shares, equal rows are merged into one with their weights added, and the start of several outputs
    is the mean of each (theirs is one mean over all). A fit that is continued with ``warm_start=True`` begins again at
    the first starting weights. L-BFGS magnifies rounding errors, so two programs that run the same 200 iterations on
    different processors may end up at different networks of equal quality.

    References
    ----------
    .. [1] S. Emami and G. Martinez-Munoz, "Sequential training of neural networks with gradient boosting", IEEE Access
       11, 2023 (arXiv:1909.12098).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skboost.networks import BoostedNetworkClassifier, paper_settings
    >>> X, y = load_iris(return_X_y=True)
    >>> parameters = paper_settings(total_units=30, units_per_step=3, random_state=0)
    >>> model = BoostedNetworkClassifier(**parameters).fit(X, y)
    >>> model.n_stages_, model.n_units_
    (10, 30)
    """
    check_parameters(
        SimpleNamespace(**locals()),
        {
            "kind": OneOf(*KINDS),
            "total_units": Integer(1),
            "units_per_step": Integer(1, total_units),
            "learning_rate": Number(0),
            "subsample": Number(0, 1, closed="right"),
            "max_iter": Integer(1),
        },
    )
    shared = None
    if random_state is not None:
        shared = copy.deepcopy(check_random_state(random_state))
    return {
        **KINDS[kind],
        "n_stages": total_units // units_per_step,
        "learning_rate": learning_rate,
        "learner": MLPLearner(units_per_step, max_iter=max_iter, random_state=shared),
        "linear_start": False,
        "numeric_scaling": "standard",
        "max_features": 1.0,
        "subsample": subsample,
        "early_stopping": False,
        "random_state": random_state,
    }
