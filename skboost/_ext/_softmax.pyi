from typing import Any

import numpy as np
import numpy.typing as npt

Real = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

SHORT: int

def bad_label(labels: Codes, k: int) -> int: ...
def softmax(raw: Real, out: Real, method: int, n_threads: int) -> None: ...
def cross_entropy(
    labels: Codes,
    raw: Real,
    weight: Floats | None,
    loss: Floats | None,
    gradient: Real | None,
    hessian: Real | None,
    want_loss: bool,
    n_threads: int,
) -> float: ...
def direction(
    labels: Codes, raw: Real, along: Real, slope: Floats, curvature: Floats, n_threads: int
) -> None: ...
def logistic(
    labels: Codes,
    raw: Real,
    weight: Floats | None,
    loss: Floats | None,
    gradient: Real | None,
    hessian: Real | None,
    want_loss: bool,
    n_threads: int,
) -> float: ...
def expit(raw: Real, out: Real, n_threads: int) -> None: ...
