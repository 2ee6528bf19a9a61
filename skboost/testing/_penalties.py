"""Properties that every penalty must have."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skboost.penalties import Penalty, PenaltyContext
from skboost.testing._derivatives import derivative

ROWS = 40


class PenaltyCases:
    """Tests of one penalty. Subclass, and give the penalty in a fixture.

    Each test runs for one raw score per row and for three.

    Examples
    --------
    In a test file of your own::

        class TestMyPenalty(PenaltyCases):
            @pytest.fixture
            def penalty(self):
                return MyPenalty(strength=0.5)
    """

    @pytest.fixture
    def penalty(self) -> Penalty:
        """The penalty under test."""
        raise NotImplementedError("Give the penalty under test in a fixture named 'penalty'.")

    @pytest.fixture(params=[None, 3], ids=["single", "three"])
    def sample(
        self, request: pytest.FixtureRequest, penalty: Penalty
    ) -> tuple[PenaltyContext, npt.NDArray[np.float64]]:
        """A context, and raw scores that no test may write to."""
        context, raw = penalty.sample(ROWS, 0, request.param)
        raw.flags.writeable = False
        return context, raw

    def test_value_and_gradient_have_the_promised_shapes(self, penalty, sample):
        context, raw = sample
        penalty.prepare(context)
        value, gradient = penalty.value_and_gradient(raw)
        assert isinstance(value, float)
        assert np.isfinite(value)
        assert gradient.shape == raw.shape
        assert gradient.dtype == np.float64

    def test_gradient_is_the_derivative_of_value(self, penalty, sample):
        context, raw = sample
        penalty.prepare(context)
        gradient = penalty.value_and_gradient(raw)[1]
        rng = np.random.default_rng(1)
        for _ in range(5):
            direction = rng.standard_normal(raw.shape)
            slope = derivative(_along(penalty, raw, direction))
            assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-7)

    def test_a_convex_penalty_lies_above_its_tangents(self, penalty, sample):
        if not penalty.convex:
            pytest.skip("the penalty is not convex")
        context, raw = sample
        penalty.prepare(context)
        value, gradient = penalty.value_and_gradient(raw)
        rng = np.random.default_rng(2)
        for size in (0.1, 1.0, 10.0):
            move = size * rng.standard_normal(raw.shape)
            tangent = value + np.sum(gradient * move)
            assert penalty.value_and_gradient(raw + move)[0] >= tangent - 1e-10 * (1 + abs(value))

    def test_weights_count_copies(self, penalty, sample):
        context, raw = sample
        penalty.prepare(context)
        value, gradient = penalty.value_and_gradient(raw)
        count = context.sample_weight.astype(int)
        rows = np.repeat(np.arange(ROWS), count)
        penalty.prepare(_taken(context, rows, np.ones(len(rows))))
        repeated, each = penalty.value_and_gradient(raw[rows])
        assert_allclose(value, repeated, rtol=1e-10)
        # a row of weight k has the gradients of its k copies
        assert_allclose(gradient[rows], (each.T * count[rows]).T, rtol=1e-9, atol=1e-12)
        assert_array_equal(gradient[count == 0], 0.0)

    def test_twice_the_weight_is_twice_the_penalty(self, penalty, sample):
        context, raw = sample
        penalty.prepare(context)
        value, gradient = penalty.value_and_gradient(raw)
        penalty.prepare(replace(context, sample_weight=2.0 * context.sample_weight))
        double, slope = penalty.value_and_gradient(raw)
        assert_allclose(double, 2.0 * value, rtol=1e-12)
        assert_allclose(slope, 2.0 * gradient, rtol=1e-10, atol=1e-13)

    def test_the_strength_is_a_factor(self, penalty, sample):
        context, raw = sample
        penalty.prepare(context)
        value, gradient = penalty.value_and_gradient(raw)
        stronger = clone(penalty).set_params(strength=3.0 * penalty.strength)
        stronger.prepare(context)
        assert_allclose(stronger.value_and_gradient(raw)[0], 3.0 * value, rtol=1e-12)
        assert_allclose(stronger.value_and_gradient(raw)[1], 3.0 * gradient, rtol=1e-12)

    def test_the_order_of_rows_does_not_matter(self, penalty, sample):
        context, raw = sample
        penalty.prepare(context)
        value, gradient = penalty.value_and_gradient(raw)
        order = np.random.default_rng(3).permutation(ROWS)
        penalty.prepare(_taken(context, order, context.sample_weight[order]))
        shuffled, slope = penalty.value_and_gradient(raw[order])
        assert_allclose(shuffled, value, rtol=1e-12)
        assert_allclose(slope, gradient[order], rtol=1e-10, atol=1e-13)

    def test_every_parameter_is_checked(self, penalty, sample):
        parameters = penalty.get_params(deep=False)
        assert "strength" in parameters
        assert set(penalty.constraints) == set(parameters)
        for name in parameters:
            wrong = clone(penalty).set_params(**{name: "no such value"})
            with pytest.raises(ValueError, match=name):
                wrong.prepare(sample[0])

    def test_the_penalty_has_the_manners_of_a_component(self, penalty, sample):
        context, raw = sample
        fresh = clone(penalty)
        penalty.prepare(context)
        expected = penalty.value_and_gradient(raw)
        fresh.prepare(context)
        for twin in (fresh, copy.deepcopy(penalty), pickle.loads(pickle.dumps(penalty))):
            assert repr(twin) == repr(penalty)
            value, gradient = twin.value_and_gradient(raw)
            assert value == expected[0]
            assert_array_equal(gradient, expected[1])


def _along(
    penalty: Penalty, raw: npt.NDArray[np.float64], direction: npt.NDArray[np.float64]
) -> Callable[[float], float]:
    """The penalty as a function of the distance travelled along a direction."""

    def moved(distance: float) -> float:
        return penalty.value_and_gradient(raw + distance * direction)[0]

    return moved


def _taken(
    context: PenaltyContext, rows: npt.NDArray[np.integer], weight: npt.NDArray[np.float64]
) -> PenaltyContext:
    """The context of the given rows, with new weights."""

    def take(array: Any) -> Any:
        return None if array is None else array[rows]

    return PenaltyContext(
        take(context.y), weight, take(context.protected), take(context.tasks), context.n_raw
    )
