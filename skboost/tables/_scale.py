"""Scale constants of encoded columns, rounded so that they do not depend on the order of sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


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
    """What 0 and 1 become in a 0/1 column with mean ``share``: ``code(x) = x - p``.

    The column is not divided by its standard deviation: that would send a rare category far away
    and let a ridge penalty pass over its weight, which is the one that the data say least about.

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
    return -p, settled(1.0 - p)
