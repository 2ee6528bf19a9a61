"""Labels of calibration rows, of which some classes may be absent."""

from __future__ import annotations

import reprlib
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._validation import Number
from skboost.conformal._holdout import DEFAULT_SHARE


def places_of(labels: Any, classes: npt.NDArray[Any], name: str = "y") -> npt.NDArray[np.intp]:
    """Place of each label among the classes.

    Raises
    ------
    ValueError
        If a label is none of the classes; ``name`` says whose labels these are.
    """
    place = {label: code for code, label in enumerate(np.asarray(classes).tolist())}
    try:
        distinct, inverse = np.unique(np.asarray(labels), return_inverse=True)
    except TypeError as error:
        raise ValueError(
            f"{name} mixes labels that cannot be sorted ({error}); use labels of one type."
        ) from error
    codes = [place.get(label, -1) for label in distinct.tolist()]
    unknown = [label for label, code in zip(distinct.tolist(), codes, strict=True) if code < 0]
    if unknown:
        raise ValueError(
            f"{name} holds labels that the classes {reprlib.repr(list(place))} do not: {reprlib.repr(unknown)}; a set "
            "could never hold them."
        )
    return np.array(codes, dtype=np.intp)[inverse.reshape(-1)]


def can_stratify(y: Any, cv: Any) -> bool:
    """Whether a share can be drawn from each class, so that both parts have each."""
    if y is None:
        return True
    share = DEFAULT_SHARE if cv is None else cv
    counts = np.unique(y, return_counts=True)[1]
    if not Number(0, 1).accepts(share):
        return False
    smaller_part = min(np.ceil(share * len(y)), np.floor((1 - share) * len(y)))
    return bool(counts.min() >= 2 and smaller_part >= len(counts))
