"""What scikit-learn asks of estimators, for every public estimator in several configurations."""

import os
import subprocess
import sys

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_dataframe_column_names_consistency,
    check_estimator_cloneable,
    check_estimator_repr,
    check_f_contiguous_array_estimator,
    check_fit_check_is_fitted,
    check_fit_score_takes_y,
    check_n_features_in,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_readonly_memmap_input,
    check_requires_y_none,
    check_sample_weights_list,
    check_sample_weights_not_an_array,
    check_sample_weights_pandas_series,
    estimator_checks_generator,
)
from sklearn.utils.validation import has_fit_parameter

from skboost import calibration, conformal, networks, tuning
from skboost.calibration import (
    CALIBRATORS,
    CalibratedClassifier,
    Calibrator,
    VennAbersRegressionScaler,
    VennAbersRegressor,
    VennAbersScaler,
)
from skboost.conformal import (
    AdaptiveConformalRegressor,
    ConformalClassifier,
    ConformalQuantileRegressor,
    ConformalRegressor,
    ConformalRiskControl,
)
from skboost.learners import LinearLearner
from skboost.losses import Huber
from skboost.networks import (
    BoostedHeadClassifier,
    BoostedHeadRegressor,
    BoostedNetworkClassifier,
    BoostedNetworkRegressor,
)
from skboost.tuning import OptunaSearchCV

PLAIN = {"n_stages": 3, "n_threads": 1, "random_state": 0}
QUICK = PLAIN | {"units_per_stage": 4}

ESTIMATORS = [
    BoostedNetworkClassifier(**QUICK),
    BoostedNetworkClassifier(**QUICK, linear_start=False, max_features=1.0),
    BoostedNetworkClassifier(**QUICK, early_stopping=True, n_iter_no_change=1),
    BoostedNetworkClassifier(**QUICK, subsample=0.5, step="line_search"),
    BoostedNetworkClassifier(**QUICK, loss="half_log_loss", activation="logistic"),
    BoostedNetworkClassifier(**QUICK, residuals="newton", activation="relu", dtype="float32"),
    BoostedNetworkRegressor(**QUICK),
    BoostedNetworkRegressor(**QUICK, linear_start=False, max_features=1.0),
    BoostedNetworkRegressor(**QUICK, early_stopping=True, n_iter_no_change=1),
    BoostedNetworkRegressor(**QUICK, subsample=0.5, step="fixed", learning_rate=0.5),
    BoostedNetworkRegressor(**QUICK, loss="absolute_error"),
    BoostedNetworkRegressor(**QUICK, loss="quantile", residuals="newton"),
    BoostedNetworkRegressor(**QUICK, loss=Huber(delta=0.5), activation="relu"),
    BoostedNetworkRegressor(**PLAIN, learner="linear", linear_start=False, learning_rate=1.0),
    BoostedNetworkRegressor(**PLAIN, learner=LinearLearner(alpha=0.1), dtype="float64"),
]

# Boosted networks as the last layers of something: estimators around an estimator.
HEADS = [
    BoostedHeadClassifier(StandardScaler(), BoostedNetworkClassifier(**QUICK)),
    BoostedHeadClassifier(
        MLPClassifier((5,), activation="tanh", solver="lbfgs", tol=0.1, random_state=0),
        BoostedNetworkClassifier(**QUICK),
    ),
    BoostedHeadRegressor(StandardScaler(), BoostedNetworkRegressor(**QUICK)),
    BoostedHeadRegressor(np.asarray, BoostedNetworkRegressor(**QUICK)),
]

# Calibrated models, with every calibrator there is.
CALIBRATED = [
    *(CalibratedClassifier(GaussianNB(), method, cv=3) for method in CALIBRATORS.aliases()),
    *(
        CalibratedClassifier(LogisticRegression(), method, cv=3, ensemble=True)
        for method in CALIBRATORS.aliases()
        if method != "venn_abers"
    ),
    # A step function of scores tells a row of the calibration from itself if its score is summed in another order;
    # rounding does not.
    CalibratedClassifier(
        LogisticRegression(tol=1e-8), VennAbersScaler(precision=5), cv=3, ensemble=True
    ),
    VennAbersRegressor(Ridge(), cv=3),
    VennAbersRegressor(Ridge(), cv=3, ensemble=True),
]

# Intervals and sets, by each method.
CONFORMAL = [
    *(
        ConformalRegressor(Ridge(), method=method, cv=3, random_state=0)
        for method in ("plus", "minmax", "base")
    ),
    ConformalRegressor(Ridge(), method="split", cv=0.5, random_state=0),
    ConformalClassifier(LogisticRegression(), method="split", cv=0.5, random_state=0),
    ConformalClassifier(GaussianNB(), method="cross", cv=3, nonconformity="aps", random_state=0),
    ConformalClassifier(GaussianNB(), nonconformity="raps", class_conditional=True, random_state=0),
    AdaptiveConformalRegressor(Ridge(), cv=3),
    ConformalQuantileRegressor(QuantileRegressor(alpha=0.0), random_state=0),
]

# Searches. Errors of fits come out as they are, so that checks can tell which they were.
SMALL = {"n_trials": 2, "cv": 2, "error_score": "raise", "random_state": 0}
SEARCHES = [
    OptunaSearchCV(LogisticRegression(), {"C": (0.1, 1.0, "log")}, **SMALL),
    OptunaSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, **SMALL, pruner="median", sampler="tabu"),
]

ALL = ESTIMATORS + HEADS + CALIBRATED + CONFORMAL + SEARCHES

# Public checks that scikit-learn's battery leaves out or runs only for some estimators.
FURTHER_CHECKS = [
    check_dataframe_column_names_consistency,
    check_estimator_cloneable,
    check_estimator_repr,
    check_f_contiguous_array_estimator,
    check_fit_check_is_fitted,
    check_fit_score_takes_y,
    check_n_features_in,
    check_no_attributes_set_in_init,
    check_parameters_default_constructible,
    check_readonly_memmap_input,
    check_requires_y_none,
    check_sample_weights_list,
    check_sample_weights_not_an_array,
    check_sample_weights_pandas_series,
]


def checks():
    """Every estimator with each of its checks, under a short name."""
    for number, estimator in enumerate(ALL):
        for fresh, check in estimator_checks_generator(estimator):
            name = f"{type(estimator).__name__}-{number}-{check.func.__name__}"
            yield pytest.param(fresh, check, id=name)


# with the random labels of these checks a calibration curve may well fall
@pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")
@pytest.mark.parametrize(("estimator", "check"), list(checks()))
def test_scikit_learn_checks(estimator, check):
    if check.func.__name__ == "check_array_api_input":
        pytest.skip("runs in a process of its own, below")
    check(estimator)


ARRAY_API = """
from sklearn.utils.estimator_checks import estimator_checks_generator
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor
for kind in (BoostedNetworkClassifier, BoostedNetworkRegressor):
    for estimator, check in estimator_checks_generator(kind(n_stages=2, n_threads=1)):
        if check.func.__name__ == "check_array_api_input":
            check(estimator)
"""


def test_arrays_of_the_array_api():
    """SciPy looks at the switch when it is imported."""
    environment = os.environ | {"SCIPY_ARRAY_API": "1"}
    subprocess.run([sys.executable, "-W", "error", "-c", ARRAY_API], env=environment, check=True)


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_the_battery_is_complete(estimator):
    """A green battery does not say how many checks ran. None of them is expected to fail."""
    executed = [check.func.__name__ for _, check in estimator_checks_generator(estimator)]
    assert len(executed) >= 55
    # a search cuts rows into folds: a row of weight 2 is in one of them, its two copies may be in two
    if not isinstance(estimator, OptunaSearchCV):
        assert "check_sample_weight_equivalence_on_dense_data" in executed


@pytest.mark.parametrize("check", FURTHER_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")
@pytest.mark.parametrize("estimator", ESTIMATORS[::3] + HEADS + CALIBRATED, ids=str)
def test_further_checks(estimator, check):
    check(type(estimator).__name__, clone(estimator))


def test_every_public_estimator_is_here():
    topics = (networks, calibration, conformal, tuning)
    public = [getattr(topic, name) for topic in topics for name in topic.__all__]
    estimators = {kind for kind in public if isinstance(kind, type) and hasattr(kind, "fit")}
    # those that take scores, predictions or losses have cases of their own
    on_scores = (Calibrator, VennAbersRegressionScaler, ConformalRiskControl)
    of_tables = {kind for kind in estimators if not issubclass(kind, on_scores)}
    assert of_tables == {type(estimator) for estimator in ALL}


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=str)
def test_weights_are_routed(estimator):
    assert has_fit_parameter(estimator, "sample_weight")
    with config_context(enable_metadata_routing=True):
        model = clone(estimator).set_fit_request(sample_weight=True, X_val=True, y_val=True)
        model.set_score_request(sample_weight=True)
        requests = model.get_metadata_routing()
    assert requests.fit.requests["X_val"] is True
    assert requests.score.requests["sample_weight"] is True


@pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")
@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_parameters_are_left_alone_by_fit(estimator):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 4)), rng.integers(0, 2, 60)
    model = clone(estimator)
    before = {name: (id(value), repr(value)) for name, value in model.get_params().items()}
    model.fit(X, y)
    assert {k: (id(v), repr(v)) for k, v in model.get_params().items()} == before
