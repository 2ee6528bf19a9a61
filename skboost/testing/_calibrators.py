"""Properties that every calibrator must have."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.sparse import csr_array
from scipy.special import softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skboost.calibration import BinaryCalibrator, Calibrator
from skboost.testing._bold_scores import (
    Codes,
    Floats,
    assert_probabilities,
    bold_scores,
    log_loss,
    one_column,
)

ROWS = 300

lenient = pytest.mark.filterwarnings("ignore::skboost.exceptions.UncertaintyWarning")


class CalibratorCases:
    """Tests of one calibrator. Subclass, and give the calibrator in a fixture.

    Scores are those of a model that is too certain, probabilities or logits as the parameter ``input`` of the
    calibrator says. Most tests run for two classes and for three.

    Examples
    --------
    In a test file of your own::

        class TestMyCalibrator(CalibratorCases):
            @pytest.fixture(params=["probability", "logit"])
            def calibrator(self, request):
                return MyCalibrator(input=request.param)
    """

    tolerance = 1e-6
    """How far apart probabilities may be that should be equal, but for the path of a solver."""

    @pytest.fixture
    def calibrator(self) -> Calibrator:
        """The calibrator under test."""
        raise NotImplementedError("Give the calibrator under test in a fixture named 'calibrator'.")

    @pytest.fixture(params=[2, 3], ids=["two", "three"])
    def sample(
        self, request: pytest.FixtureRequest, calibrator: Calibrator
    ) -> tuple[Floats, Codes]:
        """Scores, one column a class, and codes; no test may write to them."""
        return bold_scores(ROWS, request.param, calibrator.input, seed=0)

    @pytest.fixture
    def two(self, calibrator: Calibrator) -> tuple[Floats, Codes]:
        """The sample of two classes."""
        return bold_scores(ROWS, 2, calibrator.input, seed=0)

    def same(self, one: Floats, other: Floats) -> None:
        """Whether two answers agree."""
        assert_allclose(one, other, rtol=self.tolerance, atol=self.tolerance)

    # answers

    def test_probabilities_have_the_shape_of_scores_and_sum_to_one(self, calibrator, sample):
        scores, y = sample
        probability = calibrator.fit(scores, y).transform(scores[:50])
        assert_probabilities(probability, scores[:50].shape)
        assert_array_equal(calibrator.classes_, np.unique(y))
        assert calibrator.n_calibration_ == ROWS

    def test_two_classes_in_one_column_or_two(self, calibrator, two):
        scores, y = two
        wide = clone(calibrator).fit(scores, y).transform(scores)
        one = one_column(scores, calibrator.input)
        for narrow in (one, one[:, np.newaxis]):
            answer = clone(calibrator).fit(narrow, y).transform(narrow)
            assert answer.shape == narrow.shape
            assert_array_equal(answer.ravel(), wide[:, 1])

    def test_calibration_lowers_the_log_loss_of_fresh_rows(self, calibrator, sample):
        scores, y = sample
        fresh, truth = bold_scores(2000, scores.shape[1], calibrator.input, seed=1)
        before = fresh if calibrator.input == "probability" else softmax(fresh, axis=1)
        after = calibrator.fit(scores, y).transform(fresh)
        assert log_loss(after, truth) < log_loss(before, truth) - 0.05

    # rows

    def test_weights_count_copies(self, calibrator, sample):
        scores, y = sample
        count = np.random.default_rng(2).integers(0, 4, ROWS)
        weighted = clone(calibrator).fit(scores, y, count)
        repeated = clone(calibrator).fit(np.repeat(scores, count, axis=0), np.repeat(y, count))
        assert weighted.n_calibration_ == repeated.n_calibration_
        self.same(weighted.transform(scores), repeated.transform(scores))

    def test_rows_without_weight_do_not_count(self, calibrator, sample):
        scores, y = sample
        weight = np.r_[np.ones(200), np.zeros(ROWS - 200)]
        weighted = clone(calibrator).fit(scores, y, weight).transform(scores)
        assert_array_equal(weighted, clone(calibrator).fit(scores[:200], y[:200]).transform(scores))

    def test_the_order_of_rows_does_not_matter(self, calibrator, sample):
        scores, y = sample
        rng = np.random.default_rng(3)
        weight, order = rng.exponential(size=ROWS), rng.permutation(ROWS)
        expected = clone(calibrator).fit(scores, y, weight).transform(scores)
        shuffled = clone(calibrator).fit(scores[order], y[order], weight[order])
        self.same(shuffled.transform(scores), expected)
        assert_allclose(
            shuffled.transform(scores[order]), shuffled.transform(scores)[order], rtol=1e-12
        )

    @lenient
    def test_one_row_suffices(self, calibrator, sample):
        scores, y = sample
        calibrator.set_params(classes=np.unique(y)).fit(scores[:1], y[:1])
        assert_probabilities(calibrator.transform(scores), scores.shape)

    @lenient
    @pytest.mark.parametrize("code", [0, 1])
    def test_one_class_suffices(self, calibrator, sample, code):
        scores, y = sample
        rows = y == code
        calibrator.set_params(classes=np.unique(y)).fit(scores[rows], y[rows])
        assert_probabilities(calibrator.transform(scores), scores.shape)

    @lenient
    def test_an_absent_class_keeps_its_column(self, calibrator, sample):
        scores, y = sample
        last = scores.shape[1] - 1
        with pytest.raises(ValueError, match="classes"):
            clone(calibrator).fit(scores[y < last], y[y < last])
        calibrator.set_params(classes=np.unique(y)).fit(scores[y < last], y[y < last])
        assert_probabilities(calibrator.transform(scores), scores.shape)

    @lenient
    def test_constant_scores(self, calibrator, sample):
        scores, y = sample
        constant = np.tile(scores[:1], (ROWS, 1))
        calibrator.fit(constant, y)
        assert_probabilities(calibrator.transform(constant), scores.shape)
        assert_probabilities(calibrator.transform(scores), scores.shape)

    @lenient
    @pytest.mark.parametrize("all_rows", [True, False])
    def test_certain_scores(self, calibrator, sample, all_rows):
        scores, y = (array.copy() for array in sample)
        rows = np.arange(ROWS) % (1 if all_rows else 2) == 0
        size = 1.0 if calibrator.input == "probability" else 1e4
        scores[rows] = size * np.eye(scores.shape[1])[scores[rows].argmax(axis=1)]
        calibrator.fit(scores, y)
        assert_probabilities(calibrator.transform(scores), scores.shape)
        assert_probabilities(calibrator.transform(sample[0]), scores.shape)

    @lenient
    @pytest.mark.parametrize("size", [1e-300, 1.0, 1e300, 1.7e308])
    def test_logits_of_any_size(self, calibrator, sample, size):
        if calibrator.input == "probability":
            pytest.skip("probabilities have one size")
        scores, y = sample
        largest = np.finfo(np.float64).max
        scores = size * (scores / np.abs(scores).max())
        far = largest * np.eye(scores.shape[1])
        calibrator.fit(scores, y)
        for logits in (scores, far, -far):
            assert_probabilities(calibrator.transform(logits), logits.shape)

    # forms of input

    @pytest.mark.parametrize("labels", [["no", "yes", "zoo"], [1, 2, 3], [-1.0, 0.0, 7.0]])
    def test_labels_of_any_kind(self, calibrator, sample, labels):
        scores, y = sample
        names = np.array(labels)
        expected = clone(calibrator).fit(scores, y).transform(scores)
        named = clone(calibrator).fit(scores, names[y])
        assert_array_equal(named.classes_, names[: scores.shape[1]])
        assert_array_equal(named.transform(scores), expected)

    def test_the_order_of_columns_is_that_of_classes(self, calibrator, two):
        scores, y = two
        names = np.array(["zoo", "ape"])
        named = clone(calibrator).set_params(classes=["zoo", "ape"]).fit(scores, names[y])
        assert_array_equal(named.classes_, names)
        assert_array_equal(
            named.transform(scores), clone(calibrator).fit(scores, y).transform(scores)
        )

    def test_single_precision(self, calibrator, sample):
        scores, y = sample
        single = scores.astype(np.float32)
        answer = clone(calibrator).fit(single, y).transform(single)
        assert answer.dtype == np.float64
        double = single.astype(np.float64)
        assert_array_equal(answer, clone(calibrator).fit(double, y).transform(double))

    @pytest.mark.parametrize("library", ["pandas", "polars"])
    def test_frames_and_series(self, calibrator, sample, library):
        frames = pytest.importorskip(library)
        scores, y = sample
        names = np.array(["no", "yes", "zoo"])[y]
        weight = np.linspace(0.0, 2.0, ROWS)
        expected = clone(calibrator).fit(scores, names, weight).transform(scores)
        table = frames.DataFrame({f"c{k}": column for k, column in enumerate(scores.T)})
        fitted = clone(calibrator).fit(table, frames.Series(names.tolist()), frames.Series(weight))
        assert_array_equal(fitted.transform(table), expected)
        if scores.shape[1] == 2:
            one = one_column(scores, calibrator.input)
            series = frames.Series(one)
            answer = clone(calibrator).fit(series, frames.Series(names.tolist()), weight)
            assert_array_equal(answer.transform(series), expected[:, 1])

    def test_inputs_are_not_written_to(self, calibrator, sample):
        scores, y = (array.copy() for array in sample)
        weight = np.ones(ROWS)
        calibrator.fit(scores, y, weight).transform(scores)
        assert_array_equal(scores, sample[0])
        assert_array_equal(y, sample[1])
        assert_array_equal(weight, 1.0)
        answer = calibrator.transform(scores)
        assert not np.shares_memory(answer, scores)

    # what is refused

    def test_unfit_scores_are_refused(self, calibrator, sample):
        scores, y = sample
        fitted = clone(calibrator).fit(scores, y)
        hole = scores.copy()
        hole[3, 1] = np.nan
        endless = scores.copy()
        endless[3, 1] = np.inf
        table = scores[:, :, np.newaxis]
        unfit = [hole, endless, csr_array(scores), table, scores[:0], scores + 0j, "scores"]
        for bad in unfit:
            with pytest.raises(ValueError, match="scores"):
                clone(calibrator).fit(bad, y)
            with pytest.raises(ValueError, match="scores"):
                fitted.transform(bad)
        for other in (scores[:, :1], np.column_stack([scores, np.zeros(ROWS)])):
            with pytest.raises(ValueError, match="column"):
                fitted.transform(other)

    def test_unfit_labels_and_weights_are_refused(self, calibrator, sample):
        scores, y = sample
        names = np.array(["no", "yes", "zoo"], dtype=object)[y]
        for hole in (None, np.nan):
            bad = names.copy()
            bad[5] = hole
            with pytest.raises(ValueError, match="y contains"):
                clone(calibrator).fit(scores, bad)
        with pytest.raises(ValueError, match="y has"):
            clone(calibrator).fit(scores, y[1:])
        present = list(np.unique(names))
        strange = np.where(np.arange(ROWS) == 7, "perhaps", names)
        with pytest.raises(ValueError, match="perhaps"):
            clone(calibrator).set_params(classes=present).fit(scores, strange)
        for classes in (present[1:], [*present, "more"], [present[0]] * len(present)):
            with pytest.raises(ValueError, match="classes"):
                clone(calibrator).set_params(classes=classes).fit(scores, names)
        for weight in (-np.ones(ROWS), np.zeros(ROWS), np.full(ROWS, np.nan), np.ones(3)):
            with pytest.raises(ValueError, match="sample_weight"):
                clone(calibrator).fit(scores, y, weight)

    def test_every_parameter_is_checked(self, calibrator, sample):
        parameters = calibrator.get_params(deep=False)
        assert {"input", "classes"} <= set(parameters)
        assert set(calibrator.constraints) == set(parameters)
        for name in parameters:
            with pytest.raises(ValueError, match=name):
                clone(calibrator).set_params(**{name: "no such value"}).fit(*sample)

    # manners

    def test_a_calibrator_has_the_manners_of_an_estimator(self, calibrator, sample):
        scores, y = sample
        fresh = clone(calibrator)
        with pytest.raises(NotFittedError):
            fresh.transform(scores)
        assert calibrator.fit(scores, y) is calibrator
        expected = calibrator.transform(scores)
        assert repr(fresh) == repr(calibrator)
        for twin in (fresh.fit(scores, y), pickle.loads(pickle.dumps(calibrator))):
            assert_array_equal(twin.transform(scores), expected)
        # a second fit forgets the first
        calibrator.fit(scores[:200], y[:200]).fit(scores, y)
        assert_array_equal(calibrator.transform(scores), expected)

    def test_a_pool_of_one_is_that_one(self, calibrator, sample):
        scores, y = sample
        calibrator.fit(scores, y)
        pooled = type(calibrator).pool([calibrator], [scores])
        assert_allclose(pooled, calibrator.transform(scores), rtol=1e-12)
        pooled = type(calibrator).pool([calibrator] * 3, [scores] * 3)
        assert_probabilities(pooled, scores.shape)

    # two classes

    def test_higher_scores_give_no_lower_probabilities(self, calibrator, two):
        if not isinstance(calibrator, BinaryCalibrator):
            pytest.skip("the calibrator is not made of maps for two classes")
        one = one_column(two[0], calibrator.input)
        ladder = np.linspace(one.min(), one.max(), 501)
        probability = calibrator.fit(one, two[1]).transform(ladder)
        assert np.diff(probability).min() >= -1e-15
        assert probability[-1] > probability[0] + 0.3

    @pytest.mark.parametrize("multi_class", ["one_vs_rest", "pairwise", "pairwise_least_squares"])
    @pytest.mark.parametrize("n_classes", [2, 3, 4])
    def test_many_classes_as_pairs_or_one_by_one(self, calibrator, multi_class, n_classes):
        if not isinstance(calibrator, BinaryCalibrator):
            pytest.skip("the calibrator is not made of maps for two classes")
        scores, y = bold_scores(ROWS, n_classes, calibrator.input, seed=4)
        calibrator.set_params(multi_class=multi_class).fit(scores, y)
        problems = n_classes if multi_class == "one_vs_rest" else n_classes * (n_classes - 1) // 2
        assert len(calibrator.maps_) == (1 if n_classes == 2 else problems)
        probability = calibrator.transform(scores)
        assert_probabilities(probability, scores.shape)
        assert (probability.argmax(axis=1) == scores.argmax(axis=1)).mean() > 0.8
