"""Arrays and dataframes give the same numbers; what cannot be read is refused by a sentence."""

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from skboost.tables import TableEncoder, read_table


def dense(X, fitted_on=None, **params):
    fitted_on = X if fitted_on is None else fitted_on
    return TableEncoder(**params).fit(fitted_on).pack(X).to_dense()


@pytest.fixture
def numbers():
    X = np.random.default_rng(0).standard_normal((150, 4))
    X[:, 1] = np.round(10 * X[:, 1])
    X[:, 2] = X[:, 2] > 0
    X[::7, 3] = np.nan
    return X


def test_arrays_of_all_layouts_and_types_agree(numbers, tmp_path):
    expected = dense(numbers)
    read_only = numbers.copy()
    read_only.flags.writeable = False
    np.save(tmp_path / "X.npy", numbers)
    for X in (
        np.asfortranarray(numbers),
        np.repeat(numbers, 2, axis=1)[:, ::2],
        read_only,
        np.load(tmp_path / "X.npy", mmap_mode="r"),
        numbers.astype(object),
        numbers.tolist(),
        numbers.astype(str),
        [[None if value != value else value for value in row] for row in numbers.tolist()],
    ):
        assert_array_equal(dense(X), expected)
    assert_array_equal(dense(numbers.astype(np.float32), numbers.astype(np.float32).astype(float)),
                       dense(numbers.astype(np.float32)))  # fmt: skip
    whole = np.nan_to_num(10 * numbers).astype(int)
    for kind in (np.int64, np.int32, np.int16, np.float32, np.longdouble):
        assert_array_equal(dense(whole.astype(kind)), dense(whole.astype(float)))


def test_input_is_not_changed(numbers):
    before = numbers.copy()
    dense(numbers)
    assert_array_equal(numbers, before)


def mixed(numbers):
    """The same table in four libraries, with nulls in every kind of column."""
    rng = np.random.default_rng(1)
    city = rng.choice(["Rome", "Paris", "Oslo", None], len(numbers)).tolist()
    count = [None if i % 11 == 0 else i % 5 for i in range(len(numbers))]
    flag = [None if i % 13 == 0 else i % 3 == 0 for i in range(len(numbers))]
    pandas = pd.DataFrame({
        "a": numbers[:, 0],
        "count": pd.array(count, dtype="Int64"),
        "city": pd.Categorical(city),
        "flag": pd.array(flag, dtype="boolean"),
        "gaps": numbers[:, 3],
        "sure": numbers[:, 2] > 0,
    })  # fmt: skip
    polars = pl.DataFrame({
        "a": numbers[:, 0],
        "count": count,
        "city": pl.Series(city, dtype=pl.Categorical),
        "flag": flag,
        "gaps": pl.Series(numbers[:, 3]).fill_nan(None),
        "sure": numbers[:, 2] > 0,
    })  # fmt: skip
    arrow = pa.table({
        "a": numbers[:, 0],
        "count": pa.array(count),
        "city": pa.chunked_array(
            [pa.array(city[:50]).dictionary_encode(), pa.array(city[50:]).dictionary_encode()]
        ),
        "flag": pa.array(flag),
        "gaps": pa.array(numbers[:, 3], from_pandas=True),
        "sure": numbers[:, 2] > 0,
    })  # fmt: skip
    code = {"Rome": 2.0, "Paris": 1.0, "Oslo": 0.0, None: np.nan}
    floats = np.array([
        numbers[:, 0],
        [np.nan if value is None else value for value in count],
        [code[value] for value in city],
        [np.nan if value is None else value for value in flag],
        numbers[:, 3],
        numbers[:, 2],
    ]).T  # fmt: skip
    return pandas, polars, arrow, floats


def test_pandas_polars_arrow_and_arrays_agree(numbers):
    pandas, polars, arrow, floats = mixed(numbers)
    order = np.random.default_rng(2).permutation(len(numbers))
    encoder = TableEncoder().fit(pandas)
    expected = encoder.pack(pandas).to_dense()
    assert encoder.get_feature_names_out().tolist() == [
        "a", "count", "flag", "gaps", "sure", "count_missing", "flag_missing", "gaps_missing",
        "city_Oslo", "city_Paris", "city_Rome", "city_missing",
    ]  # fmt: skip
    for X in (pandas, polars, arrow):
        other = TableEncoder().fit(X)
        assert_array_equal(other.get_feature_names_out(), encoder.get_feature_names_out())
        assert_array_equal(other.pack(X).to_dense(), expected)
        assert_array_equal(other.pack(X, order=order).to_dense(), expected[order])
        assert_array_equal(encoder.pack(X).to_dense(), expected)  # one reads the other's frames
    assert_array_equal(dense(floats, categorical_features=[2]), expected)
    with_objects = pandas.astype(object).to_numpy()
    assert_array_equal(encoder.pack(with_objects).to_dense(), expected)


def test_extension_types_of_pandas_agree(numbers):
    plain = pd.DataFrame(numbers, columns=list("abcd"))
    expected = dense(plain)
    for kind in ("Float64", "double[pyarrow]", object, pd.SparseDtype(float)):
        assert_array_equal(dense(plain.astype(kind)), expected)
    as_text = plain.map(lambda value: None if value != value else str(value))
    assert_array_equal(dense(as_text), expected)
    assert_array_equal(dense(as_text.astype(object)), expected)


def test_decimals_are_numbers():
    X = pl.DataFrame({"price": [decimal.Decimal("1.50"), None, decimal.Decimal("2.25")]})
    assert_array_equal(dense(X), dense(np.array([[1.5], [np.nan], [2.25]])))


def test_pandas_names_may_repeat_or_be_numbers(numbers):
    expected = dense(numbers)
    for names in (["a", "b", "a", "b"], [4, 5, 6, 7]):
        assert_array_equal(dense(pd.DataFrame(numbers, columns=names)), expected)


class OtherFrame:
    """A dataframe of an unknown library that offers the Arrow stream."""

    def __init__(self, table):
        self.table = table
        self.columns = table.column_names

    def __arrow_c_stream__(self, requested_schema=None):
        return self.table.__arrow_c_stream__(requested_schema)


def test_other_frames_are_read_by_the_arrow_stream(numbers):
    _, _, arrow, _ = mixed(numbers)
    assert_array_equal(dense(OtherFrame(arrow)), dense(arrow))


def test_a_table_is_read_once(numbers):
    table = read_table(numbers)
    assert read_table(table) is table
    assert len(table) == TableEncoder.count_rows(numbers) == 150
    assert_array_equal(dense(table), dense(numbers))


@pytest.mark.parametrize(
    ("X", "error", "sentence"),
    [
        (sparse.csr_array(np.eye(3)), TypeError, "sparse.*TruncatedSVD.*toarray"),
        (sparse.coo_matrix(np.eye(3)), TypeError, "sparse"),
        (np.ones(5), ValueError, "Reshape your data"),
        (np.ones((2, 2, 2)), ValueError, "dim 3"),
        (np.empty((0, 3)), ValueError, r"Found array with 0 sample\(s\)"),
        (np.empty((12, 0)), ValueError, r"0 feature\(s\) \(shape=\(12, 0\)\) while a minimum of 1"),
        (pd.DataFrame({"a": []}), ValueError, r"Found array with 0 sample\(s\)"),
        (pd.DataFrame(index=[0, 1]), ValueError, r"0 feature\(s\) \(shape=\(2, 0\)\) while a min"),
        (pl.DataFrame({"a": []}), ValueError, r"Found array with 0 sample\(s\)"),
        (pl.LazyFrame({"a": [1]}), TypeError, "collect"),
        (np.ones((3, 2)) * 1j, ValueError, "Complex data not supported"),
        (pd.DataFrame({"a": [1j, 2.0]}), ValueError, "Complex data not supported"),
        (np.array([["a", "b"]]), ValueError, "Column 0 of X holds text.*categorical_features"),
        (pd.DataFrame({"a": ["x", "y"]}), ValueError, "Column 'a' of X holds text"),
        (pl.DataFrame({"b": ["x", "y"]}), ValueError, "Column 'b' of X holds text"),
        (pa.table({"c": ["x", "y"]}), ValueError, "Column 'c' of X holds text"),
        (np.array([[{}]], dtype=object), TypeError, "argument must be .* string.* number"),
        (pd.DataFrame({"t": pd.date_range("2020", periods=3)}), ValueError, "'t' of X holds dates"),
        (pd.DataFrame({"t": pd.date_range("2020", periods=3, tz="UTC")}), TypeError, "Column 't'"),
        (pl.DataFrame({"t": [datetime.date(2020, 1, 1)]}), TypeError, "Column 't'"),
        (np.array([["2020-01-01"]], dtype="datetime64[D]"), ValueError, "dates or durations"),
    ],
)
def test_what_cannot_be_read_is_refused(X, error, sentence):
    with pytest.raises(error, match=sentence):
        TableEncoder().fit(X)


def test_a_category_must_be_hashable():
    X = np.empty((2, 1), dtype=object)
    X[:, 0] = [[1], [2]]
    with pytest.raises(TypeError, match="Column 0 of X is categorical.*string or a number"):
        TableEncoder([0]).fit(X)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinite_values_are_refused_with_the_name_of_the_column(numbers, value):
    encoder = TableEncoder().fit(numbers)
    X = numbers.copy()
    X[17, 1] = value
    for refuse in (TableEncoder().fit, encoder.pack):
        with pytest.raises(ValueError, match="Input X contains infinity in column 1"):
            refuse(X)
    named = pd.DataFrame(X, columns=list("abcd"))
    with pytest.raises(ValueError, match="Input X contains infinity in column 'b'"):
        TableEncoder().fit(named)


def test_both_infinities_in_one_column_are_seen(numbers):
    numbers[:2, 0] = [np.inf, -np.inf]  # their sum is NaN, like that of a missing value
    with pytest.raises(ValueError, match="infinity in column 0"):
        TableEncoder().fit(numbers)
