"""Reliability diagrams."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.utils.validation import check_is_fitted

from skboost._axes import INK, axes_for, found_panel, panel_below, plain
from skboost._validation import OneOf, check_weights
from skboost.calibration._event import Event, event_of, top_label_event
from skboost.metrics import ReliabilityCurve, consistency_band, reliability_curve

Floats = npt.NDArray[np.float64]

KINDS = OneOf("binary", "top_label")
PERFECT = "perfectly calibrated"
HISTOGRAM_BINS = 20


class ReliabilityDisplay:
    """Reliability diagram: how often an event happened, for what was said of its probability.

    Points on the diagonal are calibrated. Points of few rows stray from it by chance, so the diagram shows where the
    points of a perfectly calibrated model would fall: consistency bars around the diagonal [1]_. A point outside of its
    bar speaks against the model. The panel below shows which probabilities are said at all.

    Made by :meth:`from_estimator` or :meth:`from_predictions`; several displays share axes if each gets the ``ax_`` of
    the one before.

    Parameters
    ----------
    prob_true : ndarray of shape (n_bins,)
        Share of the rows of each bin in which the event happened.
    prob_pred : ndarray of shape (n_bins,)
        Mean probability of each bin.
    y_prob : ndarray of shape (n_samples,)
        Probabilities of the event, for the panel.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the rows, for the panel.
    edges : tuple of two ndarray of shape (n_bins,), optional
        Ends of the blocks of isotonic regression. With them the curve is drawn as steps.
    band : tuple of three ndarray, optional
        Probabilities, and the lower and upper ends of the share of events that a calibrated model has there. Bars at
        each bin, or with ``edges`` a band.
    spread : tuple of two ndarray of shape (n_bins,), optional
        Mean lower and upper probability of each bin, drawn as whiskers.
    confidence_level : float, optional
        Of the band, for the legend.
    estimator_name : str, optional
        For the legend.
    pos_label : label, optional
        Class of the event, for the labels of the axes.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    line_ : matplotlib Line2D
        The curve.
    band_ : matplotlib artist or None
        Consistency bars or band.
    spread_ : matplotlib artist or None
        Whiskers.
    histogram_ax_ : matplotlib Axes or None
        The panel below.

    See Also
    --------
    skboost.metrics.reliability_curve : The numbers of the curve.
    skboost.metrics.consistency_band : The numbers of the bars.
    skboost.metrics.calibration_test : One p-value for all bins.

    References
    ----------
    .. [1] J. Broecker and L. A. Smith, "Increasing the reliability of reliability diagrams", Weather and Forecasting
       22, 2007.
    .. [2] T. Dimitriadis, T. Gneiting and A. I. Jordan, "Stable reliability diagrams for probabilistic classifiers",
       PNAS 118, 2021.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from skboost.calibration import ReliabilityDisplay
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = GaussianNB().fit(X[:300], y[:300])
    >>> display = ReliabilityDisplay.from_estimator(model, X[300:], y[300:], n_bins=5, random_state=0)
    >>> display.prob_true.round(2)
    array([0.  , 0.78, 1.  , 1.  , 1.  ])
    """

    def __init__(
        self,
        prob_true: Floats,
        prob_pred: Floats,
        y_prob: Floats,
        *,
        sample_weight: Floats | None = None,
        edges: tuple[Floats, Floats] | None = None,
        band: tuple[Floats, Floats, Floats] | None = None,
        spread: tuple[Floats, Floats] | None = None,
        confidence_level: float | None = None,
        estimator_name: str | None = None,
        pos_label: Any = None,
    ) -> None:
        self.prob_true = prob_true
        self.prob_pred = prob_pred
        self.y_prob = y_prob
        self.sample_weight = sample_weight
        self.edges = edges
        self.band = band
        self.spread = spread
        self.confidence_level = confidence_level
        self.estimator_name = estimator_name
        self.pos_label = pos_label

    # -- made from data ---------------------------------------------------------------------------------------------

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        kind: str = "binary",
        n_bins: int = 10,
        strategy: str = "quantile",
        confidence_level: float = 0.9,
        n_resamples: int = 1000,
        intervals: bool = False,
        sample_weight: Any = None,
        pos_label: Any = None,
        random_state: Any = None,
        name: str | None = None,
        ax: Any = None,
        ref_line: bool = True,
        band: bool = True,
        histogram: bool = True,
        **line_kwargs: Any,
    ) -> Self:
        """Draw the reliability diagram of a fitted classifier.

        Parameters
        ----------
        estimator : fitted classifier with predict_proba
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
            Rows that the estimator was not trained on.
        y : array-like of shape (n_samples,)
            Their labels.
        intervals : bool, default=False
            Draw the mean p0 and p1 of each bin as whiskers; the estimator needs ``predict_proba_interval``, which
            CalibratedClassifier has with Venn-ABERS.
        name : str, optional
            For the legend; the name of the class without it.
        kind, n_bins, strategy, confidence_level, n_resamples, sample_weight, pos_label, random_state
            As in :meth:`from_predictions`.
        ax, ref_line, band, histogram, **line_kwargs
            As in :meth:`from_predictions`.

        Returns
        -------
        display : ReliabilityDisplay

        Raises
        ------
        ValueError
            If the estimator lacks a method that is needed, or an argument or the data are not what they must be.
        """
        check_is_fitted(estimator)
        check_methods(estimator, intervals, kind)
        event = read_event(y, estimator.predict_proba(X), kind, pos_label, estimator.classes_)
        ends = None
        if intervals:
            column = np.asarray(estimator.classes_).tolist().index(event.label)
            ends = ends_of(estimator.predict_proba_interval(X), column)
        display = cls._of(
            event,
            ends,
            {"n_bins": n_bins, "strategy": strategy},
            {"confidence_level": confidence_level, "n_resamples": n_resamples},
            sample_weight,
            pos_label,
            random_state,
            type(estimator).__name__ if name is None else name,
        )
        return display.plot(ax, ref_line=ref_line, band=band, histogram=histogram, **line_kwargs)

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_prob: Any,
        *,
        kind: str = "binary",
        n_bins: int = 10,
        strategy: str = "quantile",
        confidence_level: float = 0.9,
        n_resamples: int = 1000,
        sample_weight: Any = None,
        pos_label: Any = None,
        labels: Any = None,
        random_state: Any = None,
        name: str | None = None,
        ax: Any = None,
        ref_line: bool = True,
        band: bool = True,
        histogram: bool = True,
        **line_kwargs: Any,
    ) -> Self:
        """Draw the reliability diagram of predictions.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            Labels.
        y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
            Probability of the event, or of each class.
        kind : {"binary", "top_label"}, default="binary"
            Whether the event is the class ``pos_label``, against all others; or that the most probable class of a row
            is the true one, whose probability is then the largest of the row.
        n_bins : int, default=10
            Number of bins; isotonic regression finds its own.
        strategy : {"quantile", "uniform", "isotonic"}, default="quantile"
            Bins of equal mass, of equal width, or the blocks of isotonic regression (CORP).
        confidence_level : float, default=0.9
            Probability that a point of a calibrated model lies within its consistency bar.
        n_resamples : int, default=1000
            Number of draws of outcomes for the bars.
        sample_weight : array-like of shape (n_samples,), optional
            Weight k counts as k copies of the row, 0 as none.
        pos_label : label, optional
            Class of the event; the second of two without it. Needed if there are more.
        labels : sequence of labels, optional
            Classes in the order of the columns of ``y_prob``; the sorted labels of ``y_true`` without it.
        random_state : int, RandomState, Generator or None, default=None
            Of the draws.
        name : str, optional
            For the legend.
        ax : matplotlib Axes, optional
            A new figure is made without it.
        ref_line, band, histogram : bool, default=True
            Whether to draw the diagonal, the consistency bars, and the panel of scores below.
        **line_kwargs : dict
            Passed to ``Axes.plot`` of the curve. Its colour is that of bars and panel too.

        Returns
        -------
        display : ReliabilityDisplay

        Raises
        ------
        ValueError
            If an argument or the data are not what they must be.
        """
        display = cls._of(
            read_event(y_true, y_prob, kind, pos_label, labels),
            None,
            {"n_bins": n_bins, "strategy": strategy},
            {"confidence_level": confidence_level, "n_resamples": n_resamples},
            sample_weight,
            pos_label,
            random_state,
            name,
        )
        return display.plot(ax, ref_line=ref_line, band=band, histogram=histogram, **line_kwargs)

    @classmethod
    def _of(
        cls,
        event: Event,
        ends: Floats | None,
        binning: dict[str, Any],
        level: dict[str, Any],
        sample_weight: Any,
        pos_label: Any,
        random_state: Any,
        name: str | None,
    ) -> Self:
        """The display of an event; ``ends`` are lower and upper probabilities of the rows."""
        weight = check_weights(sample_weight, len(event.prob))
        counted = weight > 0
        prob, weight = event.prob[counted], weight[counted]
        curve = reliability_curve(
            event.happened[counted], prob, sample_weight=weight, pos_label=True, **binning
        )
        low, high = consistency_band(
            prob, sample_weight=weight, random_state=random_state, **binning, **level
        )
        stepped = binning["strategy"] == "isotonic"
        return cls(
            curve.prob_true,
            curve.prob_pred,
            prob,
            sample_weight=None if sample_weight is None else weight,
            edges=(curve.left, curve.right) if stepped else None,
            band=(np.unique(prob) if stepped else curve.prob_pred, low, high),
            spread=None if ends is None else mean_ends(curve, prob, ends[counted], weight),
            confidence_level=level["confidence_level"],
            estimator_name=name,
            # of 0 and 1, or False and True, everybody knows which one is meant
            pos_label=None if pos_label is None and event.label == 1 else event.label,
        )

    # -- drawn ------------------------------------------------------------------------------------------------------

    def plot(
        self,
        ax: Any = None,
        *,
        name: str | None = None,
        ref_line: bool = True,
        band: bool = True,
        histogram: bool = True,
        **line_kwargs: Any,
    ) -> Self:
        """Draw the diagram.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure is made without it.
        name : str, optional
            For the legend; ``estimator_name`` without it.
        ref_line, band, histogram : bool, default=True
            Whether to draw the diagonal, the consistency bars, and the panel of scores below.
        **line_kwargs : dict
            Passed to ``Axes.plot`` of the curve. Its colour is that of bars and panel too.

        Returns
        -------
        display : ReliabilityDisplay
        """
        self.ax_ = axes_for(
            ax, purpose="ReliabilityDisplay.plot", figsize=(4.8, 5.7 if histogram else 4.8)
        )
        self.figure_ = self.ax_.figure
        self._draw_reference(ref_line, band and self.band is not None)
        self.line_ = self._draw_curve(self.estimator_name if name is None else name, line_kwargs)
        colour = self.line_.get_color()
        self.band_ = self._draw_band(colour, *self.band) if band and self.band else None
        self.spread_ = self._draw_spread(colour, *self.spread) if self.spread else None
        self._finish_axes()
        self.histogram_ax_ = self._draw_histogram(colour) if histogram else None
        return self

    def _draw_reference(self, ref_line: bool, band: bool) -> None:
        """The diagonal, and what the legend says of bars of any colour; once, if several displays share the axes."""
        known = self.ax_.get_legend_handles_labels()[1]
        if ref_line and PERFECT not in known:
            self.ax_.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=1.2, label=PERFECT)
        label = "consistency"
        if self.confidence_level is not None:
            label = f"{100 * self.confidence_level:.4g} % consistency"
        if band and label not in known:
            self.ax_.fill_between([], [], [], color=INK, alpha=0.22, linewidth=0, label=label)

    def _draw_curve(self, label: str | None, line_kwargs: dict[str, Any]) -> Any:
        style: dict[str, Any] = {"linewidth": 1.8, "zorder": 3}
        x, y = self.prob_pred, self.prob_true
        if self.edges is None:
            style |= {"marker": "o", "markersize": 5.5}
        else:  # a level for each block, joined by lines
            x, y = np.column_stack(self.edges).reshape(-1), np.repeat(self.prob_true, 2)
        if label is not None:
            style["label"] = label
        return self.ax_.plot(x, y, **(style | line_kwargs))[0]

    def _draw_band(self, colour: Any, at: Floats, low: Floats, high: Floats) -> Any:
        if self.edges is None:
            return self.ax_.vlines(at, low, high, color=colour, alpha=0.22, linewidth=7, zorder=1.5)
        return self.ax_.fill_between(
            at, low, high, color=colour, alpha=0.15, linewidth=0, zorder=1.5
        )

    def _draw_spread(self, colour: Any, low: Floats, high: Floats) -> Any:
        return self.ax_.errorbar(
            self.prob_pred,
            self.prob_true,
            xerr=(self.prob_pred - low, high - self.prob_pred),
            fmt="none",
            ecolor=colour,
            elinewidth=1.2,
            capsize=2.5,
            zorder=2.5,
        )

    def _finish_axes(self) -> None:
        """Labels, limits and legend, which several displays share."""
        event = ""
        if self.pos_label is not None:
            word = "" if isinstance(self.pos_label, str) else "class "
            event = f" of {word}{self.pos_label}"
        plain(self.ax_)
        self.ax_.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        self.ax_.set_ylabel(f"observed frequency{event}")
        (found_panel(self.ax_) or self.ax_).set_xlabel(f"mean predicted probability{event}")
        if self.ax_.get_legend_handles_labels()[1]:
            self.ax_.legend(loc="upper left", frameon=False, fontsize="small")

    def _draw_histogram(self, colour: Any) -> Any:
        panel = panel_below(self.ax_)
        weight = np.ones(len(self.y_prob)) if self.sample_weight is None else self.sample_weight
        panel.hist(
            self.y_prob,
            bins=np.linspace(0, 1, HISTOGRAM_BINS + 1),
            weights=weight / weight.sum(),
            histtype="stepfilled",
            facecolor=(colour, 0.2),
            edgecolor=colour,
            linewidth=1.2,
        )
        panel.set_ylabel("share")
        return panel


def read_event(y_true: Any, y_prob: Any, kind: Any, pos_label: Any, labels: Any) -> Event:
    """The event that a diagram is about."""
    if not KINDS.accepts(kind):
        raise ValueError(
            f"kind={kind!r} is not valid for ReliabilityDisplay: it must be {KINDS}; for each of many classes draw one "
            "display with its pos_label."
        )
    if kind == "binary":
        return event_of(y_true, y_prob, pos_label, labels)
    if pos_label is not None:
        raise ValueError(
            f"pos_label={pos_label!r} cannot act with kind='top_label'; leave it out, or use kind='binary'."
        )
    return top_label_event(y_true, y_prob, labels)


def check_methods(estimator: Any, intervals: bool, kind: str) -> None:
    """Refuse an estimator that does not say what is to be drawn."""
    name = type(estimator).__name__
    if not hasattr(estimator, "predict_proba"):
        raise ValueError(
            f"{name} has no predict_proba, whose answers a reliability diagram shows; wrap it in CalibratedClassifier."
        )
    if len(estimator.classes_) < 2:
        raise ValueError(f"{name} knows a single class, of which there is nothing to calibrate.")
    if intervals and not hasattr(estimator, "predict_proba_interval"):
        raise ValueError(
            f"intervals=True draws what predict_proba_interval says, which {name} lacks; "
            "CalibratedClassifier with method='venn_abers' has it."
        )
    if intervals and kind != "binary":
        raise ValueError(
            f"intervals=True draws the interval of one class, but kind={kind!r}; use kind='binary'."
        )


def ends_of(interval: Any, column: int) -> Floats:
    """Lower and upper probabilities of one class, shape (n_samples, 2).

    Parameters
    ----------
    interval : ndarray of shape (n_samples, 2) or (n_samples, n_classes, 2)
        Of the second of two classes, or of each class.
    column : int
    """
    values = np.asarray(interval, dtype=np.float64)
    if values.ndim == 3:
        return np.asarray(values[:, column])
    return values if column == 1 else 1.0 - values[:, ::-1]


def mean_ends(
    curve: ReliabilityCurve, prob: Floats, ends: Floats, weight: Floats
) -> tuple[Floats, Floats]:
    """Mean lower and upper probability of the rows of each bin."""
    place = np.searchsorted(curve.left, prob, side="right") - 1
    total = np.bincount(place, weight)
    low, high = (np.bincount(place, weight * end) / total for end in ends.T)
    # merged probabilities are averages of another kind than the mean ends, which may leave them by rounding
    return np.minimum(low, curve.prob_pred), np.maximum(high, curve.prob_pred)
