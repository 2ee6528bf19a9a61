"""What raw scores mean, as data: a merged network carries it along without its loss."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from skboost._ext.softmax import expit, softmax

Floats = npt.NDArray[np.float64]

# Above this an exponential stays where it is. exp(700) is still a float64, but squares and sums of
# such numbers are not; no model of real data gets near exp(600).
LIMIT = 600.0
LINKS = ("identity", "exp", "logistic", "softmax", "sorted")


@dataclass(frozen=True)
class Link:
    """The last step from raw scores to predictions.

    Parameters
    ----------
    name : {"identity", "exp", "logistic", "softmax", "sorted"}
        "sorted" is for quantile levels that must not cross.
    factor : float, default=1.0
        Raw scores are multiplied by it first; merged networks fold it into their output weights.
    rank : tuple of int, default=()
        For "sorted": place of each column's level among the levels.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.losses import Link
    >>> Link("logistic").predict(np.array([0.0]))
    array([[0.5, 0.5]])
    """

    name: str = "identity"
    factor: float = 1.0
    rank: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.name not in LINKS:
            raise ValueError(f"name={self.name!r} is not a link; choose from {list(LINKS)}.")

    def predict(self, scores: Floats) -> Floats:
        """Predictions from scores that carry the factor already.

        Parameters
        ----------
        scores : ndarray of shape (n_samples,) or (n_samples, n_raw)
        """
        if self.name == "exp":
            return bounded_exp(scores)
        if self.name == "logistic":
            return np.column_stack([expit(-scores, n_threads=1), expit(scores, n_threads=1)])
        if self.name == "softmax":
            return np.asarray(softmax(scores, n_threads=1), dtype=np.float64)
        if self.name == "sorted":
            return np.sort(scores, axis=1)[:, list(self.rank)]
        return scores

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for files."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of :meth:`to_dict`."""
        return cls(values["name"], float(values["factor"]), tuple(values["rank"]))


def bounded_exp(scores: Floats) -> Floats:
    """exp(f), and exp(600) above 600."""
    powers: Floats = np.exp(np.minimum(scores, LIMIT))
    return powers
