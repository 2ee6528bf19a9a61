"""Pictures of coverage by group."""

from __future__ import annotations

import reprlib
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from skboost._axes import GRID, INK, axes_for, legend_above, plain
from skboost._validation import Integer
from skboost.conformal._display_data import column_of, level_of, name_of
from skboost.metrics import GroupCoverage, coverage_by_group

Floats = npt.NDArray[np.float64]

PURPOSE = "CoverageDisplay.plot"
ROW_HEIGHT = 0.42  # inches
STEP = 0.26  # between methods, where groups are 1 apart
# marks of artists by which a display finds those of others on the same axes
POINTS, BARS, COUNTS = "coverage points", "coverage bars", "numbers of rows"
OUTSIDE = "outside of its limits"


class CoverageDisplay:
    """Coverage of intervals or sets in groups of rows, beside the wished level.

    A guarantee of 90 % for all rows allows 70 % in one group and 95 % in another. Each point is the share of rows of a
    group that are covered; the bar is where it falls if the group is covered as wished, by the exact binomial law of
    Clopper and Pearson. A point outside of its bar, drawn hollow, speaks against the level in that group. Bars are
    about this very model: calibrated on few rows, it covers a little more or less than wished everywhere, by chance.

    Made by :meth:`from_estimator` or :meth:`from_predictions`; several displays of the same groups share axes if each
    gets the ``ax_`` of the one before.

    Parameters
    ----------
    result : GroupCoverage
        Of :func:`skboost.metrics.coverage_by_group`.
    estimator_name : str, optional
        For the legend.
    group_name : str, optional
        What the groups are, for the label of the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    points_ : matplotlib PathCollection
        Coverage of the groups, all rows first.
    bars_ : matplotlib LineCollection or None
        Where coverage falls if the level is kept.

    See Also
    --------
    skboost.metrics.coverage_by_group : The numbers.
    IntervalDisplay : The intervals themselves.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.conformal import CoverageDisplay
    >>> rng = np.random.default_rng(0)
    >>> group = np.repeat(["calm", "wild"], 200)
    >>> y = rng.normal(size=400) * np.where(group == "wild", 2, 1)
    >>> interval = np.tile([-2.3, 2.3], (400, 1))
    >>> display = CoverageDisplay.from_predictions(y, interval, group, confidence_level=0.9)
    >>> display.result.coverage
    array([0.985, 0.77 ])
    """

    def __init__(
        self,
        result: GroupCoverage,
        *,
        estimator_name: str | None = None,
        group_name: str | None = None,
    ) -> None:
        self.result = result
        self.estimator_name = estimator_name
        self.group_name = group_name

    # -- made from data ---------------------------------------------------------------------------------------------

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        groups: Any,
        n_bins: int | None = None,
        confidence_level: float | None = None,
        limits_level: float = 0.95,
        simultaneous: bool = True,
        sample_weight: Any = None,
        group_name: str | None = None,
        name: str | None = None,
        ax: Any = None,
        band: bool = True,
        **point_kwargs: Any,
    ) -> Self:
        """Draw the coverage of the sets or intervals of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator with predict_set or predict_interval
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows that the estimator has not seen, neither for training nor for calibration.
        y : array-like of shape (n_samples,)
            Observed labels or numbers.
        groups : str, int, callable, or array-like of shape (n_samples,)
            A column of X by name or place, a function of X that gives the group of each row, such as
            ``estimator.predict``, or the groups themselves.
        confidence_level : float, optional
            That of the estimator without it.
        group_name : str, optional
            For the label of the axis; the name of the column without it.
        name : str, optional
            For the legend; the name of the class without it.
        n_bins, limits_level, simultaneous, sample_weight, ax, band, **point_kwargs
            As in :meth:`from_predictions`.

        Returns
        -------
        display : CoverageDisplay

        Raises
        ------
        ValueError
            If the estimator has neither sets nor intervals, or an argument or the data are not what they must be.
        """
        check_is_fitted(estimator)
        has_sets = hasattr(estimator, "predict_set")
        if not has_sets and not hasattr(estimator, "predict_interval"):
            raise ValueError(
                f"{type(estimator).__name__} has neither predict_set nor predict_interval, whose answers "
                "CoverageDisplay shows; wrap it in ConformalClassifier or ConformalRegressor."
            )
        level = level_of(estimator, confidence_level)
        ask = estimator.predict_set if has_sets else estimator.predict_interval
        prediction = ask(X, confidence_level=level)
        if isinstance(groups, str) or Integer().accepts(groups):
            groups, column = column_of(X, groups, "groups")
            group_name = column if group_name is None else group_name
        elif callable(groups):
            groups = groups(X)
        return cls.from_predictions(
            y,
            prediction,
            groups,
            confidence_level=level,
            n_bins=n_bins,
            limits_level=limits_level,
            simultaneous=simultaneous,
            labels=estimator.classes_ if has_sets else None,
            sample_weight=sample_weight,
            group_name=group_name,
            name=type(estimator).__name__ if name is None else name,
            ax=ax,
            band=band,
            **point_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
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
        group_name: str | None = None,
        name: str | None = None,
        ax: Any = None,
        band: bool = True,
        **point_kwargs: Any,
    ) -> Self:
        """Draw the coverage of given intervals or sets.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Observed numbers or labels.
        prediction : array-like of shape (n_samples, 2), or array-like of bool of shape (n_samples, n_classes)
            Intervals or sets of one level.
        groups : array-like of shape (n_samples,)
            The group of each row, or numbers with ``n_bins``.
        confidence_level : float
            The wished coverage.
        n_bins : int, optional
            Gather the numbers in ``groups`` into so many bins of equal mass.
        limits_level : float, default=0.95
            Probability that the coverage of a group falls into its bar if it is as wished.
        simultaneous : bool, default=True
            Whether the coverage of all groups falls into their bars with that probability, or of each.
        labels : sequence of labels, optional
            Of the columns of sets.
        sample_weight : array-like of shape (n_samples,), optional
            Weight k counts as k independent copies of the row, 0 as none.
        group_name : str, optional
            For the label of the axis.
        name : str, optional
            For the legend.
        ax : matplotlib Axes, optional
            A new figure is made without it.
        band : bool, default=True
            Whether to draw the bars.
        **point_kwargs : dict
            Passed to ``Axes.scatter`` of the points. ``color`` is that of the bars too.

        Returns
        -------
        display : CoverageDisplay

        Raises
        ------
        ValueError
            If an argument or the data are not what they must be.
        """
        result = coverage_by_group(
            y_true,
            prediction,
            groups,
            confidence_level=confidence_level,
            n_bins=n_bins,
            limits_level=limits_level,
            simultaneous=simultaneous,
            labels=labels,
            sample_weight=sample_weight,
        )
        group_name = name_of(groups) if group_name is None else group_name
        return cls(result, estimator_name=name, group_name=group_name).plot(
            ax, band=band, **point_kwargs
        )

    # -- drawn ------------------------------------------------------------------------------------------------------

    def plot(
        self, ax: Any = None, *, name: str | None = None, band: bool = True, **point_kwargs: Any
    ) -> Self:
        """Draw the coverage of the groups below one another.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure is made without it.
        name : str, optional
            For the legend; ``estimator_name`` without it.
        band : bool, default=True
            Whether to draw the bars.
        **point_kwargs : dict
            Passed to ``Axes.scatter`` of the points.

        Returns
        -------
        display : CoverageDisplay

        Raises
        ------
        ValueError
            If the axes show other groups, or another level.
        """
        result, name = self.result, self.estimator_name if name is None else name
        parts = [result] if result.overall is None else [result.overall, result]
        names = [str(group) for part in parts for group in part.group]
        self.ax_ = axes_for(
            ax, purpose=PURPOSE, figsize=(6.6, 1.5 + ROW_HEIGHT * (len(names) + 0.2))
        )
        self.figure_ = self.ax_.figure
        place = len(marked(self.ax_, POINTS))
        self._check_axes(names, place)
        colour = point_kwargs.pop("color", None) or self.ax_.plot([], [])[0].get_color()
        at = np.arange(len(names), dtype=float)
        self._draw_reference(band)
        self.bars_ = self._draw_bars(at, parts, colour, place) if band else None
        self.points_ = self._draw_points(at, parts, colour, place, name, point_kwargs)
        self._finish_axes(names, np.concatenate([part.n_rows for part in parts]))
        return self

    def _wish(self) -> str:
        return f"wished: {100 * self.result.confidence_level:.6g} %"

    def _check_axes(self, names: list[str], place: int) -> None:
        """Refuse axes that show something else."""
        if not place:
            return
        shown = [label.get_text() for label in self.ax_.get_yticklabels()]
        if shown != names:
            raise ValueError(
                f"the axes show the groups {reprlib.repr(shown)}, but these are {reprlib.repr(names)}; displays share "
                "axes only if their groups agree."
            )
        if self._wish() not in self.ax_.get_legend_handles_labels()[1]:
            raise ValueError(
                f"the axes show another level than confidence_level={self.result.confidence_level:g}; draw displays of "
                "different levels on axes of their own."
            )

    def _draw_reference(self, band: bool) -> None:
        """The wished level, and what the legend says of all bars and hollow points; once on shared axes."""
        known = self.ax_.get_legend_handles_labels()[1]
        result = self.result
        if self._wish() not in known:
            self.ax_.axvline(
                result.confidence_level, color=INK, linestyle=":", linewidth=1.2, label=self._wish()
            )
        together = ", all groups together" if result.simultaneous and len(result.group) > 1 else ""
        label = f"{100 * result.limits_level:.6g} % limits{together}"
        if band and label not in known:
            self.ax_.fill_between([], [], [], color=INK, alpha=0.22, linewidth=0, label=label)
        if (result.too_low | result.too_high).any() and OUTSIDE not in known:
            self.ax_.scatter([], [], facecolor="white", edgecolor=INK, linewidth=1.6, label=OUTSIDE)

    def _draw_bars(self, at: Floats, parts: list[GroupCoverage], colour: Any, place: int) -> Any:
        low, high = np.concatenate([part.expected() for part in parts], axis=1)
        bars = self.ax_.hlines(at, low, high, color=colour, alpha=0.22, zorder=1.5)
        bars.set_gid(f"{BARS} {place}")
        return bars

    def _draw_points(
        self,
        at: Floats,
        parts: list[GroupCoverage],
        colour: Any,
        place: int,
        name: str | None,
        point_kwargs: dict[str, Any],
    ) -> Any:
        flagged = np.concatenate([part.too_low | part.too_high for part in parts])
        kind = {"interval": "mean width", "set": "mean size"}[self.result.kind]
        size = np.average(self.result.size, weights=self.result.n_rows)
        label = f"{'' if name is None else f'{name}, '}{kind} {size:.4g}"
        style: dict[str, Any] = {
            "s": 34,
            "linewidth": 1.6,
            "zorder": 3,
            "facecolor": ["white" if flag else colour for flag in flagged],
            "edgecolor": colour,
        }
        style |= point_kwargs
        points = self.ax_.scatter(
            np.concatenate([part.coverage for part in parts]),
            at,
            gid=f"{POINTS} {place}",
            **style,
        )
        self.ax_.scatter([], [], color=colour, s=style["s"], label=label)
        return points

    def _finish_axes(self, names: list[str], n_rows: Floats) -> None:
        """Places, limits and labels, which several displays share."""
        ax = self.ax_
        plain(ax)
        ax.grid(False, axis="y")
        ax.set_yticks(range(len(names)), names)
        ax.set_ylim(len(names) - 0.4, -0.6)
        ax.tick_params(axis="y", length=0)
        if self.result.overall is not None:
            ax.axhline(0.5, color=GRID, linewidth=0.8, zorder=0.5)
        move_apart(ax)
        ax.autoscale(axis="x")
        left, right = ax.get_xlim()
        ax.set_xlim(max(left, -0.02), min(right, 1.02))
        write_counts(ax, [f"n = {n:.0f}" if n == round(n) else f"n = {n:.1f}" for n in n_rows])
        ax.set_xlabel("share of rows covered")
        if self.group_name is not None:
            ax.set_ylabel(self.group_name)
        legend_above(ax)


def marked(ax: Any, mark: str) -> list[Any]:
    """Artists of displays on the axes, in the order in which they were drawn."""
    return [artist for artist in ax.collections if (artist.get_gid() or "").startswith(mark)]


def move_apart(ax: Any) -> None:
    """Put the displays of the same axes side by side around the line of each group."""
    points = marked(ax, POINTS)
    step = min(STEP, 0.8 / len(points))
    n_groups = len(points[0].get_offsets())
    room = 72 * ax.bbox.height / ax.figure.dpi / (n_groups + 0.2)  # points for a group
    for artist in [*points, *marked(ax, BARS)]:
        place = int(artist.get_gid().rpartition(" ")[2])
        at = np.arange(n_groups) + step * (place - (len(points) - 1) / 2)
        if artist in points:
            artist.set_offsets(np.column_stack([artist.get_offsets()[:, 0], at]))
        else:
            ends = np.array([segment[:, 0] for segment in artist.get_segments()])
            artist.set_segments(np.stack([ends, np.column_stack([at, at])], axis=-1))
            artist.set_linewidth(float(np.clip(0.75 * step * room, 2.5, 8.0)))


def write_counts(ax: Any, words: list[str]) -> None:
    """Number of rows of each group at the right; nothing if displays on the same axes differ in it."""
    texts = [text for text in ax.texts if text.get_gid() == COUNTS]
    if not texts and len(marked(ax, POINTS)) == 1:
        style = {"color": INK, "fontsize": "small", "va": "center", "gid": COUNTS}
        for at, word in enumerate(words):
            ax.text(1.01, at, word, transform=ax.get_yaxis_transform(), **style)
    elif [text.get_text() for text in texts] != words:
        for text in texts:
            text.remove()
