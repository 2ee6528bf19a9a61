"""Which rows are held out from which member."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from skboost.boosting._sampling import spread_order

Mask = npt.NDArray[np.bool_]


def held_out_parts(
    strata: npt.NDArray | None,
    n_rows: int,
    folds: int | float,
    rng: np.random.Generator,
    *,
    in_spread_order: bool,
) -> list[Mask]:
    """Masks of held-out rows, one for each member.

    Parameters
    ----------
    strata : ndarray of shape (n_rows,) or None
        Class codes; every part gets its share of each class. A class with fewer rows than folds is held out by
        nobody: a member that never saw a class could only be judged infinitely wrong about it.
    n_rows : int
    folds : int or float
        Number of folds, or the share of the rows that a single member holds out.
    rng : numpy.random.Generator
    in_spread_order : bool
        Rows are stored in spread order: a single part is then the last rows, so that the others lie together.

    Raises
    ------
    ValueError
        If a share leaves no rows on one of the sides.
    """
    if isinstance(folds, float):
        n_held_out = max(1, round(folds * n_rows))
        if n_held_out >= n_rows:
            raise ValueError(
                f"validation_fraction={folds} leaves none of {n_rows} rows for training; lower it, "
                "or use early_stopping=False."
            )
        place = np.arange(n_rows)
        if not in_spread_order:
            place[spread_order(strata, n_rows, rng)] = np.arange(n_rows)
        return [place >= n_rows - n_held_out]
    # dealt out class by class, so that each fold has its share of each class and of the whole, give or take one row
    fold = np.empty(n_rows, dtype=np.intp)
    shuffled = rng.permutation(n_rows)
    dealt = shuffled if strata is None else shuffled[np.argsort(strata[shuffled], kind="stable")]
    fold[dealt] = np.arange(n_rows) % folds
    if strata is not None:
        small = np.flatnonzero(np.bincount(strata) < folds)
        fold[np.isin(strata, small)] = folds
    return [fold == k for k in range(folds)]


def rows_to_fit(held_out: Mask) -> int | None:
    """How many first rows hold all training rows, if the held-out ones are the last; else None."""
    first = int(np.argmax(held_out)) if held_out.any() else len(held_out)
    return first if 0 < first < len(held_out) and held_out[first:].all() else None
