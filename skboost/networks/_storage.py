"""Files of merged networks: plain arrays and one header of JSON, never a pickle."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost.losses import Link
from skboost.tables import TableEncoder

FILE_FORMAT = 1
ARRAYS = ("hidden", "hidden_bias", "output", "stage_bias", "stage_units")


def write(path: str | Path, parts: dict[str, Any]) -> None:
    """Write the parts of a network, as :func:`read` gives them back, to a NumPy ``.npz`` file.

    Raises
    ------
    ValueError
        If class labels are objects other than strings and numbers.
    """
    state = parts["encoder"].get_state()
    arrays = {name: value for name, value in state.items() if isinstance(value, np.ndarray)}
    header = {
        "format": FILE_FORMAT,
        "activations": parts["activations"],
        "link": parts["link"].to_dict(),
        "flat": parts["flat"],
        "encoder": {name: value for name, value in state.items() if name not in arrays},
    }
    stored: dict[str, Any] = {f"encoder.{name}": value for name, value in arrays.items()}
    if parts["classes"] is not None:
        stored["classes"] = plain_labels(parts["classes"])
    stored |= {name: parts[name] for name in ARRAYS}
    with open(path, "wb") as file:
        np.savez_compressed(file, header=np.array(json.dumps(header)), **stored)


def read(path: str | Path) -> dict[str, Any]:
    """Read the parts of a network.

    Raises
    ------
    ValueError
        If the file holds something else, or was written by a newer version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            stored = {name: file[name] for name in file.files}
        header = json.loads(str(stored["header"]))
        file_format = header["format"]
    except (ValueError, TypeError, KeyError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is not a network: only files that Network.save has written can be loaded."
        ) from error
    if file_format > FILE_FORMAT:
        raise ValueError(
            f"{path} has format {file_format}, this version reads up to {FILE_FORMAT}; upgrade skboost."
        )
    prefix = "encoder."
    arrays = {
        name.removeprefix(prefix): value
        for name, value in stored.items()
        if name.startswith(prefix)
    }
    return {
        **{name: stored[name] for name in ARRAYS},
        "activations": header["activations"],
        "encoder": TableEncoder.from_state({**header["encoder"], **arrays}),
        "link": Link.from_dict(header["link"]),
        "classes": stored.get("classes"),
        "flat": header["flat"],
    }


def plain_labels(classes: npt.NDArray) -> npt.NDArray:
    """Class labels as an array of strings or numbers instead of objects.

    Raises
    ------
    ValueError
        If they are something else.
    """
    plain = np.asarray(np.asarray(classes).tolist()) if classes.dtype.kind in "OT" else classes
    if plain.dtype.kind not in "USbiuf" or plain.shape != classes.shape:
        raise ValueError(
            f"Class labels of type {type(classes[0]).__name__} cannot be stored without pickle; use strings or numbers."
        )
    return plain
