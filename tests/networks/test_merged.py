"""One network for all stages: it equals the ensemble, can be shortened, stored, and computed by hand."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import expit

from skboost.boosting import StagedModel, Term
from skboost.learners import LinearLearner, NetworkUnit
from skboost.losses import LogLoss, Quantile
from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor, Network
from skboost.tables import TableEncoder

QUICK = {"n_stages": 4, "units_per_stage": 3, "early_stopping": False, "n_threads": 1}
EXACT = {"rtol": 1e-10, "atol": 1e-10}
rng = np.random.default_rng(0)
X = rng.normal(size=(90, 4)) * [1, 10, 0.1, 1] + [0, 100, 0, -3]
WAVE = np.sin(X[:, 0]) + 0.1 * X[:, 1] * X[:, 2] + 0.1 * rng.normal(size=len(X))


def classes(count):
    return np.argsort(np.argsort(WAVE)) * count // len(WAVE)


COUNTS = np.floor(np.exp(0.5 * WAVE))
SEVERAL = np.column_stack([WAVE, 100 * WAVE**2, rng.normal(size=len(X))])
REGRESSION = {
    "squared_error": ("squared_error", WAVE),
    "three outputs": ("squared_error", SEVERAL),
    "a column": ("squared_error", WAVE[:, None]),
    "absolute_error": ("absolute_error", WAVE),
    "huber, three outputs": ("huber", SEVERAL),
    "quantile": ("quantile", WAVE),
    "three levels": (Quantile([0.9, 0.1, 0.5]), WAVE),
    "poisson": ("poisson", COUNTS),
    "poisson, two outputs": ("poisson", np.column_stack([COUNTS, COUNTS[::-1]])),
    "gamma": ("gamma", COUNTS + 0.1),
    "tweedie": ("tweedie", COUNTS),
}
CLASSIFICATION = {
    "binary": ("log_loss", classes(2)),
    "three classes": ("log_loss", classes(3)),
    "ten classes": ("log_loss", classes(10)),
    "half log-odds": ("half_log_loss", classes(2)),
    "half log-odds, three classes": ("half_log_loss", classes(3)),
    "strings": ("log_loss", np.array(["no", "yes", "maybe"])[classes(3)]),
    "booleans": ("log_loss", classes(2).astype(bool)),
}


def fitted(task, **settings):
    settings = {**QUICK, "random_state": 0, **settings}
    if "learner" in settings:  # it brings its own units
        del settings["units_per_stage"]
    if task in REGRESSION:
        loss, y = REGRESSION[task]
        return BoostedNetworkRegressor(loss=loss, **settings).fit(X, y)
    loss, y = CLASSIFICATION[task]
    return BoostedNetworkClassifier(loss=loss, **settings).fit(X, y)


def ensemble_scores(model, n_stages=None):
    """Raw scores stage by stage, times the factor that a merged network's link has folded in."""
    n_stages = model.n_stages_ if n_stages is None else n_stages
    raw = list(model._staged_raw_predict(X))[n_stages]
    return raw * model.loss_.link(model._raw_shape).factor


@pytest.mark.parametrize("task", [*REGRESSION, *CLASSIFICATION])
def test_the_network_equals_the_ensemble_after_every_stage(task):
    model = fitted(task)
    network = model.to_network()
    proba = list(model.staged_predict_proba(X)) if task in CLASSIFICATION else None
    for stage, (raw, prediction) in enumerate(
        zip(model._staged_raw_predict(X), model.staged_predict(X), strict=True)
    ):
        part = network.truncate(stage)
        factor = model.loss_.link(model._raw_shape).factor
        assert_allclose(part.raw(X), factor * raw, **EXACT)
        shorter = model.truncate(stage)
        if proba is None:
            for other in (
                part.predict(X),
                model.predict(X, n_stages=stage),
                shorter.predict(X),
                model.to_network(stage).predict(X),
            ):
                assert_allclose(other, prediction, **EXACT)
        else:
            for other in (
                part.predict_proba(X),
                model.predict_proba(X, n_stages=stage),
                shorter.predict_proba(X),
            ):
                assert_allclose(other, proba[stage], **EXACT)
            assert_array_equal(part.predict(X), prediction)
            assert_array_equal(shorter.predict(X), prediction)
    assert stage == model.n_stages_ == network.n_stages == 5


@pytest.mark.parametrize("task", ["three outputs", "binary", "ten classes"])
@pytest.mark.parametrize("activation", ["tanh", "logistic", "relu", "identity"])
@pytest.mark.parametrize("n_units", [1, 3, 8])
@pytest.mark.parametrize("subsample", [0.5, 1.0])
def test_activations_units_and_subsamples(task, activation, n_units, subsample):
    model = fitted(task, activation=activation, units_per_stage=n_units, subsample=subsample)
    assert_allclose(model.to_network().raw(X), ensemble_scores(model), **EXACT)


@pytest.mark.parametrize("task", ["three outputs", "binary", "three classes"])
@pytest.mark.parametrize(
    "settings",
    [
        {"linear_start": False},
        {"learner": "linear"},
        {"learner": LinearLearner(alpha=0.1), "linear_start": False},
        {"early_stopping": True, "n_folds": 3},
        {"early_stopping": True, "n_folds": 1, "validation_fraction": 0.3},
        {"dtype": "float32", "residuals": "newton", "max_features": 1.0},
        {"numeric_scaling": "standard", "step": "line_search"},
        {"n_stages": 0, "linear_start": False},
    ],
    ids=str,
)
def test_settings(task, settings):
    model = fitted(task, **settings)
    network = model.to_network()
    assert network.n_stages == model.n_stages_
    assert network.n_units == model.n_units_ == network.hidden.shape[1]
    for stage in range(model.n_stages_ + 1):
        assert_allclose(network.truncate(stage).raw(X), ensemble_scores(model, stage), **EXACT)


def test_the_start_is_the_network_without_units():
    model = fitted("three outputs")
    start = model.to_network(0)
    assert start.n_units == 0
    assert_allclose(start.predict(X), np.tile(SEVERAL.mean(axis=0), (len(X), 1)), **EXACT)
    shares = fitted("ten classes").to_network(0).predict_proba(X)
    assert_allclose(shares, 0.1, **EXACT)


def test_half_the_log_odds_become_an_ordinary_logistic_output():
    model = fitted("half log-odds")
    network = model.to_network()
    assert network.link.name == "logistic"
    halves = model.decision_function(X)
    assert_allclose(network.predict_proba(X)[:, 1], 1 / (1 + np.exp(-2 * halves)), rtol=1e-12)
    assert_allclose(expit(network.raw(X)), 1 / (1 + np.exp(-2 * halves)), rtol=1e-12)


ACTIVATIONS = {
    "tanh": np.tanh,
    "logistic": expit,
    "relu": lambda z: z.clip(0),
    "identity": lambda z: z,
}


@pytest.mark.parametrize("task", ["squared_error", "three outputs", "binary", "ten classes"])
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_forward_pass_by_hand_on_encoded_rows(task, activation):
    """``coefs_`` and ``intercepts_`` mean what they mean in scikit-learn."""
    model = fitted(task, activation=activation)
    network = model.to_network()
    sums = network.encode(X) @ network.coefs_[0] + network.intercepts_[0]
    for name in set(network.unit_activations):
        units = network.unit_activations == name
        sums[:, units] = ACTIVATIONS[name](sums[:, units])
    raw = sums @ network.coefs_[1] + network.intercepts_[1]
    assert_allclose(raw.reshape(ensemble_scores(model).shape), ensemble_scores(model), **EXACT)
    assert [w.shape for w in network.coefs_] == [
        (4, network.n_units),
        (network.n_units, raw.shape[1]),
    ]


@pytest.mark.parametrize(
    "task", ["squared_error", "a column", "three levels", "poisson", "binary", "strings"]
)
def test_layers_act_on_raw_columns(task):
    model = fitted(task, numeric_scaling="standard")
    layers = model.to_network().to_layers()
    assert layers.n_layers_ == 3
    assert [w.shape[0] for w in layers.coefs_] == [4, model.n_units_]
    assert_allclose(layers.raw(X), ensemble_scores(model), rtol=1e-10, atol=1e-10)
    if task in CLASSIFICATION:
        assert_array_equal(layers.predict(X), model.predict(X))
        assert_allclose(layers.predict_proba(X), model.predict_proba(X), **EXACT)
    else:
        assert_allclose(layers.predict(X), model.predict(X), **EXACT)


def test_layers_refuse_an_encoding_that_is_not_linear():
    with pytest.raises(ValueError, match="numeric_scaling='standard'"):
        fitted("squared_error").to_network().to_layers()
    gaps = np.where(np.abs(X) < 0.05, np.nan, X)
    model = BoostedNetworkRegressor(**QUICK, numeric_scaling="standard").fit(gaps, WAVE)
    with pytest.raises(ValueError, match="missing values"):
        model.to_network().to_layers()
    model.set_params(categorical_features=[0]).fit(np.round(X), WAVE)
    with pytest.raises(ValueError, match="categorical columns"):
        model.to_network().to_layers()


# -- files -----------------------------------------------------------------------------------------


def frame(kind):
    """A table of numbers with gaps and of categories with gaps, in two dataframe libraries."""
    numbers = np.where(np.abs(X[:, 0]) > 1.5, np.nan, X[:, 0]).tolist()
    towns = [None if k % 11 == 0 else ["Bonn", "Oslo", "Bern"][k % 3] for k in range(len(X))]
    if kind == "pandas":
        return pd.DataFrame({"number": numbers, "town": pd.Categorical(towns), "year": X[:, 3]})
    number = pl.Series("number", numbers, nan_to_null=True, dtype=pl.Float64)
    return pl.DataFrame(
        [number, pl.Series("town", towns, dtype=pl.Categorical), pl.Series("year", X[:, 3])]
    )


@pytest.mark.parametrize("task", [*REGRESSION, *CLASSIFICATION])
def test_a_stored_network_is_the_same_network(task, tmp_path):
    network = fitted(task).to_network()
    network.save(tmp_path / "network.npz")
    restored = Network.load(tmp_path / "network.npz")
    assert_array_equal(restored.predict(X), network.predict(X))
    assert_array_equal(restored.truncate(2).raw(X), network.truncate(2).raw(X))
    assert repr(restored) == repr(network)
    if network.classes is not None:
        assert_array_equal(restored.predict_proba(X), network.predict_proba(X))


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_a_stored_network_remembers_categories_and_missing_values(kind, tmp_path):
    table = frame(kind)
    labels = np.array(["zwei", "eins"], dtype=object)[classes(2)]
    model = BoostedNetworkClassifier(**QUICK, random_state=0).fit(table, labels)
    path = str(tmp_path / "network.npz")
    model.to_network().save(path)
    restored = Network.load(path)
    assert_allclose(restored.predict_proba(table), model.predict_proba(table), **EXACT)
    assert_array_equal(restored.predict(table), model.predict(table))
    assert_array_equal(restored.predict(frame("pandas")), restored.predict(frame("polars")))
    with np.load(path, allow_pickle=False) as file:  # plain arrays only
        assert {"header", "hidden", "output", "classes"} <= set(file.files)


def test_what_cannot_be_stored_or_loaded_is_refused(tmp_path):
    network = fitted("binary").to_network()
    network.classes = np.array([(1, 2), (3, 4)], dtype="i,i").astype(object)
    with pytest.raises(ValueError, match="use strings or numbers"):
        network.save(tmp_path / "network.npz")
    (tmp_path / "text.npz").write_text("not a network")
    np.savez(tmp_path / "other.npz", weights=np.ones(3))
    for name in ("text.npz", "other.npz"):
        with pytest.raises(ValueError, match="is not a network"):
            Network.load(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        Network.load(tmp_path / "nothing.npz")


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("skboost.networks._storage.FILE_FORMAT", 7)
    fitted("binary").to_network().save(tmp_path / "network.npz")
    monkeypatch.undo()
    with pytest.raises(ValueError, match="format 7, this version reads up to 1; upgrade"):
        Network.load(tmp_path / "network.npz")


# -- what networks refuse --------------------------------------------------------------------------


@pytest.mark.parametrize("n_stages", [-1, 6, 2.0, True, "2"])
def test_a_number_of_stages_out_of_range_is_refused(n_stages):
    with pytest.raises(ValueError, match="n_stages="):
        fitted("binary").to_network().truncate(n_stages)


def test_columns_are_matched_by_name():
    table = frame("pandas")
    network = BoostedNetworkRegressor(**QUICK, random_state=0).fit(table, WAVE).to_network()
    with pytest.raises(ValueError, match="feature names should match"):
        network.predict(table[["town", "number", "year"]])
    network = fitted("squared_error").to_network()
    with pytest.raises(ValueError, match="3 features, but TableEncoder is expecting 4"):
        network.predict(X[:, :3])


def test_a_network_of_numbers_has_no_probabilities():
    with pytest.raises(AttributeError, match="no classes"):
        fitted("squared_error").to_network().predict_proba(X)


def test_long_tables_are_read_in_chunks(monkeypatch):
    network = fitted("three outputs").to_network()
    whole = network.raw(X)
    monkeypatch.setattr("skboost.networks._merged.CHUNK", 64)
    assert_array_equal(network.raw(X), whole)


def test_labels_follow_the_scores_where_probabilities_are_rounded():
    network = fitted("binary").to_network(0)
    network.stage_bias = np.array([[1e-20]])
    assert_array_equal(network.predict_proba(X[:1]), [[0.5, 0.5]])
    assert network.predict(X[:1]) == network.classes[1]


def test_units_that_are_not_networks_cannot_be_merged():
    class Constant:
        def predict(self, rows, *, n_threads=1):
            return np.ones((len(rows), 1))

    model = StagedModel(np.zeros((1, 1)), [[Term(Constant(), np.ones(1))]])
    with pytest.raises(TypeError, match="a unit of type Constant, which cannot be merged"):
        Network.merge(model, TableEncoder().fit(X), LogLoss(), ())


def test_averaged_units_of_a_stage_stand_side_by_side():
    def unit(scale, activation="tanh"):
        return NetworkUnit(
            scale * np.ones((4, 2)), np.zeros(2), np.ones((2, 1)), np.ones(1), activation
        )

    terms = [Term(unit(1.0), np.full(1, 2.0)), Term(unit(0.5), np.full(1, 4.0))]
    model = StagedModel(np.array([[1.0], [3.0]]), [terms])
    network = Network.merge(model, TableEncoder().fit(X), LogLoss(), ())
    assert_array_equal(network.stage_units, [0, 4])
    assert_array_equal(network.output.ravel(), [1, 1, 2, 2])
    assert_array_equal(network.stage_bias.ravel(), [2, 2 + 1 + 2])
    linear = [Term(unit(1.0, "identity"), np.ones(1)), Term(unit(2.0, "identity"), np.ones(1))]
    network = Network.merge(
        StagedModel(np.zeros((2, 1)), [linear]), TableEncoder().fit(X), LogLoss(), ()
    )
    assert network.n_units == 1
    assert_array_equal(network.hidden.ravel(), np.full(4, 3.0))
