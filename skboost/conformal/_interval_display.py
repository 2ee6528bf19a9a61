"""Pictures of prediction intervals beside what happened."""

from __future__ import annotations

from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from skboost._axes import INK, axes_for, legend_above, plain
from skboost._validation import Integer, OneOf
from skboost.conformal._display_data import column_of, level_of, name_of, read_column
from skboost.metrics import coverage_score, mean_interval_width

Floats = npt.NDArray[np.float64]

ORDERS = OneOf("prediction", "width")
MISSED = "#C8102E"  # stands out beside all colours of the default cycle
PURPOSE = "IntervalDisplay.plot"
PREDICTION = "prediction"


class IntervalDisplay:
    """Prediction intervals beside what was observed, row by row.

    Each row is a line from the lower to the upper end of its interval with a dot where the observed number lies; rows
    outside of their interval are marked. Sorted by prediction, or along a feature, the picture shows whether intervals
    are too narrow in one region and too wide in another, which no coverage of all rows tells. The legend says how often
    the intervals cover and how wide they are, on all rows that are given.

    Made by :meth:`from_estimator` or :meth:`from_predictions`.

    Parameters
    ----------
    y_true : ndarray of shape (n_samples,)
        Observed numbers.
    interval : ndarray of shape (n_samples, 2)
        Lower and upper ends. Infinite ends leave the picture.
    y_pred : ndarray of shape (n_samples,), optional
        Predictions, drawn as a line or as ticks.
    x : ndarray of shape (n_samples,), optional
        Values of a feature for the x axis; places in the order of ``order`` without it.
    order : {"prediction", "width"}, default="prediction"
        What rows are sorted by without ``x``: predictions (middles of intervals if there are none), or widths. By
        width, differences from the prediction are drawn, so that intervals open like a funnel.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the rows, for the legend. Rows of weight 0 are not drawn.
    confidence_level : float, optional
        For the legend.
    estimator_name : str, optional
        For the legend.
    x_name, y_name : str, optional
        Names of the feature and of the target, for the labels of the axes.

    Attributes
    ----------
    coverage : float
        Share of all rows that are covered.
    mean_width : float
        Mean width of all intervals.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    intervals_ : matplotlib LineCollection
        The intervals, in the order of the x axis.
    inside_, outside_ : matplotlib Line2D
        Observed numbers in their interval, and outside of it.
    line_ : matplotlib Line2D or None
        Predictions.

    See Also
    --------
    CoverageDisplay : Coverage by group, with limits.
    skboost.metrics.interval_score : Width and misses in one number.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.conformal import IntervalDisplay
    >>> rng = np.random.default_rng(0)
    >>> x = rng.uniform(size=200)
    >>> y = rng.normal(size=200) * x
    >>> interval = np.tile([-1.0, 1.0], (200, 1))
    >>> display = IntervalDisplay.from_predictions(y, interval, x=x, x_name="x")
    >>> round(display.coverage, 2), display.mean_width
    (0.88, 2.0)
    """

    def __init__(
        self,
        y_true: Floats,
        interval: Floats,
        *,
        y_pred: Floats | None = None,
        x: Floats | None = None,
        order: str = "prediction",
        sample_weight: Floats | None = None,
        confidence_level: float | None = None,
        estimator_name: str | None = None,
        x_name: str | None = None,
        y_name: str | None = None,
    ) -> None:
        self.y_true = y_true
        self.interval = interval
        self.y_pred = y_pred
        self.x = x
        self.order = order
        self.sample_weight = sample_weight
        self.confidence_level = confidence_level
        self.estimator_name = estimator_name
        self.x_name = x_name
        self.y_name = y_name

    # -- made from data ---------------------------------------------------------------------------------------------

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        confidence_level: float | None = None,
        feature: str | int | None = None,
        order: str = "prediction",
        sample_weight: Any = None,
        max_rows: int = 200,
        name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> Self:
        """Draw the intervals of a fitted estimator.

        Parameters
        ----------
        estimator : fitted estimator with predict_interval
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows that the estimator has not seen, neither for training nor for calibration.
        y : array-like of shape (n_samples,)
            What was observed.
        confidence_level : float, optional
            That of the estimator without it.
        feature : str or int, optional
            Column of X for the x axis, by name or place.
        name : str, optional
            For the legend; the name of the class without it.
        order, sample_weight, max_rows, ax, **line_kwargs
            As in :meth:`from_predictions`.

        Returns
        -------
        display : IntervalDisplay

        Raises
        ------
        ValueError
            If the estimator has no intervals, or an argument or the data are not what they must be.
        """
        check_is_fitted(estimator)
        if not hasattr(estimator, "predict_interval"):
            raise ValueError(
                f"{type(estimator).__name__} has no predict_interval, whose answers IntervalDisplay shows; wrap it in "
                "ConformalRegressor."
            )
        level = level_of(estimator, confidence_level)
        x, x_name = (None, None) if feature is None else column_of(X, feature, "feature")
        return cls.from_predictions(
            y,
            estimator.predict_interval(X, confidence_level=level),
            estimator.predict(X),
            x=x,
            order=order,
            sample_weight=sample_weight,
            confidence_level=level,
            max_rows=max_rows,
            name=type(estimator).__name__ if name is None else name,
            x_name=x_name,
            ax=ax,
            **line_kwargs,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        interval: Any,
        y_pred: Any = None,
        *,
        x: Any = None,
        order: str = "prediction",
        sample_weight: Any = None,
        confidence_level: float | None = None,
        max_rows: int = 200,
        name: str | None = None,
        x_name: str | None = None,
        ax: Any = None,
        **line_kwargs: Any,
    ) -> Self:
        """Draw given intervals.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            What was observed.
        interval : array-like of shape (n_samples, 2)
            Lower and upper ends of one level.
        y_pred : array-like of shape (n_samples,), optional
            Predictions.
        x : array-like of shape (n_samples,), optional
            Numbers for the x axis, such as a feature; rows are drawn side by side without it.
        order : {"prediction", "width"}, default="prediction"
            What rows are sorted by without ``x``. By width, differences from the prediction are drawn.
        sample_weight : array-like of shape (n_samples,), optional
            Weight k counts as k copies of the row, 0 as none.
        confidence_level : float, optional
            For the legend.
        max_rows : int, default=200
            Draw so many rows at most, evenly spaced in their order. The legend speaks of all rows.
        name : str, optional
            For the legend.
        x_name : str, optional
            Name of ``x``, for the label of the axis.
        ax : matplotlib Axes, optional
            A new figure is made without it.
        **line_kwargs : dict
            Passed to the LineCollection of intervals. ``color`` is that of points and predictions too.

        Returns
        -------
        display : IntervalDisplay

        Raises
        ------
        ValueError
            If an argument or the data are not what they must be.
        """
        if not ORDERS.accepts(order):
            raise ValueError(
                f"order={order!r} is not valid for IntervalDisplay: it must be {ORDERS}."
            )
        if x is not None and order != "prediction":
            raise ValueError(
                f"order={order!r} cannot act, because x places the rows; leave one out."
            )
        ends = np.asarray(interval)
        if ends.ndim == 3:
            raise ValueError(
                f"interval has shape {ends.shape}, of {ends.shape[2]} levels; pass one of them, interval[..., j]."
            )
        coverage_score(y_true, interval, sample_weight=sample_weight)  # checks them
        y = read_column(y_true, len(ends), "y_true")
        counted = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, float)
        kept = counted > 0
        display = cls(
            y[kept],
            ends[kept].astype(np.float64),
            y_pred=None if y_pred is None else read_column(y_pred, len(y), "y_pred")[kept],
            x=None if x is None else read_column(x, len(y), "x")[kept],
            order=order,
            sample_weight=None if sample_weight is None else counted[kept],
            confidence_level=confidence_level,
            estimator_name=name,
            x_name=x_name,
            y_name=name_of(y_true),
        )
        return display.plot(ax, max_rows=max_rows, **line_kwargs)

    @property
    def coverage(self) -> float:
        """Share of all rows that are covered."""
        return float(coverage_score(self.y_true, self.interval, sample_weight=self.sample_weight))

    @property
    def mean_width(self) -> float:
        """Mean width of all intervals; infinite if one is."""
        return float(mean_interval_width(self.interval, sample_weight=self.sample_weight))

    # -- drawn ------------------------------------------------------------------------------------------------------

    def plot(
        self, ax: Any = None, *, name: str | None = None, max_rows: int = 200, **line_kwargs: Any
    ) -> Self:
        """Draw the intervals.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure is made without it.
        name : str, optional
            For the legend; ``estimator_name`` without it.
        max_rows : int, default=200
            Draw so many rows at most, evenly spaced in their order.
        **line_kwargs : dict
            Passed to the LineCollection of intervals.

        Returns
        -------
        display : IntervalDisplay
        """
        if not Integer(1).accepts(max_rows):
            raise ValueError(f"max_rows={max_rows!r} must be {Integer(1)}.")
        self.ax_ = axes_for(ax, purpose=PURPOSE, figsize=(7.0, 4.4))
        self.figure_ = self.ax_.figure
        drawn = self._drawn_rows(max_rows)
        # an empty line takes the next colour of the cycle
        colour = line_kwargs.pop("color", None) or self.ax_.plot([], [])[0].get_color()
        name = self.estimator_name if name is None else name
        self.intervals_ = self._draw_intervals(drawn, colour, name, line_kwargs)
        self.line_ = None if self.y_pred is None else self._draw_predictions(drawn)
        share = 100 * self.coverage
        self.inside_ = self._draw_points(
            drawn, drawn.covered, {"marker": "o", "markersize": 3.4, "color": colour}
        )
        self.inside_.set_label(f"inside: {share:.1f} %")
        self.outside_ = self._draw_points(
            drawn, ~drawn.covered, {"marker": "D", "markersize": 4.6, "color": MISSED}
        )
        self.outside_.set_label(f"outside: {100 - share:.1f} %")
        self._finish_axes(len(drawn.at))
        return self

    def _drawn_rows(self, max_rows: int) -> Drawn:
        """The rows that are drawn, from left to right."""
        low, high = self.interval.T
        centre = middles(low, high) if self.y_pred is None else self.y_pred
        widths = self.x is None and self.order == "width"
        key = high - low if widths else centre if self.x is None else self.x
        rows = np.argsort(key, kind="stable")
        if len(rows) > max_rows:
            rows = rows[np.linspace(0, len(rows) - 1, max_rows).round().astype(np.intp)]
        zero = centre[rows] if widths else np.zeros(len(rows))
        return Drawn(
            at=np.arange(len(rows)) if self.x is None else self.x[rows],
            low=low[rows] - zero,
            high=high[rows] - zero,
            y=self.y_true[rows] - zero,
            prediction=centre[rows] - zero,
            covered=((low <= self.y_true) & (self.y_true <= high))[rows],
        )

    def _draw_intervals(
        self, drawn: Drawn, colour: Any, name: str | None, line_kwargs: dict[str, Any]
    ) -> Any:
        """Lines between the ends; where these are infinite, up to an arrow at the edge of what is finite."""
        room = 0.7 * 72 * self.ax_.bbox.width / self.figure_.dpi / len(drawn.at)  # points for a row
        widest = 5.0 if self.x is None else 2.0  # along a feature lines may fall together
        style = {
            "linewidth": float(np.clip(room, 0.8, widest)),
            "alpha": 0.4 * float(np.clip(room / 0.8, 0.25, 1.0)),
            "label": self._words(name),
        }
        colours = [colour if inside else MISSED for inside in drawn.covered]
        bottom, top = drawn.reach()
        lines = self.ax_.vlines(
            drawn.at,
            np.maximum(drawn.low, bottom),
            np.minimum(drawn.high, top),
            color=colours,
            **(style | line_kwargs),
        )
        for end, edge, marker in ((drawn.low, bottom, "v"), (drawn.high, top, "^")):
            for row in np.flatnonzero(np.isinf(end)):
                self.ax_.plot(drawn.at[row], edge, marker, color=colours[row], markersize=4)
        return lines

    def _words(self, name: str | None) -> str:
        """What the legend says of the intervals."""
        level = "" if self.confidence_level is None else f"{100 * self.confidence_level:.6g} % "
        width = f"{self.mean_width:.4g}" if np.isfinite(self.mean_width) else "infinite"
        return f"{'' if name is None else f'{name}: '}{level}intervals, mean width {width}"

    def _draw_predictions(self, drawn: Drawn) -> Any:
        style: dict[str, Any] = {"linewidth": 1.3}
        if self.x is not None:  # rows that are neighbours need not have similar predictions
            style = {"linestyle": "", "marker": "_", "markersize": 5, "alpha": 0.7}
        known = self.ax_.get_legend_handles_labels()[1]
        label = None if PREDICTION in known else PREDICTION
        at, prediction = drawn.at, drawn.prediction
        return self.ax_.plot(at, prediction, color=INK, label=label, zorder=2.5, **style)[0]

    def _draw_points(self, drawn: Drawn, which: Any, style: dict[str, Any]) -> Any:
        smaller = float(np.clip(np.sqrt(300 / len(drawn.at)), 0.45, 1.0))
        style["markersize"] *= smaller
        return self.ax_.plot(
            drawn.at[which],
            drawn.y[which],
            linestyle="",
            markeredgewidth=0,
            zorder=3,
            **style,
        )[0]

    def _finish_axes(self, n_drawn: int) -> None:
        """Labels and legend, which several displays share."""
        plain(self.ax_)
        n = len(self.y_true)
        count = f"{n} rows" if n_drawn == n else f"{n_drawn} of {n} rows"
        target = self.y_name or "target"
        if self.x is None:
            self.ax_.grid(False, axis="x")
            self.ax_.tick_params(labelbottom=False, bottom=False)
            centre = "middle of interval" if self.y_pred is None else "prediction"
            key = centre if self.order == "prediction" else "width"
            self.ax_.set_xlabel(f"{count}, sorted by {key}")
            target += f" minus {centre}" if key == "width" else ""
        else:
            self.ax_.set_xlabel(f"{self.x_name or 'x'} ({count})")
        self.ax_.margins(x=0.02)
        self.ax_.set_ylabel(target)
        for handle in legend_above(self.ax_).legend_handles:  # a line of many is too faint alone
            handle.set_alpha(max(0.4, handle.get_alpha() or 1.0))


class Drawn(NamedTuple):
    """Rows of the picture from left to right, each attribute of shape (n_drawn,)."""

    at: npt.NDArray[Any]
    low: Floats
    high: Floats
    y: Floats
    prediction: Floats
    covered: npt.NDArray[np.bool_]

    def reach(self) -> tuple[float, float]:
        """A little less and a little more than all finite numbers."""
        values = np.concatenate([self.low, self.high, self.y])
        values = values[np.isfinite(values)]
        margin = 0.06 * (values.max() - values.min()) or 1.0
        return values.min() - margin, values.max() + margin


def middles(low: Floats, high: Floats) -> Floats:
    """Middle of each interval; of half-infinite ones the finite end, of infinite ones 0."""
    no_low, no_high = np.isinf(low), np.isinf(high)
    first = np.where(no_low, np.where(no_high, 0.0, high), low)
    last = np.where(no_high, np.where(no_low, 0.0, low), high)
    return np.asarray(first / 2 + last / 2)
