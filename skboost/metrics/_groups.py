"""Groups of rows: by their labels, or by bins of a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.utils import column_or_1d

from skboost._validation import is_missing
from skboost.metrics._bins import bin_places
from skboost.metrics._numbers import read_numbers

Floats = npt.NDArray[np.float64]
Names = npt.NDArray[Any]
Codes = npt.NDArray[np.int64]

NAME = "groups"


def read_groups(groups: Any, weight: Floats, n_bins: int | None = None) -> tuple[Names, Codes]:
    """Names of the groups in their order, and the group of each row.

    Parameters
    ----------
    groups : array-like of shape (n_rows,)
        Labels, of which a categorical column has its own order and others are sorted; or numbers for ``n_bins``.
    weight : ndarray of shape (n_rows,)
        Rows of weight 0 are left out.
    n_bins : int, optional
        Number of bins of equal mass.

    Returns
    -------
    names : ndarray of shape (n_groups,)
        Only groups that occur.
    codes : ndarray of shape (n_counted,), int64
        Of the rows of positive weight.

    Raises
    ------
    ValueError
        If groups are missing or cannot be sorted, or there is another number of rows.
    """
    given = column_or_1d(np.asarray(groups) if n_bins is None else read_numbers(groups, NAME))
    if len(given) != len(weight):
        raise ValueError(
            f"groups has {len(given)} rows, but the prediction has {len(weight)}; they must agree."
        )
    if n_bins is not None:
        return bins_of_numbers(given[weight > 0], weight[weight > 0], n_bins)
    values = given[weight > 0].tolist()
    found = list(dict.fromkeys(values))
    if any(map(is_missing, found)):
        raise ValueError(
            "groups contains NaN or None; give rows without a group one of their own, such as 'missing'."
        )
    order = categories_of(groups)
    if order is not None:
        found = [value for value in order if value in found]
    else:
        try:
            found.sort()
        except TypeError as error:
            raise ValueError(
                f"groups mixes labels that cannot be sorted ({error}); use labels of one type."
            ) from error
    place = {label: code for code, label in enumerate(found)}
    codes = np.fromiter(map(place.__getitem__, values), dtype=np.int64, count=len(values))
    return np.array(found, dtype=given.dtype), codes


def categories_of(groups: Any) -> list[Any] | None:
    """Categories of a pandas or polars column in their order, None of any other thing."""
    dtype = getattr(groups, "dtype", None)
    ordered = type(dtype).__name__ in ("CategoricalDtype", "Enum")
    return list(dtype.categories) if dtype is not None and ordered else None


def bins_of_numbers(values: Floats, weight: Floats, n_bins: int) -> tuple[Names, Codes]:
    """Bins of equal mass, equal numbers together, named by the smallest and the largest number in them."""
    places = bin_places(values, weight, n_bins, "quantile")
    codes = np.unique(places, return_inverse=True)[1].reshape(-1)  # without empty bins
    ends = [(values[codes == k].min(), values[codes == k].max()) for k in range(codes.max() + 1)]
    for digits in range(3, 18):
        names = [span(low, high, digits) for low, high in ends]
        if len(set(names)) == len(names):
            break
    return np.array(names), codes.astype(np.int64)


def span(low: float, high: float, digits: int) -> str:
    """Two numbers, or one if they are equal."""
    first, last = (f"{end:.{digits}g}" for end in (low, high))
    return first if first == last else f"{first} to {last}"
