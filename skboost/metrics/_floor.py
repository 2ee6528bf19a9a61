"""What calibration error a perfectly calibrated model shows, and whether the error at hand is larger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from skboost.metrics._bins import bin_places, summed, sums
from skboost.metrics._cells import gather, generator
from skboost.metrics._events import Event, read_events, read_forecasts
from skboost.metrics._options import BINNINGS, COUNT, NORMS, check_options

Floats = npt.NDArray[np.float64]

# Rows of a larger weight are no longer drawn copy by copy.
MOST_COPIES = 10


class CalibrationTest(NamedTuple):
    """A calibration error beside what chance alone would give.

    Parameters
    ----------
    error : float
        The calibration error.
    floor : float
        Its mean if the probabilities are right.
    p_value : float
        Probability of an error at least as large if the probabilities are right.
    """

    error: float
    floor: float
    p_value: float


def calibration_floor(
    y_prob: Any,
    *,
    kind: str | None = None,
    n_bins: int = 15,
    strategy: str = "uniform",
    sample_weight: Any = None,
) -> float:
    """Expected calibration error that a perfectly calibrated model shows by chance.

        sum_b W_b / W sqrt(2 v_b / (pi W_b)),   v_b = mean of p (1 - p) over bin b

    because the frequency of a bin is about normal with variance v_b / W_b. For evenly spread probabilities this is
    about 0.31 sqrt(n_bins / n): 0.038 for 15 bins and 1000 rows, 0.12 for 101 rows. An error near the floor says
    nothing against a model; errors of models whose floors differ cannot be compared.

    Parameters
    ----------
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the second class, or of each class.
    kind : {"binary", "top_label", "classwise"}
        What is to be calibrated; it must be given. See :func:`expected_calibration_error`.
    n_bins : int, default=15
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width or of equal mass.
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k independent copies of the row, 0 as none: twice the weights give a floor lower by sqrt(2).

    Returns
    -------
    floor : float
        Mean of ``expected_calibration_error(..., norm="l1")`` if labels have the given probabilities.

    Raises
    ------
    ValueError
        If ``kind`` is missing, or probabilities hold NaN, lie outside [0, 1] or do not sum to 1 in a row.

    See Also
    --------
    calibration_test : The same by simulation, for all norms, with a p-value.

    Notes
    -----
    The normal approximation is good to 5 % for evenly spread probabilities and bins of a few rows. It is too high where
    bins expect less than about one event.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.metrics import calibration_floor
    >>> round(calibration_floor(np.linspace(0, 1, 1000), kind="binary"), 4)
    0.0385
    """
    check_options("calibration_floor", n_bins=(n_bins, COUNT), strategy=(strategy, BINNINGS))
    floors = []
    for probability, weight in read_forecasts(y_prob, kind, sample_weight):
        places = bin_places(probability, weight, n_bins, strategy)
        # W_b sqrt(v_b / W_b) = sqrt(sum of w p (1 - p) over the bin)
        variance = sums(places, weight * probability * (1 - probability))
        floors.append(np.sqrt(2 / np.pi * variance).sum() / weight.sum())
    return float(np.mean(floors))


def calibration_test(
    y_true: Any,
    y_prob: Any,
    *,
    kind: str | None = None,
    n_bins: int = 15,
    strategy: str = "uniform",
    norm: str = "l1",
    n_resamples: int = 1000,
    sample_weight: Any = None,
    labels: Any = None,
    random_state: Any = None,
) -> CalibrationTest:
    """Is a calibration error larger than that of a perfectly calibrated model? A test by simulation.

    Labels are drawn ``n_resamples`` times with the probabilities that were said, and the error of each draw is computed
    with the same bins [1]_:

        floor = mean error of the draws
        p_value = (1 + number of draws with an error at least as large) / (1 + n_resamples)

    A calibrated model gets a p-value of at most t with probability t (less, where few rows make errors tie). A large
    p-value is no proof of calibration: few rows cannot show small errors.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        Labels.
    y_prob : array-like of shape (n_samples,) or (n_samples, n_classes)
        Probability of the second class, or of each class.
    kind : {"binary", "top_label", "classwise"}
        What is to be calibrated; it must be given. See :func:`expected_calibration_error`.
    n_bins : int, default=15
        Number of bins.
    strategy : {"uniform", "quantile"}, default="uniform"
        Bins of equal width or of equal mass.
    norm : {"l1", "l2", "max"}, default="l1"
        Norm over the bins.
    n_resamples : int, default=1000
        Number of draws. The p-value is at least 1 / (1 + n_resamples).
    sample_weight : array-like of shape (n_samples,), optional
        Weight k counts as k independent copies of the row, 0 as none, so the test depends on the size of the weights.
        Weights that are not numbers of rows should sum to the number of independent rows that they are worth.
    labels : sequence of n_classes labels, optional
        Labels in the order of the columns. See :func:`expected_calibration_error`.
    random_state : int, RandomState, Generator or None, default=None
        Seed of the draws.

    Returns
    -------
    result : CalibrationTest
        Named tuple of error, floor and p_value.

    Raises
    ------
    ValueError
        As :func:`expected_calibration_error`.

    Notes
    -----
    With ``kind="binary"`` and "top_label" the cost hardly depends on the number of rows: those whose probabilities
    differ by less than about 1e-3 are drawn together. With "classwise" labels are drawn row by row, in
    O(n_samples n_classes n_resamples), because the classes of one row exclude each other.

    References
    ----------
    .. [1] J. Vaicenavicius, D. Widmann, C. Andersson, F. Lindsten, J. Roll and T. B. Schoen, "Evaluating model
       calibration in classification", AISTATS 2019.

    Examples
    --------
    >>> import numpy as np
    >>> from skboost.metrics import calibration_test
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(101)
    >>> y = rng.random(101) < p
    >>> found = calibration_test(y, p, kind="binary", random_state=0)
    >>> round(found.error, 2), round(found.floor, 2), found.p_value > 0.1
    (0.12, 0.12, True)
    """
    check_options(
        "calibration_test",
        n_bins=(n_bins, COUNT),
        strategy=(strategy, BINNINGS),
        norm=(norm, NORMS),
        n_resamples=(n_resamples, COUNT),
    )
    events = read_events(y_true, y_prob, kind, labels, sample_weight)
    table = BinTable(events, n_bins, strategy)
    rng = generator(random_state)
    error = float(table.errors(table.observed()[:, None], norm)[0])
    drawn = table.rows_drawn if len(events) > 1 else table.cells_drawn
    errors = np.concatenate([table.errors(block, norm) for block in drawn(n_resamples, rng)])
    # equal errors may differ by rounding, and must count as equal
    as_large = int((errors >= error - 1e-12).sum())
    return CalibrationTest(error, float(errors.mean()), (1 + as_large) / (1 + n_resamples))


class BinTable:
    """The bins of all events one below the other, with what is the same in every draw.

    Parameters
    ----------
    events : list of Event
        All on the same rows.
    n_bins : int
    strategy : {"uniform", "quantile"}
    """

    def __init__(self, events: list[Event], n_bins: int, strategy: str) -> None:
        self.events = events
        self.n_bins = n_bins
        self.places = [bin_places(e.probability, e.weight, n_bins, strategy) for e in events]
        bins = [summed(event, places) for event, places in zip(events, self.places, strict=True)]
        self.filled = np.concatenate([k * n_bins + b.place for k, b in enumerate(bins)])
        self.prob_pred = np.concatenate([b.prob_pred for b in bins])
        self.weight = np.concatenate([b.weight for b in bins])
        self.total = float(events[0].weight.sum())

    def observed(self) -> Floats:
        """Summed outcomes of each bin."""
        outcomes = [
            sums(places, event.weight * event.outcome, self.n_bins)
            for event, places in zip(self.events, self.places, strict=True)
        ]
        return np.asarray(np.concatenate(outcomes)[self.filled])

    def errors(self, outcomes: Floats, norm: str) -> Floats:
        """Calibration errors of summed outcomes, from shape (n_bins, n_draws) to (n_draws,)."""
        gap = np.abs(outcomes / self.weight[:, None] - self.prob_pred[:, None])
        share = self.weight / (self.total * len(self.events))
        if norm == "max":
            errors: Floats = gap.max(axis=0)
        else:
            errors = share @ gap if norm == "l1" else np.sqrt(share @ gap**2)
        return errors

    def cells_drawn(self, n_resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
        """Summed outcomes of the bins of one event in blocks of draws."""
        cells = gather(self.events[0].probability, self.events[0].weight, self.places[0])
        for block in cells.draws(n_resamples, rng):
            yield np.asarray(np.add.reduceat(block, cells.starts, axis=0))

    def rows_drawn(self, n_resamples: int, rng: np.random.Generator) -> Iterator[Floats]:
        """Summed outcomes of the bins of all classes, one draw of labels after another."""
        said = np.stack([event.probability for event in self.events])
        said /= said.sum(axis=0)
        flat = np.stack([k * self.n_bins + places for k, places in enumerate(self.places)])
        size = len(self.events) * self.n_bins
        whole = np.floor(self.events[0].weight)
        heavy = np.flatnonzero(
            whole > MOST_COPIES
        )  # their copies are counted, not drawn one by one
        number, heavy_said = whole[heavy].astype(np.int64), said[:, heavy].T
        heavy_flat = flat[:, heavy].T.ravel()
        rows, part = copies(np.where(whole > MOST_COPIES, 0, whole), self.events[0].weight - whole)
        said, flat = said[:, rows], flat[:, rows]
        # as for cells: the part f of a weight adds f p + sqrt(f) (y - p)
        count = np.sqrt(part)
        fixed = sums(flat.ravel(), ((part - count) * said).ravel(), size)
        level = np.cumsum(said, axis=0)[:-1]
        every = np.arange(len(rows))
        for _ in range(n_resamples):
            label = (rng.random(len(rows)) >= level).sum(axis=0)
            drawn = fixed + sums(flat[label, every], count, size)
            if len(heavy):
                counts = rng.multinomial(number, heavy_said).astype(np.float64)
                drawn += sums(heavy_flat, counts.ravel(), size)
            yield drawn[self.filled][:, None]


def copies(whole: Floats, part: Floats) -> tuple[npt.NDArray[np.int64], Floats]:
    """Independent rows that weights stand for, and the weight of each: 2 + .5 is two rows and a half."""
    split = np.flatnonzero(part)
    rows = np.concatenate([np.repeat(np.arange(len(whole)), whole.astype(np.int64)), split])
    return rows, np.concatenate([np.ones(len(rows) - len(split)), part[split]])
