"""What split conformal prediction promises, on many draws: coverage, exactly where there is a law for it."""

import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.frozen import FrozenEstimator

from skboost.conformal import Bins, ConformalRegressor, NormalizedScore

SURE = 1e-4  # a correct build fails a test with this probability


class Line(RegressorMixin, BaseEstimator):
    """Predicts 3 + the first column: right on average, so that nothing has to be fitted."""

    def fit(self, X, y):
        self.fitted_ = True
        return self

    def predict(self, X):
        return 3.0 + X[:, 0]


LINE = FrozenEstimator(Line().fit(None, None))
REPETITIONS, N, M = 200, 99, 500


def draw(rng, n):
    """Errors grow with the second column."""
    X = rng.uniform(0.0, 1.0, size=(n, 2))
    return X, 3.0 + X[:, 0] + (0.2 + X[:, 1]) * rng.normal(size=n)


def counts(parameters, level=0.9, n=N, seed=0, group=lambda X: np.zeros(len(X), dtype=int)):
    """How many of M new rows each of many calibrations covers, and how many there are, by group."""
    rng = np.random.default_rng(seed)
    model = ConformalRegressor(LINE, method="split", confidence_level=level, **parameters)
    model.fit(*draw(rng, n))
    hits = []
    for _ in range(REPETITIONS):
        model.fit_calibration(*draw(rng, n))
        X, y = draw(rng, M)
        low, high = model.predict_interval(X).T
        hits.append(np.bincount(group(X), (low <= y) & (y <= high)))
    return np.array(hits)


def law_of_the_sum(law, times):
    """Probabilities of the sum of independent counts."""
    pmf = law.pmf(np.arange(M + 1))
    size = M * times + 1
    transform = np.fft.rfft(pmf, 2 * size) ** times
    return np.clip(np.fft.irfft(transform)[:size], 0.0, None)


def assert_follows(hits, law):
    """The total lies in the middle of its distribution, and the counts are spread like theirs."""
    cdf = np.cumsum(law_of_the_sum(law, len(hits)))
    assert SURE / 2 < cdf[int(hits.sum())] < 1 - SURE / 2
    assert stats.ks_1samp(hits, law.cdf).pvalue > SURE  # conservative, because counts are whole


@pytest.mark.parametrize(
    ("parameters", "k"),
    [
        ({}, 90),
        ({"nonconformity": NormalizedScore(beta=0.2), "difficulty": lambda X: X[:, 1]}, 90),
        ({"nonconformity": "gamma"}, 90),
        ({"nonconformity": "signed"}, 90),  # the ranks 5 and 95 leave out 10 of 100 places
    ],
    ids=["absolute", "normalized", "gamma", "signed"],
)
def test_the_number_of_rows_covered_is_beta_binomial(parameters, k):
    hits = counts(parameters)[:, 0]
    assert_follows(hits, stats.betabinom(M, k, N + 1 - k))


@pytest.mark.parametrize(("level", "n"), [(0.5, 7), (0.8, 31), (0.95, 19)])
def test_coverage_is_between_the_level_and_a_rank_more(level, n):
    hits = counts({}, level, n)[:, 0]
    k = int(np.ceil(np.round((n + 1) * level, 9)))
    assert_follows(hits, stats.betabinom(M, k, n + 1 - k))


def test_each_group_of_a_taxonomy_is_covered():
    """Group sizes are fixed, so that the law of each group is known; without the taxonomy groups differ."""
    rng = np.random.default_rng(0)
    sizes = np.array([29, 99, 199])
    group = np.repeat(np.arange(3), sizes)
    spread = np.array([0.1, 1.0, 5.0])

    def draw_groups(group):
        X = np.column_stack([np.zeros(len(group)), group])
        return X, 3.0 + spread[group] * rng.normal(size=len(group))

    grouped = ConformalRegressor(LINE, method="split", taxonomy=1).fit(*draw_groups(group))
    plain = ConformalRegressor(LINE, method="split").fit(*draw_groups(group))
    new = np.repeat(np.arange(3), M)
    hits, plain_hits = np.zeros((REPETITIONS, 3)), np.zeros(3)
    for repetition in range(REPETITIONS):
        rows = draw_groups(group)
        X, y = draw_groups(new)
        low, high = grouped.fit_calibration(*rows).predict_interval(X).T
        hits[repetition] = np.bincount(new, (low <= y) & (y <= high))
        low, high = plain.fit_calibration(*rows).predict_interval(X).T
        plain_hits += np.bincount(new, (low <= y) & (y <= high))
    for number, n in enumerate(sizes):
        k = int(np.ceil((n + 1) * 0.9 - 1e-9))
        assert_follows(hits[:, number], stats.betabinom(M, k, n + 1 - k))
    coverage = plain_hits / (REPETITIONS * M)
    assert coverage[0] > 0.99
    assert coverage[2] < 0.85


@pytest.mark.parametrize("of", ["prediction", "difficulty"])
def test_bins_of_the_model_are_covered_alike(of):
    edges = [3.5] if of == "prediction" else [0.5]
    column = 0 if of == "prediction" else 1
    parameters = {"taxonomy": Bins(edges, of=of)}
    if of == "difficulty":
        parameters["difficulty"] = lambda X: X[:, 1]
    hits = counts(parameters, n=400, group=lambda X: (X[:, column] > 0.5).astype(int))
    share = hits.sum(axis=0) / (REPETITIONS * M / 2)
    error = np.sqrt(0.09 * (1 / (200 * REPETITIONS) + 1 / (250 * REPETITIONS)))
    assert (share > 0.9 - 4 * error - 0.01).all()  # numbers of rows in a bin vary by about 1 %
    assert (share < 0.9 + 1 / 180 + 4 * error + 0.01).all()
