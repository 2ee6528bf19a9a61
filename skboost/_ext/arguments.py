"""What the kernels of raw scores accept: checks and conversions before any arithmetic."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._ext import _softmax
from skboost._ext._omp import effective_n_threads

Real = npt.NDArray[Any]  # float32 or float64
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]
Output = bool | npt.NDArray[Any]

# Below so many elements, about 0.1 ms of work, waking a second thread costs more than it saves.
THREAD_WORK = 2**17


def threads_for(n_threads: int | None, work: int) -> int:
    """Number of threads for so many elements."""
    most: int = effective_n_threads(n_threads)  # also refuses 0
    return most if work >= THREAD_WORK else 1


def check_scores(raw: npt.ArrayLike, n_dimensions: int, name: str = "raw") -> Real:
    """``raw`` itself where it is float32 or float64 and C-contiguous, else a converted copy."""
    array = np.asarray(raw)
    if array.dtype not in (np.float32, np.float64) or not array.dtype.isnative:
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise TypeError(
                f"{name} has dtype {array.dtype}, but raw scores are float32 or float64."
            )
        single = array.dtype.kind == "f" and array.dtype.itemsize <= 4
        array = array.astype(np.float32 if single else np.float64)
    if array.ndim != n_dimensions or 0 in array.shape[1:]:
        needed = "(n, K) with K >= 1" if n_dimensions == 2 else "(n,)"
        raise ValueError(f"{name} has shape {array.shape}, but {needed} is needed.")
    return np.ascontiguousarray(array)


def check_labels(labels: npt.ArrayLike, n_rows: int, n_classes: int) -> Codes:
    """Labels as int64, one a row, from 0 to ``n_classes - 1``: kernels use them as positions."""
    array = np.asarray(labels)
    if array.dtype.kind not in "biu" and array.size:
        raise TypeError(f"labels have dtype {array.dtype}, but they must be integer class codes.")
    if array.shape != (n_rows,):
        raise ValueError(f"labels have shape {array.shape}, but raw has {n_rows} rows.")
    array = np.ascontiguousarray(array, dtype=np.int64)
    bad = _softmax.bad_label(array, n_classes)
    if bad >= 0:
        raise ValueError(
            f"labels[{bad}]={array[bad]}, but raw scores the codes 0 to {n_classes - 1}; "
            "encode the classes as consecutive integers from 0."
        )
    return array


def check_weight(weight: npt.ArrayLike | None, n_rows: int) -> Floats | None:
    """Weights as float64, one a row."""
    if weight is None:
        return None
    array = np.ascontiguousarray(weight, dtype=np.float64)
    if array.shape != (n_rows,):
        raise ValueError(f"weight has shape {array.shape}, but raw has {n_rows} rows.")
    return array


def make_output(out: Any, raw: npt.ArrayLike, scores: Real) -> Real:
    """Array for a result as large as the scores: a new one or ``out``, even ``raw`` itself."""
    if out is None:
        return np.empty_like(scores)
    in_place = out is raw and out is scores
    check_output(out, "out", scores.shape, scores.dtype, () if in_place else (scores,))
    return np.asarray(out)


def make_outputs(
    raw: Real, loss: Output, gradient: Output, hessian: Output, inputs: tuple[Any, ...]
) -> tuple[Floats | None, Real | None, Real | None]:
    """Arrays for those of loss, gradient and Hessian that are wanted."""
    wishes = (("loss", loss), ("gradient", gradient), ("hessian", hessian))
    if all(wish is False for _, wish in wishes):
        raise ValueError("loss, gradient and hessian are all False; ask for one of them at least.")
    results: list[Real | None] = []
    for name, wish in wishes:
        shape, dtype = raw.shape, raw.dtype
        if name == "loss":  # sums of losses need float64, whatever the scores are
            shape, dtype = raw.shape[:1], np.dtype(np.float64)
        if wish is False:
            results.append(None)
        elif wish is True:
            results.append(np.empty(shape, dtype=dtype))
        else:
            check_output(wish, name, shape, dtype, (*inputs, *results))
            results.append(wish)
    return results[0], results[1], results[2]


def check_output(
    out: Any, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], apart: tuple[Any, ...]
) -> None:
    """Refuse an array that a kernel cannot fill, or that overlaps one of ``apart``."""
    fits = isinstance(out, np.ndarray) and out.shape == shape and out.dtype == dtype
    if not fits or not out.flags.c_contiguous or not out.flags.writeable:
        seen = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else repr(out)
        raise ValueError(
            f"{name} must be a writeable, C-contiguous array of dtype {dtype} and shape {shape}, "
            f"but it is {seen}."
        )
    for other in apart:
        if other is not None and np.may_share_memory(out, other):
            raise ValueError(
                f"{name} shares memory with another array of this call; use one apart."
            )
