"""Cheap versions of a fit: fewer rows, fewer rounds, fewer passes over the data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedShuffleSplit

Rows = npt.NDArray[np.integer]

SAMPLES, EPOCHS = "n_samples", "partial_fit"
LEAST_ROWS = 20  # of the smallest rung of rows, unless min_resources says otherwise
N_RUNGS = 4  # that "auto" aims at


@dataclass(frozen=True)
class Ladder:
    """Rungs of a resource, from cheap to full.

    ``resource`` is "n_samples", "partial_fit" or the name of a parameter of the estimator that counts rounds.
    """

    resource: str
    rungs: tuple[int, ...]


def ladder_of(
    resource: str,
    low: int | str,
    high: int | str,
    factor: float,
    *,
    n_train: int,
    estimator: Any,
) -> Ladder:
    """Rungs ``high, high / factor, high / factor**2, ...`` down to ``low``, rising.

    Raises
    ------
    ValueError
        If the resource is unknown, or there is no room for two rungs.
    """
    top = _top(resource, high, n_train, estimator)
    least = LEAST_ROWS if resource == SAMPLES else 1
    bottom = max(least, math.ceil(top / factor ** (N_RUNGS - 1))) if low == "auto" else int(low)
    rungs, rung = [top], top / factor
    while round(rung) >= bottom and round(rung) < rungs[-1]:
        rungs.append(round(rung))
        rung /= factor
    if len(rungs) < 2:
        raise ValueError(
            f"resource={resource!r} has no room for two rungs between min_resources={bottom} and max_resources={top} "
            f"with factor={factor}; widen it, or leave resource at None."
        )
    return Ladder(resource, tuple(rungs[::-1]))


def _top(resource: str, high: int | str, n_train: int, estimator: Any) -> int:
    """The full resource."""
    if resource == SAMPLES:
        if high != "auto" and int(high) > n_train:
            raise ValueError(
                f"max_resources={high} is more than the {n_train} rows that a fold trains on; use at most those, or "
                "'auto'."
            )
        return n_train if high == "auto" else int(high)
    if resource == EPOCHS:
        if not hasattr(estimator, "partial_fit"):
            raise ValueError(
                f"resource='partial_fit', but {type(estimator).__name__} has no partial_fit; use 'n_samples' or the "
                "name of a parameter that counts rounds."
            )
        if high == "auto":
            raise ValueError(
                "resource='partial_fit' needs max_resources, the number of passes over the data of a full fit."
            )
        return int(high)
    params = estimator.get_params(deep=True)
    if resource not in params:
        raise ValueError(
            f"resource={resource!r} is neither 'n_samples' nor 'partial_fit' nor a parameter of "
            f"{type(estimator).__name__}."
        )
    if high != "auto":
        return int(high)
    if not isinstance(params[resource], int | np.integer) or isinstance(params[resource], bool):
        raise ValueError(
            f"resource={resource!r} has the value {params[resource]!r} in {type(estimator).__name__}, which is no "
            "number of rounds; give max_resources."
        )
    return int(params[resource])


def nested_rows(y: Any, train: Rows, rungs: tuple[int, ...], seed: int, classifier: bool) -> Rows:
    """The training rows of a fold in an order whose beginnings are the samples of the rungs.

    Each rung's rows contain those of the rung below, and (of a classifier) hold the classes in their proportions as far
    as their numbers allow.

    Returns
    -------
    rows : ndarray of shape (n_train,)
    """
    rng = np.random.RandomState(seed)
    if not classifier:
        return np.asarray(rng.permutation(train))
    labels = np.asarray(y)[train]
    order: Rows = np.arange(len(train))
    tail: list[Rows] = []
    for rung in reversed(rungs[:-1]):  # cut the smaller sample out of the larger one
        kept, left = _stratified(labels, order, rung, rng)
        tail.insert(0, left)
        order = kept
    return np.asarray(train[np.concatenate([rng.permutation(order), *tail])])


def _stratified(
    labels: Any, order: Rows, size: int, rng: np.random.RandomState
) -> tuple[Rows, Rows]:
    """``size`` of the places with the classes in proportion, and the others."""
    try:
        splitter = StratifiedShuffleSplit(1, train_size=size, random_state=rng.randint(2**31))
        kept, left = next(splitter.split(order, labels[order]))
    except (
        ValueError
    ):  # a class with one row, several outputs, fewer places than classes: as chance has it
        places = rng.permutation(len(order))
        kept, left = places[:size], places[size:]
    return order[kept], order[np.concatenate([left, _missing(kept, left, len(order))])]


def _missing(kept: Rows, left: Rows, n: int) -> Rows:
    """Places that a splitter gave to neither side, as it may after rounding."""
    return np.setdiff1d(np.arange(n), np.concatenate([kept, left]))
