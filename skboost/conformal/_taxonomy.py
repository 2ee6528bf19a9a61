"""Mondrian taxonomies: which group a row belongs to, decided without its label."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator

from skboost._validation import Constraint, Integer, Many, Number, OneOf, check_parameters
from skboost.base import Component

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[Any]

MOST_CELLS = 2**62  # groups of several columns are numbered in 64 bits

OF: dict[str, Constraint | tuple[Constraint, ...]] = {"of": OneOf("prediction", "difficulty")}


@dataclass(frozen=True)
class Description:
    """What a taxonomy may look at: rows, what the model predicts for them, and how difficult they are."""

    X: Any
    prediction: Floats
    difficulty: Floats | None


class Bins(Component):
    """Groups of rows whose predictions, or difficulties, lie between the same edges.

    Parameters
    ----------
    edges : sequence of float
        Inner edges, in any order; an edge belongs to the bin below it. They must not have been chosen by looking at
        the calibration rows.
    of : {"prediction", "difficulty"}, default="prediction"
        What is divided.
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "edges": Many(Number())
    } | OF

    def __init__(self, edges: Any, *, of: str = "prediction") -> None:
        self.edges = edges
        self.of = of

    def label(self, rows: Description) -> Labels:
        """Number of the bin of each row."""
        return np.searchsorted(np.sort(np.asarray(self.edges, float)), self.value(rows), "left")

    def value(self, rows: Description) -> Floats:
        """What is divided into bins."""
        if self.of == "prediction":
            return rows.prediction
        if rows.difficulty is None:
            raise ValueError("taxonomy of='difficulty' needs difficulty=: a regressor or callable.")
        return rows.difficulty

    def learn(self, rows: Description | None, weight: Floats | None) -> Bins:
        """Itself: nothing is learned."""
        check_parameters(self, self.constraints)
        return self

    def name(self, label: tuple[Any, ...]) -> str:
        """The bin in words."""
        edges = np.concatenate([[-np.inf], np.sort(np.asarray(self.edges, float)), [np.inf]])
        return f"{self.of} in ({edges[label[0]]:.4g}, {edges[label[0] + 1]:.4g}]"


class QuantileBins(Component):
    """Groups of about equal size by prediction, or by difficulty.

    Edges are quantiles on the rows that train the model. Those of the calibration rows would depend on them, and the
    next row is not among these: the guarantee would no longer be exact. A frozen model does not know its training
    rows and needs :class:`Bins` with edges.

    Parameters
    ----------
    n_bins : int, default=5
        Fewer are made where quantiles coincide.
    of : {"prediction", "difficulty"}, default="prediction"
        What is divided.
    """

    constraints: ClassVar[dict[str, Constraint | tuple[Constraint, ...]]] = {
        "n_bins": Integer(2)
    } | OF

    def __init__(self, n_bins: int = 5, *, of: str = "prediction") -> None:
        self.n_bins = n_bins
        self.of = of

    def learn(self, rows: Description | None, weight: Floats | None) -> Bins:
        """Bins with the quantiles of training rows as edges."""
        check_parameters(self, self.constraints)
        if rows is None or weight is None:
            raise ValueError(
                f"taxonomy={self!r} learns its edges from the rows that train the model, but the estimator is frozen; "
                "give Bins(edges), with edges that do not come from the calibration rows."
            )
        value = Bins([0.0], of=self.of).value(rows)
        order = np.argsort(value, kind="stable")
        cumulative = np.cumsum(weight[order])
        wanted = cumulative[-1] * np.arange(1, self.n_bins) / self.n_bins
        places = np.searchsorted(cumulative, wanted * (1.0 - 1e-12), side="left")
        return Bins(np.unique(value[order[places]]).tolist(), of=self.of)


@dataclass(frozen=True)
class Labelling:
    """Groups that a column, a function or a transformer gives."""

    labels: Callable[[Any], Any]

    def label(self, rows: Description) -> Any:
        """Labels of rows."""
        return self.labels(rows.X)

    def name(self, label: tuple[Any, ...]) -> str:
        """The group in words."""
        return f"group {(label[0] if len(label) == 1 else label)!r}"


@dataclass(frozen=True)
class Column:
    """A column of X, by name or place."""

    key: str | int

    def __call__(self, X: Any) -> Any:
        try:
            return self._read(X)
        except (KeyError, IndexError, TypeError, AttributeError) as error:
            raise ValueError(f"taxonomy={self.key!r} is no column of X.") from error

    def _read(self, X: Any) -> Any:
        if isinstance(self.key, str):
            if isinstance(X, np.ndarray | list):
                raise KeyError(self.key)
            return X.column(self.key) if hasattr(X, "column_names") else X[self.key]
        if sparse.issparse(X):
            return X.tocsc()[:, [self.key]].toarray().ravel()
        if hasattr(X, "iloc"):
            return X.iloc[:, self.key]
        if hasattr(X, "column_names"):  # an Arrow table
            return X.column(self.key)
        return X[:, self.key] if hasattr(X, "shape") else [row[self.key] for row in X]


@dataclass(frozen=True)
class Transformation:
    """What a fitted transformer makes of rows."""

    transformer: Any

    def __call__(self, X: Any) -> Any:
        return self.transformer.transform(X)


def learn_taxonomy(taxonomy: Any, rows: Description | None, weight: Floats | None) -> Any:
    """What the parameter ``taxonomy`` means, fitted where it has to be.

    Parameters
    ----------
    taxonomy : str, int, callable, transformer, Bins or QuantileBins
    rows, weight : Description and ndarray, or None
        The rows that train the model; None if the model is frozen.

    Returns
    -------
    taxonomy : object with ``label(rows)`` and ``name(label)``

    Raises
    ------
    ValueError
        If it is none of these, or would have to be fitted without training rows.
    """
    if isinstance(taxonomy, Bins | QuantileBins):
        return taxonomy.learn(rows, weight)
    if isinstance(taxonomy, str) or Integer().accepts(taxonomy):
        return Labelling(Column(taxonomy if isinstance(taxonomy, str) else int(taxonomy)))
    if isinstance(taxonomy, FrozenEstimator):
        return Labelling(Transformation(taxonomy))
    if hasattr(taxonomy, "transform"):
        if rows is None:
            raise ValueError(
                f"taxonomy={taxonomy!r} cannot be fitted: the estimator is frozen, so that its training rows are not "
                "known. Fit it on other rows than those that calibrate and wrap it in FrozenEstimator."
            )
        return Labelling(Transformation(clone(taxonomy).fit(rows.X)))
    if callable(taxonomy):
        return Labelling(taxonomy)
    raise ValueError(
        f"taxonomy={taxonomy!r} must be a column of X (name or number), a callable from rows to labels, a transformer, "
        "Bins or QuantileBins."
    )


class Groups:
    """The groups that occur among calibration rows, numbered.

    Parameters
    ----------
    labels : array-like of shape (n,) or (n, n_columns)
        Rows are in one group if all their labels agree; NaN is a label like others.
    n_rows : int

    Attributes
    ----------
    codes : ndarray of shape (n,)
        Number of the group of each row.
    """

    def __init__(self, labels: Any, n_rows: int) -> None:
        columns = read_labels(labels, n_rows)
        self.values = [np.unique(column) for column in columns]
        if math.prod(map(len, self.values)) > MOST_CELLS:
            raise ValueError(
                f"taxonomy= gives {len(columns)} labels a row with too many combinations to number; use fewer."
            )
        self.cells, self.codes = np.unique(self._cells(columns), return_inverse=True)

    def __len__(self) -> int:
        return len(self.cells)

    def codes_of(self, labels: Any, n_rows: int) -> npt.NDArray[np.intp]:
        """Numbers of the groups of other rows; -1 where a group did not occur."""
        columns = read_labels(labels, n_rows)
        if len(columns) != len(self.values):
            raise ValueError(
                f"taxonomy= gives {len(columns)} labels a row, but gave {len(self.values)} at calibration."
            )
        cells = self._cells(columns)
        places = np.minimum(np.searchsorted(self.cells, cells), len(self.cells) - 1)
        return np.where(self.cells[places] == cells, places, -1)

    def label(self, code: int) -> tuple[Any, ...]:
        """Labels of a group."""
        places = np.unravel_index(self.cells[code], [len(values) for values in self.values])
        return tuple(
            values[place].item() if hasattr(values[place], "item") else values[place]
            for values, place in zip(self.values, places, strict=True)
        )

    def _cells(self, columns: list[Labels]) -> npt.NDArray[np.int64]:
        """One number for the labels of each row, -1 where a label did not occur."""
        cells = np.zeros(len(columns[0]), dtype=np.int64)
        unknown = np.zeros(len(columns[0]), dtype=bool)
        for column, values in zip(columns, self.values, strict=True):
            places = places_among(values, column)
            unknown |= places < 0
            cells = cells * len(values) + places
        return np.where(unknown, -1, cells)


def places_among(values: Labels, column: Labels) -> npt.NDArray[np.int64]:
    """Places of labels among sorted ones, -1 where they are missing."""
    try:
        places = np.minimum(np.searchsorted(values, column), len(values) - 1)
        found = values[places]
        same = np.asarray(found == column)
        if values.dtype.kind == "f" and column.dtype.kind == "f":
            same = same | (np.isnan(found) & np.isnan(column))
    except TypeError as error:
        raise ValueError(
            f"taxonomy= gives labels that cannot be compared with those at calibration ({error})."
        ) from error
    return np.where(same, places, -1)


def read_labels(labels: Any, n_rows: int) -> list[Labels]:
    """Columns of labels as arrays that can be sorted."""
    if sparse.issparse(labels):
        labels = labels.toarray()
    table = np.asarray(labels)
    if table.ndim not in (1, 2) or len(table) != n_rows or not table.size:
        raise ValueError(
            f"taxonomy= gives labels of shape {table.shape} for {n_rows} rows; it must give one or more for each."
        )
    columns = [table] if table.ndim == 1 else list(table.T)
    for column in columns:
        if column.dtype == object and len({type(label) for label in column}) > 1:
            kinds = sorted({type(label).__name__ for label in column})
            raise ValueError(
                f"taxonomy= gives labels of several types ({', '.join(kinds)}), which cannot be sorted; make them "
                "strings, missing ones too."
            )
    return columns
