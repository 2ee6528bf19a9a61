"""Names of the outputs of an encoded table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt


def input_names(
    fitted: Sequence[str] | None, n_columns: int, given: npt.ArrayLike | None
) -> list[str]:
    """Names of the columns of the table: those given, those seen at fit, or ``x0, x1, ...``.

    Raises
    ------
    ValueError
        If the names given do not fit, in the words of scikit-learn's transformers.
    """
    if given is None:
        return [f"x{j}" for j in range(n_columns)] if fitted is None else list(fitted)
    names = [str(name) for name in np.asarray(given, dtype=object)]
    if fitted is not None and names != list(fitted):
        raise ValueError("input_features is not equal to feature_names_in_")
    if len(names) != n_columns:
        raise ValueError(
            f"input_features should have length equal to number of features ({n_columns}), "
            f"got {len(names)}"
        )
    return names


def told_apart(names: Iterable[str]) -> list[str]:
    """The same names, with underscores after those that have been taken before.

    ``a`` with an indicator and a column ``a_missing`` would both be ``a_missing``.
    """
    taken: dict[str, None] = {}
    for name in names:
        while name in taken:
            name += "_"
        taken[name] = None
    return list(taken)
