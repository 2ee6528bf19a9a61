"""Encoding of categorical columns."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost.tables import TableEncoder

CITIES = ["Rome", "Paris", "Oslo", "Paris", None, "Rome", "Paris", "Paris"]


def frame(cities=CITIES):
    return pd.DataFrame({
        "city": pd.Categorical(cities),
        "size": np.arange(len(cities), dtype=float),
    })  # fmt: skip


def test_names_come_by_kind_and_in_sorted_order():
    X = frame()
    X.loc[2, "size"] = np.nan
    assert TableEncoder().fit(X).get_feature_names_out().tolist() == [
        "size", "size_missing", "city_Oslo", "city_Paris", "city_Rome", "city_missing",
    ]  # fmt: skip


def test_outputs_are_centred_one_hot_columns():
    Z = TableEncoder(dtype=np.float64).fit(frame()).pack(frame()).to_dense()[:, 1:]
    assert_allclose(Z.mean(axis=0), 0, atol=1e-6)
    assert_allclose(np.ptp(Z, axis=0), 1, atol=1e-6)
    assert_array_equal(np.argmax(Z > 0, axis=1), [2, 1, 0, 1, 3, 2, 1, 1])
    assert_array_equal((Z > 0).sum(axis=1), 1)


def test_rare_categories_do_not_explode():
    cities = ["common"] * 9999 + ["rare"]
    Z = TableEncoder().fit(frame(cities)).pack(frame(cities)).to_dense()[:, 1:]
    assert np.abs(Z).max() <= 10


@pytest.mark.parametrize("way", ["dtype", "mask", "indices", "names"])
def test_all_ways_to_declare_a_column_agree(way):
    X = frame()
    expected = TableEncoder().fit(X).pack(X).to_dense()
    features = {"dtype": "from_dtype", "mask": [True, False], "indices": [0], "names": ["city"]}
    if way != "dtype":
        X["city"] = X["city"].astype(object)
    found = TableEncoder(features[way]).fit(X).pack(X).to_dense()
    assert_array_equal(found, expected)


def test_numbers_may_be_categories():
    X = np.array([[3.0, 1.0], [1.0, 2.0], [np.nan, 3.0], [3.0, 4.0]])
    encoder = TableEncoder([0]).fit(X)
    assert encoder.get_feature_names_out().tolist() == ["x1", "x0_1", "x0_3", "x0_missing"]
    as_frame = pd.DataFrame({"x0": pd.array([3, 1, None, 3], dtype="Int64"), "x1": X[:, 1]})
    by_name = TableEncoder(["x0"]).fit(as_frame)
    assert_array_equal(encoder.get_feature_names_out(), by_name.get_feature_names_out())
    assert_array_equal(by_name.pack(as_frame).to_dense(), encoder.pack(X).to_dense())
    # The same encoder reads both.
    assert_array_equal(encoder.pack(as_frame).to_dense(), encoder.pack(X).to_dense())


def test_all_columns_may_be_categorical():
    X = np.array([[1, 2], [1, 3], [2, 2]])
    encoder = TableEncoder([True, True]).fit(X)
    assert encoder.get_feature_names_out().tolist() == ["x0_1", "x0_2", "x1_2", "x1_3"]
    assert encoder.pack(X).to_dense().shape == (3, 4)


def test_unknown_categories_are_the_average_row():
    encoder = TableEncoder().fit(frame())
    later = frame(["Rome", "Atlantis"])
    Z = encoder.pack(later).to_dense()[:, 1:]
    assert_array_equal(Z[1], 0)
    assert_array_equal(Z[0], encoder.pack(frame()).to_dense()[0, 1:])


def test_unknown_categories_can_be_refused():
    encoder = TableEncoder(handle_unknown="error").fit(frame())
    encoder.pack(frame(["Rome", "Paris"]))
    with pytest.raises(ValueError, match=r"Column 'city' of X holds 'Atlantis'.*handle_unknown"):
        encoder.pack(frame(["Rome", "Atlantis"]))


@pytest.mark.parametrize("handle_unknown", ["ignore", "error"])
def test_a_missing_category_that_is_new_is_the_average_row(handle_unknown):
    encoder = TableEncoder(handle_unknown=handle_unknown).fit(frame(["a", "b", "a"]))
    assert_array_equal(encoder.pack(frame(["a", None])).to_dense()[1, 1:], 0)


def test_rare_categories_share_an_output():
    cities = ["a"] * 5 + ["b"] * 4 + ["c"] * 3 + ["d", "d", "e"]
    encoder = TableEncoder(max_categories=3).fit(frame(cities))
    names = encoder.get_feature_names_out().tolist()
    assert names == ["size", "city_a", "city_b", "city_infrequent"]
    Z = encoder.pack(frame(["c", "d", "e", "f"])).to_dense()[:, 1:]
    assert_array_equal(Z[0], Z[1])
    assert_array_equal(Z[0], Z[2])
    assert Z[0, 2] > 0
    assert_array_equal(Z[3], 0)
    # As many categories as outputs: nothing to share. No limit: neither.
    for max_categories in (5, None):
        names = TableEncoder(max_categories=max_categories).fit(frame(cities))
        assert "city_infrequent" not in names.get_feature_names_out()


def test_what_is_frequent_is_decided_by_weight():
    cities = ["a", "a", "a", "b", "c"]
    encoder = TableEncoder(max_categories=2).fit(frame(cities), [1, 1, 1, 9, 2])
    assert encoder.get_feature_names_out().tolist() == ["size", "city_b", "city_infrequent"]


def test_a_category_without_weight_is_unknown():
    encoder = TableEncoder().fit(frame(["a", "b", "c", None]), [1, 2, 0, 0])
    assert encoder.get_feature_names_out().tolist() == ["size", "city_a", "city_b"]


def test_a_single_category_is_zero():
    encoder = TableEncoder().fit(frame(["a"] * 4))
    assert_array_equal(encoder.pack(frame(["a", "b", None])).to_dense()[:, 1:], 0)


def test_intervals_and_dates_are_named_by_their_text():
    X = pd.DataFrame({
        "age": pd.cut([3, 15, 40, 33], [0, 10, 20, 50]),
        "day": pd.Categorical(pd.to_datetime(["2020-01-01", "2020-01-02"] * 2)),
    })  # fmt: skip
    names = TableEncoder().fit(X).get_feature_names_out().tolist()
    assert names[:3] == ["age_(0, 10]", "age_(10, 20]", "age_(20, 50]"]
    assert names[3].startswith("day_2020-01-01")


def test_equal_names_are_told_apart():
    X = pd.DataFrame({"a_missing": [1.0, 2.0, 3.0], "a": [1.0, np.nan, 2.0]})
    names = TableEncoder().fit(X).get_feature_names_out().tolist()
    assert names == ["a_missing", "a", "a_missing_"]


def test_polars_codes_of_a_shared_pool_are_translated():
    pl.Series(["zzz", "Oslo", "yyy"], dtype=pl.Categorical)  # takes the first codes of the pool
    X = pl.DataFrame({"city": pl.Series(CITIES, dtype=pl.Categorical), "size": np.arange(8.0)})
    enum = X.with_columns(pl.col("city").cast(pl.Enum(["Paris", "Bergen", "Rome", "Oslo"])))
    expected = TableEncoder().fit(frame()).pack(frame()).to_dense()
    for table in (X, enum):
        assert_array_equal(TableEncoder().fit(table).pack(table).to_dense(), expected)
    part = X.slice(4, 3)  # begins with a missing value
    found = TableEncoder().fit(X).pack(part).to_dense()
    assert_array_equal(found, expected[4:7])


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ("by_magic", "must be 'from_dtype'"),
        ([True], "mask of length 1, but X has 2 columns"),
        ([2], r"names column 2.*\[0, 1\]"),
        ([-1], "names column -1"),
        (["town"], "'town', which X does not have"),
        ([0, "city"], "holds int, str"),
        ([0.5], "holds float"),
    ],
)
def test_columns_that_cannot_be_found_are_refused(features, sentence):
    with pytest.raises(ValueError, match=sentence):
        TableEncoder(features).fit(frame())


def test_names_need_a_table_with_names():
    with pytest.raises(ValueError, match="column names, but X has none"):
        TableEncoder(["a"]).fit(np.ones((3, 2)))


def test_an_empty_choice_is_no_choice():
    X = np.arange(6.0).reshape(3, 2)
    expected = TableEncoder(None).fit(X).pack(X).to_dense()
    for none in ([], [False, False], "from_dtype"):
        assert_array_equal(TableEncoder(none).fit(X).pack(X).to_dense(), expected)
