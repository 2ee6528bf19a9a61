from typing import Any

import numpy as np
import numpy.typing as npt

Number = npt.NDArray[Any]  # int64 or float64

def sweep(
    x: Number,
    y: Number,
    step_x: float,
    step_y: float,
    work: Number,
    value: npt.NDArray[np.float64],
) -> None: ...
