"""Numeric columns: robust scaling with compressed tails, missing values with an indicator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.tables._quantiles import weighted_quantiles
from skboost.tables._table import Rows, Table

Floats = npt.NDArray[np.float64]

# An interquartile range of 1.349 is that of a normal distribution with standard deviation one.
_IQR_OF_UNIT_NORMAL = 1.3489795003921634
_LARGEST = float(np.finfo(np.float64).max)
# Spreads below a few units in the last place of the centre are rounding, not information.
_ROUNDING = 8 * float(np.finfo(np.float64).eps)
# A column that is nearly always the same number has a tiny standard deviation after compression; dividing by it would
# send the few other values hundreds of units away.
_SMALLEST_SD = 0.5
# The same bound for 0/1 columns (indicators here, categories in _categorical.py): 1 / 0.1 = 10 units at most.
SMALLEST_BINARY_SD = 0.1
# Numbers handled at a time: 1 MiB of float64, which stays in the second-level cache.
_CELLS = 1 << 17
# Quantiles look at 200 000 rows at least, or at all of them. Their own standard error is then below 0.3 % of a
# standard deviation, which no learner can tell from the exact value.
_QUANTILE_ROWS = 200_000


def settled(values: npt.ArrayLike) -> Floats:
    """Round to 24 significant bits.

    Sums of the same numbers in another order (rows shuffled, weights instead of copies) differ in the last bits.
    Rounded, they agree to the last bit nearly always, and so does everything that is computed from the encoded table.
    """
    mantissa, exponent = np.frexp(np.asarray(values, dtype=np.float64))
    return np.ldexp(np.round(np.ldexp(mantissa, 24)), exponent - 24)


def scaled_binary(share: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Codes for 0 and 1 in a 0/1 column with mean ``share``: ``(x - p) / max(sqrt(p (1 - p)), 0.1)``, rounded."""
    p = settled(share)
    sd = np.maximum(np.sqrt(p * (1.0 - p)), SMALLEST_BINARY_SD)
    return settled(-p / sd), settled((1.0 - p) / sd)


def row_chunks(n_rows: int, n_columns: int) -> Iterator[tuple[int, int]]:
    """Bounds of chunks of rows, multiples of 64 rows, that depend on the shape alone."""
    step = max(_CELLS // max(n_columns, 1) // 64, 1) * 64
    for start in range(0, n_rows, step):
        yield start, min(start + step, n_rows)


@dataclass(frozen=True)
class NumericScaling:
    """How numeric columns are turned into network inputs.

    A value ``x`` of column j becomes ::

        z = (x - centre_j) / scale_j
        s = z                                        if |z| <= knee
            sign(z) (knee + log(1 + |z| - knee))     otherwise
        encoded = (s - mean_j) * gain_j              NaN -> 0

    The compression has slope one at the knee, so ``encoded`` is increasing and once differentiable in ``x``. For column ``indicator[i]`` there is one more output,
    ``indicator_missing[i]`` where the value is NaN and ``indicator_present[i]`` where it is not.

    Attributes
    ----------
    columns : ndarray of shape (n_numeric,)
        Positions of the columns in the table.
    centre, scale, mean, gain : ndarray of shape (n_numeric,)
        See the formula; ``gain`` is zero for a column that was constant.
    indicator : ndarray of shape (n_indicators,)
        Positions **within** ``columns`` of those with an indicator.
    indicator_present, indicator_missing : ndarray of shape (n_indicators,)
    knee : float
    """

    columns: npt.NDArray[np.intp]
    centre: Floats
    scale: Floats
    mean: Floats
    gain: Floats
    indicator: npt.NDArray[np.intp]
    indicator_present: Floats
    indicator_missing: Floats
    knee: float

    @classmethod
    def fit(
        cls,
        table: Table,
        columns: npt.NDArray[np.intp],
        rows: npt.NDArray[np.intp] | None,
        weight: Floats | None,
        knee: float,
    ) -> NumericScaling:
        """Learn the scaling from ``rows`` of ``table`` (None: all) with positive ``weight`` (None: one each)."""
        n_rows = len(table) if rows is None else len(rows)
        nothing = np.empty(0)
        centre, scale = _centre_and_scale(table, columns, rows, weight, n_rows)
        unit = cls(columns, centre, scale, np.zeros(len(columns)), np.ones(len(columns)),
                   np.empty(0, np.intp), nothing, nothing, knee)  # fmt: skip
        mean, gain, seen, missing = unit._standardisation(table, rows, weight, n_rows)
        # A column without a single value needs no indicator: it would be constant.
        indicator = np.flatnonzero((missing > 0) & (seen > 0))
        share = missing[indicator] / (missing + seen)[indicator]
        return cls(columns, centre, scale, mean, gain, indicator, *scaled_binary(share), knee)

    @property
    def n_outputs(self) -> int:
        return len(self.columns) + len(self.indicator)

    def encode(self, values: Floats) -> tuple[Floats, npt.NDArray[np.bool_] | None]:
        """Encode ``values`` of shape (n_numeric, n_rows) **in place**.

        Returns
        -------
        values : ndarray of shape (n_numeric, n_rows)
        missing : bool ndarray of the same shape, or None if no value is missing
        """
        missing = None if np.isfinite(values.sum()) else np.isnan(values)
        self._compress(values)
        values -= self.mean[:, None]
        values *= self.gain[:, None]
        if missing is not None:
            values[missing] = 0.0
        return values, missing

    def encode_indicators(self, missing: npt.NDArray[np.bool_] | None, n_rows: int) -> Floats:
        """Indicator outputs, of shape (n_indicators, n_rows)."""
        if missing is None:
            return np.broadcast_to(self.indicator_present[:, None], (len(self.indicator), n_rows))
        return np.where(
            missing[self.indicator], self.indicator_missing[:, None], self.indicator_present[:, None]
        )

    def _compress(self, values: Floats) -> None:
        """``values`` becomes ``s`` of the class docstring, in place; NaN stays."""
        with np.errstate(over="ignore"):  # beyond the largest float: inf, taken back below
            values -= self.centre[:, None]
            values /= self.scale[:, None]
        flat = values.reshape(-1)  # a view: values is contiguous
        far = np.flatnonzero(np.abs(flat) > self.knee)
        if len(far):
            z = flat[far]
            size = np.minimum(np.abs(z), _LARGEST)
            flat[far] = np.copysign(self.knee + np.log1p(size - self.knee), z)

    def _standardisation(
        self, table: Table, rows: npt.NDArray[np.intp] | None, weight: Floats | None, n_rows: int
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Mean and inverse standard deviation of the compressed columns; weight of values seen and missing."""
        missing = np.zeros(len(self.columns))
        moments = np.zeros((3, len(self.columns)))
        for start, stop in row_chunks(n_rows, len(self.columns)):
            values = table.numbers(self.columns, part_of(rows, start, stop))
            self._compress(values)
            missing += add_moments(moments, values, None if weight is None else weight[start:stop])
        seen = moments[0]
        total = np.where(seen > 0, seen, 1.0)
        mean = moments[1] / total
        sd = settled(np.sqrt(np.maximum(moments[2] / total - mean**2, 0.0)))
        varies = sd > 0.0
        gain = np.where(varies, settled(1.0 / np.maximum(sd, _SMALLEST_SD)), 0.0)
        return np.where(varies, settled(mean), 0.0), gain, seen, missing

    def get_state(self) -> dict[str, Any]:
        return {f"numeric_{name}": getattr(self, name) for name in self.__dataclass_fields__}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> NumericScaling:
        fields: dict[str, Any] = {}
        for name in cls.__dataclass_fields__:
            value = state[f"numeric_{name}"]
            kind = np.intp if name in ("columns", "indicator") else np.float64
            fields[name] = float(value) if name == "knee" else np.asarray(value, dtype=kind)
        return cls(**fields)


def part_of(rows: npt.NDArray[np.intp] | None, start: int, stop: int) -> Rows:
    """Rows ``start`` to ``stop`` of a selection of rows (None: all)."""
    return slice(start, stop) if rows is None else rows[start:stop]


def add_moments(moments: Floats, values: Floats, weight: Floats | None) -> Floats:
    """Add the weight, the sum and the sum of squares of each row of ``values`` to ``moments``, of shape (3, n).

    Missing values are left out, and set to zero in ``values``; their weight is returned.
    """
    w = np.ones(values.shape[1]) if weight is None else weight
    left_out = np.zeros(values.shape[0])
    if not np.isfinite(values.sum()):
        missing = np.isnan(values)
        values[missing] = 0.0
        left_out = np.einsum("ij,j->i", missing, w)
        moments[0] += np.einsum("ij,j->i", ~missing, w)
    else:
        moments[0] += w.sum()
    moments[1] += np.einsum("ij,j->i", values, w)
    moments[2] += np.einsum("ij,ij,j->i", values, values, w)
    return left_out


def _quantile_rows(n_rows: int) -> npt.NDArray[np.intp] | None:
    """Every k-th row of a long table, moved inside each group of k by the golden ratio.

    Exactly every k-th row would see one phase only of a table that repeats with a period that divides k (sensors,
    panels). Multiples of the golden ratio spread evenly over the phases, and need no random numbers.
    """
    every = n_rows // _QUANTILE_ROWS
    if every < 2:
        return None
    group = np.arange(n_rows // every)
    return group * every + np.floor((group * 0.6180339887498949) % 1.0 * every).astype(np.intp)


def _centre_and_scale(
    table: Table,
    columns: npt.NDArray[np.intp],
    rows: npt.NDArray[np.intp] | None,
    weight: Floats | None,
    n_rows: int,
) -> tuple[Floats, Floats]:
    """Weighted median, and weighted interquartile range in normal units or what replaces it."""
    centre, scale = np.zeros(len(columns)), np.ones(len(columns))
    picked = _quantile_rows(n_rows)
    part: Rows = slice(0, n_rows)
    if picked is not None:
        part = picked if rows is None else rows[picked]
        weight_of_part = None if weight is None else weight[picked]
    else:
        part = part if rows is None else rows
        weight_of_part = weight
    n_part = n_rows if picked is None else len(picked)
    step = max(16 * _CELLS // n_part, 1)  # columns at a time: 16 MiB for their sorted copies
    for first in range(0, len(columns), step):
        group = slice(first, first + step)
        values = table.numbers(columns[group], part)
        low, middle, high = weighted_quantiles(values, (0.25, 0.5, 0.75), weight_of_part)
        empty = np.isnan(middle)  # no value at all: the column encodes to zero
        centre[group] = np.where(empty, 0.0, middle)
        with np.errstate(over="ignore"):
            spread = high / _IQR_OF_UNIT_NORMAL - low / _IQR_OF_UNIT_NORMAL
        scale[group] = np.where(empty, 1.0, np.minimum(spread, _LARGEST))
    flat = np.flatnonzero(scale <= _ROUNDING * np.abs(centre))
    if len(flat):
        sd = _standard_deviation(table, columns[flat], centre[flat], rows, weight, n_rows)
        scale[flat] = np.where(sd <= _ROUNDING * np.abs(centre[flat]), 1.0, sd)
    return centre, scale


def _standard_deviation(
    table: Table,
    columns: npt.NDArray[np.intp],
    centre: Floats,
    rows: npt.NDArray[np.intp] | None,
    weight: Floats | None,
    n_rows: int,
) -> Floats:
    """Weighted standard deviation about the mean, for columns that equal ``centre`` more often than not."""
    largest = np.zeros(len(columns))
    moments = np.zeros((3, len(columns)))
    for turn in range(2):  # first the largest deviation, then moments in its unit, which cannot overflow
        for start, stop in row_chunks(n_rows, len(columns)):
            values = table.numbers(columns, part_of(rows, start, stop))
            with np.errstate(over="ignore"):
                values -= centre[:, None]
            np.clip(values, -_LARGEST, _LARGEST, out=values)
            if turn == 0:
                np.fmax(largest, np.fmax.reduce(np.abs(values), axis=1), out=largest)
            else:
                values /= np.where(largest > 0, largest, 1.0)[:, None]
                add_moments(moments, values, None if weight is None else weight[start:stop])
    total = np.where(moments[0] > 0, moments[0], 1.0)
    variance = np.maximum(moments[2] / total - (moments[1] / total) ** 2, 0.0)
    return settled(largest * np.sqrt(variance))
