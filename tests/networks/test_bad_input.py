"""Bad parameters and bad data get a sentence that names what is wrong."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skboost.learners import LinearLearner, MLPLearner, NetworkLearner
from skboost.losses import Huber, LogLoss, Quantile, SquaredError, Tweedie
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor
from skboost.penalties import Covariance

KINDS = [BoostedNetworkClassifier, BoostedNetworkRegressor]
NAN, INF = float("nan"), float("inf")

BAD_VALUES = {
    "n_stages": [-1, 2.0, "10", None, True],
    "units_per_stage": [0, -3, 1.5, "4", None],
    "learning_rate": [0, -0.1, NAN, INF, "fast", None, True],
    "loss": ["nope", None, 3, Huber],
    "penalty": ["nope", 3, ["covariance", "nope"], Covariance],
    "learner": ["nope", 3, NetworkLearner],
    "activation": ["swish", None, 1],
    "alpha": [-1.0, NAN, INF, "strong", None],
    "linear_start": [None, 1, "yes"],
    "linear_alpha": [-1.0, NAN, INF, None],
    "max_features": [0.0, -0.5, 1.5, NAN, "sqrt", None],
    "subsample": [0.0, -0.5, 1.5, NAN, None],
    "step": ["nope", None, 0.5],
    "residuals": ["hessian", None],
    "lbfgs_iter": [0, 2.5, None],
    "adam_steps": [0, 2.5, None],
    "early_stopping": ["yes", None, 1],
    "n_folds": [0, -1, 2.0, "many", None],
    "validation_fraction": [0.0, 1.0, -0.1, 3, NAN, None],
    "n_iter_no_change": [0, -1, 1.5, None],
    "tol": [-1e-3, NAN, INF, None],
    "categorical_features": ["nope", 3, [99], [True]],
    "numeric_scaling": ["minmax", None],
    "handle_unknown": ["warn", None],
    "dtype": ["float16", None, np.float32],
    "warm_start": [None, 1, "yes"],
    "n_threads": [0, 1.5, "all"],
    "random_state": ["seed", -1, 1.5, [[1]]],
    "verbose": [-1, "loud", None, True],
}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 5)), rng.integers(0, 2, 60)


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_of_bad_values_has_every_parameter(kind):
    assert set(BAD_VALUES) == set(kind().get_params(deep=False))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BAD_VALUES)
def test_a_bad_value_is_refused_by_name(kind, name, data):
    for value in BAD_VALUES[name]:
        with pytest.raises(ValueError, match=name) as caught:
            kind(n_stages=2).set_params(**{name: value}).fit(*data)
        sentence = str(caught.value)
        shown = getattr(value, "__name__", str(value))
        if not isinstance(value, list):  # of a list, the item that is wrong is named
            assert shown in sentence, f"{name}={value!r}: {sentence}"
        assert len(sentence) > 40
        assert sentence.endswith(".") or "\n" not in sentence


@pytest.mark.parametrize("kind", KINDS)
def test_a_refused_parameter_leaves_the_old_fit_alone(kind, data):
    X, y = data
    model = kind(n_stages=2, random_state=0).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="learning_rate"):
        model.set_params(learning_rate=-1).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)


@pytest.mark.parametrize(
    ("component", "name"),
    [
        ({"loss": Huber(delta=0.0)}, "delta=0.0"),
        ({"loss": Quantile(1.0)}, "quantile=1.0"),
        ({"loss": Quantile([0.1, 2.0])}, "quantile="),
        ({"loss": Tweedie(power=3)}, "power=3"),
        ({"penalty": Covariance(strength=-1)}, "strength=-1"),
        ({"learner": NetworkLearner(n_units=0)}, "n_units=0"),
        ({"learner": NetworkLearner(activation="x")}, "activation='x'"),
        ({"learner": LinearLearner(alpha=-1)}, "alpha=-1"),
        ({"learner": MLPLearner(activation="x")}, "activation='x'"),
    ],
    ids=str,
)
def test_parameters_of_components_are_checked(component, name, data):
    X, y = data
    features = {"sensitive_features": X[:, 0]} if "penalty" in component else {}
    with pytest.raises(ValueError, match=name):
        BoostedNetworkRegressor(n_stages=2, **component).fit(X, y, **features)


def test_a_loss_of_the_other_kind(data):
    with pytest.raises(ValueError, match=r"loss='log_loss' is a loss for classification.*choose"):
        BoostedNetworkRegressor(loss="log_loss").fit(*data)
    with pytest.raises(ValueError, match=r"SquaredError\(\) is a loss for regression"):
        BoostedNetworkClassifier(loss=SquaredError()).fit(*data)
    with pytest.raises(ValueError, match=r"LogLoss\(\) is a loss for classification"):
        BoostedNetworkRegressor(loss=LogLoss()).fit(*data)


# -- targets


@pytest.mark.parametrize("bad", [NAN, INF, -INF])
@pytest.mark.parametrize("kind", KINDS)
def test_targets_that_are_not_finite(kind, bad, data):
    X, y = data
    y = y.astype(float)
    y[7] = bad
    with pytest.raises(ValueError, match="NaN|[Ii]nf"):
        kind().fit(X, y)
    with pytest.raises(ValueError, match="NaN|[Ii]nf|labels that y has not"):
        kind().fit(X, data[1], X_val=X, y_val=y)


def test_one_class(data):
    X, y = data
    with pytest.raises(ValueError, match=r"at least two classes, but y has one class: \['a'\]"):
        BoostedNetworkClassifier().fit(X, np.full(60, "a"))
    with pytest.raises(ValueError, match=r"one class among the rows of positive weight: \[1\]"):
        BoostedNetworkClassifier().fit(X, y, (y == 1).astype(float))


def test_continuous_labels(data):
    with pytest.raises(ValueError, match="[Uu]nknown label type|continuous"):
        BoostedNetworkClassifier().fit(data[0], data[0][:, 0])


@pytest.mark.parametrize(
    ("loss", "y", "words"),
    [
        ("poisson", -1.0, "loss='poisson' needs y >= 0, but y has a minimum of -1"),
        ("tweedie", -1.0, "loss='tweedie' needs y >= 0"),
        ("gamma", 0.0, "loss='gamma' needs y > 0"),
    ],
)
def test_targets_outside_of_the_domain_of_the_loss(loss, y, words, data):
    X = data[0]
    target = np.full(60, 2.0)
    target[5] = y
    with pytest.raises(ValueError, match=words):
        BoostedNetworkRegressor(loss=loss).fit(X, target)
    with pytest.raises(ValueError, match=words):
        BoostedNetworkRegressor(loss=loss).fit(X, np.full(60, 2.0), X_val=X, y_val=target)


def test_shapes_of_targets(data):
    X, y = data
    with pytest.raises(ValueError, match="59.*60|60.*59"):
        BoostedNetworkRegressor().fit(X, y[:59])
    with pytest.raises(ValueError, match=r"Quantile needs y of shape \(n_samples,\)"):
        BoostedNetworkRegressor(loss=Quantile([0.1, 0.9])).fit(X, np.column_stack([y, y]))
    with pytest.raises(ValueError, match="1d|one-dimensional|shape"):
        BoostedNetworkClassifier().fit(X, np.column_stack([y, y]))
    for kind in KINDS:
        with pytest.raises(ValueError, match="requires y to be passed"):
            kind().fit(X, None)


# -- tables


@pytest.mark.parametrize("kind", KINDS)
def test_tables_that_cannot_be_read(kind, data):
    X, y = data
    cases = [
        (np.empty((0, 5)), y[:0], ValueError, r"0 sample\(s\)"),
        (np.empty((60, 0)), y, ValueError, r"0 feature\(s\)"),
        (X[:1], y[:1], ValueError, "n_samples=1|one class"),
        (X[:, 0], y, ValueError, "2D array"),
        (sparse.csr_array(X), y, TypeError, r"sparse.*TruncatedSVD.*toarray"),
        (np.where(X > 2, np.inf, X), y, ValueError, "infinity in column"),
        (X.astype(complex), y, ValueError, "Complex"),
        (np.full((60, 1), "word", dtype=object), y, ValueError, "(?s)word|categor"),
    ]
    for table, target, error, words in cases:
        with pytest.raises(error, match=words):
            kind().fit(table, target)


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_columns_at_predict(kind, data):
    pd = pytest.importorskip("pandas")
    X, y = data
    model = kind(n_stages=2).fit(X, y)
    with pytest.raises(ValueError, match="X has 4 features.*expecting 5"):
        model.predict(X[:, :4])
    frame = pd.DataFrame(X, columns=list("abcde"))
    model.fit(frame, y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame[list("bacde")])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.rename(columns={"a": "z"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_that_predicts_needs_a_fit(kind, data):
    model = kind()
    names = [n for n in dir(kind) if "predict" in n or n in ("decision_function", "to_network")]
    for name in [n for n in names if not n.startswith(("_", "set_"))]:
        arguments = () if name == "to_network" else (data[0],)
        with pytest.raises(NotFittedError, match="not fitted"):
            list(getattr(model, name)(*arguments))  # staged methods begin when they are read
    with pytest.raises(NotFittedError):
        model.truncate(1)
    assert not hasattr(model, "n_units_")


@pytest.mark.parametrize("n_stages", [-1, 99, 1.0, "1", True])
def test_stages_that_are_not_there(n_stages, data):
    X, y = data
    model = BoostedNetworkClassifier(n_stages=2, early_stopping=False).fit(X, y)
    for method in (model.predict, model.predict_proba, model.decision_function):
        with pytest.raises(ValueError, match=f"n_stages={n_stages!r}"):
            method(X, n_stages=n_stages)
    with pytest.raises(ValueError, match=f"n_stages={n_stages!r}"):
        model.truncate(n_stages)
    with pytest.raises(ValueError, match=f"n_stages={n_stages!r}"):
        model.to_network(n_stages)


# -- weights and validation rows


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_weights(kind, data):
    X, y = data
    for weight, words in (
        (-np.ones(60), "sample_weight must not be negative"),
        (np.full(60, NAN), "sample_weight holds NaN"),
        (np.full(60, INF), "sample_weight holds NaN or infinity"),
        (np.zeros(60), "sample_weight: all weights are zero"),
        (np.ones(59), r"sample_weight must hold one number for each of the 60 rows.*\(59,\)"),
        (np.eye(60)[0], "at least 2 rows of positive weight"),
        (["heavy"] * 60, "sample_weight must hold a number"),
    ):
        with pytest.raises(ValueError, match=words):
            kind().fit(X, y, weight)
    with pytest.raises(ValueError, match="sample_weight_val must not be negative"):
        kind().fit(X, y, X_val=X, y_val=y, sample_weight_val=-np.ones(60))


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_validation_rows(kind, data):
    X, y = data
    for rows, words in (
        ({"X_val": X}, "X_val and y_val go together"),
        ({"y_val": y}, "X_val and y_val go together"),
        ({"sample_weight_val": y}, "sample_weight_val was passed without X_val"),
        ({"X_val": X, "y_val": y[:9]}, "9"),
        ({"X_val": X[:, :2], "y_val": y}, "X has 2 features"),
        ({"X_val": X[:0], "y_val": y[:0]}, r"0 sample\(s\)"),
    ):
        with pytest.raises(ValueError, match=words):
            kind().fit(X, y, **rows)
    with pytest.raises(ValueError, match="early_stopping=False would ignore it"):
        kind(early_stopping=False).fit(X, y, X_val=X, y_val=y)
    with pytest.raises(ValueError, match="n_folds=3 holds rows of X out.*choose one"):
        kind(n_folds=3).fit(X, y, X_val=X, y_val=y)


def test_validation_targets_that_do_not_fit(data):
    X, y = data
    for labels in (y + 1, y.astype(str), np.where(y, "b", "a")):
        with pytest.raises(ValueError, match=r"y_val has labels that y has not: \["):
            BoostedNetworkClassifier().fit(X, y, X_val=X, y_val=labels)
    with pytest.raises(ValueError, match=r"y_val has shape \(60, 2\)"):
        BoostedNetworkRegressor().fit(X, y, X_val=X, y_val=np.column_stack([y, y]))


def test_too_many_folds(data):
    X, y = data
    with pytest.raises(ValueError, match="n_folds=61 is more than the 60 different rows"):
        BoostedNetworkRegressor(n_folds=61).fit(X, y)
    with pytest.raises(ValueError, match="n_folds=3 is more than the 2 different rows"):
        BoostedNetworkRegressor(n_folds=3).fit(X[[0, 0, 0, 1, 1]], y[[0, 0, 0, 1, 1]])


# -- penalties


def test_sensitive_features_without_a_use(data):
    X, y = data
    for penalty in (None, []):
        with pytest.raises(ValueError, match="sensitive_features was passed, but penalty="):
            BoostedNetworkRegressor(penalty=penalty).fit(X, y, sensitive_features=X[:, 0])
    with pytest.raises(ValueError, match="penalty='covariance' needs protected attributes"):
        BoostedNetworkRegressor(penalty="covariance").fit(X, y)
    model = BoostedNetworkRegressor(penalty="covariance")
    with pytest.raises(ValueError, match=r"sensitive_features has shape \(59,\).*60 rows"):
        model.fit(X, y, sensitive_features=X[:59, 0])
    with pytest.raises(ValueError, match=r"sensitive_features has shape \(\)"):
        model.fit(X, y, sensitive_features=1.0)
    with pytest.raises(ValueError, match="protected attribute contains NaN"):
        model.fit(X, y, sensitive_features=np.full(60, NAN))


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_checked_before_fit(kind):
    for name, values in BAD_VALUES.items():
        for value in values:
            model = kind(**{name: value})
            assert clone(model).get_params(deep=False).keys() == model.get_params(deep=False).keys()
