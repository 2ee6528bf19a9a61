"""Coverage of intervals and sets in groups of rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from skboost._optional import import_optional
from skboost._validation import Integer, Nothing, check_weights
from skboost.metrics._binomial import accepted_shares, clopper_pearson
from skboost.metrics._bins import sums
from skboost.metrics._groups import read_groups
from skboost.metrics._intervals import read_ends
from skboost.metrics._numbers import read_target
from skboost.metrics._options import LEVEL, YES_NO, check_options
from skboost.metrics._sets import read_sets

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ALL = "all rows"
SIZES = {"interval": "mean width", "set": "mean size"}


@dataclass(frozen=True, eq=False)  # arrays have no plain equality
class GroupCoverage:
    """How often intervals or sets cover, in each group of rows. ``print`` shows a table.

    Parameters
    ----------
    group : ndarray of shape (n_groups,)
        Names of the groups, or of bins.
    n_rows : ndarray of shape (n_groups,)
        Summed weight of the rows.
    n_covered : ndarray of shape (n_groups,)
        Summed weight of the rows that are covered.
    coverage : ndarray of shape (n_groups,)
        Share of rows that are covered.
    low, high : ndarray of shape (n_groups,)
        Exact limits of the probability that a row of the group is covered.
    size : ndarray of shape (n_groups,)
        Mean width of intervals, or mean number of labels in sets.
    kind : {"interval", "set"}
    confidence_level : float
        The wished coverage.
    limits_level : float
        Confidence of the limits, all together if they are simultaneous.
    simultaneous : bool
        Whether the limits of all groups hold together.
    overall : GroupCoverage or None
        The same of all rows as one group.
    """

    group: npt.NDArray[Any]
    n_rows: Floats
    n_covered: Floats
    coverage: Floats
    low: Floats
    high: Floats
    size: Floats
    kind: str
    confidence_level: float
    limits_level: float
    simultaneous: bool
    overall: GroupCoverage | None = None

    @property
    def too_low(self) -> Flags:
        """Groups whose coverage is below the level by more than chance explains."""
        return self.high < self.confidence_level

    @property
    def too_high(self) -> Flags:
        """Groups whose coverage is above the level by more than chance explains: more is left open than needed."""
        return self.low > self.confidence_level

    def expected(self) -> tuple[Floats, Floats]:
        """Where the coverage of each group lies if the level is kept.

        A group is flagged if, and only if, its coverage lies outside.

        Returns
        -------
        low, high : ndarray of shape (n_groups,)
        """
        level = self.limits_level
        if self.simultaneous:
            level = joint_level(level, len(self.group))
        return accepted_shares(self.n_rows, self.confidence_level, level)

    def to_frame(self) -> Any:
        """The groups as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
            Columns group, n_rows, n_covered, coverage, low, high, too_low, too_high and mean_width or mean_size.
        """
        pandas = import_optional("pandas", extra="frame", purpose="GroupCoverage.to_frame")
        names = ["group", "n_rows", "n_covered", "coverage", "low", "high", "too_low", "too_high"]
        columns = {name: getattr(self, name) for name in names}
        return pandas.DataFrame(columns | {SIZES[self.kind].replace(" ", "_"): self.size})

    def __str__(self) -> str:
        parts = [self] if self.overall is None else [self, self.overall]
        cells = [["group", "rows", "coverage", "limits", SIZES[self.kind], ""]]
        cells += [row for part in parts for row in part._cells()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        together = " for all groups together" if self.simultaneous and len(self.group) > 1 else ""
        lines = [
            f"coverage of {self.kind}s, wished {100 * self.confidence_level:.6g} %; "
            f"limits of {100 * self.limits_level:.6g} % confidence{together}"
        ]
        for first, *others in cells:
            rest = zip(others, widths[1:], strict=True)
            line = "  ".join([f"{first:<{widths[0]}}", *(f"{cell:>{w}}" for cell, w in rest)])
            lines.append(line.rstrip())
        return "\n".join(lines)

    def _cells(self) -> list[list[str]]:
        """The text of each row of the table."""
        flags = np.where(self.too_low, "too low", np.where(self.too_high, "too high", ""))
        return [
            [
                str(name),
                f"{n:.0f}" if n == round(n) else f"{n:.1f}",
                f"{share:.3f}",
                f"{low:.3f} to {high:.3f}",
                f"{size:.4g}",
                str(flag),
            ]
            for name, n, share, low, high, size, flag in zip(
                self.group,
                self.n_rows,
                self.coverage,
                self.low,
                self.high,
                self.size,
                flags,
                strict=True,
            )
        ]


def coverage_by_group(
    y_true: Any,
    prediction: Any,
    groups: Any,
    *,
    confidence_level: float,
    n_bins: int | None = None,
    limits_level: float = 0.95,
    simultaneous: bool = True,
    labels: Any = None,
    sample_weight: Any = None,
) -> GroupCoverage:
    """Coverage of intervals or sets in groups of rows, with exact limits.

    Intervals that cover 90 % of all rows may cover 70 % of one group and 95 % of another. Each group gets the limits of
    Clopper and Pearson [1]_, which hold the probability that a row of the group is covered. A group is flagged if the
    wished level lies outside of them.

    The limits are about this very model and its calibration rows. With n of these, the coverage of a split conformal
    model scatters around the level by about sqrt(level (1 - level) / n), so that with few calibration rows and many
    rows here a flag may tell no more than that.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Observed numbers, or labels.
    prediction : array-like of shape (n_samples, 2), or array-like of bool of shape (n_samples, n_classes)
        Intervals as of ``predict_interval``, or sets as of ``predict_set``, of one level.
    groups : array-like of shape (n_samples,)
        The group of each row, of any type; or numbers, with ``n_bins``. Groups should not depend on ``y_true`` beyond
        what the model promises: conformal intervals promise nothing about rows with large targets.
    confidence_level : float
        The wished coverage.
    n_bins : int, optional
        Gather the numbers in ``groups`` into so many bins of equal mass, equal numbers together.
    limits_level : float, default=0.95
        Confidence of the limits.
    simultaneous : bool, default=True
        Whether the limits of all G groups hold together with that confidence, each at 1 - (1 - level) / G (Bonferroni),
        so that a single flag says something; otherwise each for itself, and one in 20 is wrong.
    labels : sequence of n_classes labels, optional
        For sets, as in :func:`set_coverage_score`.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k independent copies of the row, 0 as none: the larger the weights, the narrower the limits.
        Weights that are not numbers of rows should sum to the number of independent rows that they are worth.

    Returns
    -------
    result : GroupCoverage
        Arrays group, n_rows, coverage, low, high, size, too_low and too_high, with an entry for each group; ``overall``
        is the same for all rows. ``print(result)`` shows a table, ``result.to_frame()`` makes a DataFrame.

    Raises
    ------
    ValueError
        If shapes do not agree, numbers, labels or groups are missing, or an option is unknown.

    See Also
    --------
    skboost.conformal.CoverageDisplay : The picture.

    References
    ----------
    .. [1] C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated in the case of the
       binomial", Biometrika 26, 1934.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.metrics import coverage_by_group
    >>> rng = np.random.default_rng(0)
    >>> y, group = rng.normal(size=400), np.repeat(["calm", "wild"], 200)
    >>> y[200:] *= 2
    >>> interval = np.tile([-2.3, 2.3], (400, 1))
    >>> print(coverage_by_group(y, interval, group, confidence_level=0.9))
    coverage of intervals, wished 90 %; limits of 95 % confidence for all groups together
    group     rows  coverage          limits  mean width
    calm       200     0.985  0.952 to 0.998         4.6  too high
    wild       200     0.770  0.696 to 0.834         4.6   too low
    all rows   400     0.877  0.841 to 0.908         4.6
    """
    check_options(
        "coverage_by_group",
        confidence_level=(confidence_level, LEVEL),
        limits_level=(limits_level, LEVEL),
        simultaneous=(simultaneous, YES_NO),
    )
    if not (Nothing().accepts(n_bins) or Integer(1).accepts(n_bins)):
        check_options("coverage_by_group", n_bins=(n_bins, Integer(1)))
    covered, size, kind = covered_rows(y_true, prediction, labels)
    weight = check_weights(sample_weight, len(covered))
    names, codes = read_groups(groups, weight, n_bins)
    counted = weight > 0
    rows = (covered[counted], size[counted], weight[counted])
    options = (kind, float(confidence_level), float(limits_level), bool(simultaneous))
    overall = counted_groups(np.array([ALL]), np.zeros(len(codes), dtype=np.int64), rows, options)
    return counted_groups(names, codes, rows, options, overall)


def covered_rows(y_true: Any, prediction: Any, labels: Any) -> tuple[Flags, Floats, str]:
    """Whether each row is covered, width or size of what covers it, and which of both it is."""
    given = np.asarray(prediction)
    if given.ndim == 3:
        raise ValueError(
            f"prediction has shape {given.shape}, of {given.shape[2]} levels; pass one of them, prediction[..., j], "
            "and its confidence_level."
        )
    if given.dtype == bool:
        sets = read_sets(given)
        return sets.cover(y_true, labels)[:, 0], sets.members[:, :, 0].sum(axis=1) * 1.0, "set"
    if labels is not None:
        raise ValueError(
            "labels cannot act with intervals; leave it out, or pass sets of dtype bool."
        )
    ends = read_ends(given)
    y = read_target(y_true, len(ends.low), "interval")
    return ends.cover(y)[:, 0], (ends.high - ends.low)[:, 0], "interval"


def counted_groups(
    names: npt.NDArray[Any],
    codes: npt.NDArray[np.int64],
    rows: tuple[Flags, Floats, Floats],
    options: tuple[str, float, float, bool],
    overall: GroupCoverage | None = None,
) -> GroupCoverage:
    """Sums over the rows of each group; ``rows`` are whether they are covered, their sizes and their weights."""
    covered, size, weight = rows
    _, _, limits_level, simultaneous = options
    hits, misses = sums(codes, weight * covered), sums(codes, weight * ~covered)
    total = hits + misses
    level = joint_level(limits_level, len(names)) if simultaneous else limits_level
    low, high = clopper_pearson(hits, misses, level)
    mean = sums(codes, weight * size) / total
    return GroupCoverage(names, total, hits, hits / total, low, high, mean, *options, overall)


def joint_level(level: float, n: int) -> float:
    """Level of each of n limits that hold together with the given one."""
    return 1 - (1 - level) / n
