"""Numeric columns: robust scaling with compressed tails, missing values with an indicator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.tables._columns import missing_mask
from skboost.tables._quantiles import weighted_quantiles
from skboost.tables._scale import binary_codes, settled
from skboost.tables._table import WeightedRows

Floats = npt.NDArray[np.float64]

# Interquartile range of the standard normal distribution.
_IQR_OF_UNIT_NORMAL = 1.3489795003921634
_LARGEST = float(np.finfo(np.float64).max)
# A spread of a few units in the last place of the centre is rounding, not information.
_ROUNDING = 8 * float(np.finfo(np.float64).eps)
# A column that is nearly always the same number has a tiny standard deviation once its tail is
# compressed; dividing by it would send the few other values hundreds of units away. A column with a
# positive interquartile range never gets below 0.58.
_SMALLEST_SD = 0.5
# Rows that quantiles look at (or all, if there are fewer than twice as many): the standard error of
# a median is then 0.003 standard deviations, which no learner notices.
_QUANTILE_ROWS = 200_000
# Numbers that are put in order at a time: 4 MiB, of which weighted quantiles need five copies.
_QUANTILE_CELLS = 1 << 19


@dataclass(frozen=True)
class NumericScaling:
    """How numeric columns become inputs of a network.

    A value ``x`` of column j is encoded as ::

        z = (x - centre_j) / scale_j
        s = z                                             if |z| <= knee
            sign(z) (knee + log(1 + |z| - knee))          otherwise
        encoded = (s - mean_j) gain_j                     0 if x is missing

    The compression has slope one at the knee, so ``encoded`` increases with ``x``, is linear inside
    the knee and continuously differentiable. Ratios beyond the largest float count as the largest
    float, so ``|s|`` stays below 720 for a knee of 3.

    ``centre`` is the weighted median and ``scale`` the weighted interquartile range divided by
    1.349; where that is zero, and wherever the scaling is not robust, the weighted standard
    deviation (in whose unit no value at fit is a million away, so that none is compressed).
    ``mean`` is the weighted mean of ``s`` and ``gain`` one over its weighted standard deviation (at
    least 0.5), both over the values that are not missing. Hence each encoded column has mean 0 and
    standard deviation 1, up to rounding to float32 and that bound. A column without variation has
    ``gain`` 0.

    A column with missing and present values at fit has one more output, its indicator: with the
    weighted share p of missing values, ``1 - p`` where the value is missing and ``-p`` where
    it is not.

    Attributes
    ----------
    columns : ndarray of shape (n_numeric,)
        Places of the columns in the table.
    centre, scale, mean, gain : ndarray of shape (n_numeric,)
        ``centre`` and ``scale`` are in the unit of the column, the others without unit.
    indicator : ndarray of shape (n_indicators,)
        Places **within** ``columns`` of the columns with an indicator.
    indicator_off, indicator_on : ndarray of shape (n_indicators,)
        Codes of a present and of a missing value.
    knee : float
    """

    columns: npt.NDArray[np.intp]
    centre: Floats
    scale: Floats
    mean: Floats
    gain: Floats
    indicator: npt.NDArray[np.intp]
    indicator_off: Floats
    indicator_on: Floats
    knee: float

    @classmethod
    def fit(
        cls, rows: WeightedRows, columns: npt.NDArray[np.intp], knee: float, robust: bool = True
    ) -> NumericScaling:
        """Learn the scaling of ``columns`` from ``rows``."""
        centre, scale, constant = _centre_and_scale(rows, columns, robust)
        moments, missing = np.zeros((3, len(columns))), np.zeros(len(columns))
        for part, weight in rows.chunks(len(columns)):
            values = rows.table.numbers(columns, part)
            compress(values, centre, scale, knee)
            missing += _add_moments(moments, values, weight)
        seen, mean, sd = _mean_and_sd(moments)
        constant |= sd == 0
        gain = np.where(constant, 0.0, settled(1.0 / np.maximum(sd, _SMALLEST_SD)))
        # A column without a single value needs no indicator: it would be constant.
        indicator = np.flatnonzero((missing > 0) & (seen > 0))
        off, on = binary_codes(missing[indicator] / (missing + seen)[indicator])
        mean = np.where(constant, 0.0, settled(mean))
        return cls(columns, centre, scale, mean, gain, indicator, off, on, knee)

    @property
    def n_outputs(self) -> int:
        return len(self.columns) + len(self.indicator)

    def encode(self, values: Floats) -> npt.NDArray[np.bool_] | None:
        """Encode ``values`` of shape (n_numeric, n_rows) **in place**; say where they are missing.

        Returns
        -------
        missing : bool ndarray of shape (n_numeric, n_rows), or None if nothing is missing
        """
        missing = missing_mask(values)
        compress(values, self.centre, self.scale, self.knee)
        values -= self.mean[:, None]
        values *= self.gain[:, None]
        if missing is not None:
            values[missing] = 0.0
        return missing

    def encode_indicators(self, missing: npt.NDArray[np.bool_] | None, n_rows: int) -> Floats:
        """Outputs of the indicators, of shape (n_indicators, n_rows)."""
        off, on = self.indicator_off[:, None], self.indicator_on[:, None]
        if missing is None:
            return np.repeat(off, n_rows, axis=1)
        return np.where(missing[self.indicator], on, off)

    def get_state(self) -> dict[str, Any]:
        """The attributes, by names that start with ``numeric_``."""
        return {f"numeric_{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> NumericScaling:
        """The inverse of :meth:`get_state`; lists are as good as arrays."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            kind = np.intp if field.name in ("columns", "indicator") else np.float64
            values[field.name] = np.asarray(state[f"numeric_{field.name}"], dtype=kind)
        return cls(**values | {"knee": float(values["knee"])})


def compress(values: Floats, centre: Floats, scale: Floats, knee: float) -> None:
    """Turn ``values`` into ``s`` of :class:`NumericScaling`, in place; NaN stays."""
    with np.errstate(over="ignore"):  # an overflow becomes infinite here and finite again below
        values -= centre[:, None]
        values /= scale[:, None]
    flat = values.reshape(-1)  # a view, because values are contiguous
    far = np.flatnonzero(np.abs(flat) > knee)
    if len(far):
        size = np.minimum(np.abs(flat[far]), _LARGEST)
        flat[far] = np.copysign(knee + np.log1p(size - knee), flat[far])


def _centre_and_scale(
    rows: WeightedRows, columns: npt.NDArray[np.intp], robust: bool
) -> tuple[Floats, Floats, npt.NDArray[np.bool_]]:
    """Median, interquartile range in normal units or what replaces it, and which are constant."""
    centre, scale = np.empty(len(columns)), np.empty(len(columns))
    part, weight = rows.thinned(_QUANTILE_ROWS)
    n_part = part.stop if isinstance(part, slice) else len(part)
    step = max(_QUANTILE_CELLS // n_part, 1)
    for first in range(0, len(columns), step):
        group = slice(first, first + step)
        values = rows.table.numbers(columns[group], part)
        low, centre[group], high = weighted_quantiles(values, (0.25, 0.5, 0.75), weight)
        with np.errstate(over="ignore"):
            spread = high / _IQR_OF_UNIT_NORMAL - low / _IQR_OF_UNIT_NORMAL
        scale[group] = np.minimum(spread, _LARGEST)
    unseen = np.isnan(centre)  # no value in the rows that were looked at
    centre[unseen], scale[unseen] = 0.0, 0.0
    flat = np.flatnonzero((scale <= _ROUNDING * np.abs(centre)) | (not robust))
    if len(flat):
        scale[flat] = _standard_deviation(rows, columns[flat], centre[flat])
    constant = scale <= _ROUNDING * np.abs(centre)
    scale[constant] = 1.0
    return centre, scale, constant


def _standard_deviation(
    rows: WeightedRows, columns: npt.NDArray[np.intp], centre: Floats
) -> Floats:
    """Weighted standard deviation about the mean, of columns that mostly equal ``centre``."""
    largest, moments = np.zeros(len(columns)), np.zeros((3, len(columns)))
    for turn in ("largest", "moments"):  # moments in units of the largest, so they do not overflow
        for part, weight in rows.chunks(len(columns)):
            values = rows.table.numbers(columns, part)
            with np.errstate(over="ignore"):
                values -= centre[:, None]
            np.clip(values, -_LARGEST, _LARGEST, out=values)
            if turn == "largest":
                np.fmax(largest, np.fmax.reduce(np.abs(values), axis=1), out=largest)
            else:
                values /= np.where(largest > 0, largest, 1.0)[:, None]
                _add_moments(moments, values, weight)
    return settled(largest * _mean_and_sd(moments)[2])


def _add_moments(moments: Floats, values: Floats, weight: Floats) -> Floats:
    """Add weight, sum and sum of squares of each row of ``values`` to ``moments`` (3, n_columns).

    Missing values are left out, and become zero in ``values``; their weight is returned.
    """
    missing = missing_mask(values)
    if missing is None:
        left_out = np.zeros(len(values))
        moments[0] += weight.sum()
    else:
        values[missing] = 0.0
        left_out = np.einsum("ij,j->i", missing, weight)
        moments[0] += np.einsum("ij,j->i", ~missing, weight)
    moments[1] += np.einsum("ij,j->i", values, weight)
    moments[2] += np.einsum("ij,ij,j->i", values, values, weight)
    return left_out


def _mean_and_sd(moments: Floats) -> tuple[Floats, Floats, Floats]:
    """Total weight, mean and standard deviation; zeros where the weight is zero."""
    total = np.where(moments[0] > 0, moments[0], 1.0)
    mean = moments[1] / total
    sd = settled(np.sqrt(np.maximum(moments[2] / total - mean**2, 0.0)))
    return moments[0], mean, sd
