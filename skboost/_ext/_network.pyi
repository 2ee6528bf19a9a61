from typing import Any

import numpy as np
import numpy.typing as npt

SIMD: str
SIMD_LEVELS: tuple[str, ...]

_Packed = npt.NDArray[np.floating]
_Wide = npt.NDArray[np.float64]
_Columns = npt.NDArray[np.int32] | None

def summarise(
    target: _Wide, weight: _Wide, n_threads: int = 1
) -> tuple[float, float, float, float, int]: ...
def pack_outputs(values: _Wide, scale: float, packed: _Packed, n_threads: int = 1) -> None: ...
def evaluate(
    blocks: _Packed,
    columns: _Columns,
    target: _Packed,
    weight: _Packed,
    parameters: npt.NDArray[Any],
    n_units: int,
    activation: int,
    gradient: _Wide,
    n_threads: int = 1,
) -> float: ...
def forward(
    blocks: _Packed,
    columns: _Columns,
    parameters: _Wide,
    n_units: int,
    activation: int,
    out: _Wide,
    accumulate: bool = False,
    n_threads: int = 1,
) -> None: ...
def gram(
    blocks: _Packed,
    columns: _Columns,
    target: _Packed,
    weight: _Packed,
    parameters: _Wide,
    n_units: int,
    activation: int,
    gram_out: _Wide,
    moment_out: _Wide,
    n_threads: int = 1,
) -> None: ...
def minimise_adam(
    blocks: _Packed,
    columns: _Columns,
    target: _Packed,
    weight: _Packed,
    parameters: _Wide,
    n_units: int,
    activation: int,
    alpha: float,
    total_weight: float,
    max_steps: int,
    learning_rate: float,
    seed: int,
) -> int: ...
def minimise_lbfgs(
    blocks: _Packed,
    columns: _Columns,
    target: _Packed,
    weight: _Packed,
    parameters: _Wide,
    n_units: int,
    activation: int,
    alpha: float,
    total_weight: float,
    max_iter: int,
    ftol: float = 1e-6,
    n_threads: int = 1,
) -> _Wide: ...
