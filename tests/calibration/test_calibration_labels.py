"""Labels that calibrators and reports take, and the sentences for those that they do not."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.naive_bayes import GaussianNB

from skboost.calibration import CalibratedClassifier, PlattScaler, SelectiveReport, selective_report

CODES = np.arange(30) * 7 % 5 % 2
SCORES = np.linspace(0.1, 0.9, 30)
X = np.column_stack([SCORES, CODES])
DATES = np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]")

USES = {
    "scaler": lambda y: PlattScaler().fit(SCORES, y),
    "classifier": lambda y: CalibratedClassifier(GaussianNB(), cv=2).fit(X, y),
    "predictions": lambda y: selective_report(y, SCORES, n_resamples=0),
    "estimator": lambda y: SelectiveReport.from_estimator(GaussianNB(), X, y, cv=2, n_resamples=0),
}
each_use = pytest.mark.parametrize("use", USES.values(), ids=USES)


def with_hole(values):
    """The values of the rows as a list, one of which is missing."""
    return [None if row == 3 else value for row, value in enumerate(np.array(values)[CODES])]


@each_use
@pytest.mark.parametrize(
    "y",
    [
        CODES == 1,
        2 * CODES - 1,
        1.0 * CODES,
        DATES[CODES],
        np.array(["no", "yes"], dtype=object)[CODES],
        pd.Series(np.array(["no", "yes"])[CODES], dtype="category", index=range(50, 80)),
        pd.Series(np.array(["no", "yes"])[CODES], dtype="string"),
        pd.Series(CODES, dtype="Int64"),
        pd.Series(CODES == 1, dtype="boolean"),
        pl.Series(np.array(["no", "yes"])[CODES]),
        pl.Series(np.array(["no", "yes"])[CODES]).cast(pl.Categorical),
    ],
    ids=lambda y: f"{type(y).__module__.split('.')[0]}-{y.dtype}",
)
def test_labels_of_many_types_are_taken(use, y):
    use(y)


@each_use
@pytest.mark.parametrize(
    ("y", "sentence"),
    [
        (np.array([b"a", b"b"])[CODES], "holds bytes, .* decode them"),
        (np.array([b"a", b"b"], dtype=object)[CODES], "holds bytes, .* decode them"),
        (np.array(["a", 1], dtype=object)[CODES], "labels of one type"),
        (np.array([1, "a"], dtype=object)[CODES], "Unknown label type"),
        (np.array([0, 1], dtype=object)[CODES], r"objects of type int; convert them with y\w*\.astype"),
        (0.5 * CODES, "Unknown label type: continuous"),
        (np.where(CODES, np.inf, 0.0), "contains infinity"),
        (pd.Series(with_hole(["a", "b"]), dtype="string"), "contains NaN or None"),
        (pd.Series(with_hole([0, 1]), dtype="Int64"), "contains NaN"),
        (pl.Series(with_hole([0, 1])), "contains NaN"),
        (np.where(CODES, DATES[0], np.datetime64("NaT")), "contains NaN or None"),
        (np.eye(2)[CODES], "1d array"),
    ],
)  # fmt: skip
def test_labels_that_are_none_get_a_sentence(use, y, sentence):
    with pytest.raises(ValueError, match=sentence):
        use(y)


@pytest.mark.parametrize(
    "classes", [[[0, 1]], [[0], [1, 2]], np.eye(2), [(0,), (1,)], [], "ab", [0, None]]
)
def test_classes_are_a_flat_sequence_of_labels(classes):
    with pytest.raises(
        ValueError, match="classes=.* must be a sequence with a label in each place"
    ):
        PlattScaler(classes=classes).fit(SCORES, CODES)
