"""Scale constants of encoded columns, rounded so that they do not depend on the order of sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

# A category that one row in a million holds would be sent a thousand units away if it were divided
# by its standard deviation, and its weight in the network would hardly be penalised. With this
# bound no 0/1 column leaves [-10, 10]; columns rarer than 1 % count as though they were at 1 %.
_SMALLEST_BINARY_SD = 0.1


def settled(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Round to 24 significant bits.

    Sums of the same numbers in another order (rows shuffled, copies instead of weights) differ in
    the last bits. Rounded, they nearly always agree to the last bit, and so does everything that is
    computed from the encoded table.

    Examples
    --------
    >>> from skboost.tables._scale import settled
    >>> bool(settled(0.1 + 0.2) == settled(0.3))
    True
    """
    mantissa, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    rounded: npt.NDArray[np.float64] = np.ldexp(np.round(np.ldexp(mantissa, 24)), exponent - 24)
    return rounded


def binary_codes(
    share: npt.ArrayLike,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """What 0 and 1 become in a 0/1 column with mean ``share``.

        code(x) = (x - p) / max(sqrt(p (1 - p)), 0.1)

    Parameters
    ----------
    share : float or ndarray
        Weighted share p of ones, in [0, 1].

    Returns
    -------
    off, on : ndarray
        Codes of 0 and of 1. Their mean, weighted by 1 - p and p, is zero.
    """
    p = settled(share)
    sd = np.maximum(np.sqrt(p * (1.0 - p)), _SMALLEST_BINARY_SD)
    return settled(-p / sd), settled((1.0 - p) / sd)
