"""Properties of the binary logistic kernels and of the logistic function."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost._ext import softmax_numpy
from skboost._ext.softmax import cross_entropy, expit, logistic, softmax, total_logistic

DTYPES = [np.float32, np.float64]
precise = pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="the reference needs 80-bit long doubles"
)


def draw(dtype, n=1500, scale=10.0):
    rng = np.random.default_rng(0)
    return rng.integers(2, size=n), rng.normal(scale=scale, size=n).astype(dtype)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n", [1, 7, 511, 512, 513, 1500])
def test_kernel_equals_its_numpy_twin(n, dtype, weighted):
    labels, raw = draw(dtype, n)
    weight = np.random.default_rng(1).uniform(size=n) if weighted else None
    found = logistic(labels, raw, weight, gradient=True, hessian=True)
    wanted = softmax_numpy.logistic(labels, raw, weight)
    assert [result.dtype for result in found] == [np.float64, dtype, dtype]
    for one, other in zip(found, wanted, strict=True):
        assert_allclose(one, other, rtol=10 * np.finfo(dtype).eps)
    assert_allclose(total_logistic(labels, raw, weight), found[0].sum(), rtol=1e-13)
    assert_allclose(expit(raw), softmax_numpy.expit(raw), rtol=4 * np.finfo(dtype).eps)


@precise
@pytest.mark.parametrize("scale", [0.01, 1, 30, 200])
@pytest.mark.parametrize("dtype", DTYPES)
def test_results_are_accurate_relative_to_their_size(dtype, scale):
    labels, raw = draw(dtype, scale=scale)
    raw = np.clip(raw, *((-80, 80) if dtype is np.float32 else (-700, 700)))
    z = np.where(labels == 1, -1, 1) * raw.astype(np.longdouble)
    wanted = (
        np.log1p(np.exp(z)),
        np.where(labels == 1, -1, 1) / (1 + np.exp(-z)),
        1 / ((1 + np.exp(-z)) * (1 + np.exp(z))),
    )
    for one, other in zip(logistic(labels, raw, gradient=True, hessian=True), wanted, strict=True):
        assert_allclose(one, other.astype(float), rtol=6 * np.finfo(dtype).eps)
    sigma = 1 / (1 + np.exp(-raw.astype(np.longdouble)))
    assert_allclose(expit(raw), sigma.astype(float), rtol=4 * np.finfo(dtype).eps)


def test_numbers_of_any_size_and_infinities_give_the_limits():
    for dtype, huge in ((np.float64, 1e300), (np.float32, 1e38)):
        raw = np.array([huge, -huge, np.inf, -np.inf] * 2, dtype=dtype)
        labels = np.repeat([0, 1], 4)
        loss, gradient, hessian = logistic(labels, raw, gradient=True, hessian=True)
        size = float(raw[0])
        assert_array_equal(loss, [size, 0, np.inf, 0, 0, size, 0, np.inf])
        assert_array_equal(gradient, [1, 0, 1, 0, 0, -1, 0, -1])
        assert_array_equal(hessian, 0)
        assert_array_equal(expit(raw[:4]), [1, 0, 1, 0])


@pytest.mark.parametrize("position", [0, 1, 15, 511, 512, 1498, 1499])
@pytest.mark.parametrize("dtype", DTYPES)
def test_nan_stays_where_it_is(dtype, position):
    labels, clean = draw(dtype)
    raw = clean.copy()
    raw[position] = np.nan
    pairs = zip(
        (*logistic(labels, raw, gradient=True, hessian=True), expit(raw)),
        (*logistic(labels, clean, gradient=True, hessian=True), expit(clean)),
        strict=True,
    )
    for one, other in pairs:
        assert np.isnan(one[position])
        assert_array_equal(np.delete(one, position), np.delete(other, position))


def test_gradient_and_hessian_are_derivatives_of_the_loss():
    labels, raw = draw(np.float64, scale=3)
    step = 1e-5
    _, gradient, hessian = logistic(labels, raw, gradient=True, hessian=True)
    rise = logistic(labels, raw + step)[0] - logistic(labels, raw - step)[0]
    assert_allclose(gradient, rise / (2 * step), rtol=1e-6, atol=1e-9)
    bend = [logistic(labels, z, loss=False, gradient=True)[1] for z in (raw + step, raw - step)]
    assert_allclose(hessian, (bend[0] - bend[1]) / (2 * step), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
def test_two_classes_of_the_softmax_are_the_logistic_function(dtype):
    labels, raw = draw(dtype, scale=3)
    both = np.column_stack([np.zeros_like(raw), raw])
    eps = np.finfo(dtype).eps
    assert_allclose(softmax(both)[:, 1], expit(raw), rtol=8 * eps)
    multi = cross_entropy(labels, both, gradient=True, hessian=True)
    binary = logistic(labels, raw, gradient=True, hessian=True)
    assert_allclose(binary[0], multi[0], rtol=16 * eps)
    assert_allclose(binary[1], multi[1][:, 1], rtol=16 * eps)
    assert_allclose(binary[2], multi[2][:, 1], rtol=16 * eps, atol=eps)


def test_weight_multiplies_and_zero_removes():
    labels, raw = draw(np.float64)
    weight = np.arange(1500) % 3.0
    plain = logistic(labels, raw, gradient=True, hessian=True)
    for one, other in zip(
        logistic(labels, raw, weight, gradient=True, hessian=True), plain, strict=True
    ):
        assert_allclose(one, weight * other, rtol=1e-15)
    kept = weight > 0
    assert_allclose(
        total_logistic(labels, raw, weight),
        total_logistic(labels[kept], raw[kept], weight[kept]),
        rtol=1e-14,
    )


def test_labels_and_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"labels\[1\]=2, but raw scores the codes 0 to 1"):
        logistic([0, 2], [0.0, 0.0])
    with pytest.raises(ValueError, match="codes 0 to 1"):
        total_logistic([-1, 1], [0.0, 0.0])
    with pytest.raises(ValueError, match=r"raw has shape \(1, 2\), but \(n,\) is needed"):
        logistic([0], [[0.0, 0.0]])
    with pytest.raises(ValueError, match="raw has shape"):
        expit([[0.0]])


def test_boolean_labels_are_zero_and_one():
    labels, raw = draw(np.float64)
    assert_array_equal(logistic(labels == 1, raw)[0], logistic(labels, raw)[0])


def test_scores_may_be_overwritten_and_may_be_read_only():
    raw = draw(np.float64)[1]
    wanted = expit(raw)
    raw.flags.writeable = False
    assert_array_equal(expit(raw), wanted)
    raw = raw.copy()
    assert expit(raw, out=raw) is raw
    assert_array_equal(raw, wanted)


def test_no_rows_give_no_rows():
    assert expit([]).shape == (0,)
    assert logistic([], [])[0].shape == (0,)
    assert total_logistic([], []) == 0
