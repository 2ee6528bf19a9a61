"""Raw tables in, predictions out: frames, categories, missing values, names."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.networks import BoostedNetworkClassifier, BoostedNetworkRegressor

pd = pytest.importorskip("pandas")
pl = pytest.importorskip("polars")

FAST = {"n_stages": 5, "units_per_stage": 3, "n_threads": 1, "random_state": 0}
KINDS = [BoostedNetworkClassifier, BoostedNetworkRegressor]
CITIES = ["Bonn", "Lima", "Oslo"]


@pytest.fixture(scope="module")
def table():
    """Columns as lists: numbers with gaps, whole numbers, text categories; and a target."""
    rng = np.random.default_rng(0)
    size = rng.normal(size=120)
    count = rng.integers(0, 9, 120)
    city = rng.integers(0, 3, 120)
    y = size + 0.3 * count + np.array([0.0, 2.0, -2.0])[city] + 0.1 * rng.normal(size=120)
    gaps = [None if gap else float(v) for gap, v in zip(rng.random(120) < 0.1, size, strict=True)]
    names = [None if k % 17 == 0 else CITIES[c] for k, c in enumerate(city)]
    return {"size": gaps, "count": count.tolist(), "city": names}, y


def as_pandas(columns):
    frame = pd.DataFrame(columns)
    return frame.astype({"size": float, "city": pd.CategoricalDtype(CITIES)})


def as_polars(columns):
    return pl.DataFrame(columns, schema_overrides={"city": pl.Enum(CITIES)})


def as_array(columns):
    codes = [np.nan if name is None else CITIES.index(name) for name in columns["city"]]
    size = [np.nan if v is None else v for v in columns["size"]]
    return np.column_stack([size, columns["count"], codes])


def target(kind, y):
    return y if kind is BoostedNetworkRegressor else np.digitize(y, [-1, 1.5])


@pytest.mark.parametrize("kind", KINDS)
def test_pandas_polars_and_arrays_give_the_same(kind, table):
    columns, y = table
    y = target(kind, y)
    model = kind(**FAST)
    pandas = model.fit(as_pandas(columns), y).predict(as_pandas(columns))
    assert_array_equal(pandas, model.fit(as_polars(columns), y).predict(as_polars(columns)))
    assert_array_equal(pandas, model.predict(as_pandas(columns)))  # names and order decide
    assert model.feature_names_in_.tolist() == ["size", "count", "city"]
    model.set_params(categorical_features=[2]).fit(as_array(columns), y)
    assert_array_equal(pandas, model.predict(as_array(columns)))
    assert not hasattr(model, "feature_names_in_")


@pytest.mark.parametrize(
    "series",
    [pd.Series, lambda y: pl.Series(y.tolist()), lambda y: y.tolist(), lambda y: y[:, None]],
)
@pytest.mark.parametrize("kind", KINDS)
def test_targets_and_weights_of_any_kind(kind, series, table):
    columns, y = table
    X, y, weight = as_array(columns), target(kind, y), np.arange(120) % 3
    expected = kind(**FAST).fit(X, y, weight).predict(X)
    if series(y) is not y.tolist() and np.ndim(series(y)) == 2:
        if kind is BoostedNetworkRegressor:
            assert_array_equal(kind(**FAST).fit(X, series(y), weight).predict(X), expected[:, None])
        return
    found = kind(**FAST).fit(X, series(y), series(weight)).predict(X)
    assert_array_equal(np.asarray(found), expected)


def test_categories_help(table):
    columns, y = table
    frame = as_pandas(columns)
    model = BoostedNetworkRegressor(**FAST | {"n_stages": 40}).fit(frame, y)
    without = BoostedNetworkRegressor(**FAST | {"n_stages": 40}).fit(frame.drop(columns="city"), y)
    assert model.score(frame, y) > without.score(frame.drop(columns="city"), y) + 0.1
    assert sum("city" in name for name in model.encoder_.get_feature_names_out()) >= 3


def test_the_names_of_categories_do_not_matter(table):
    columns, y = table
    renamed = dict(columns, city=[None if c is None else c[::-1] for c in columns["city"]])
    one = as_pandas(columns)
    other = pd.DataFrame(renamed).astype({"size": float, "city": "category"})
    model = BoostedNetworkRegressor(**FAST, linear_start=False, early_stopping=False)
    assert_allclose(model.fit(one, y).predict(one), model.fit(other, y).predict(other), atol=1.5)


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_categories_are_handled_as_asked(kind, table):
    columns, y = table
    y = target(kind, y)
    strange = pd.DataFrame({"size": [0.0, 0.0], "count": [3, 3], "city": ["Rome", "Oslo"]})
    strange["city"] = strange["city"].astype("category")
    model = kind(**FAST).fit(as_pandas(columns), y)
    assert len(model.predict(strange)) == 2
    strict = kind(**FAST, handle_unknown="error").fit(as_pandas(columns), y)
    with pytest.raises(ValueError, match=r"'?Rome'?"):
        strict.predict(strange)
    assert (
        len(
            strict.predict(strange.iloc[1:].astype({"city": "string"}).astype({"city": "category"}))
        )
        == 1
    )
    with pytest.raises(ValueError, match=r"'?Rome'?"):
        strict.fit(as_pandas(columns), y, X_val=strange, y_val=y[:2])


def test_categorical_columns_by_mask_index_or_name(table):
    columns, y = table
    frame = as_pandas(columns).assign(count=lambda f: f["count"].astype(int))
    fits = [
        BoostedNetworkRegressor(**FAST, categorical_features=chosen).fit(frame, y).predict(frame)
        for chosen in (["city", "count"], [1, 2], [False, True, True], np.array([2, 1]))
    ]
    for other in fits[1:]:
        assert_array_equal(fits[0], other)
    plain = BoostedNetworkRegressor(**FAST).fit(frame, y).predict(frame)
    assert np.abs(plain - fits[0]).max() > 1e-3


def test_missing_values_are_told_apart_from_values(table):
    """Whether a value is missing says something here."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    missing = rng.random(300) < 0.3
    y = X[:, 0] + 3.0 * missing
    X[missing, 1] = np.nan
    model = BoostedNetworkRegressor(**FAST).fit(X, y)
    assert model.score(X, y) > 0.95
    assert np.isfinite(model.predict(np.full((1, 2), np.nan))).all()  # none was missing in column 0


def test_a_column_that_is_missing_throughout():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    X[:, 1] = np.nan
    model = BoostedNetworkRegressor(**FAST).fit(X, X[:, 0])
    assert model.score(X, X[:, 0]) > 0.9


@pytest.mark.parametrize("scaling", ["robust", "standard"])
def test_the_unit_and_the_origin_of_a_column_do_not_matter(diabetes, scaling):
    X, y = diabetes
    model = BoostedNetworkRegressor(**FAST, numeric_scaling=scaling, linear_start=False)
    plain = model.fit(X, y).predict(X)
    moved = X * 2.0 ** np.arange(-20, 20, 4)[: X.shape[1]]
    assert_allclose(model.fit(moved, y).predict(moved), plain, rtol=1e-2)


def test_an_outlier_does_not_spoil_a_column(diabetes):
    X, y = diabetes
    spoilt = X.copy()
    spoilt[0, 2] = 1e9
    model = BoostedNetworkRegressor(**FAST | {"n_stages": 20})
    plain = model.fit(X, y).score(X[1:], y[1:])
    assert model.fit(spoilt, y).score(X[1:], y[1:]) > plain - 0.05
    standard = model.set_params(numeric_scaling="standard").fit(spoilt, y)
    assert standard.score(X[1:], y[1:]) < plain - 0.02  # which is what the default is for


def test_labels_of_many_kinds(iris):
    X, y = iris
    expected = BoostedNetworkClassifier(**FAST).fit(X, y).predict_proba(X)
    for labels in (
        np.array(["setosa", "versi", "virginica"])[y],
        np.array(["setosa", "versi", "virginica"], dtype=object)[y],
        pd.Series(np.array(["a", "b", "c"])[y], dtype="category"),
        pd.Series(np.array(["a", "b", "c"])[y], dtype="string"),
        pl.Series(np.array(["a", "b", "c"])[y].tolist()),
        10 * y - 5,
        y.astype(np.int8),
        y.astype(float),
    ):
        model = BoostedNetworkClassifier(**FAST).fit(X, labels)
        assert_array_equal(model.predict_proba(X), expected)
        assert model.classes_.tolist() == np.unique(np.asarray(labels)).tolist()
        assert model.score(X, labels) > 0.9
    flags = BoostedNetworkClassifier(**FAST).fit(X, y == 1)
    assert flags.classes_.tolist() == [False, True]
    assert flags.predict(X).dtype == bool


def test_memory_layouts_and_types_of_arrays(diabetes):
    X, y = diabetes
    expected = BoostedNetworkRegressor(**FAST).fit(X, y).predict(X)
    wide = np.zeros((2 * len(X), 2 * X.shape[1]))
    wide[::2, ::2] = X
    frozen = X.copy()
    frozen.flags.writeable = False
    for same in (np.asfortranarray(X), wide[::2, ::2], frozen, X.tolist(), X.astype(object)):
        assert_array_equal(BoostedNetworkRegressor(**FAST).fit(same, y).predict(same), expected)
    whole = np.rint(10 * X).astype(np.int32)
    as_int = BoostedNetworkRegressor(**FAST).fit(whole, y).predict(whole)
    as_float = BoostedNetworkRegressor(**FAST).fit(whole.astype(float), y).predict(whole)
    assert_array_equal(as_int, as_float)


def test_input_is_not_changed(diabetes):
    X, y = diabetes[0].copy(), diabetes[1].copy()
    weight = np.arange(len(y), dtype=float)
    before = X.copy(), y.copy(), weight.copy()
    BoostedNetworkRegressor(**FAST).fit(X, y, weight, X_val=X, y_val=y).predict(X)
    for now, then in zip((X, y, weight), before, strict=True):
        assert_array_equal(now, then)


def test_a_long_table_is_predicted_in_pieces():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(70_000, 2))
    model = BoostedNetworkRegressor(**FAST, early_stopping=False).fit(X[:100], X[:100, 0])
    whole = model.predict(X)
    assert_array_equal(whole[-5000:], model.predict(X[-5000:]))
    assert_array_equal(whole[:64], model.predict(X[:64]))
    assert_allclose(list(model.staged_predict(X))[-1], whole, rtol=1e-10)
