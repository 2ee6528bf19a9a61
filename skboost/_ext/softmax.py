"""Softmax, cross-entropy and logistic loss of raw scores: the front of the kernels.

The arithmetic is in ``_ext/src/skb_softmax.h``; ``softmax_numpy`` says the same in NumPy and is
what the tests compare with. All functions

* take scores of dtype float32 or float64 (integers, bool and float16 are converted), copy what is
  not C-contiguous, and accept read-only and memory-mapped arrays;
* release the GIL and allocate nothing but their results;
* give the same bits for any number of threads, because rows are cut into chunks by their shape
  alone;
* give NaN for a row with a NaN, a +inf or nothing but -inf, and leave its neighbours alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skboost._ext import _softmax
from skboost._ext.arguments import (
    Floats,
    Output,
    Real,
    check_labels,
    check_scores,
    check_weight,
    make_output,
    make_outputs,
    threads_for,
)

METHODS = {"transposed": 0, "three_pass": 1, "two_pass": 2}
# Bytes of a row that the second-level cache holds: fixed, not this machine's, because the choice of
# the kernel shows in the last bits of a result.
CACHE = 2**20


def softmax(
    raw: npt.ArrayLike, out: Real | None = None, method: str = "auto", n_threads: int | None = None
) -> Real:
    """Softmax of each row, ``exp(raw_k) / sum_j exp(raw_j)``.

    Parameters
    ----------
    raw : array-like of shape (n, K), K >= 1
        Raw scores.
    out : ndarray of shape (n, K), optional
        Filled and returned: C-contiguous, of the dtype of the scores; ``raw`` itself or apart.
    method : {"auto", "transposed", "three_pass", "two_pass"}, default="auto"
        * "transposed" treats 32 rows at once, one in each lane of the vector units; K <= 64.
        * "three_pass" finds the maximum, stores the shifted exponentials and scales them.
        * "two_pass" [1]_ goes to memory less often and never rounds a score minus the maximum,
          so that large scores lose no digits, but it evaluates each exponential twice. A row with
          a score beyond 1e6 in size (float32: 2000) takes three passes.
        * "auto" is transposed for K <= 64, two-pass for rows above 1 MiB, else three-pass.
    n_threads : int, optional
        At most so many threads, and one for small work. None means all, -1 all, -2 all but one.

    Returns
    -------
    ndarray of shape (n, K)
        Probabilities below the smallest normal number may be 0.

    Raises
    ------
    ValueError
        If ``raw`` has no columns, ``method`` is unknown or not for this K, or ``out`` is unfit.
    TypeError
        If the scores are not real numbers.

    References
    ----------
    .. [1] M. Dukhan, A. Ablavatski (2020). Two-Pass Softmax Algorithm. IPDPSW, Algorithm 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost._ext.softmax import softmax
    >>> softmax(np.log([[1.0, 2.0, 5.0]])).round(3)
    array([[0.125, 0.25 , 0.625]])
    """
    scores = check_scores(raw, 2)
    chosen = _choose(method, scores)
    result = make_output(out, raw, scores)
    _softmax.softmax(scores, result, chosen, threads_for(n_threads, scores.size))
    return result


def _choose(method: str, scores: Real) -> int:
    n_columns = scores.shape[1]
    if method == "auto":
        if n_columns <= _softmax.SHORT:
            return METHODS["transposed"]
        return METHODS["two_pass" if n_columns * scores.itemsize > CACHE else "three_pass"]
    if method not in METHODS:
        raise ValueError(f"method={method!r} is unknown; choose from {['auto', *METHODS]}.")
    if method == "transposed" and n_columns > _softmax.SHORT:
        raise ValueError(
            f"method='transposed' takes at most {_softmax.SHORT} columns, but raw has {n_columns}; "
            "use method='auto' or 'three_pass'."
        )
    return METHODS[method]


def cross_entropy(
    labels: npt.ArrayLike,
    raw: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    loss: Output = True,
    gradient: Output = False,
    hessian: Output = False,
    n_threads: int | None = None,
) -> tuple[Floats | None, Real | None, Real | None]:
    """Cross-entropy of integer labels with its derivatives in one sweep, row by row.

        loss = ln sum_k exp(raw_k) - raw_y
        gradient_k = p_k - [k = y],    hessian_k = p_k (1 - p_k),    p = softmax(raw)

    Parameters
    ----------
    labels : array-like of int of shape (n,)
        Class codes from 0 to K - 1.
    raw : array-like of shape (n, K), K >= 1
        Raw scores.
    weight : array-like of shape (n,), optional
        Multiplies all results of a row.
    loss, gradient, hessian : bool or ndarray
        True asks for a result, False leaves it out, an array is filled and returned: ``loss`` of
        shape (n,) and float64, the others of shape (n, K) and the dtype of the scores,
        C-contiguous and apart from the input.
    n_threads : int, optional
        As for :func:`softmax`.

    Returns
    -------
    loss, gradient, hessian : ndarray or None
        None where it was not asked for.

    Raises
    ------
    ValueError
        If a label is outside 0 to K - 1 or a shape does not fit; nothing has been written then.
    TypeError
        If the scores are not real numbers or the labels no integers.

    Notes
    -----
    The loss and the label's own gradient are sums over the other classes, so that they keep their
    relative accuracy where the probability of the label is nearly one.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost._ext.softmax import cross_entropy
    >>> loss, gradient, _ = cross_entropy([2], np.log([[1.0, 2.0, 5.0]]), gradient=True)
    >>> loss.round(3), gradient.round(3)
    (array([0.47]), array([[ 0.125,  0.25 , -0.375]]))
    """
    scores = check_scores(raw, 2)
    codes = check_labels(labels, *scores.shape)
    weight = check_weight(weight, scores.shape[0])
    results = make_outputs(scores, loss, gradient, hessian, (codes, scores, weight))
    threads = threads_for(n_threads, scores.size)
    _softmax.cross_entropy(codes, scores, weight, *results, results[0] is not None, threads)
    return results


def total_cross_entropy(
    labels: npt.ArrayLike,
    raw: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    n_threads: int | None = None,
) -> float:
    """Sum of the (weighted) row losses of :func:`cross_entropy`, which are not stored.

    Each chunk of rows is summed by one thread; the sums of the chunks are added in their order.
    """
    scores = check_scores(raw, 2)
    codes = check_labels(labels, *scores.shape)
    weight = check_weight(weight, scores.shape[0])
    threads = threads_for(n_threads, scores.size)
    return _softmax.cross_entropy(codes, scores, weight, None, None, None, True, threads)


def cross_entropy_along(
    labels: npt.ArrayLike,
    raw: npt.ArrayLike,
    direction: npt.ArrayLike,
    *,
    n_threads: int | None = None,
) -> tuple[Floats, Floats]:
    """First and second derivative of each row's cross-entropy along a direction of raw scores.

        slope = sum_k p_k d_k - d_y,    curvature = sum_k p_k d_k^2 - (sum_k p_k d_k)^2

    Parameters
    ----------
    labels : array-like of int of shape (n,)
        Class codes from 0 to K - 1.
    raw, direction : array-like of shape (n, K), K >= 1
        Raw scores and the direction, which is converted to their dtype.
    n_threads : int, optional
        As for :func:`softmax`.

    Returns
    -------
    slope, curvature : ndarray of shape (n,), float64
        The curvature is never negative.

    Raises
    ------
    ValueError, TypeError
        As :func:`cross_entropy`, and if the two shapes differ.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost._ext.softmax import cross_entropy_along
    >>> cross_entropy_along([0], np.zeros((1, 2)), [[1.0, -1.0]])
    (array([-1.]), array([1.]))
    """
    scores = check_scores(raw, 2)
    codes = check_labels(labels, *scores.shape)
    along = check_scores(direction, 2, "direction").astype(scores.dtype, copy=False)
    if along.shape != scores.shape:
        raise ValueError(f"direction has shape {along.shape}, but raw has {scores.shape}.")
    slope, curvature = np.empty(scores.shape[0]), np.empty(scores.shape[0])
    threads = threads_for(n_threads, scores.size)
    _softmax.direction(codes, scores, along, slope, curvature, threads)
    return slope, curvature


def logistic(
    labels: npt.ArrayLike,
    raw: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    loss: Output = True,
    gradient: Output = False,
    hessian: Output = False,
    n_threads: int | None = None,
) -> tuple[Floats | None, Real | None, Real | None]:
    """Logistic loss of labels 0 and 1 with its derivatives.

        loss = ln(1 + exp(raw)) - y raw
        gradient = p - y,    hessian = p (1 - p),    p = 1 / (1 + exp(-raw))

    Parameters
    ----------
    labels : array-like of int or bool of shape (n,)
        0 or 1.
    raw : array-like of shape (n,)
        Log-odds of label 1, of any size; for infinite ones the results are the limits.
    weight, loss, gradient, hessian, n_threads
        As for :func:`cross_entropy`; ``gradient`` and ``hessian`` have shape (n,).

    Returns
    -------
    loss, gradient, hessian : ndarray of shape (n,) or None
        Accurate relative to their own size for any ``raw``; a derivative below the smallest normal
        number may be 0.

    Raises
    ------
    ValueError, TypeError
        As :func:`cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost._ext.softmax import logistic
    >>> logistic([0, 1], [1e300, 1e300])[0]
    array([1.e+300, 0.e+000])
    """
    scores = check_scores(raw, 1)
    codes = check_labels(labels, scores.shape[0], 2)
    weight = check_weight(weight, scores.shape[0])
    results = make_outputs(scores, loss, gradient, hessian, (codes, scores, weight))
    threads = threads_for(n_threads, scores.size)
    _softmax.logistic(codes, scores, weight, *results, results[0] is not None, threads)
    return results


def total_logistic(
    labels: npt.ArrayLike,
    raw: npt.ArrayLike,
    weight: npt.ArrayLike | None = None,
    *,
    n_threads: int | None = None,
) -> float:
    """Sum of the (weighted) row losses of :func:`logistic`, which are not stored."""
    scores = check_scores(raw, 1)
    codes = check_labels(labels, scores.shape[0], 2)
    weight = check_weight(weight, scores.shape[0])
    threads = threads_for(n_threads, scores.size)
    return _softmax.logistic(codes, scores, weight, None, None, None, True, threads)


def expit(raw: npt.ArrayLike, out: Real | None = None, n_threads: int | None = None) -> Real:
    """Logistic function ``1 / (1 + exp(-raw))`` of scores of shape (n,).

    ``out`` and ``n_threads`` as for :func:`softmax`.
    """
    scores = check_scores(raw, 1)
    result = make_output(out, raw, scores)
    _softmax.expit(scores, result, threads_for(n_threads, scores.size))
    return result
