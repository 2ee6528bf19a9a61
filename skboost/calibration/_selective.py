"""How good predictions are where the model is certain, and how many rows that leaves."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import check_cv
from sklearn.utils import column_or_1d, indexable

from skboost._crossfit.rows import n_rows_of
from skboost._optional import import_optional
from skboost._validation import check_weights
from skboost.calibration._event import event_of, positive_label, read_labels
from skboost.calibration._passes import (
    Pass,
    certainty_of,
    cross_validated_passes,
    passes_of,
    read_certainty,
    read_folds,
    warn_of_folds,
    weights_for_fit,
)
from skboost.calibration._resamples import generator
from skboost.calibration._selective_figures import SelectiveFigures, Settings
from skboost.calibration._selective_plot import draw_against_threshold
from skboost.calibration._selective_table import COLUMNS, table

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True, eq=False, repr=False)
class SelectiveReport:
    """How good predictions are where the model is certain enough, and how many rows that leaves.

    Made by :func:`selective_report` from predictions, and by :meth:`from_estimator` from a model and data. ``print``
    shows it as a table. Arrays have the shape (n_thresholds,); figures that have no meaning are NaN, with a reason.

    Parameters
    ----------
    thresholds : ndarray
        Rows with at least this certainty are kept.
    n_kept : ndarray
        Summed weight of the kept rows, which is their number without weights; with repetitions the mean.
    kept : ndarray
        Share of the rows that is kept.
    event_rate : ndarray
        Share of the kept rows in which the event happened: the AUPRC of a guess. It may change with the threshold,
        and the AUPRC with it.
    auroc : ndarray
        Area under the ROC curve, over all pairs of kept rows.
    auroc_within : ndarray or None
        The same over pairs of rows that the same model has predicted; None without folds.
    auprc : ndarray
        Average precision.
    calibration_error : ndarray
        Adaptive calibration error of the probability of the event, over bins of equal mass.
    calibration_floor : ndarray
        What this error would be, on average, if the probabilities were perfectly calibrated.
    accuracy : ndarray
        Share of the kept rows in which the event happened if its probability is above .5, and only then.
    intervals : dict of str to ndarray of shape (n_thresholds, 2)
        Bootstrap intervals of the figures, by their names. They know the scatter of the rows, not that of training
        anew.
    reasons : tuple of str
        For each threshold why something is missing, or "".
    repetitions : dict of str to ndarray of shape (n_repetitions, n_thresholds)
        The figures of each pass of cross-validation, whose means the report holds.
    pos_label : label
        The event is that a row has this label.
    n_rows : float
        Summed weight of all rows.
    confidence_level : float
        Of the intervals.
    n_resamples : int
        Number of bootstrap samples.

    See Also
    --------
    ReliabilityDisplay : Draws calibration instead of putting it into one number.
    skboost.metrics.adaptive_calibration_error : The calibration error.
    """

    thresholds: Floats
    n_kept: Floats
    kept: Floats
    event_rate: Floats
    auroc: Floats
    auroc_within: Floats | None
    auprc: Floats
    calibration_error: Floats
    calibration_floor: Floats
    accuracy: Floats
    intervals: dict[str, Floats]
    reasons: tuple[str, ...]
    repetitions: dict[str, Floats]
    pos_label: Any
    n_rows: float
    confidence_level: float
    n_resamples: int

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        cv: Any,
        certainty: Callable[[Any, Any], Any] | None = None,
        thresholds: Sequence[float] = THRESHOLDS,
        n_bins: int = 5,
        n_resamples: int = 1000,
        confidence_level: float = 0.95,
        pos_label: Any = None,
        sample_weight: Any = None,
        groups: Any = None,
        params: dict[str, Any] | None = None,
        random_state: Any = None,
        n_jobs: int | None = None,
    ) -> Self:
        """Cross-validate a classifier, and report on predictions of rows that its models were not trained on.

        Parameters
        ----------
        estimator : classifier with predict_proba
            Cloned and fitted for each split; with a calibrator inside, the calibration is nested as it should be.
        X : array-like, frame or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        cv : int, splitter or iterable of (train, test)
            Tests each row once in every pass. ``RepeatedStratifiedKFold`` makes several passes, over which figures are
            averaged.
        certainty : callable, optional
            From a fitted estimator and rows of X to one number a row; max(p, 1 - p) without it.
        thresholds, n_bins, n_resamples, confidence_level, pos_label
            As in :func:`selective_report`.
        sample_weight : array-like of shape (n_samples,), optional
            For the report, and for ``fit`` if it takes weights or ``params`` names them. Weight k counts as k copies
            of the row, 0 as none.
        groups : array-like of shape (n_samples,), optional
            For the splitter.
        params : dict, optional
            Passed to ``fit``; what has one entry a row is cut to the rows of each split.
        random_state : int, RandomState, Generator or None, default=None
            Of the bootstrap; ``cv`` has its own.
        n_jobs : int or None, default=None
            Number of models that are fitted at the same time. Results do not depend on it.

        Returns
        -------
        report : SelectiveReport

        Raises
        ------
        ValueError
            If an argument or the data are not what they must be, or ``cv`` does not test every row once in each pass.

        Warns
        -----
        UncertaintyWarning
            If no fold has rows with and without the event, as in leave-one-out.

        Examples
        --------
        >>> from sklearn.datasets import load_breast_cancer
        >>> from sklearn.model_selection import RepeatedStratifiedKFold
        >>> from sklearn.naive_bayes import GaussianNB
        >>> from skboost.calibration import SelectiveReport
        >>> X, y = load_breast_cancer(return_X_y=True)
        >>> cv = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
        >>> report = SelectiveReport.from_estimator(GaussianNB(), X[:, :2], y, cv=cv, random_state=0)
        >>> report.auroc_within.round(3)
        array([0.95 , 0.956, 0.964, 0.969, 0.976])
        """
        settings = Settings.checked(thresholds, n_bins, n_resamples, confidence_level)
        if certainty is not None and not callable(certainty):
            raise ValueError(
                f"certainty={reprlib.repr(certainty)} must be a function of a fitted estimator and rows of X, because "
                "rows are predicted here; pass numbers to selective_report, beside the predictions."
            )
        if not hasattr(estimator, "predict_proba"):
            raise ValueError(
                f"{type(estimator).__name__} has no predict_proba, whose answers are reported on; wrap it in "
                "CalibratedClassifier."
            )
        X, y = indexable(X, y)
        n_rows = n_rows_of(X)
        weight = check_weights(sample_weight, n_rows)
        classes, codes = read_labels(y, n_rows, "y", "X has")
        if len(classes) < 2:
            raise ValueError(f"y holds the single label {classes.tolist()[0]!r}; two are needed.")
        label = positive_label(classes, pos_label)
        folds = check_cv(cv, classes[codes], classifier=True)
        passes = cross_validated_passes(
            estimator,
            X,
            column_or_1d(y),
            weight,
            passes_of(folds.split(X, classes[codes], groups), n_rows),
            classes=classes,
            label=label,
            certainty=certainty,
            params=weights_for_fit(estimator, sample_weight, params),
            n_jobs=n_jobs,
        )
        happened = codes == classes.tolist().index(label)
        return cls._of(happened, weight, passes, label, settings, random_state)

    @classmethod
    def _of(
        cls,
        happened: Mask,
        weight: Floats,
        passes: list[Pass],
        label: Any,
        settings: Settings,
        random_state: Any,
    ) -> Self:
        """The report of checked passes."""
        counted = weight > 0
        passes = [one.rows(counted) for one in passes]
        warn_of_folds(happened[counted], passes)
        rng = generator(random_state)
        figures = SelectiveFigures(happened[counted], weight[counted], passes, settings, rng)
        by_pass = figures.by_name(figures.by_pass)
        fields: dict[str, Any] = {"auroc_within": None} | figures.by_name(figures.means)
        return cls(
            thresholds=settings.thresholds,
            n_kept=figures.n_kept,
            calibration_floor=figures.floor,
            intervals=figures.intervals(),
            reasons=figures.reasons(),
            repetitions=by_pass,
            pos_label=label,
            n_rows=float(weight.sum()),
            confidence_level=settings.confidence_level,
            n_resamples=settings.n_resamples,
            **fields,
        )

    def figures(self) -> dict[str, Floats]:
        """The figures by their names, in the order of the table."""
        names = [name for name in COLUMNS if getattr(self, name) is not None]
        return {name: getattr(self, name) for name in names}

    def __repr__(self) -> str:
        head = f"Selective report on {self.n_rows:g} rows; event: {self.pos_label!r}"
        n_passes = len(self.repetitions["auroc"])
        if n_passes > 1:
            head += f"; means of {n_passes} repetitions"
        if self.n_resamples:
            head += f"; {self.confidence_level:.4g} intervals from {self.n_resamples} resamples"
        body = table(self.thresholds, self.n_kept, self.figures(), self.intervals, self.reasons)
        return f"{head}\n{body}"

    def to_dict(self) -> dict[str, list[Any]]:
        """Columns of a flat table with a row for each threshold.

        Returns
        -------
        columns : dict of str to list
            "threshold", "n_kept", each figure followed by its "_low" and "_high", and "reason".
        """
        columns: dict[str, Any] = {"threshold": self.thresholds, "n_kept": self.n_kept}
        for name, values in self.figures().items():
            columns[name] = values
            if name in self.intervals:
                columns[f"{name}_low"], columns[f"{name}_high"] = self.intervals[name].T
        return {name: column.tolist() for name, column in columns.items()} | {
            "reason": list(self.reasons)
        }

    def to_frame(self) -> Any:
        """The columns of :meth:`to_dict` as a pandas DataFrame.

        Returns
        -------
        frame : pandas.DataFrame
        """
        pandas = import_optional("pandas", extra="frame", purpose="SelectiveReport.to_frame")
        return pandas.DataFrame(self.to_dict())

    def plot(
        self,
        ax: Any = None,
        *,
        figures: Sequence[str] = ("auroc", "kept"),
        name: str | None = None,
        band: bool = True,
        **line_kwargs: Any,
    ) -> Any:
        """Draw figures against the threshold of certainty, with their intervals as bands.

        Parameters
        ----------
        ax : matplotlib Axes, optional
            A new figure is made without it.
        figures : sequence of str, default=("auroc", "kept")
            Names of figures. The share of rows that is kept is drawn as a dashed line.
        name : str, optional
            Put before the names of the figures in the legend, to tell models apart.
        band : bool, default=True
            Whether to draw intervals.
        **line_kwargs : dict
            Passed to ``Axes.plot`` of each line.

        Returns
        -------
        ax : matplotlib Axes
        """
        known = self.figures()
        unknown = [figure for figure in figures if figure not in known]
        if unknown:
            raise ValueError(
                f"figures={unknown} are not in this report; choose from {list(known)}."
            )
        return draw_against_threshold(
            self.thresholds,
            {figure: known[figure] for figure in figures},
            self.intervals if band and self.n_resamples else {},
            ax,
            name,
            line_kwargs,
        )


def selective_report(
    y_true: Any,
    y_prob: Any,
    *,
    certainty: Any = None,
    thresholds: Sequence[float] = THRESHOLDS,
    folds: Any = None,
    n_bins: int = 5,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    pos_label: Any = None,
    sample_weight: Any = None,
    random_state: Any = None,
) -> SelectiveReport:
    """How good predictions are where the model is certain, and how many rows that leaves.

    A model that may abstain looks better the fewer rows it answers for. For each threshold this report keeps the rows
    whose certainty reaches it, and gives their share beside AUROC, AUPRC, calibration error and accuracy, all with
    bootstrap intervals, so that a good figure of a few easy rows is seen to be one.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the event, or of each class in the order of the sorted labels; of rows that the model was not
        trained on.
    certainty : array-like of shape (n_samples,), optional
        Any number that grows with the certainty of a prediction, such as a conformal confidence, one minus the second
        largest p-value. Without it max(p, 1 - p).
    thresholds : sequence of float, default=(0.5, 0.6, 0.7, 0.8, 0.9)
        Rows with at least this certainty are kept. With two classes .5 keeps all.
    folds : array-like of shape (n_samples,), optional
        For cross-validated predictions the number or name of the test fold of each row: rows of one fold were
        predicted by one model. The report then also has an AUROC of pairs within folds. The pooled AUROC compares
        scores of different models: each fold's model knows less of the class that its own test rows have more of, which
        biases the pooled AUROC downwards [2]_. In leave-one-out a model that ignores X scores exactly 0.
    n_bins : int, default=5
        Number of bins of equal mass for the calibration error.
    n_resamples : int, default=1000
        Number of bootstrap samples of rows; 0 for no intervals.
    confidence_level : float, default=0.95
        Of the bootstrap intervals.
    pos_label : label, optional
        The class that is the event; the second of two without it.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k copies of the row, 0 as none. The bootstrap draws rows together with their weights.
    random_state : int, RandomState, Generator or None, default=None
        Of the bootstrap.

    Returns
    -------
    report : SelectiveReport
        Where no row is certain enough, or all have the same outcome, figures are NaN and ``reasons`` says why.

    Raises
    ------
    ValueError
        If an argument or the data are not what they must be.

    Warns
    -----
    UncertaintyWarning
        If no fold has rows with and without the event, as in leave-one-out.

    Notes
    -----
    Intervals are percentiles of the resamples. Only that of the calibration error is reflected at the error e, from
    max(2 e - high, 0) to max(2 e - low, 0): the error of finitely many rows is too large, by about its floor if the
    model is calibrated, and that of a resample is too large by as much again. In simulations with 100 to 2000 rows
    percentiles of level .95 held the true error in 0 to 93 % of cases, reflected ones in 76 to 92 %, most seldom for
    calibrated models, whose error is at the end of what is possible. Read it beside ``calibration_floor``.

    References
    ----------
    .. [1] R. El-Yaniv and Y. Wiener, "On the foundations of noise-free selective classification", JMLR 11, 2010.
    .. [2] B. J. Parker, S. Guenter and J. Bedo, "Stratification bias in low signal microarray studies", BMC
       Bioinformatics 8, 2007.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.calibration import selective_report
    >>> rng = np.random.default_rng(0)
    >>> p = rng.uniform(size=500)
    >>> y = np.where(rng.uniform(size=500) < p, "sick", "well")
    >>> print(selective_report(y, p, pos_label="sick", thresholds=[0.5, 0.7, 0.9], random_state=0))
    Selective report on 500 rows; event: 'sick'; 0.95 intervals from 1000 resamples
    certainty     rows       kept event rate      AUROC      AUPRC        ACE  ACE floor   accuracy
    >= 0.5         500      1.000      0.526      0.841      0.848      0.019      0.032      0.764
                        1.00-1.00  .482-.570  .806-.873  .805-.890  .000-.019             .728-.802
    >= 0.7         298      0.596      0.554      0.899      0.903      0.023      0.034      0.859
                        .552-.636  .498-.611  .858-.933  .855-.944  .000-.025             .819-.897
    >= 0.9         105      0.210      0.514      0.951      0.948      0.046      0.036      0.943
                        .176-.248  .415-.605  .901-.989  .887-.990  .000-.063             .894-.981
    """
    settings = Settings.checked(thresholds, n_bins, n_resamples, confidence_level)
    event = event_of(y_true, y_prob, pos_label)
    n_rows = len(event.prob)
    weight = check_weights(sample_weight, n_rows)
    sure = certainty_of(event.prob) if certainty is None else read_certainty(certainty, n_rows)
    one = Pass(event.prob, sure, None if folds is None else read_folds(folds, n_rows))
    return SelectiveReport._of(event.happened, weight, [one], event.label, settings, random_state)
