"""Checks of parameters, weights and targets."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.exceptions import DataConversionWarning

from skboost._validation import (
    Flag,
    Instance,
    Integer,
    Many,
    Nothing,
    Number,
    OneOf,
    check_class_target,
    check_parameters,
    check_regression_target,
    check_weights,
)

NAN, INF = np.nan, np.inf


class Thing(BaseEstimator):
    def __init__(self, size=1):
        self.size = size


class TestConstraints:
    @pytest.mark.parametrize(
        ("constraint", "good", "bad"),
        [
            (Number(0), [1, 0.1, np.float32(2), np.int64(3)], [0, -1, INF, NAN, "1", None, True]),
            (Number(0, closed="left"), [0, 1e300], [-1e-9, INF]),
            (Number(0, 1, closed="right"), [1, 0.5], [0, 1.1]),
            (Number(0, 1, closed="both"), [0, 1], [-0.1, 1.1, [0.5], 1j]),
            (Number(0, INF, closed="right"), [INF], [0]),
            (Integer(1), [1, np.int32(5)], [0, 1.0, "1", None, True, np.bool_(1)]),
            (Integer(1, 3), [3], [4]),
            (Integer(high=0), [-5], [1]),
            (OneOf("auto", "newton"), ["auto"], ["Auto", None, 1, ["auto"]]),
            (Flag(), [True, np.bool_(False)], [0, 1, "True", None]),
            (Nothing(), [None], [0, False, "None"]),
            (Instance(dict, Thing), [{}, Thing()], [Thing, [], None]),
            (Many(Integer(1)), [[1], (2, 3), np.array([4])], [[], [0], 3, "1", np.ones((1, 1))]),
        ],
        ids=str,
    )
    def test_what_is_accepted(self, constraint, good, bad):
        assert [value for value in good if not constraint.accepts(value)] == []
        assert [value for value in bad if constraint.accepts(value)] == []

    @pytest.mark.parametrize(
        ("constraint", "words"),
        [
            (Number(0), "a number in (0, inf)"),
            (Number(0, 1, closed="both"), "a number in [0, 1]"),
            (Number(0.5, 2, closed="right"), "a number in (0.5, 2]"),
            (Integer(1), "an integer of at least 1"),
            (Integer(1, 9), "an integer from 1 to 9"),
            (Integer(high=9), "an integer of at most 9"),
            (Integer(), "an integer"),
            (OneOf("a", "b"), "'a' or 'b'"),
            (Flag(), "True or False"),
            (Instance(Thing, dict), "an instance of Thing or dict"),
            (Many(Number(0, 1)), "a sequence with a number in (0, 1) in each place"),
        ],
    )
    def test_how_it_is_said(self, constraint, words):
        assert str(constraint) == words

    def test_a_wrong_parameter_gives_a_sentence(self):
        constraints = {"size": (Integer(1), OneOf("auto"), Nothing())}
        for fine in (1, "auto", None):
            check_parameters(Thing(fine), constraints)
        with pytest.raises(
            ValueError,
            match=r"^size=-2 is not valid for Thing: it must be an integer of at least 1 or "
            r"'auto' or None\.$",
        ):
            check_parameters(Thing(-2), constraints)

    def test_a_long_value_is_cut_in_the_message(self):
        with pytest.raises(ValueError, match="size=") as caught:
            check_parameters(Thing(list(range(10_000))), {"size": Integer()})
        assert len(str(caught.value)) < 200

    def test_an_array_as_value_is_no_trouble(self):
        with pytest.raises(ValueError, match="size="):
            check_parameters(Thing(np.zeros(3)), {"size": (Number(0), Nothing(), OneOf("a"))})


class TestWeights:
    def test_none_means_one_each(self):
        assert_array_equal(check_weights(None, 3), np.ones(3))

    @pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, pl.Series])
    def test_any_container(self, kind):
        weight = check_weights(kind([0, 1, 2]), 3)
        assert weight.dtype == np.float64
        assert_array_equal(weight, [0.0, 1.0, 2.0])

    def test_the_result_is_a_copy(self):
        mine = np.ones(3)
        check_weights(mine, 3)[0] = 5.0
        assert mine[0] == 1.0

    @pytest.mark.parametrize(
        ("weight", "match"),
        [
            ([1, 1], r"each of the 3 rows, but its shape is \(2,\)"),
            (np.ones((3, 1)), r"shape is \(3, 1\)"),
            (2.0, r"shape is \(\)"),
            ([1, -0.5, 1], "minimum is -0.5"),
            ([1, NAN, 1], "NaN or infinity"),
            ([1, INF, 1], "NaN or infinity"),
            (["a", "b", "c"], "a number for each row"),
            ([1, 1 + 1j, 1], "a number for each row"),
            (np.array([1, 1j, 1]), "a number for each row"),
            ([0, 0, 0], "all weights are zero"),
        ],
    )
    def test_unusable_weights_are_refused(self, weight, match):
        with pytest.raises(ValueError, match=match):
            check_weights(weight, 3)

    def test_the_name_of_the_argument_is_in_the_message(self):
        with pytest.raises(ValueError, match="^sample_weight_val"):
            check_weights([1.0], 2, "sample_weight_val")


class TestRegressionTarget:
    @pytest.mark.parametrize(
        "y",
        [[1, 2, 3], np.array([1, 2, 3], dtype=np.int8), pd.Series([1, 2, 3], dtype="Int64"),
         pl.Series([1, 2, 3]), np.arange(1.0, 7.0)[::2] / 2 + 0.5, ["1", "2", "3"]],
        ids=["list", "int8", "pandas", "polars", "strided", "numerals"],
    )  # fmt: skip
    def test_any_container(self, y):
        target = check_regression_target(y, 3)
        assert target.dtype == np.float64
        assert target.flags.c_contiguous
        assert_array_equal(target, [1.0, 2.0, 3.0])

    def test_tables_and_columns_keep_their_shape(self):
        table = np.asfortranarray(np.arange(6.0).reshape(3, 2))
        assert check_regression_target(table, 3).flags.c_contiguous
        assert check_regression_target(table[:, :1], 3).shape == (3, 1)
        assert check_regression_target(pd.DataFrame(table), 3).shape == (3, 2)

    @pytest.mark.parametrize(
        ("y", "match"),
        [
            (None, "requires y to be passed, but the target y is None"),
            ([1, NAN, 2], "Input y contains NaN"),
            ([1, INF, 2], "Input y contains infinity"),
            ([1, 2], "y has 2 rows, but X has 3"),
            (np.zeros((3, 1, 1)), "one or two dimensions|dim 3"),
            (["a", "b", "c"], "could not convert"),
            (1.0, "one or two dimensions"),
            ([1j, 2, 3], "Complex data not supported"),
        ],
    )
    def test_unusable_targets_are_refused(self, y, match):
        with pytest.raises(ValueError, match=match):
            check_regression_target(y, 3)


class TestClassTarget:
    @pytest.mark.parametrize(
        ("y", "expected"),
        [
            (["b", "a", "b"], ["a", "b"]),
            ([True, False, True], [False, True]),
            ([7, -1, 7], [-1, 7]),
            ([2.0, 1.0, 2.0], [1.0, 2.0]),
            (pd.Series(["b", "a", "b"], dtype="category"), ["a", "b"]),
            (pd.Series(["b", "a", "b"], dtype="string"), ["a", "b"]),
            (pl.Series(["b", "a", "b"]), ["a", "b"]),
            (np.array(["b", "a", "b"], dtype=object), ["a", "b"]),
        ],
    )
    def test_labels_become_codes(self, y, expected):
        classes, codes = check_class_target(y, 3)
        assert classes.tolist() == expected
        assert codes.dtype == np.int64
        assert codes.tolist() == [1, 0, 1]

    def test_a_column_is_flattened_with_a_warning(self):
        with pytest.warns(DataConversionWarning):
            codes = check_class_target(np.array([[1], [0], [1]]), 3)[1]
        assert codes.tolist() == [1, 0, 1]

    @pytest.mark.parametrize(
        ("y", "match"),
        [
            (None, "requires y to be passed, but the target y is None"),
            ([0.1, 0.2, 0.3], "Unknown label type: continuous"),
            ([0.0, NAN, 1.0], "Input y contains NaN"),
            (["a", None, "b"], "Input y contains NaN or None"),
            (np.array(["a", NAN, "b"], dtype=object), "Input y contains NaN or None"),
            (pd.Series(["a", None, "b"], dtype="string"), "Input y contains NaN or None"),
            (pd.Series(["a", None, "b"], dtype="category"), "Input y contains NaN or None"),
            (pd.Series([1, None, 0], dtype="Int64"), "Input y contains NaN"),
            (pl.Series(["a", None, "b"]), "Input y contains NaN or None"),
            ([0, 1], "y has 2 rows, but X has 3"),
            (np.eye(3), "1d array"),
            ([1, 1, 1], r"y has one class: \[1\]"),
            (np.array(["a", "b", 1], dtype=object), "labels of one type"),
            (np.array([1, "a", 2], dtype=object), "Unknown label type"),
        ],
    )
    def test_unusable_targets_are_refused(self, y, match):
        with pytest.raises(ValueError, match=match):
            check_class_target(y, 3)

    def test_classes_count_only_with_weight(self):
        y = ["a", "b", "b"]
        assert check_class_target(y, 3, np.array([1.0, 0.0, 2.0]))[0].tolist() == ["a", "b"]
        with pytest.raises(ValueError, match="one class among the rows of positive weight"):
            check_class_target(y, 3, np.array([0.0, 1.0, 1.0]))
