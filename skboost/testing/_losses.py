"""Properties that every loss must have."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone

from skboost.losses import Loss
from skboost.testing._derivatives import derivative

ROWS = 60


class LossCases:
    """Tests of one loss. Subclass, and give the loss in a fixture.

    Each test runs for a single raw score per row, and again for three outputs or classes where the
    loss can have several.

    Examples
    --------
    In a test file of your own::

        class TestLogCosh(LossCases):
            @pytest.fixture
            def loss(self):
                return LogCosh()
    """

    @pytest.fixture
    def loss(self) -> Loss:
        """The loss under test."""
        raise NotImplementedError("Give the loss under test in a fixture named 'loss'.")

    @pytest.fixture(params=[None, 3], ids=["single", "three"])
    def n_raw(self, request: pytest.FixtureRequest, loss: Loss) -> int | None:
        """Number of outputs or classes; None for the simplest case."""
        n_raw: int | None = request.param
        return n_raw if loss.kind == "classification" or loss.multi_output else None

    @pytest.fixture
    def rows(self, loss: Loss, n_raw: int | None) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
        """Targets and raw scores that no test may write to."""
        y, raw = loss.sample(ROWS, 0, n_raw)
        y.flags.writeable = raw.flags.writeable = False
        return y, raw

    @pytest.fixture
    def weight(self) -> npt.NDArray[np.float64]:
        """Whole-numbered weights, some of them zero."""
        return np.random.default_rng(1).integers(0, 4, ROWS).astype(np.float64)

    @pytest.fixture
    def n_classes(self, loss: Loss, n_raw: int | None) -> int | None:
        return (n_raw or 2) if loss.kind == "classification" else None

    # -- shapes

    def test_shapes_follow_the_raw_scores(self, loss, rows, n_classes):
        y, raw = rows
        n = len(y)
        assert raw.shape == (n, *loss.raw_shape(y, n_classes))
        assert loss.value(y, raw).shape == (n,)
        assert loss.curvature(y, raw, raw).shape == (n,)
        for array in (loss.gradient(y, raw), loss.hessian(y, raw)):
            assert array.shape == raw.shape
            assert array.dtype == np.float64
            assert array.flags.c_contiguous
        assert loss.initial_raw(y, None, n_classes).shape == raw.shape[1:]
        assert loss.target_scale(y, None, n_classes).shape == raw.shape[1:]

    def test_predictions_have_the_promised_shape_and_range(self, loss, rows, n_classes):
        _, raw = rows
        predicted = loss.predict(raw)
        assert np.isfinite(predicted).all()
        if loss.kind == "regression":
            assert predicted.shape == raw.shape
        else:
            assert predicted.shape == (len(raw), n_classes)
            assert predicted.min() >= 0
            assert_allclose(predicted.sum(axis=1), 1.0, rtol=1e-14)

    def test_the_link_says_what_raw_scores_mean(self, loss, rows):
        _, raw = rows
        link = loss.link(raw.shape[1:])
        assert_array_equal(link.predict(link.factor * raw), loss.predict(raw))
        assert type(link).from_dict(link.to_dict()) == link

    def test_a_row_knows_nothing_of_the_others(self, loss, rows):
        y, raw = rows
        order = np.random.default_rng(2).permutation(len(y))[: len(y) // 2]
        for method in (loss.value, loss.gradient, loss.hessian):
            assert_array_equal(method(y[order], raw[order]), method(y, raw)[order])

    # -- derivatives

    def test_gradient_is_the_derivative_of_value(self, loss, rows):
        y, raw = rows
        # where the second derivative jumps the five-point rule has an error of the size of the step
        step = 1e-4 if loss.exact_hessian else 1e-6
        for direction in _axes(raw):
            slope = derivative(_along(loss.value, y, raw, direction), step)
            along, before, after = (
                _rowsum(loss.gradient(y, raw + t * direction) * direction)
                for t in (0.0, -2 * step, 2 * step)
            )
            # no derivative at a jump of the gradient: there it is tested as a subgradient, below
            clear = np.full(len(y), True) if loss.smooth else np.abs(after - before) < 1e-3
            assert clear.mean() > 0.5
            assert_allclose(along[clear], slope[clear], rtol=1e-6, atol=1e-5)

    def test_a_convex_loss_lies_above_its_tangents(self, loss, rows):
        y, raw = rows
        if not loss.convex:
            pytest.skip("the loss is not convex")
        tangent, slope = loss.value(y, raw), loss.gradient(y, raw)
        rng = np.random.default_rng(3)
        for size in (1e-3, 0.1, 1.0, 10.0):
            move = size * rng.standard_normal(raw.shape)
            above = loss.value(y, raw + move) - (tangent + _rowsum(slope * move))
            assert above.min() >= -1e-12 * (1.0 + np.abs(tangent).max() + size)

    def test_hessian_is_the_second_derivative_or_an_upper_parabola(self, loss, rows):
        y, raw = rows
        if loss.exact_hessian:
            hessian = loss.hessian(y, raw)
            for direction in _axes(raw):
                slope = derivative(_along(loss.gradient, y, raw, direction))
                assert_allclose(hessian * direction, slope * direction, rtol=1e-6, atol=1e-7)
            return
        base, slope = loss.value(y, raw), loss.gradient(y, raw)
        rng = np.random.default_rng(5)
        for size in (1e-3, 0.1, 1.0, 10.0):
            move = size * rng.standard_normal(raw.shape)
            bound = base + _rowsum(slope * move + 0.5 * loss.hessian(y, raw) * move**2)
            excess = loss.value(y, raw + move) - bound
            assert excess.max() <= 1e-7 * (1.0 + np.abs(base).max() + size)

    def test_curvature_is_the_hessian_along_a_direction(self, loss, rows):
        y, raw = rows
        direction = np.random.default_rng(4).standard_normal(raw.shape)
        curvature = loss.curvature(y, raw, direction)
        if loss.exact_hessian:
            slope = _rowsum(derivative(_along(loss.gradient, y, raw, direction)) * direction)
            assert_allclose(curvature, slope, rtol=1e-6, atol=1e-7)
        else:
            assert_allclose(curvature, _rowsum(loss.hessian(y, raw) * direction**2))

    def test_the_hessian_is_not_negative(self, loss, rows):
        y, raw = rows
        assert loss.hessian(y, raw).min() >= 0

    def test_value_and_gradient_agree_with_the_single_methods(self, loss, rows):
        y, raw = rows
        value, gradient = loss.value_and_gradient(y, raw)
        assert_allclose(value, loss.value(y, raw), rtol=1e-13, atol=1e-14)
        assert_allclose(gradient, loss.gradient(y, raw), rtol=1e-13, atol=1e-15)
        for one, many in zip(
            (value, gradient), loss.value_and_gradient(y, raw, n_threads=3), strict=True
        ):
            assert_array_equal(one, many)  # the number of threads changes no bit

    def test_extreme_raw_scores_give_finite_numbers(self, loss, rows):
        y, raw = rows
        for size in (30.0, 300.0, 700.0):
            for far in (np.full_like(raw, size), np.full_like(raw, -size), size * np.sign(raw)):
                for array in (*loss.value_and_gradient(y, far), loss.hessian(y, far)):
                    assert np.isfinite(array).all()
                assert np.isfinite(loss.predict(far)).all()

    # -- the start

    def test_the_start_is_the_best_constant(self, loss, rows, weight, n_classes):
        y, raw = rows
        if not loss.starts_at_minimum:
            assert np.isfinite(loss.initial_raw(y, weight, n_classes)).all()
            return
        for row_weight in (None, weight):
            share = np.ones(len(y)) if row_weight is None else row_weight
            share = share / share.sum()
            start = loss.initial_raw(y, row_weight, n_classes)

            def total(constant, share=share):
                return share @ loss.value(y, np.broadcast_to(constant, raw.shape).copy())

            best = total(start)
            for axis in np.eye(max(start.size, 1)).reshape(-1, *start.shape):
                for step in (-1.0, -1e-2, -1e-4, 1e-4, 1e-2, 1.0):
                    assert total(start + step * axis) >= best - 1e-14 * (1.0 + abs(best))
            if loss.smooth:
                everywhere = np.broadcast_to(start, raw.shape).copy()
                slope = np.tensordot(share, loss.gradient(y, everywhere), axes=1)
                assert np.abs(slope).max() <= 1e-8

    def test_weights_count_copies(self, loss, rows, weight, n_classes):
        y, _ = rows
        copies = np.repeat(y, weight.astype(int), axis=0)
        for method in (loss.initial_raw, loss.target_scale):
            weighted = method(y, weight, n_classes)
            assert_allclose(weighted, method(copies, None, n_classes), rtol=1e-12, atol=1e-12)

    def test_the_order_of_rows_and_the_unit_of_weights_do_not_matter(
        self, loss, rows, weight, n_classes
    ):
        y, _ = rows
        order = np.random.default_rng(6).permutation(len(y))
        for method in (loss.initial_raw, loss.target_scale):
            first = method(y, weight, n_classes)
            second = method(y[order], 0.1 * weight[order], n_classes)
            assert_allclose(first, second, rtol=1e-12, atol=1e-12)

    def test_one_row_and_equal_targets_have_a_finite_start(self, loss, rows):
        y, _ = rows
        for few in (y[:1], np.repeat(y[:1], 5, axis=0)):
            assert np.isfinite(loss.initial_raw(few, None)).all()
            scale = loss.target_scale(few, None)
            assert np.isfinite(scale).all()
            assert (scale > 0).all()

    # -- the object

    def test_the_loss_has_the_manners_of_a_component(self, loss, rows):
        y, raw = rows
        expected = loss.gradient(y, raw)
        for twin in (clone(loss), copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
            assert repr(twin) == repr(loss)
            assert_array_equal(twin.gradient(y, raw), expected)

    def test_every_parameter_is_checked(self, loss, rows):
        y, _ = rows
        parameters = loss.get_params(deep=False)
        assert set(loss.constraints) == set(parameters)
        for name in parameters:
            wrong = clone(loss).set_params(**{name: "no such value"})
            with pytest.raises(ValueError, match=name):
                wrong.check_target(y)

    def test_the_target_is_checked(self, loss, rows):
        y, _ = rows
        loss.check_target(y)
        if loss.kind == "regression":
            for bad in (np.nan, np.inf):
                spoilt = y.copy()
                spoilt.flat[3] = bad
                with pytest.raises(ValueError, match="NaN or infinity"):
                    loss.check_target(spoilt)
        else:
            for wrong in (y - 1, y.astype(np.float64), y[:, None]):
                with pytest.raises(ValueError, match="class codes"):
                    loss.check_target(wrong)
        with pytest.raises(ValueError, match="shape"):
            loss.check_target(y.reshape(len(y), -1, 1))

    def test_the_smooth_stand_in_approaches_the_loss(self, loss, rows):
        y, raw = rows
        rounded = loss.smoothed(1e-6)
        assert rounded.smooth
        assert_allclose(rounded.value(y, raw), loss.value(y, raw), atol=1e-5)


def _along(
    method: Callable[..., Any],
    y: npt.NDArray[Any],
    raw: npt.NDArray[np.float64],
    direction: npt.NDArray[np.float64],
) -> Callable[[float], Any]:
    """A method of the loss as a function of the distance travelled along a direction."""

    def moved(distance: float) -> Any:
        return method(y, raw + distance * direction)

    return moved


def _rowsum(array: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return array if array.ndim == 1 else array.sum(axis=1)


def _axes(raw: npt.NDArray[np.float64]) -> list[npt.NDArray[np.float64]]:
    """Directions that move one raw score of every row."""
    if raw.ndim == 1:
        return [np.ones_like(raw)]
    return [np.tile(axis, (len(raw), 1)) for axis in np.eye(raw.shape[1])]
