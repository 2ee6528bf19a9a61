"""Properties of the softmax kernels; the same rows go through every kernel that takes them."""

import math
import tracemalloc

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skboost._ext import softmax_numpy
from skboost._ext.softmax import METHODS, softmax

DTYPES = [np.float32, np.float64]
# columns around the widths of vector registers, of a panel (8), of a block (512) and of the limits
COLUMNS = {
    "transposed": [1, 2, 3, 4, 5, 7, 8, 9, 10, 16, 17, 33, 64],
    "three_pass": [1, 2, 3, 10, 65, 511, 512, 513, 1000],
    "two_pass": [1, 2, 3, 10, 65, 511, 512, 513, 1000],
}
KERNELS = [(method, k) for method, columns in COLUMNS.items() for k in columns]
precise = pytest.mark.skipif(
    np.finfo(np.longdouble).eps > 1e-18, reason="the reference needs 80-bit long doubles"
)


def reference(raw):
    powers = np.exp(raw.astype(np.longdouble) - raw.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def relative_error(found, wanted):
    """Largest error in units of eps, over the values above the smallest normal number."""
    info = np.finfo(found.dtype)
    shown = wanted > 4 * info.tiny
    return np.max(np.abs(found - wanted)[shown] / wanted[shown]) / info.eps


def test_every_method_is_tested():
    assert set(COLUMNS) == set(METHODS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "k"), KERNELS)
def test_kernel_equals_its_numpy_twin(method, k, dtype):
    raw = np.random.default_rng(k).normal(scale=3, size=(101, k)).astype(dtype)
    found = softmax(raw, method=method)
    assert found.dtype == dtype
    assert_allclose(found, softmax_numpy.softmax(raw), rtol=40 * np.finfo(dtype).eps)


@precise
@pytest.mark.parametrize("scale", [1, 30, 1e4])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "k"), KERNELS)
def test_probabilities_are_accurate(method, k, dtype, scale):
    raw = np.random.default_rng(k).normal(scale=scale, size=(64, k)).astype(dtype)
    wanted, bound = reference(raw), 4.0
    beyond = method == "two_pass" and np.abs(raw).max() > (1e6 if dtype is np.float64 else 2000)
    if method != "two_pass" or beyond:
        # the rounding of x - max, for those that are not rounded to zero
        bound += np.max((raw.max(axis=1, keepdims=True) - raw)[wanted > np.finfo(dtype).tiny]) / 2
    assert relative_error(softmax(raw, method=method), wanted) <= bound


@pytest.mark.parametrize("draw", ["normal", "wide", "far"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "k"), KERNELS)
def test_rows_sum_to_one(method, k, dtype, draw):
    rng = np.random.default_rng(k)
    raw = {
        "normal": rng.normal(size=(64, k)),
        "wide": rng.normal(scale=30, size=(64, k)),
        "far": rng.choice([-1e4, 1e4], size=(64, k)),
    }[draw].astype(dtype)
    bound = 1e-15 if dtype is np.float64 else 8 * np.finfo(np.float32).eps
    for row in softmax(raw, method=method):
        assert abs(math.fsum(row) - 1) <= bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("method", ["three_pass", "two_pass"])
def test_long_rows_sum_to_one(method, dtype):
    raw = np.random.default_rng(0).normal(scale=3, size=(3, 100_000)).astype(dtype)
    bound = 1e-15 if dtype is np.float64 else 8 * np.finfo(np.float32).eps
    for row in softmax(raw, method=method):
        assert abs(math.fsum(row) - 1) <= bound


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "k"), [(m, k) for m, k in KERNELS if m != "two_pass"])
def test_an_exact_shift_changes_no_bit(method, k, dtype):
    raw = np.random.default_rng(k).integers(-80, 80, size=(40, k)).astype(dtype) / 8
    assert_array_equal(softmax(raw + 1024, method=method), softmax(raw, method=method))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "k"), KERNELS)
def test_a_row_does_not_depend_on_its_neighbours(method, k, dtype):
    rng = np.random.default_rng(k)
    raw = rng.normal(scale=5, size=(77, k)).astype(dtype)
    rows = rng.permutation(77)[:50]
    assert_array_equal(softmax(raw[rows], method=method), softmax(raw, method=method)[rows])


@pytest.mark.parametrize("bad", ["nan", "inf", "all_minus_inf"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "k"), KERNELS)
def test_a_row_without_softmax_is_nan_and_alone(method, k, dtype, bad):
    clean = np.random.default_rng(k).normal(size=(67, k)).astype(dtype)
    wanted = softmax(clean, method=method)
    for column in {0, 1 % k, k // 2, max(k - 2, 0), k - 1}:
        raw, rows = clean.copy(), [0, 15, 31, 32, 66]
        if bad == "all_minus_inf":
            raw[rows] = -np.inf
        else:
            raw[rows, column] = float(bad)
        found = softmax(raw, method=method)
        assert np.isnan(found[rows]).all()
        others = np.setdiff1d(np.arange(67), rows)
        assert_array_equal(found[others], wanted[others])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "k"), [(m, k) for m, k in KERNELS if k > 1])
def test_minus_infinity_has_probability_zero(method, k, dtype):
    raw = np.random.default_rng(k).normal(size=(40, k)).astype(dtype)
    for column in {0, k // 2, k - 1}:
        hidden = raw.copy()
        hidden[3, column] = -np.inf
        found = softmax(hidden, method=method)
        assert found[3, column] == 0
        rest = np.delete(raw[[3]], column, axis=1)
        assert_allclose(
            np.delete(found[3], column),
            softmax_numpy.softmax(rest)[0],
            rtol=40 * np.finfo(dtype).eps,
        )


@pytest.mark.parametrize("method", METHODS)
def test_the_largest_numbers_do_not_overflow(method):
    for dtype, huge in ((np.float64, 1e308), (np.float32, 3e38)):
        raw = np.array([[huge, -huge, 0]], dtype=dtype)
        assert_array_equal(softmax(raw, method=method), [[1, 0, 0]])


@pytest.mark.parametrize(("dtype", "reach"), [(np.float32, 2000), (np.float64, 1e6)])
def test_two_pass_takes_three_passes_beyond_its_reach(dtype, reach):
    raw = np.random.default_rng(0).normal(scale=100, size=(5, 700)).astype(dtype)
    raw[2, 650] = 1.01 * reach
    raw[3, 20] = -1.01 * reach
    found, three = softmax(raw, method="two_pass"), softmax(raw, method="three_pass")
    assert_array_equal(found[[2, 3]], three[[2, 3]])
    assert (found[[0, 1, 4]] != three[[0, 1, 4]]).any(axis=1).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_auto_follows_the_length_of_the_row(dtype):
    rng = np.random.default_rng(0)
    limit = 2**20 // np.dtype(dtype).itemsize
    for k, method in ((64, "transposed"), (65, "three_pass"), (limit, "three_pass")):
        raw = rng.normal(size=(2, k)).astype(dtype)
        assert_array_equal(softmax(raw), softmax(raw, method=method))
    raw = rng.normal(size=(2, limit + 1)).astype(dtype)
    assert_array_equal(softmax(raw), softmax(raw, method="two_pass"))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("method", "k"), KERNELS)
def test_scores_may_be_overwritten(method, k, dtype):
    raw = np.random.default_rng(k).normal(size=(45, k)).astype(dtype)
    wanted = softmax(raw, method=method)
    assert softmax(raw, out=raw, method=method) is raw
    assert_array_equal(raw, wanted)


def test_layout_and_dtype_of_the_input_do_not_matter():
    raw = np.random.default_rng(0).normal(size=(50, 12))
    wanted = softmax(raw)
    read_only = raw.copy()
    read_only.flags.writeable = False
    for same in (np.asfortranarray(raw), read_only, raw.astype(">f8"), raw.tolist()):
        assert_array_equal(softmax(same), wanted)
    assert_array_equal(softmax(np.repeat(raw, 2, axis=1)[:, ::2]), wanted)
    whole = np.round(raw).astype(np.int16)
    assert_array_equal(softmax(whole), softmax(whole.astype(np.float64)))
    half = raw.astype(np.float16)
    assert softmax(half).dtype == np.float32
    assert_array_equal(softmax(half), softmax(half.astype(np.float32)))


def test_memory_mapped_scores_are_read_in_place(tmp_path):
    raw = np.random.default_rng(0).normal(size=(50, 12))
    np.save(tmp_path / "raw.npy", raw)
    assert_array_equal(softmax(np.load(tmp_path / "raw.npy", mmap_mode="r")), softmax(raw))


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_no_rows_give_no_rows(method):
    assert softmax(np.empty((0, 5)), method=method).shape == (0, 5)


@pytest.mark.parametrize("shape", [(3, 0), (0, 0), (3,), (3, 2, 2), ()])
def test_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match="raw has shape"):
        softmax(np.empty(shape))


@pytest.mark.parametrize("raw", [[["a"]], [[1j]], np.ones((2, 2), np.longdouble), [[None]]])
def test_scores_that_are_not_real_are_refused(raw):
    with pytest.raises(TypeError, match="raw has dtype"):
        softmax(raw)


def test_a_method_that_cannot_act_is_refused():
    with pytest.raises(ValueError, match="'flat' is unknown; choose from"):
        softmax(np.zeros((2, 2)), method="flat")
    with pytest.raises(ValueError, match="takes at most 64 columns, but raw has 65"):
        softmax(np.zeros((2, 65)), method="transposed")


def test_an_output_that_does_not_fit_is_refused():
    raw = np.zeros((4, 3))
    locked = np.zeros((4, 3))
    locked.flags.writeable = False
    for out in (np.zeros((3, 4)), np.zeros((4, 3), np.float32), np.zeros((3, 4)).T, locked, [[0]]):
        with pytest.raises(ValueError, match="out must be a writeable, C-contiguous"):
            softmax(raw, out=out)
    both = np.zeros((5, 3))
    with pytest.raises(ValueError, match="out shares memory"):
        softmax(both[:4], out=both[1:])


@pytest.mark.parametrize(
    ("method", "k"), [("transposed", 10), ("three_pass", 1000), ("two_pass", 1000)]
)
def test_kernels_allocate_nothing(method, k):
    raw = np.random.default_rng(0).normal(size=(200_000 // k, k))
    out = np.empty_like(raw)
    softmax(raw, out=out, method=method)
    tracemalloc.start()
    softmax(raw, out=out, method=method)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000  # of 1.6 MB
