"""The encoder as a whole: weights, chunks, state, memory, parameters."""

import json
import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skboost.tables import TableEncoder


def mixed_frame(n_rows, seed=0):
    rng = np.random.default_rng(seed)
    X = pd.DataFrame({
        "normal": rng.standard_normal(n_rows),
        "skewed": np.exp(2 * rng.standard_normal(n_rows)),
        "rare": (rng.random(n_rows) < 0.1).astype(float),
        "gaps": np.where(rng.random(n_rows) < 0.2, np.nan, rng.standard_normal(n_rows)),
        "city": pd.Categorical(rng.choice(["Rome", "Paris", "Oslo", None], n_rows)),
        "zone": pd.Categorical(rng.integers(0, 9, n_rows)),
    })  # fmt: skip
    return X


@pytest.mark.parametrize("scaling", ["robust", "standard"])
@pytest.mark.parametrize("seed", range(8))
def test_weight_k_is_k_copies_and_weight_zero_removal_to_the_last_bit(seed, scaling):
    X = mixed_frame(60, seed)
    rng = np.random.default_rng(seed)
    weight = rng.integers(0, 4, len(X))
    params = {"max_categories": 5, "numeric_scaling": scaling, "dtype": np.float64}
    by_weight = TableEncoder(**params).fit(X, weight)
    copies = rng.permutation(np.repeat(np.arange(len(X)), weight))
    by_copies = TableEncoder(**params).fit(X.iloc[copies])
    assert_array_equal(by_weight.get_feature_names_out(), by_copies.get_feature_names_out())
    assert_array_equal(by_weight.pack(X).to_dense(), by_copies.pack(X).to_dense())


def test_what_stands_in_rows_of_weight_zero_does_not_matter():
    X = mixed_frame(50)
    weight = np.r_[np.zeros(10), np.ones(40)]
    other = X.copy()
    other.loc[:9, "normal"] = np.inf
    other.loc[:9, "gaps"] = -1e300
    other.loc[:9, "zone"] = 3
    expected = TableEncoder().fit(X[10:]).pack(X).to_dense()
    for table in (X, other):
        assert_array_equal(TableEncoder().fit(table, weight).pack(X).to_dense(), expected)


@pytest.mark.parametrize("factor", [1e-3, 0.3, 1e6])
def test_a_common_factor_of_the_weights_does_not_matter(factor):
    X = mixed_frame(80)
    weight = np.random.default_rng(0).exponential(size=80)
    expected = TableEncoder().fit(X, weight).pack(X).to_dense()
    assert_allclose(TableEncoder().fit(X, factor * weight).pack(X).to_dense(), expected, rtol=1e-6)


def test_the_order_of_rows_does_not_matter():
    X = mixed_frame(3000)
    order = np.random.default_rng(0).permutation(len(X))
    expected = TableEncoder(dtype=np.float64).fit(X).pack(X).to_dense()
    shuffled = TableEncoder(dtype=np.float64).fit(X.iloc[order])
    assert_array_equal(shuffled.pack(X).to_dense(), expected)


@pytest.mark.parametrize("n_rows", [1, 63, 64, 65, 40_000])
def test_chunks_equal_one_piece(n_rows):
    # 40 000 rows of 6 columns make two chunks of numbers and more of categories
    X = mixed_frame(n_rows)
    encoder = TableEncoder(dtype=np.float64).fit(X)
    packed = encoder.pack(X)
    assert len(packed) == n_rows
    whole = packed.to_dense()
    some = np.unique(np.linspace(0, n_rows - 1, 50).astype(int))
    for row in some:
        assert_array_equal(encoder.pack(X[row : row + 1]).to_dense()[0], whole[row])
    padding = packed.blocks.transpose(0, 2, 1).reshape(-1, packed.n_columns)[n_rows:]
    assert_array_equal(padding, 0)


def test_rows_are_packed_in_the_order_asked_for():
    X = mixed_frame(200)
    encoder = TableEncoder().fit(X)
    whole = encoder.pack(X).to_dense()
    for order in (np.arange(200)[::-1], np.array([5, 5, 17]), np.array([], dtype=int)):
        assert_array_equal(encoder.pack(X, order=order).to_dense(), whole[order])


def test_type_of_the_packed_rows():
    X = mixed_frame(100)
    encoder = TableEncoder().fit(X)
    single, double = encoder.pack(X), encoder.pack(X, dtype="float64")
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    assert_array_equal(single.to_dense(), double.to_dense().astype(np.float32))
    for wrong in (np.int64, np.float16):
        with pytest.raises(ValueError, match="float32 or float64"):
            TableEncoder(dtype=wrong).fit(X)


def test_the_state_is_plain_and_reproduces_the_encoding():
    X = mixed_frame(300)
    encoder = TableEncoder(max_categories=5).fit(X)
    state = encoder.get_state()
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    assert all(name.startswith("numeric_") and value.ndim == 1 for name, value in arrays.items())
    rest = {name: value for name, value in state.items() if name not in arrays}
    everything = {name: value.tolist() for name, value in arrays.items()} | rest
    later = mixed_frame(100, seed=1)
    later["zone"] = pd.Categorical(np.arange(100) % 12)
    for stored in (state, json.loads(json.dumps(everything, allow_nan=False))):
        restored = TableEncoder.from_state(stored)
        assert_array_equal(restored.pack(later).to_dense(), encoder.pack(later).to_dense())
        assert_array_equal(restored.get_feature_names_out(), encoder.get_feature_names_out())
        assert restored.n_features_in_ == 6
    # A refit of what was restored finds the same categorical columns.
    assert_array_equal(restored.fit(X).pack(X).to_dense(), encoder.pack(X).to_dense())


def test_the_state_of_an_array_has_no_names():
    X = np.random.default_rng(0).standard_normal((30, 3))
    encoder = TableEncoder().fit(X)
    restored = TableEncoder.from_state(encoder.get_state())
    assert not hasattr(restored, "feature_names_in_")
    assert_array_equal(restored.pack(X).to_dense(), encoder.pack(X).to_dense())


def test_a_state_of_another_format_is_refused():
    state = TableEncoder().fit(np.eye(3)).get_state() | {"format": 99}
    with pytest.raises(ValueError, match="format 99"):
        TableEncoder.from_state(state)


def test_the_numeric_part_can_be_rebuilt_from_its_arrays():
    X = mixed_frame(200)[["skewed", "gaps", "rare"]]
    encoder = TableEncoder(dtype=np.float64).fit(X)
    part = encoder.numeric_
    z = (X.to_numpy() - part.centre) / part.scale
    excess = np.maximum(np.abs(z) - part.knee, 0)
    s = np.sign(z) * (np.minimum(np.abs(z), part.knee) + np.log1p(excess))
    values = np.where(np.isnan(z), 0.0, (s - part.mean) * part.gain)
    gaps = np.isnan(z)[:, part.indicator]
    marks = np.where(gaps, part.indicator_on, part.indicator_off)
    assert_allclose(encoder.pack(X).to_dense(), np.hstack([values, marks]), rtol=1e-12, atol=1e-12)


def test_clone_and_pickle():
    X = mixed_frame(50)
    encoder = TableEncoder(max_categories=4, handle_unknown="error").fit(X)
    again = pickle.loads(pickle.dumps(encoder))
    assert_array_equal(again.pack(X).to_dense(), encoder.pack(X).to_dense())
    assert clone(encoder).get_params() == encoder.get_params()
    with pytest.raises(NotFittedError):
        clone(encoder).pack(X)


def test_a_second_fit_forgets_the_first():
    encoder = TableEncoder().fit(mixed_frame(50))
    X = np.random.default_rng(0).standard_normal((20, 2))
    encoder.fit(X)
    assert not hasattr(encoder, "feature_names_in_")
    assert encoder.get_feature_names_out().tolist() == ["x0", "x1"]
    assert encoder.n_outputs_ == 2


def test_names_given_must_fit():
    X = mixed_frame(20)[["normal", "rare"]]
    encoder = TableEncoder().fit(X)
    assert encoder.get_feature_names_out(["normal", "rare"]).tolist() == ["normal", "rare"]
    with pytest.raises(ValueError, match="input_features is not equal to feature_names_in_"):
        encoder.get_feature_names_out(["rare", "normal"])
    nameless = TableEncoder().fit(X.to_numpy())
    assert nameless.get_feature_names_out(["p", "q"]).tolist() == ["p", "q"]
    with pytest.raises(ValueError, match="input_features should have length"):
        nameless.get_feature_names_out(["p"])


@pytest.mark.parametrize(
    ("params", "name"),
    [
        ({"handle_unknown": "guess"}, "handle_unknown"),
        ({"max_categories": 1}, "max_categories"),
        ({"max_categories": 2.5}, "max_categories"),
        ({"numeric_scaling": "minmax"}, "numeric_scaling"),
    ],
)
def test_wrong_parameters_are_named(params, name):
    with pytest.raises(ValueError, match=f"{name}=.* is not valid for TableEncoder"):
        TableEncoder(**params).fit(np.eye(3))


@pytest.mark.parametrize("weight", [[1, 1], [1, -1, 1], [0, 0, 0], [1, np.nan, 1]])
def test_wrong_weights_are_refused(weight):
    with pytest.raises(ValueError, match="sample_weight"):
        TableEncoder().fit(np.eye(3), weight)


def test_another_number_of_columns_is_refused():
    encoder = TableEncoder().fit(np.eye(3))
    with pytest.raises(ValueError, match="X has 2 features, but TableEncoder is expecting 3"):
        encoder.pack(np.eye(2))


@pytest.mark.parametrize("kind", ["array", "pandas"])
@pytest.mark.parametrize("weighted", [False, True])
def test_no_second_copy_of_the_table(kind, weighted):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400_001, 20))
    X[::50, 3] = np.nan
    weight = rng.integers(0, 3, len(X)).astype(float) if weighted else None
    table = X if kind == "array" else pd.DataFrame(X, columns=[f"c{j}" for j in range(20)])
    tracemalloc.start()
    try:
        packed = TableEncoder().fit(table, weight).pack(table)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # the packed rows included; the table itself, in float64, is twice as large as they are
    assert peak < 2 * packed.nbytes
