"""Which rows train and which calibrate when there is one split."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit, check_cv

from skboost._crossfit.folds import Fold, folds_of
from skboost._validation import Number

Floats = npt.NDArray[np.float64]

DEFAULT_SHARE = 0.25


def hold_out_splitter(cv: Any, seed: int, stratified: bool = False) -> Any:
    """What ``cv`` means when one part of the rows is held out.

    Parameters
    ----------
    cv : float, splitter, iterable of (train, test) or None
        A share of the rows, drawn at random; None is a quarter.
    seed : int
    stratified : bool, default=False
        Whether a share is drawn from each class alike.

    Raises
    ------
    ValueError
        If it is a whole number, which means folds, or no share.
    """
    share = DEFAULT_SHARE if cv is None else cv
    if Number().accepts(share):
        if not Number(0, 1).accepts(share):
            raise ValueError(
                f"cv={cv!r} cannot act with method='split', which holds out one part of the rows: give the share of "
                "rows that calibrate, such as 0.25, or a splitter."
            )
        kind = StratifiedShuffleSplit if stratified else ShuffleSplit
        return kind(n_splits=1, test_size=float(share), random_state=seed)
    return check_cv(cv)


def hold_out(splitter: Any, X: Any, y: Any, weight: Floats, params: dict[str, Any]) -> Fold:
    """The first split of a splitter, without rows of weight 0.

    Parameters
    ----------
    splitter : splitter
        Of :func:`hold_out_splitter`.
    X, y : all rows
    weight : ndarray of shape (n,)
    params : dict
        Metadata of ``split``.

    Raises
    ------
    ValueError
        If there is no split, a part of it is empty, or metadata cannot act.
    """
    if isinstance(splitter, ShuffleSplit | StratifiedShuffleSplit):
        if params:
            raise ValueError(
                f"{', '.join(params)} cannot act: rows are held out at random; give cv a splitter that uses them, such "
                "as GroupShuffleSplit."
            )
        rows = np.flatnonzero(weight)  # a share of the rows that count: weight 0 is removal
        train, test = next(splitter.split(rows, np.asarray(y)[rows]))
        return Fold(rows[train], rows[test])
    return folds_of(islice(splitter.split(X, y, **params), 1), weight)[0]
