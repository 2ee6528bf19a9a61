"""Paired sign tests, and their correction for being many."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

Floats = npt.NDArray[np.float64]
SAME = 1e-12  # differences of rounding


def signs(differences: Any) -> tuple[int, int, int]:
    """How many differences are negative, zero and positive."""
    values = np.asarray(differences)
    below, above = int((values < -SAME).sum()), int((values > SAME).sum())
    return below, values.size - below - above, above


def sign_test(differences: Any) -> float:
    """Two-sided p-value of the hypothesis that both signs are equally likely; zeros are left out."""
    below, _, above = signs(differences)
    if below + above == 0:
        return 1.0
    return float(binomtest(below, below + above).pvalue)


def holm(p_values: Any) -> Floats:
    """P-values after Holm's correction: all that are below a level may be rejected together.

    The i-th smallest of m is multiplied by m - i + 1, and none is below a smaller one [1]_.

    References
    ----------
    .. [1] S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6,
       1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    raised = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected
