"""Default search spaces: known estimators, defaults inside, every point can be fitted."""

import json
import warnings

import numpy as np
import optuna
import pytest
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    ElasticNet,
    HuberRegressor,
    Lasso,
    LogisticRegression,
    QuantileRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
    SGDRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC, LinearSVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skboost.calibration import CalibratedClassifier, VennAbersRegressor
from skboost.conformal import (
    AdaptiveConformalRegressor,
    ConformalClassifier,
    ConformalQuantileRegressor,
    ConformalRegressor,
)
from skboost.networks import (
    BoostedHeadClassifier,
    BoostedHeadRegressor,
    BoostedNetworkClassifier,
    BoostedNetworkRegressor,
)
from skboost.tuning import default_space, register_space
from skboost.tuning._default_spaces import SPACES

QUICK = {"n_estimators": 3, "n_stages": 2, "n_threads": 1}  # set after the search has set its own
FEW_STAGES = {"n_stages": 2, "early_stopping": False}

ESTIMATORS = [
    BoostedNetworkClassifier(),
    BoostedNetworkRegressor(),
    BoostedNetworkRegressor(early_stopping=False, linear_start=False),
    BoostedNetworkRegressor(learner="linear", early_stopping=False),
    BoostedHeadClassifier(MLPClassifier((4,), max_iter=5), BoostedNetworkClassifier(**FEW_STAGES)),
    BoostedHeadRegressor(StandardScaler(), BoostedNetworkRegressor(**FEW_STAGES)),
    CalibratedClassifier(GaussianNB()),
    CalibratedClassifier(LogisticRegression(), method="isotonic"),
    VennAbersRegressor(Ridge()),
    ConformalClassifier(LogisticRegression()),
    ConformalRegressor(Ridge()),
    ConformalRegressor(Ridge(), method="split", nonconformity="signed"),
    ConformalQuantileRegressor(GradientBoostingRegressor(loss="quantile")),
    AdaptiveConformalRegressor(Ridge()),
    AdaBoostClassifier(),
    AdaBoostRegressor(),
    BaggingClassifier(DecisionTreeClassifier(), n_estimators=3),
    BaggingRegressor(n_estimators=3),
    ExtraTreesClassifier(),
    ExtraTreesRegressor(bootstrap=True),
    GradientBoostingClassifier(),
    GradientBoostingRegressor(n_iter_no_change=3),
    HistGradientBoostingClassifier(),
    HistGradientBoostingRegressor(early_stopping=True),
    RandomForestClassifier(),
    RandomForestRegressor(bootstrap=False),
    DecisionTreeClassifier(),
    DecisionTreeRegressor(),
    ElasticNet(),
    Lasso(),
    LogisticRegression(),
    QuantileRegressor(),
    Ridge(),
    RidgeClassifier(),
    SGDClassifier(),
    SGDRegressor(),
    LinearSVC(),
    LinearSVR(),
    SVC(),
    SVC(kernel="linear"),
    SVR(),
    KNeighborsClassifier(),
    KNeighborsRegressor(),
    MLPClassifier(),
    MLPRegressor(solver="lbfgs"),
    GaussianNB(),
    MultiOutputRegressor(Ridge()),
    TransformedTargetRegressor(Lasso()),
    StackingClassifier([("a", GaussianNB()), ("b", RidgeClassifier())], LogisticRegression()),
    VotingClassifier([("a", GaussianNB()), ("b", DecisionTreeClassifier())]),
    make_pipeline(StandardScaler(), SVC()),
]


def xgboost_estimators():
    xgboost = pytest.importorskip("xgboost")
    return [
        xgboost.XGBClassifier(n_jobs=1),
        xgboost.XGBRegressor(n_jobs=1),
        xgboost.XGBRegressor(n_jobs=1, booster="gblinear"),
        xgboost.XGBClassifier(n_jobs=1, booster="dart"),
        xgboost.XGBRFClassifier(n_jobs=1, n_estimators=3),
        xgboost.XGBRFRegressor(n_jobs=1, n_estimators=3),
        xgboost.XGBRanker(n_jobs=1),
    ]


def lightgbm_estimators():
    lightgbm = pytest.importorskip("lightgbm")
    return [
        lightgbm.LGBMClassifier(n_jobs=1, verbose=-1),
        lightgbm.LGBMRegressor(n_jobs=1, verbose=-1, subsample_freq=1),
        lightgbm.LGBMRegressor(
            n_jobs=1,
            verbose=-1,
            boosting_type="rf",
            subsample=0.8,
            subsample_freq=1,
            n_estimators=3,
        ),
        lightgbm.LGBMRanker(n_jobs=1, verbose=-1),
    ]


def name_of(estimator):
    return " ".join(repr(estimator).split())[:70]


def draws(space, n_points, seed=0):
    """Random points of a space."""
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    return [study.ask(space).params for _ in range(n_points)]


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 6))
    score = X[:, 0] - X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=150)
    return X, score


def with_rounds(estimator, rounds):
    """The estimator with other numbers of rounds, inner estimators included."""
    known = {name: rounds.get(name.rpartition("__")[2]) for name in estimator.get_params()}
    return estimator.set_params(**{name: value for name, value in known.items() if value})


def check_fits(estimator, table, n_points=5):
    X, score = table
    rank = "Ranker" in type(estimator).__name__
    y = (score > 0).astype(int) if rank or is_classifier(estimator) else score
    if isinstance(estimator, MultiOutputRegressor):
        y = np.column_stack([y, -y])
    groups = {"qid": np.repeat(np.arange(15), 10)} if "XGBRanker" in repr(estimator) else {}
    if "LGBMRanker" in repr(estimator):
        groups = {"group": np.full(15, 10)}
    for params in draws(default_space(estimator), n_points):
        model = clone(estimator).set_params(**params)
        assert model.get_params().items() >= params.items()
        model = with_rounds(model, QUICK)
        if "max_iter" in params:
            model.set_params(max_iter=3)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y, **groups)
            model.predict(X)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
def test_every_point_can_be_set_and_fitted(estimator, table):
    check_fits(estimator, table)


def test_every_point_of_xgboost_can_be_set_and_fitted(table):
    for estimator in xgboost_estimators():
        check_fits(estimator, table)


def test_every_point_of_lightgbm_can_be_set_and_fitted(table):
    for estimator in lightgbm_estimators():
        check_fits(estimator, table)


def covers(distribution, value):
    """Whether a range holds a value, or all but zero of what is not below it on a logarithmic scale."""
    is_log = isinstance(distribution, FloatDistribution | IntDistribution) and distribution.log
    if is_log and value == 0:
        return distribution.low <= 1e-3
    return bool(distribution._contains(distribution.to_internal_repr(value)))


# what stands for something else, and the value that it stands for
MEANINGS = {
    "gamma": 1 / 6,  # "scale", on six standardised columns
    "max_samples": 1.0,  # None: as many as there are rows
    "hidden_layer_sizes": 100,  # (100,)
    "max_depth": 32,  # None: no limit
}


def assert_defaults_inside(estimator, meanings=MEANINGS):
    for name, distribution in default_space(estimator).items():
        value = estimator.get_params()[name]
        last = name.rpartition("__")[2]
        if not isinstance(value, int | float | bool) and last in meanings:
            value = meanings[last]
        assert covers(distribution, value), f"{name}={value!r} is not in {distribution}"


@pytest.mark.parametrize(
    "estimator",
    [e for e in ESTIMATORS if not isinstance(e, BoostedHeadClassifier | BoostedHeadRegressor)],
    ids=name_of,
)
def test_the_default_of_every_parameter_is_inside(estimator):
    assert_defaults_inside(with_rounds(clone(estimator), {"n_estimators": 100, "n_stages": 200}))


def test_the_defaults_of_lightgbm_are_inside():
    for estimator in lightgbm_estimators():
        assert_defaults_inside(estimator.set_params(n_estimators=100))


@pytest.mark.parametrize("booster", ["gbtree", "gblinear"])
def test_what_xgboost_takes_for_none_is_inside(booster, table):
    xgboost = pytest.importorskip("xgboost")
    X, y = table
    estimator = xgboost.XGBRegressor(booster=booster)
    model = clone(estimator).set_params(n_estimators=1, n_jobs=1).fit(X, y)
    learner = json.loads(model.get_booster().save_config())["learner"]
    found = {"n_estimators": 100}
    pending = [learner]
    while pending:  # parameters are strings, somewhere in a tree of dicts
        part = pending.pop()
        found |= {name: value for name, value in part.items() if isinstance(value, str)}
        pending += [value for value in part.values() if isinstance(value, dict)]
    space = default_space(estimator)
    for name, distribution in space.items():
        assert covers(distribution, float(found[name])), f"{name}={found[name]}"


def test_an_estimator_inside_another_keeps_its_space_under_its_name():
    model = Pipeline([("scale", StandardScaler()), ("model", ConformalRegressor(Ridge()))])
    space = default_space(model)
    assert list(space) == ["model__nonconformity", "model__estimator__alpha"]
    assert space["model__estimator__alpha"] == default_space(Ridge())["alpha"]
    assert all(isinstance(given, BaseDistribution) for given in space.values())


def test_steps_that_are_left_out_and_empty_places_are_no_obstacle():
    model = Pipeline([("nothing", "passthrough"), ("model", Ridge())])
    assert list(default_space(model)) == ["model__alpha"]
    assert list(default_space(VotingClassifier([("a", "drop"), ("b", GaussianNB())]))) == [
        "b__var_smoothing"
    ]


def test_nothing_is_taken_of_frozen_models_and_of_searches(table):
    X, y = table
    frozen = FrozenEstimator(Ridge().fit(X, y))
    space = default_space(ConformalRegressor(frozen, method="split"))
    assert list(space) == ["nonconformity"]
    search = GridSearchCV(Ridge(), {"alpha": [1, 2]})
    assert list(default_space(ConformalRegressor(search))) == ["nonconformity"]
    with pytest.raises(ValueError, match="GridSearchCV has no default space"):
        default_space(search)


def test_a_setting_that_makes_a_parameter_idle_takes_it_out():
    assert "n_stages" not in default_space(BoostedNetworkRegressor())
    assert "alpha" not in default_space(BoostedNetworkRegressor(learner="linear"))
    assert "gamma" not in default_space(SVC(kernel="linear"))
    assert "max_samples" not in default_space(ExtraTreesClassifier())
    assert "max_iter" not in default_space(HistGradientBoostingClassifier(early_stopping=True))
    score = ConformalClassifier(LogisticRegression(), nonconformity=object())
    assert list(default_space(score)) == ["estimator__C"]


class Unknown(ClassifierMixin, BaseEstimator):
    def __init__(self, width=1.0, kind=None):
        self.width = width
        self.kind = kind


def test_an_unknown_estimator_is_an_error_that_tells_the_way_out():
    with pytest.raises(ValueError, match=r"Unknown has no default space.*'log'.*register_space"):
        default_space(make_pipeline(StandardScaler(), Unknown()).steps[-1][1])
    with pytest.raises(ValueError, match="Known are .*XGBModel"):
        default_space(Unknown())
    with pytest.raises(ValueError, match="int has no default space"):
        default_space(3)


@pytest.fixture
def registry():
    before = dict(SPACES)
    yield
    SPACES.clear()
    SPACES.update(before)


@pytest.mark.usefixtures("registry")
def test_a_class_is_made_known_in_one_line_and_its_children_too():
    register_space(Unknown, {"width": (0.1, 10, "log"), "kind": [None, ("a", 1)]})

    class Child(Unknown):
        pass

    for estimator in (Unknown(), Child()):
        space = default_space(estimator)
        assert space["width"] == FloatDistribution(0.1, 10, log=True)
        assert space["kind"] == [None, ("a", 1)]


@pytest.mark.usefixtures("registry")
def test_the_space_of_a_known_class_can_be_replaced_by_name():
    register_space("sklearn.Ridge", lambda ridge: {"alpha": (ridge.alpha / 10, ridge.alpha * 10)})
    assert default_space(Ridge(alpha=2.0)) == {"alpha": (0.2, 20.0)}
    SPACES.pop("sklearn.HuberRegressor", None)  # an example may have made it known
    with pytest.raises(ValueError, match="HuberRegressor has no"):
        default_space(HuberRegressor())


@pytest.mark.parametrize("name", ["Ridge", 3])
def test_a_name_without_a_package_is_refused(name):
    with pytest.raises(ValueError, match="after that of its package"):
        register_space(name, {"alpha": (1, 2)})


@pytest.mark.parametrize("space", [{}, None, [1]])
def test_what_is_no_space_is_refused_when_it_is_registered(space):
    with pytest.raises(ValueError, match=r"is no space for a\.B"):
        register_space("a.B", space)
    with pytest.raises(ValueError, match="alpha"):
        register_space("a.B", {"alpha": 3})
