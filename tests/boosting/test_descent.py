"""The training loss falls, on easy data and on hard data."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import r2_score

from skboost.boosting import FixedStep
from skboost.learners import Learner, NetworkLearner
from skboost.losses import LOSSES, Quantile
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

FAST = {"n_stages": 8, "units_per_stage": 3, "n_threads": 1, "random_state": 0}
REGRESSION = [alias for alias, loss in LOSSES.items() if loss.kind == "regression"]
CLASSIFICATION = [alias for alias, loss in LOSSES.items() if loss.kind == "classification"]


@pytest.fixture
def positive():
    """Skewed positive targets of a few inputs."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (150, 5))
    return X, rng.gamma(2.0, np.exp(np.sin(3 * X[:, 0]) + X[:, 1]) / 2)


def assert_falls(model):
    loss = model.train_loss_
    assert np.isfinite(loss).all()
    assert (np.diff(loss) <= 1e-10 * (1 + np.abs(loss[:-1]))).all()
    assert loss[-1] < loss[0]


@pytest.mark.parametrize("residuals", ["gradient", "newton"])
@pytest.mark.parametrize("step", ["newton", "line_search"])
@pytest.mark.parametrize("loss", REGRESSION)
@pytest.mark.parametrize("learning_rate", [1.0, 0.1])
def test_the_training_loss_never_rises_for_numbers(positive, loss, step, residuals, learning_rate):
    X, y = positive
    for outputs in (y, np.column_stack([y, 100 * y[::-1]])):
        model = BoostedNetworkRegressor(
            loss=loss, step=step, residuals=residuals, learning_rate=learning_rate, **FAST
        )
        assert_falls(model.fit(X, outputs))


@pytest.mark.parametrize("residuals", ["gradient", "newton"])
@pytest.mark.parametrize("step", ["newton", "line_search"])
@pytest.mark.parametrize("loss", CLASSIFICATION)
@pytest.mark.parametrize("n_classes", [2, 5])
def test_the_training_loss_never_rises_for_classes(positive, loss, step, residuals, n_classes):
    X, y = positive
    codes = np.searchsorted(np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]), y)
    for learning_rate in (1.0, 0.1):
        model = BoostedNetworkClassifier(
            loss=loss, step=step, residuals=residuals, learning_rate=learning_rate, **FAST
        )
        assert_falls(model.fit(X, codes))


def test_several_quantile_levels_fall_together(positive):
    X, y = positive
    assert_falls(BoostedNetworkRegressor(loss=Quantile([0.1, 0.5, 0.9]), **FAST).fit(X, y))


@pytest.mark.parametrize("step", ["newton", "line_search"])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_perfectly_separable_classes(step, early_stopping):
    X = np.linspace(-1, 1, 80)[:, None]
    for y in (X[:, 0] > 0, np.digitize(X[:, 0], [-0.5, 0.1, 0.6])):
        model = BoostedNetworkClassifier(
            n_stages=40,
            learning_rate=1.0,
            step=step,
            early_stopping=early_stopping,
            linear_start=False,
            alpha=1e-3,
            random_state=0,
            n_threads=1,
        )
        assert_falls(model.fit(X, y))
        assert model.score(X, y) >= 0.98
        assert np.isfinite(model.predict_log_proba(X)).all()


@pytest.mark.parametrize("loss", REGRESSION)
def test_a_constant_target_is_predicted_as_it_is(loss):
    X = np.random.default_rng(0).normal(size=(60, 3))
    for constant in (1.0, 1e-3, 1e5):
        model = BoostedNetworkRegressor(loss=loss, **FAST).fit(X, np.full(60, constant))
        assert_allclose(model.predict(X), constant, rtol=1e-6)
        assert np.isfinite(model.train_loss_).all()


@pytest.mark.parametrize("loss", ["poisson", "tweedie"])
def test_counts_that_are_all_zero(loss):
    X = np.random.default_rng(0).normal(size=(60, 3))
    model = BoostedNetworkRegressor(loss=loss, **FAST).fit(X, np.zeros(60))
    assert np.isfinite(model.predict(X)).all()
    assert model.predict(X).max() < 1e-3


def test_residuals_that_are_zero_from_the_start_on():
    X = np.random.default_rng(0).normal(size=(60, 3))
    for y in (2 * X[:, 0] - 1, np.column_stack([X[:, 0], np.ones(60)])):
        model = BoostedNetworkRegressor(linear_alpha=0.0, **FAST).fit(X, y)
        assert_allclose(model.predict(X), y, atol=1e-6)


@pytest.mark.parametrize("n_folds", [1, 5])
def test_a_class_with_a_single_row(n_folds):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 4))
    y = rng.integers(0, 3, 100)
    y[17] = 3
    for subsample in (1.0, 0.3):
        model = BoostedNetworkClassifier(**FAST, n_folds=n_folds, subsample=subsample).fit(X, y)
        assert model.classes_.tolist() == [0, 1, 2, 3]
        assert np.isfinite(model.predict_proba(X)).all()
        assert np.isfinite(model.train_loss_).all()


def test_all_labels_of_a_subsample_may_be_equal():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    y = np.zeros(40, dtype=int)
    y[0] = 1
    model = BoostedNetworkClassifier(**FAST, subsample=0.1, early_stopping=False).fit(X, y)
    assert np.isfinite(model.predict_proba(X)).all()


def test_columns_of_wild_values():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 5)) * np.array([1e-30, 1.0, 1e30, 1e300, 0.0])
    X[3, 1] = 1e250
    y = rng.normal(size=100)
    assert_falls(BoostedNetworkRegressor(**FAST, early_stopping=False).fit(X, y))


@pytest.mark.parametrize("residuals", ["gradient", "newton"])
def test_a_penalty_that_outweighs_the_data_leaves_the_constant(diabetes, residuals):
    """Steps must not blow up the rounding errors that are left of a unit."""
    X, y = diabetes
    settings = FAST | {"linear_start": False, "early_stopping": False, "residuals": residuals}
    light = np.full(len(y), 1e-12)
    for loss in ("squared_error", "poisson", "absolute_error"):
        model = BoostedNetworkRegressor(alpha=1e8, loss=loss, **settings).fit(X, y, light)
        start = model.predict(X, n_stages=0)
        assert_allclose(model.predict(X), start, rtol=1e-6)
        staged = list(model.staged_predict(X))
        assert_allclose(model.predict(X), staged[-1], rtol=1e-10)


@pytest.mark.parametrize("unit", [2.0**-26, 2.0**26])  # exact: no rounding is blown up
@pytest.mark.parametrize("settings", [{}, {"loss": "absolute_error"}, {"linear_start": False}])
def test_the_unit_of_the_target_does_not_matter(diabetes, unit, settings):
    X, y = diabetes
    one = BoostedNetworkRegressor(**FAST, **settings).fit(X, y)
    other = BoostedNetworkRegressor(**FAST, **settings).fit(X, unit * y)
    assert one.n_stages_ == other.n_stages_
    assert_allclose(unit * one.predict(X), other.predict(X), rtol=1e-5)


def test_outputs_of_different_units_are_learnt_alike():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (400, 4))
    y = np.column_stack([np.sin(4 * X[:, 0]) + X[:, 1] ** 2, np.cos(3 * X[:, 2]) * X[:, 3]])
    settings = FAST | {"n_stages": 40, "units_per_stage": 6, "early_stopping": False}
    unit = np.array([2.0**-17, 2.0**20])
    for linear_start, tolerance in ((False, 1e-9), (True, 0.2)):
        model = BoostedNetworkRegressor(**settings, linear_start=linear_start)
        plain = model.fit(X[:300], y[:300]).predict(X)
        scaled = model.fit(X[:300], y[:300] * unit).predict(X) / unit
        assert_allclose(scaled, plain, atol=tolerance)
        assert r2_score(y[300:], scaled[300:], multioutput="raw_values").min() > 0.85


def test_a_small_curvature_does_not_drown_newton_residuals_in_the_penalty(diabetes):
    """Huber's curvature is delta / |residual| and tiny for a small delta."""
    X, y = diabetes
    settings = FAST | {"linear_start": False, "early_stopping": False, "loss": "huber"}
    gradient = BoostedNetworkRegressor(**settings).fit(X, y)
    newton = BoostedNetworkRegressor(**settings, residuals="newton").fit(X, y)
    fall = [m.train_loss_[0] - m.train_loss_[-1] for m in (gradient, newton)]
    assert fall[1] > 0.7 * fall[0]


@pytest.mark.parametrize("loss", ["absolute_error", "quantile", "huber", Quantile([0.1, 0.9])])
def test_a_linear_start_never_makes_things_worse(loss):
    """It is fitted to a rounded loss, whose best line may be worse than the constant."""
    rng = np.random.default_rng(0)
    for seed in range(20):
        n = int(rng.integers(2, 70))
        X, y = rng.normal(size=(n, 3)), rng.standard_t(1, n) * (rng.random(n) < 0.3)
        model = BoostedNetworkRegressor(
            n_stages=0, loss=loss, linear_alpha=float(seed % 2), early_stopping=False, n_threads=1
        ).fit(X, y)
        assert model.train_loss_[1] <= model.train_loss_[0]


def test_tiny_folds_and_subsamples():
    """Held-out rows of a fold may happen to be the last ones."""
    for seed in range(40):
        rng = np.random.default_rng(seed)
        X, y = rng.normal(size=(5, 3)), np.array([0, 1, 0, 1, 1])
        for subsample in (0.05, 0.5):
            settings = FAST | {"random_state": seed, "subsample": subsample, "n_folds": 2}
            model = BoostedNetworkClassifier(**settings, linear_start=False).fit(X, y)
            assert np.isfinite(model.predict_proba(X)).all()


# -- learners of the user's own


class Stump(Learner):
    """The best split of one column; knows one output and weights."""

    supports = frozenset({"weights"})

    def fit(self, rows, target, weight, rng, *, columns=None, n_threads=1):
        table, t = rows.to_dense(), target[:, 0]
        assert columns is None
        best = (-np.inf, 0, 0.0, 0.0, 0.0)
        for column in range(table.shape[1]):
            for cut in np.quantile(table[:, column], np.linspace(0.1, 0.9, 9)):
                left = table[:, column] <= cut
                if not (weight[left].sum() > 0 and weight[~left].sum() > 0):
                    continue
                below = np.average(t[left], weights=weight[left])
                above = np.average(t[~left], weights=weight[~left])
                gain = weight[left].sum() * below**2 + weight[~left].sum() * above**2
                best = max(best, (gain, column, cut, below, above))
        return Split(*best[1:])


class Split:
    def __init__(self, column, cut, below, above):
        self.column, self.cut, self.below, self.above = column, cut, below, above

    def predict(self, rows, *, n_threads=1):
        left = rows.to_dense()[:, self.column] <= self.cut
        return np.where(left, self.below, self.above)[:, None]


class Blind(Stump):
    """A learner that does not look at weights."""

    supports = frozenset()


OWN = {"learner": Stump(), "max_features": 1.0, "linear_start": False}


def test_a_learner_of_the_users_own_is_boosted(diabetes):
    X, y = diabetes
    model = BoostedNetworkRegressor(n_stages=30, **OWN).fit(X, y)
    assert model.score(X, y) > 0.5
    staged = list(model.staged_predict(X))
    for t in (0, 7, model.n_stages_):
        assert_allclose(model.predict(X, n_stages=t), staged[t], rtol=1e-12)
    assert_array_equal(model.truncate(7).predict(X), model.predict(X, n_stages=7))
    for merged in (lambda: model.to_network(), lambda: model.n_units_):
        with pytest.raises(AttributeError, match=r"learner=Stump\(\).*not networks"):
            merged()


def test_a_learner_of_the_users_own_for_two_classes(breast_cancer):
    X, y = breast_cancer
    model = BoostedNetworkClassifier(n_stages=20, **OWN, n_folds=2).fit(X[:400], y[:400])
    assert model.score(X[400:], y[400:]) > 0.9


def test_what_a_learner_cannot_do_is_refused(diabetes):
    X, y = diabetes
    two = np.column_stack([y, y])
    cases = [
        (OWN, two, "one output.*2"),
        (OWN | {"max_features": 0.5}, y, "max_features"),
        ({"learner": "mlp", "residuals": "newton"}, two, "residuals='newton'"),
        ({"learner": Blind(), "max_features": 1.0, "residuals": "newton"}, y, "takes no weights"),
    ]
    for settings, target, words in cases:
        with pytest.raises(ValueError, match=rf"^learner=.*{words}"):
            BoostedNetworkRegressor(**settings).fit(X, target)
    BoostedNetworkRegressor(**OWN, residuals="newton", n_stages=2).fit(X, y)


def test_a_learner_without_weights_takes_equal_ones_only(diabetes):
    X, y = diabetes
    settings = OWN | {"learner": Blind(), "early_stopping": False}
    model = BoostedNetworkRegressor(**settings, n_stages=3)
    model.fit(X, y)
    model.fit(X, y, np.full(len(y), 2.0))
    twice = np.resize(np.arange(len(y)), 600)
    model.fit(X[twice], y[twice])  # copies are not merged into one row of weight 2
    with pytest.raises(
        ValueError, match=r"learner=Blind\(\) takes no weights.*early_stopping=False"
    ):
        model.fit(X, y, np.arange(len(y)))


def test_an_instance_of_a_learner_is_set_up_by_itself(diabetes):
    X, y = diabetes
    plain = BoostedNetworkRegressor(**FAST, alpha=3.0, lbfgs_iter=10).fit(X, y)
    learner = NetworkLearner(3, activation=plain.activation, alpha=3.0, max_iter=10)
    settings = {k: v for k, v in FAST.items() if k != "units_per_stage"}
    own = BoostedNetworkRegressor(**settings, learner=learner).fit(X, y)
    assert_array_equal(plain.predict(X), own.predict(X))


def test_a_step_of_the_users_own_is_taken(diabetes):
    class Half(FixedStep):
        def length(self, objective, raw, value, gradient, direction):
            return np.full(objective.n_raw, 0.5)

    X, y = diabetes
    model = BoostedNetworkRegressor(**FAST, step=Half(), learning_rate=0.5).fit(X, y)
    assert all((stage[0].step == 0.25).all() for stage in model.model_.stages[1:])
