"""The settings of the GBNN paper, against a plain loop written from its formulas."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor

from skboost._ext.packed import PackedRows
from skboost.boosting._sample import Sample
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor, paper_settings

pytestmark = pytest.mark.filterwarnings("ignore:lbfgs failed to converge")


class Squared:
    """L = (y - F)^2 / 2."""

    def target(self, y):
        return y

    def start(self, y):
        return y.mean()

    def residual(self, y, F):
        return y - F

    def step(self, y, F, f):
        return 1.0


class Binary:
    """L = ln(1 + exp(-2 y F)), y = +-1."""

    def target(self, y):
        return 2.0 * y - 1.0

    def start(self, y):
        return 0.5 * np.log((1 + y.mean()) / (1 - y.mean()))

    def residual(self, y, F):
        return 2 * y / (1 + np.exp(2 * y * F))

    def step(self, y, F, f):
        r = self.residual(y, F)
        return np.sum(r * f) / np.sum(f**2 * r * (2 * y - r))


class Softmax:
    """Cross-entropy of softmax(F)."""

    def target(self, y):
        return np.eye(3)[y]

    def start(self, y):
        return np.zeros(3)

    def residual(self, y, F):
        return y - softmax(F, axis=1)

    def step(self, y, F, f):
        p = softmax(F, axis=1)
        return np.sum(f * (y - p)) / np.sum(f**2 * p * (1 - p))


def plain_loop(X, y, loss, n_steps, n_units, learning_rate, max_iter, seed):
    """Raw scores after 0, 1, ... steps of the published algorithm with all rows in every step."""
    random, target = np.random.RandomState(seed), loss.target(y)
    F = np.zeros(target.shape) + loss.start(target)
    yield F
    for _ in range(n_steps):
        network = MLPRegressor(
            hidden_layer_sizes=(n_units,),
            activation="logistic",
            solver="lbfgs",
            max_iter=max_iter,
            n_iter_no_change=max_iter,
            tol=0.0,
            random_state=random,
        )
        f = network.fit(X, loss.residual(target, F)).predict(X)
        F = F + learning_rate * loss.step(target, F, f) * f
        yield F


def training_rows(model, X, y):
    """Encoded columns and targets in the order in which a fit to few rows sees them."""
    sample = Sample(model.encoder_.pack(X, dtype="float32"), y, np.ones(len(y))).without_copies()
    assert len(sample.y) == len(y), "equal rows would be merged"
    return sample.rows.to_dense().astype(np.float64), sample.y


TASKS = {
    "binary": ("classifier", Binary),
    "three classes": ("classifier", Softmax),
    "regression": ("regressor", Squared),
}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("n_units", [1, 3])
@pytest.mark.parametrize("learning_rate", [0.1, 1.0])
# L-BFGS magnifies rounding errors with every iteration, and a step hands them on to the next one: with the published
# 200 iterations two loops that differ in the last bit part ways after a step or two. With few iterations they agree.
@pytest.mark.parametrize(("n_steps", "max_iter"), [(12, 5), (2, 15)])
def test_the_published_algorithm_step_for_step(task, n_units, learning_rate, n_steps, max_iter):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(150, 5))
    wave = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2]
    kind, loss = TASKS[task]
    count = {"binary": 2, "three classes": 3}.get(task)
    y = wave if count is None else np.argsort(np.argsort(wave)) * count // len(wave)
    parameters = paper_settings(
        kind,
        total_units=n_steps * n_units,
        units_per_step=n_units,
        learning_rate=learning_rate,
        subsample=1.0,
        max_iter=max_iter,
        random_state=7,
    )
    estimator = BoostedNetworkRegressor if count is None else BoostedNetworkClassifier
    model = estimator(**parameters).fit(X, y)
    rows, target = training_rows(model, X, y)
    ours = model.model_.staged_raw(PackedRows.from_dense(rows, dtype=np.float64))
    theirs = plain_loop(rows, target, loss(), n_steps, n_units, learning_rate, max_iter, seed=7)
    for raw, F in zip(ours, theirs, strict=True):
        assert_allclose(raw.reshape(F.shape), F, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_the_same_seed_gives_the_same_network(kind, iris):
    X, y = iris
    estimator = BoostedNetworkClassifier if kind == "classifier" else BoostedNetworkRegressor

    def weights(model):
        return model.fit(X, y).to_network().hidden

    def made(seed):
        settings = paper_settings(kind, total_units=4, max_iter=5, random_state=seed)
        return estimator(**settings)

    model = made(3)
    first = weights(model)
    assert_array_equal(weights(model), first)
    assert_array_equal(weights(clone(model)), first)
    assert_array_equal(weights(made(3)), first)
    assert not np.array_equal(weights(made(4)), first)
    assert not np.array_equal(weights(made(None)), weights(made(None)))


def test_a_random_state_is_not_moved():
    random = np.random.RandomState(5)
    paper_settings(random_state=random)
    assert random.randint(1000) == np.random.RandomState(5).randint(1000)


def test_units_are_counted_as_in_the_paper(iris):
    parameters = paper_settings(total_units=11, units_per_step=3, max_iter=3, random_state=0)
    model = BoostedNetworkClassifier(**parameters).fit(*iris)
    assert (model.n_stages_, model.n_units_) == (3, 9)
    assert set(model.to_network().activations) == {"logistic"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "clustering"}, "kind='clustering' is not valid"),
        ({"total_units": 0}, "total_units=0 is not valid"),
        ({"total_units": 3, "units_per_step": 4}, "units_per_step=4 is not valid .* from 1 to 3"),
        ({"learning_rate": 0}, "learning_rate=0 is not valid"),
        ({"subsample": 1.5}, "subsample=1.5 is not valid"),
        ({"max_iter": 2.5}, "max_iter=2.5 is not valid"),
    ],
)
def test_settings_out_of_range_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        paper_settings(**settings)


@pytest.mark.parametrize("linear_start", [True, False])
def test_one_unit_a_stage_without_shrinkage_does_not_collapse(linear_start):
    """The authors' default, with their diagonal step, ends in NaN or one class on four of five splits of digits."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    model = BoostedNetworkClassifier(
        n_stages=200,
        units_per_stage=1,
        learning_rate=1.0,
        linear_start=linear_start,
        early_stopping=False,
        random_state=0,
    ).fit(X, y)
    assert np.all(np.diff(model.train_loss_) <= 0)
    assert np.isfinite(model.decision_function(X_test)).all()
    assert model.score(X_test, y_test) >= 0.94
