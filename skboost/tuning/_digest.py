"""Digests of values: equal for equal values, in every process, whatever their layout in memory."""

from __future__ import annotations

import enum
import functools
import hashlib
import re
import types
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from scipy import sparse

# how the work is done, not what comes out of it
IGNORED_PARAMETERS = frozenset({"n_jobs", "n_threads", "nthread", "verbose", "verbosity"})
BLOCK_BYTES = 2**22
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
CODE = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType, np.ufunc)


def digest(value: Any, _within: tuple[int, ...] = ()) -> bytes:
    """Sixteen bytes that stand for a value.

    Parameters
    ----------
    value : object
        Numbers, strings, containers, arrays, sparse matrices, frames of pandas and polars,
        estimators (class and parameters, those of ``IGNORED_PARAMETERS`` left out), functions and
        classes (by name), random generators (by state), and whatever pickle can take apart. Of
        anything else the type and the ``repr`` count, without addresses.

    Returns
    -------
    digest : bytes of length 16
        Sets and dictionaries do not depend on the order of their items, arrays not on their
        strides, sparse matrices not on their format.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.tuning._digest import digest
    >>> table = np.arange(6.0).reshape(2, 3)
    >>> digest(table) == digest(np.asfortranarray(table))
    True
    >>> digest(table) == digest(table.astype(np.float32))
    False
    """
    plain = _of_plain(value)
    if plain is not None:
        return plain
    if id(value) in _within:  # an object that holds itself
        return _join("cycle", str(len(_within) - _within.index(id(value))))
    within = (*_within, id(value))
    if isinstance(value, np.ndarray):
        return _of_array(value, within)
    if isinstance(value, list | tuple):
        return _of_sequence(value, within)
    if isinstance(value, Mapping):
        return _of_items(_name_of_type(value), value.items(), within)
    if isinstance(value, set | frozenset):
        return _join("set", *sorted(digest(item, within) for item in value))
    if sparse.issparse(value):
        return _of_sparse(value, within)
    library = type(value).__module__.partition(".")[0]
    if library == "pandas" and hasattr(value, "dtypes"):
        return _of_pandas(value, within)
    if library == "polars" and hasattr(value, "to_list"):
        return _of_polars_series(value, within)
    if library == "polars" and hasattr(value, "get_columns"):
        columns = [_of_polars_series(column, within) for column in value.get_columns()]
        return _join("polars.DataFrame", digest(list(value.columns), within), *columns)
    return _of_object(value, within)


def _join(kind: str, *parts: bytes | str) -> bytes:
    """Digest of parts; their lengths are written too, so that no two lists of parts look alike."""
    state = hashlib.blake2b(digest_size=16)
    for part in (kind, *parts):
        raw = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return state.digest()


def _name_of_type(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _of_plain(value: Any) -> bytes | None:
    """Scalars and things that have a name; None for the rest."""
    if isinstance(value, np.generic) and value.dtype.kind in "biufcSU":
        value = value.item()  # np.float64(0.1) and 0.1 mean the same to every estimator
    if isinstance(value, enum.Enum):
        return _join(_name_of_type(value), value.name)
    if value is None or isinstance(value, bool | int | complex | str):
        return _join(type(value).__name__, str(value))
    if isinstance(value, float):
        return _join("float", repr(float(value)))
    if isinstance(value, bytes):
        return _join("bytes", value)
    if isinstance(value, CODE):
        module = getattr(value, "__module__", None)
        name = getattr(value, "__qualname__", None) or getattr(value, "__name__", repr(value))
        return _join("name", f"{module}.{name}")
    return None


def _of_array(array: np.ndarray, within: tuple[int, ...]) -> bytes:
    if isinstance(array, np.ma.MaskedArray):
        mask = np.ma.getmaskarray(array)
        return _join("masked", _of_array(array.filled(), within), _of_array(mask, within))
    if array.dtype.hasobject or array.dtype.names:
        items = _of_items_in_order(array.ravel().tolist(), within)
        return _join("array", str(array.dtype), str(array.shape), items)
    state = hashlib.blake2b(digest_size=16)
    for block in _blocks(np.asarray(array)):
        if block.dtype.kind == "f" and np.isnan(block).any():
            block = np.where(np.isnan(block), block.dtype.type(np.nan), block)  # one NaN for all
        little = block.astype(block.dtype.newbyteorder("<"), order="C", copy=False)
        state.update(little.view(np.uint8).data)
    kind = array.dtype.str.lstrip("<>=|")  # the order of bytes is a matter of the platform
    return _join("array", kind, str(array.shape), state.digest())


def _blocks(array: np.ndarray) -> Iterable[np.ndarray]:
    """The values in C order, a few rows at a time: a copy of the whole would double the memory."""
    array = np.atleast_1d(array)
    if array.dtype.kind in "Mm":
        array = array.view(np.int64)
    elif array.dtype == np.longdouble:
        array = array.astype(np.float64)  # ten of its sixteen bytes hold the number
    step = max(1, BLOCK_BYTES // max(1, array.nbytes // max(1, len(array))))
    return (array[start : start + step] for start in range(0, len(array), step) if array.size)


def _of_sequence(values: list[Any] | tuple[Any, ...], within: tuple[int, ...]) -> bytes:
    return _join(_name_of_type(values), str(len(values)), _of_items_in_order(values, within))


def _of_items_in_order(values: list[Any] | tuple[Any, ...], within: tuple[int, ...]) -> bytes:
    """Digest of a sequence; long ones of one type in one go."""
    kinds = set(map(type, values))
    if kinds == {str}:
        lengths = np.fromiter(map(len, values), dtype=np.int64, count=len(values))
        return _join("str", lengths.tobytes(), "".join(values))
    if kinds == {float} or kinds == {bool}:
        return _join(kinds.pop().__name__, _of_array(np.array(values), within))
    present = [value for value in values if not _is_missing(value)]
    if len(values) > len(present) > 0 and set(map(type, present)) == {str}:
        gaps = [0 if isinstance(value, str) else digest(value, within).hex() for value in values]
        marks = _join("gaps", *(f"{place}:{gap}" for place, gap in enumerate(gaps) if gap))
        return _join("mixed", marks, _of_items_in_order(present, within))
    return _join("items", *(digest(value, within) for value in values))


def _is_missing(value: Any) -> bool:
    return (
        value is None or isinstance(value, float) or type(value).__name__ in ("NAType", "NaTType")
    )


def _of_items(
    kind: str,
    items: Iterable[tuple[Any, Any]],
    within: tuple[int, ...],
    skip: frozenset = frozenset(),
) -> bytes:
    """Digest of a mapping, whatever the order of its keys."""
    pairs = [digest(key, within) + digest(value, within) for key, value in items if key not in skip]
    return _join(kind, *sorted(pairs))


def _of_sparse(matrix: Any, within: tuple[int, ...]) -> bytes:
    rows = matrix.tocsr()
    if not rows.has_canonical_format:
        rows = rows.copy() if rows is matrix else rows
        rows.sum_duplicates()  # sorts the columns, too; zeros that are stored stay: XGBoost sees them
    parts = (rows.indptr.astype(np.int64), rows.indices.astype(np.int64), rows.data)
    return _join("sparse", str(rows.shape), *(_of_array(part, within) for part in parts))


def _of_pandas(frame: Any, within: tuple[int, ...]) -> bytes:
    """A frame or a series; the labels of the rows do not count, estimators do not see them."""
    if frame.ndim == 2:
        columns = [_of_column(frame.iloc[:, place], within) for place in range(frame.shape[1])]
        return _join(
            "pandas.DataFrame", str(len(frame)), digest(list(frame.columns), within), *columns
        )
    if not hasattr(frame, "iloc"):  # an index, a categorical or another array of pandas
        return _join(_name_of_type(frame), digest(list(frame), within))
    return _join("pandas.Series", digest(frame.name, within), _of_column(frame, within))


def _of_column(column: Any, within: tuple[int, ...]) -> bytes:
    dtype = column.dtype
    if isinstance(dtype, np.dtype):
        return _of_array(column.to_numpy(), within)
    if hasattr(dtype, "categories"):
        codes = _of_array(column.cat.codes.to_numpy(dtype=np.int64), within)
        known = digest(dtype.categories.tolist(), within)
        return _join("category", str(dtype.ordered), known, codes)
    plain = getattr(dtype, "numpy_dtype", np.dtype(object))  # of nullable numbers
    if getattr(dtype, "tz", None) is not None:
        plain, column = np.dtype("M8[ns]"), column.dt.tz_convert("UTC").dt.tz_localize(None)
    if plain.kind in "biufmM":
        gaps = column.isna().to_numpy()
        values = column.fillna(np.zeros((), dtype=plain)[()]).to_numpy(dtype=plain)
        return _join(str(dtype), _of_array(gaps, within), _of_array(values, within))
    values = column.to_numpy(dtype=object, na_value=None).tolist()
    return _join(str(dtype), _of_items_in_order(values, within))


def _of_polars_series(series: Any, within: tuple[int, ...]) -> bytes:
    if series.dtype.is_temporal():
        return _join(str(series.dtype), _of_polars_series(series.to_physical(), within))
    if series.dtype.is_numeric() and not series.dtype.is_decimal():
        gaps = _of_array(series.is_null().to_numpy(), within)
        values = _of_array(series.fill_null(0).to_numpy(), within)
        return _join("polars", series.name, str(series.dtype), gaps, values)
    items = _of_items_in_order(series.to_list(), within)
    return _join("polars", series.name, str(series.dtype), items)


def _of_object(value: Any, within: tuple[int, ...]) -> bytes:
    """Estimators by their parameters, other objects by what pickle would store of them."""
    name = _name_of_type(value)
    if isinstance(value, functools.partial):
        value = (value.func, value.args, value.keywords)
        return _join("partial", digest(value, within))
    if isinstance(value, types.MethodType):
        return _join("method", value.__func__.__qualname__, digest(value.__self__, within))
    if isinstance(value, np.random.RandomState):
        return _join(name, digest(value.get_state(legacy=False), within))
    if isinstance(value, np.random.Generator):
        return _join(name, digest(value.bit_generator.state, within))
    if name == "sklearn.frozen._frozen.FrozenEstimator":  # what it has learned counts
        return _join(name, digest(type(value.estimator)), digest(vars(value.estimator), within))
    if hasattr(value, "get_params"):
        items = value.get_params(deep=False).items()
        return _of_items(name, items, within, skip=IGNORED_PARAMETERS)
    try:
        reduced = value.__reduce_ex__(4)
        if isinstance(reduced, str):
            return _join("name", f"{type(value).__module__}.{reduced}")
        make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
        parts = (make, arguments, state, list(items or ()), dict(pairs or ()))
        return _join(name, *(digest(part, within) for part in parts))
    except Exception:  # locks, sockets, generators, code of others: nothing that pickle can store
        return _join(name, ADDRESS.sub("", repr(value)))
