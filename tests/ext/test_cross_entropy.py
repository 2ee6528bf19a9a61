"""Properties of the cross-entropy kernels: loss, derivatives, and derivatives along a direction."""

import math
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost._ext import softmax_numpy
from skboost._ext.softmax import cross_entropy, cross_entropy_along, softmax, total_cross_entropy

DTYPES = [np.float32, np.float64]
COLUMNS = [1, 2, 3, 4, 5, 8, 10, 17, 63, 64, 65, 512, 700, 1100]  # short rows up to 64
precise = pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="the reference needs 80-bit long doubles"
)


def draw(k, dtype, n=77, scale=2.0):
    rng = np.random.default_rng(k)
    return rng.integers(k, size=n), rng.normal(scale=scale, size=(n, k)).astype(dtype)


def reference(labels, raw):
    """Loss, gradient and Hessian in long doubles; nothing in them cancels."""
    rows = np.arange(len(raw))
    wide = raw.astype(np.longdouble)
    powers = np.exp(wide - wide[rows, labels][:, None])
    powers[rows, labels] = 0
    rest = powers.sum(axis=1)
    loss = np.log1p(rest)
    probability = powers / (1 + rest)[:, None]
    gradient, hessian = probability.copy(), probability * (1 - probability)
    gradient[rows, labels] = -rest / (1 + rest)
    hessian[rows, labels] = rest / (1 + rest) ** 2
    return loss, gradient, hessian


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", COLUMNS)
def test_kernel_equals_its_numpy_twin(k, dtype, weighted):
    labels, raw = draw(k, dtype)
    weight = np.random.default_rng(0).uniform(size=len(raw)) if weighted else None
    found = cross_entropy(labels, raw, weight, gradient=True, hessian=True)
    wanted = softmax_numpy.cross_entropy(labels, raw, weight)
    assert [result.dtype for result in found] == [np.float64, dtype, dtype]
    eps = np.finfo(dtype).eps
    for one, other in zip(found, wanted, strict=True):
        assert_allclose(one, other, rtol=40 * eps, atol=4 * eps)
    assert_allclose(total_cross_entropy(labels, raw, weight), found[0].sum(), rtol=1e-13)


@precise
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", COLUMNS)
def test_derivatives_are_accurate(k, dtype):
    labels, raw = draw(k, dtype)
    _, gradient, hessian = cross_entropy(labels, raw, gradient=True, hessian=True)
    eps = np.finfo(dtype).eps
    for found, wanted in zip((gradient, hessian), reference(labels, raw)[1:], strict=True):
        assert np.abs(found - wanted).max() <= 4 * eps
    assert max(abs(math.fsum(row)) for row in gradient) <= 16 * eps


@precise
@pytest.mark.parametrize("k", COLUMNS)
def test_losses_are_accurate(k):
    labels, raw = draw(k, np.float64)
    assert_allclose(cross_entropy(labels, raw)[0], reference(labels, raw)[0], rtol=1e-14)
    labels, raw = draw(k, np.float32, n=2000)
    found, wanted = cross_entropy(labels, raw)[0], reference(labels, raw)[0]
    assert_allclose(found, wanted, rtol=1e-6)  # each score is rounded ...
    assert_allclose(found.sum(), wanted.sum(), rtol=1e-8)  # ... but their sum is in double


@precise
@pytest.mark.parametrize("k", [2, 3, 10, 64, 700])
def test_a_nearly_certain_label_loses_no_digits(k):
    labels, raw = draw(k, np.float64)
    rows = np.arange(len(raw))
    raw[rows, labels] = np.linspace(20, 650, len(raw))
    loss, gradient, hessian = cross_entropy(labels, raw, gradient=True, hessian=True)
    wanted = reference(labels, raw)
    assert loss.min() > 0
    assert_allclose(loss, wanted[0].astype(float), rtol=1e-12)
    own = gradient[rows, labels], hessian[rows, labels]
    assert_allclose(own[0], wanted[1][rows, labels].astype(float), rtol=1e-12)
    assert_allclose(own[1], wanted[2][rows, labels].astype(float), rtol=1e-12)


@pytest.mark.parametrize("k", [1, 2, 3, 10, 65])
def test_gradient_and_hessian_are_derivatives_of_the_loss(k):
    labels, raw = draw(k, np.float64, n=40)
    _, gradient, hessian = cross_entropy(labels, raw, gradient=True, hessian=True)
    step = 1e-5
    for column in range(k):
        up, down = raw.copy(), raw.copy()
        up[:, column] += step
        down[:, column] -= step
        slope = (cross_entropy(labels, up)[0] - cross_entropy(labels, down)[0]) / (2 * step)
        assert_allclose(gradient[:, column], slope, rtol=1e-6, atol=1e-9)
        bend = [cross_entropy(labels, z, loss=False, gradient=True)[1] for z in (up, down)]
        bend = (bend[0] - bend[1])[:, column] / (2 * step)
        assert_allclose(hessian[:, column], bend, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", COLUMNS)
def test_asking_for_less_changes_no_bit(k, dtype):
    labels, raw = draw(k, dtype)
    names = ("loss", "gradient", "hessian")
    whole = cross_entropy(labels, raw, gradient=True, hessian=True)
    for asked in range(1, 7):
        wishes = {name: bool(asked & 1 << i) for i, name in enumerate(names)}
        for one, name, all_of in zip(
            cross_entropy(labels, raw, **wishes), names, whole, strict=True
        ):
            if wishes[name]:
                assert_array_equal(one, all_of)
            else:
                assert one is None


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", COLUMNS)
def test_a_row_does_not_depend_on_its_neighbours(k, dtype):
    labels, raw = draw(k, dtype)
    rows = np.random.default_rng(0).permutation(77)[:50]
    whole = cross_entropy(labels, raw, gradient=True, hessian=True)
    part = cross_entropy(labels[rows], raw[rows], gradient=True, hessian=True)
    for one, other in zip(part, whole, strict=True):
        assert_array_equal(one, other[rows])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", COLUMNS)
def test_a_row_without_softmax_is_nan_and_alone(k, dtype):
    labels, clean = draw(k, dtype)
    wanted = cross_entropy(labels, clean, gradient=True, hessian=True)
    others = np.setdiff1d(np.arange(77), [0, 31, 32, 76])
    for bad in (np.nan, np.inf):
        for column in {0, k // 2, k - 1}:
            raw = clean.copy()
            raw[[0, 31, 32, 76], column] = bad
            found = cross_entropy(labels, raw, gradient=True, hessian=True)
            for one, other in zip(found, wanted, strict=True):
                assert np.isnan(one[[0, 31, 32, 76]]).all()
                assert_array_equal(one[others], other[others])
    raw = clean.copy()
    raw[5] = -np.inf
    for one in cross_entropy(labels, raw, gradient=True, hessian=True):
        assert np.isnan(one[5]).all()


@pytest.mark.parametrize("k", [2, 3, 10, 65])
def test_an_impossible_label_has_infinite_loss(k):
    raw = np.zeros((1, k))
    raw[0, 1] = -np.inf
    loss, gradient, hessian = cross_entropy([1], raw, gradient=True, hessian=True)
    assert loss[0] == np.inf
    assert gradient[0, 1] == -1
    assert hessian[0, 1] == 0
    assert_allclose(np.delete(gradient[0], 1), 1 / (k - 1), rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_scores_of_any_size_give_finite_results(dtype):
    huge = np.finfo(dtype).max / 4
    raw = np.array([[huge, -huge, 0], [0, huge, -huge]], dtype=dtype)
    loss, gradient, hessian = cross_entropy([0, 2], raw, gradient=True, hessian=True)
    assert_array_equal(loss, [0, 2 * float(raw[0, 0])])
    assert_array_equal(gradient, [[0, 0, 0], [0, 1, -1]])
    assert_array_equal(hessian, 0)


@pytest.mark.parametrize("k", [3, 700])
def test_weight_k_is_k_times_the_row(k):
    labels, raw = draw(k, np.float64)
    weight = np.arange(77) % 4.0
    plain = cross_entropy(labels, raw, gradient=True, hessian=True)
    for one, other in zip(
        cross_entropy(labels, raw, weight, gradient=True, hessian=True), plain, strict=True
    ):
        factor = weight.reshape(-1, *[1] * (one.ndim - 1))
        assert_allclose(one, other * factor, rtol=1e-15)
    rows = np.repeat(np.arange(77), weight.astype(int))
    assert_allclose(
        total_cross_entropy(labels, raw, weight),
        total_cross_entropy(labels[rows], raw[rows]),
        rtol=1e-14,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("k", COLUMNS)
def test_slope_and_curvature_equal_the_numpy_twin(k, dtype):
    labels, raw = draw(k, dtype)
    direction = np.random.default_rng(1).normal(size=raw.shape).astype(dtype)
    found = cross_entropy_along(labels, raw, direction)
    eps = np.finfo(dtype).eps
    for one, other in zip(
        found, softmax_numpy.cross_entropy_along(labels, raw, direction), strict=True
    ):
        assert one.dtype == np.float64
        assert_allclose(one, other, rtol=100 * eps, atol=20 * eps)
    gradient = cross_entropy(labels, raw, loss=False, gradient=True)[1]
    assert_allclose(found[0], (gradient * direction).sum(axis=1), rtol=100 * eps, atol=40 * eps)


@pytest.mark.parametrize("k", [2, 3, 10, 65])
def test_slope_and_curvature_are_derivatives_along_the_line(k):
    labels, raw = draw(k, np.float64, n=30)
    direction = np.random.default_rng(1).normal(size=raw.shape)
    slope, curvature = cross_entropy_along(labels, raw, direction)
    step = 1e-5
    up, down = raw + step * direction, raw - step * direction
    rise = cross_entropy(labels, up)[0] - cross_entropy(labels, down)[0]
    assert_allclose(slope, rise / (2 * step), rtol=1e-6, atol=1e-9)
    bend = cross_entropy_along(labels, up, direction)[0]
    bend = bend - cross_entropy_along(labels, down, direction)[0]
    assert_allclose(curvature, bend / (2 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("k", [2, 10, 65])
def test_curvature_keeps_its_digits_where_one_class_is_nearly_certain(k):
    raw = np.zeros((1, k))
    raw[0, 1] = 60
    direction = np.zeros((1, k))
    direction[0, 0] = 1
    direction += 1e3  # a common shift of the direction changes nothing
    slope, curvature = cross_entropy_along([1], raw, direction)
    p = softmax(raw)[0, 0]
    assert_allclose(curvature, p * (1 - p), rtol=1e-10)
    assert_allclose(slope, p, rtol=1e-10)


def test_a_direction_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"direction has shape \(2, 4\), but raw has \(2, 3\)"):
        cross_entropy_along([0, 1], np.zeros((2, 3)), np.zeros((2, 4)))


@pytest.mark.parametrize("bad", [-1, 3, 2**40, -(2**63)])
def test_labels_outside_the_columns_are_refused_before_the_kernel_runs(bad):
    labels = np.zeros(1000, dtype=np.int64)
    labels[777] = bad
    raw, gradient = np.zeros((1000, 3)), np.full((1000, 3), 7.0)
    with pytest.raises(ValueError, match=rf"labels\[777\]={bad}, but raw scores the codes 0 to 2"):
        cross_entropy(labels, raw, gradient=gradient)
    with pytest.raises(ValueError, match="labels"):
        total_cross_entropy(labels, raw)
    with pytest.raises(ValueError, match="labels"):
        cross_entropy_along(labels, raw, raw)
    assert (gradient == 7).all()


def test_labels_and_weights_that_do_not_fit_are_refused():
    raw = np.zeros((3, 2))
    with pytest.raises(TypeError, match="labels have dtype float64"):
        cross_entropy([0.0, 1.0, 0.0], raw)
    with pytest.raises(ValueError, match=r"labels have shape \(2,\), but raw has 3 rows"):
        cross_entropy([0, 1], raw)
    with pytest.raises(ValueError, match=r"weight has shape \(1,\), but raw has 3 rows"):
        cross_entropy([0, 1, 0], raw, [1.0])


def test_outputs_are_filled_or_refused():
    labels, raw = draw(5, np.float64)
    loss, gradient = np.empty(77), np.empty((77, 5))
    found = cross_entropy(labels, raw, loss=loss, gradient=gradient)
    assert found[0] is loss
    assert found[1] is gradient
    with pytest.raises(ValueError, match="all False"):
        cross_entropy(labels, raw, loss=False)
    with pytest.raises(ValueError, match="gradient shares memory"):
        cross_entropy(labels, raw, gradient=raw)
    with pytest.raises(ValueError, match="hessian shares memory"):
        cross_entropy(labels, raw, gradient=gradient, hessian=gradient)
    with pytest.raises(ValueError, match="loss must be .* dtype float64"):
        cross_entropy(labels, raw, loss=np.empty(77, np.float32))


def test_types_and_layout_of_the_input_do_not_matter():
    labels, raw = draw(6, np.float64)
    wanted = cross_entropy(labels, raw, gradient=True)
    for codes in (labels.astype(np.uint8), labels.astype(np.int32), labels.tolist()):
        for scores in (np.asfortranarray(raw), raw.tolist()):
            for one, other in zip(
                cross_entropy(codes, scores, gradient=True)[:2], wanted[:2], strict=True
            ):
                assert_array_equal(one, other)
    for array in (labels, raw):
        array.flags.writeable = False
    assert_array_equal(cross_entropy(labels, raw)[0], wanted[0])


def test_no_rows_give_no_rows():
    loss, gradient, _ = cross_entropy([], np.empty((0, 3)), gradient=True)
    assert loss.shape == (0,)
    assert gradient.shape == (0, 3)
    assert total_cross_entropy([], np.empty((0, 3))) == 0
    assert cross_entropy_along([], np.empty((0, 3)), np.empty((0, 3)))[0].shape == (0,)


@pytest.mark.parametrize("k", [10, 1000])
def test_kernels_allocate_nothing(k):
    labels, raw = draw(k, np.float64, n=100_000 // k)
    loss, gradient, hessian = np.empty(len(raw)), np.empty_like(raw), np.empty_like(raw)
    cross_entropy(labels, raw, loss=loss, gradient=gradient, hessian=hessian)
    tracemalloc.start()
    cross_entropy(labels, raw, loss=loss, gradient=gradient, hessian=hessian)
    total_cross_entropy(labels, raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000  # of 0.8 MB
