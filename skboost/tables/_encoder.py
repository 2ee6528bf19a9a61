"""From a raw table to the packed rows that network learners read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skboost._ext.packed import BLOCK, PackedRows
from skboost._validation import Integer, Nothing, OneOf, check_parameters, check_weights
from skboost.tables._categorical import OneHot, categorical_columns
from skboost.tables._names import input_names, told_apart
from skboost.tables._numeric import NumericScaling
from skboost.tables._table import Table, WeightedRows, read_table, row_chunks, rows_between

# Where the compression of large values starts, in (robust) standard deviations. For "standard" it
# only keeps squares and float32 from overflowing, for values that were not there at fit.
_KNEE = {"robust": 3.0, "standard": 1e6}
_STATE_FORMAT = 1


class TableEncoder(BaseEstimator):
    """Encode a raw table as packed rows: scaled numbers, missing indicators, one-hot categories.

    Numeric columns are centred by their weighted median and scaled by their weighted interquartile
    range. Values beyond three robust standard deviations are compressed like a logarithm, and the
    result is shifted and scaled to mean 0 and standard deviation 1, so that a ridge penalty means
    the same for every column. Missing values become 0, and a column that had some at fit gets an
    indicator. Categorical columns become one-hot outputs of about the same size. The formulas are
    in :class:`NumericScaling` and :class:`OneHot`.

    The outputs are ordered by kind: numeric columns in the order of the table, then missing
    indicators, then the categories of each categorical column.

    Parameters
    ----------
    categorical_features : "from_dtype", None, or sequence of bool, int or str, \
default="from_dtype"
        Which columns are categorical:

        - "from_dtype": those of a dataframe with a categorical type (pandas ``category``, polars
          ``Categorical`` and ``Enum``, Arrow dictionaries). Text that reads as numbers is numeric,
          other text is refused; boolean columns are numeric. Arrays have no categorical columns.
        - a boolean mask, column indices, or column names.
        - None: no column.
    handle_unknown : {"ignore", "error"}, default="ignore"
        What to do with a category that was not there at fit: encode it as zeros, which is the
        average row, or refuse it. Missing values are always accepted.
    max_categories : int or None, default=64
        Largest number of outputs for the values of a categorical column, missing values not
        counted. The rarest by weight share one output, ``<name>_infrequent``. At least 2.
    numeric_scaling : {"robust", "standard"}, default="robust"
        "standard" leaves out the compression of large values: each column is shifted and scaled
        linearly to mean 0 and standard deviation 1. (New values beyond a million standard
        deviations are still compressed, so that squares and float32 do not overflow.)
    dtype : float32 or float64, default=numpy.float32
        Type of the packed rows. The arithmetic is float64 in any case.

    Attributes
    ----------
    n_features_in_ : int
    feature_names_in_ : ndarray of str of shape (n_features_in_,)
        Only if the table at fit had names that are all strings.
    n_outputs_ : int
        Number of columns of the packed rows.
    numeric_ : NumericScaling
        Encoding of the numeric columns: the arrays ``columns, centre, scale, mean, gain``,
        ``indicator, indicator_off, indicator_on`` and the number ``knee``.
    categorical_ : list of OneHot
        Encoding of each categorical column.

    Notes
    -----
    A weight of k acts like k copies of the row, a weight of zero like its removal. Quantiles are
    exact up to 400 000 rows with positive weight; above, they are taken from about 200 000 or more
    rows spread evenly over the table, by a rule without random numbers. Everything else
    (means, standard deviations, shares, missing values, categories) is counted over all rows.

    Data are read in chunks: beyond the input and the packed rows, the encoder holds about 20 MiB.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.tables import TableEncoder
    >>> X = np.array([[1.0, 10.0], [2.0, np.nan], [3.0, 30.0]])
    >>> encoder = TableEncoder().fit(X)
    >>> encoder.get_feature_names_out().tolist()
    ['x0', 'x1', 'x1_missing']
    >>> encoder.pack(X).to_dense().round(2)
    array([[-1.22, -1.  , -0.33],
           [ 0.  ,  0.  ,  0.67],
           [ 1.22,  1.  , -0.33]], dtype=float32)
    """

    def __init__(
        self,
        categorical_features: Any = "from_dtype",
        *,
        handle_unknown: str = "ignore",
        max_categories: int | None = 64,
        numeric_scaling: str = "robust",
        dtype: npt.DTypeLike = np.float32,
    ) -> None:
        self.categorical_features = categorical_features
        self.handle_unknown = handle_unknown
        self.max_categories = max_categories
        self.numeric_scaling = numeric_scaling
        self.dtype = dtype

    @staticmethod
    def count_rows(X: Any) -> int:
        """Number of rows of raw data, after the checks of :func:`read_table`."""
        return len(read_table(X))

    def fit(self, X: Any, sample_weight: npt.ArrayLike | None = None) -> TableEncoder:
        """Learn the encoding.

        Parameters
        ----------
        X : array-like, dataframe or Table of shape (n_rows, n_columns)
        sample_weight : array-like of shape (n_rows,), optional
            Not negative, not all zero.

        Returns
        -------
        self : TableEncoder

        Raises
        ------
        ValueError, TypeError
            For parameters, weights or data that cannot be used; the sentence names the column.
        """
        check_parameters(
            self,
            {
                "handle_unknown": OneOf("ignore", "error"),
                "max_categories": (Integer(2), Nothing()),
                "numeric_scaling": OneOf(*_KNEE),
            },
        )
        _packed_dtype(self.dtype)
        table = read_table(X)
        weight = None if sample_weight is None else check_weights(sample_weight, len(table))
        rows = WeightedRows(table, weight)
        categorical = categorical_columns(table, self.categorical_features)
        numeric = np.setdiff1d(np.arange(table.n_columns), categorical)
        self._set_columns(table.n_columns, table.names)
        self.numeric_ = NumericScaling.fit(
            rows, numeric, _KNEE[self.numeric_scaling], robust=self.numeric_scaling == "robust"
        )
        self.categorical_ = [
            OneHot.fit(rows, column, self.max_categories) for column in categorical.tolist()
        ]
        self.n_outputs_ = self._count_outputs()
        return self

    def pack(
        self,
        X: Any,
        *,
        order: npt.NDArray[np.integer] | None = None,
        dtype: npt.DTypeLike | None = None,
    ) -> PackedRows:
        """Encode a table, chunk by chunk.

        Parameters
        ----------
        X : array-like, dataframe or Table of shape (n_rows, n_columns)
            With the columns of the table at fit, in the same order. Names are not compared here:
            estimators do that, with scikit-learn's own sentences.
        order : ndarray of int of shape (n_packed,), optional
            Rows to pack, in that order; all of them by default.
        dtype : float32 or float64, optional
            Instead of the parameter ``dtype``.

        Returns
        -------
        packed : PackedRows of n_packed rows and n_outputs_ columns

        Raises
        ------
        ValueError, TypeError
            For infinite values, text in numeric columns, another number of columns, and, with
            ``handle_unknown="error"``, unknown categories.
        """
        check_is_fitted(self, "n_outputs_")
        table = read_table(X)
        if table.n_columns != self.n_features_in_:
            raise ValueError(
                f"X has {table.n_columns} features, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input."
            )
        rows = None if order is None else np.asarray(order, dtype=np.intp)
        n_rows = len(table) if rows is None else len(rows)
        kind = _packed_dtype(self.dtype if dtype is None else dtype)
        packed = PackedRows.empty(n_rows, self.n_outputs_, kind)
        if len(self.numeric_.columns):
            self._pack_numeric(table, rows, packed)
        for coding, outputs in self._blocks_of_categories():
            self._pack_categories(coding, outputs, table, rows, packed)
        return packed

    def get_feature_names_out(
        self, input_features: npt.ArrayLike | None = None
    ) -> npt.NDArray[np.object_]:
        """Names of the outputs: ``age``, ``age_missing``, ``city_Paris``, ``city_infrequent``.

        Parameters
        ----------
        input_features : array-like of str, optional
            Names of the columns. For a table with names they must be the same names; for an array
            the default is ``x0, x1, ...``.

        Returns
        -------
        names : ndarray of object of shape (n_outputs_,)
            All different: where two would be equal, underscores are added to the later one.
        """
        check_is_fitted(self, "n_outputs_")
        fitted = getattr(self, "feature_names_in_", None)
        names = input_names(fitted, self.n_features_in_, input_features)
        numeric = [names[column] for column in self.numeric_.columns]
        wanted = numeric + [f"{numeric[place]}_missing" for place in self.numeric_.indicator]
        for coding in self.categorical_:
            wanted += [f"{names[coding.column]}_{label}" for label in coding.labels]
        return np.array(told_apart(wanted), dtype=object)

    def get_state(self) -> dict[str, Any]:
        """What :meth:`pack` needs, without Python objects.

        Returns
        -------
        state : dict
            Strings, numbers, None, lists and dicts of these (valid JSON), and one-dimensional
            arrays for the numeric columns, under names that start with ``numeric_``.
        """
        check_is_fitted(self, "n_outputs_")
        names = getattr(self, "feature_names_in_", None)
        return {
            "format": _STATE_FORMAT,
            "n_features_in": self.n_features_in_,
            "feature_names_in": None if names is None else names.tolist(),
            "handle_unknown": self.handle_unknown,
            "max_categories": self.max_categories,
            "numeric_scaling": self.numeric_scaling,
            "dtype": np.dtype(self.dtype).name,
            "categorical": [coding.get_state() for coding in self.categorical_],
            **self.numeric_.get_state(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> TableEncoder:
        """The encoder that gave ``state``; its categorical columns are given by index.

        Raises
        ------
        ValueError
            If the state was written in another format.
        """
        if state.get("format") != _STATE_FORMAT:
            raise ValueError(
                f"The state of this encoder has format {state.get('format')!r}, but this version "
                f"of skboost reads format {_STATE_FORMAT}; fit and save the model again."
            )
        categorical = [OneHot.from_state(coding) for coding in state["categorical"]]
        encoder = cls(
            [coding.column for coding in categorical] or None,
            handle_unknown=state["handle_unknown"],
            max_categories=state["max_categories"],
            numeric_scaling=state["numeric_scaling"],
            dtype=np.dtype(state["dtype"]),
        )
        encoder._set_columns(int(state["n_features_in"]), state["feature_names_in"])
        encoder.numeric_ = NumericScaling.from_state(state)
        encoder.categorical_ = categorical
        encoder.n_outputs_ = encoder._count_outputs()
        return encoder

    def _set_columns(self, n_columns: int, names: list[str] | None) -> None:
        self.n_features_in_ = n_columns
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):  # from an earlier fit to a table with names
            del self.feature_names_in_

    def _count_outputs(self) -> int:
        return self.numeric_.n_outputs + sum(coding.n_outputs for coding in self.categorical_)

    def _pack_numeric(
        self, table: Table, rows: npt.NDArray[np.intp] | None, packed: PackedRows
    ) -> None:
        scaling = self.numeric_
        n_numeric = len(scaling.columns)
        for start, stop in row_chunks(len(packed), n_numeric):
            values = table.numbers(scaling.columns, rows_between(rows, start, stop))
            missing = scaling.encode(values)
            put_columns(packed, start, slice(0, n_numeric), values)
            if len(scaling.indicator):
                marks = scaling.encode_indicators(missing, stop - start)
                put_columns(packed, start, slice(n_numeric, scaling.n_outputs), marks)

    def _blocks_of_categories(self) -> Iterator[tuple[OneHot, slice]]:
        """Each categorical column with the outputs that are its own."""
        first = self.numeric_.n_outputs
        for coding in self.categorical_:
            yield coding, slice(first, first + coding.n_outputs)
            first += coding.n_outputs

    def _pack_categories(
        self,
        coding: OneHot,
        outputs: slice,
        table: Table,
        rows: npt.NDArray[np.intp] | None,
        packed: PackedRows,
    ) -> None:
        column = table.columns[coding.column]
        translation = coding.translation(column.label, self.handle_unknown == "error")
        for start, stop in row_chunks(len(packed), coding.n_outputs):
            codes, values = column.coded(rows_between(rows, start, stop))
            encoded = coding.encode(translation(codes, values))
            put_columns(packed, start, outputs, encoded)


def put_columns(
    packed: PackedRows, start: int, outputs: slice, values: npt.NDArray[np.floating]
) -> None:
    """Write ``values`` of shape (n_outputs, n_rows) from row ``start`` (a multiple of 64) on."""
    first, n_rows = start // BLOCK, values.shape[1]
    whole = n_rows // BLOCK
    if whole:
        full = values[:, : whole * BLOCK].reshape(len(values), whole, BLOCK)
        packed.blocks[first : first + whole, outputs] = full.transpose(1, 0, 2)
    if n_rows > whole * BLOCK:
        rest = values[:, whole * BLOCK :]
        packed.blocks[first + whole, outputs, : rest.shape[1]] = rest


def _packed_dtype(dtype: npt.DTypeLike) -> np.dtype:
    found = np.dtype(dtype)
    if found not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"dtype={dtype!r} is not valid: packed rows are float32 or float64.")
    return found
