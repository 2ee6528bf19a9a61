"""Scores of a model: checked, and turned into logits without infinities."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

SMALLEST_CLIP = 1e-12
SMALLEST_PROBABILITY = 1e-20
# Sums of probabilities that were rounded, or computed in float32, are not exactly 1.
SUM_TOLERANCE = 0.02
RANGE_TOLERANCE = 1e-6
# Differences of larger logits, and a few times these, would be no numbers.
LARGEST_LOGIT = 1e307


def read_scores(scores: Any, input: str) -> Floats:
    """Scores as float64: shape (n,) for two classes, (n, n_classes) for more.

    Two columns become one: the second of probabilities, the difference of logits.

    Raises
    ------
    ValueError
        If scores are sparse, have no or three dimensions, hold NaN or infinity, or are no probabilities although
        ``input`` says so.
    """
    try:
        if np.asarray(scores).dtype.kind == "c":
            raise TypeError("complex numbers are not scores")
        values = np.asarray(scores, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"scores must be an array of numbers: {error}.") from error
    if values.ndim not in (1, 2) or 0 in values.shape[1:]:
        raise ValueError(
            f"scores have shape {values.shape}, but (n_samples,) or (n_samples, n_classes) is needed."
        )
    if not len(values):
        raise ValueError("scores have no rows; a calibrator needs at least one.")
    if not np.isfinite(values).all():
        raise ValueError(
            "scores contain NaN or infinity; look at the model that gave them, or leave these rows out."
        )
    if input == "probability":
        values = _checked_probabilities(values)
    else:
        values = np.clip(values, -LARGEST_LOGIT, LARGEST_LOGIT)
    if values.ndim == 1 or values.shape[1] > 2:
        return values
    if values.shape[1] == 1:
        return values[:, 0]
    return values[:, 1] if input == "probability" else values[:, 1] - values[:, 0]


def _checked_probabilities(values: Floats) -> Floats:
    low, high = values.min(), values.max()
    if low < -RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
        raise ValueError(
            f"input='probability', but scores reach from {low:g} to {high:g}; "
            "use input='logit' for margins, log-odds and other scores outside [0, 1]."
        )
    if values.ndim == 2 and values.shape[1] > 1:
        sums = values.sum(axis=1)
        worst = int(np.abs(sums - 1).argmax())
        if abs(sums[worst] - 1) > SUM_TOLERANCE:
            raise ValueError(
                f"input='probability', but row {worst} of scores sums to {sums[worst]:g}; "
                "divide rows by their sums, or use input='logit'."
            )
    return np.clip(values, 0.0, 1.0)


def smallest_distance(probability: Floats) -> float:
    """Where to clip probabilities before a logarithm is taken.

        clip = max(d / 2, 1e-12),   d = smallest distance to 0 or 1 among those strictly between

    A forest of 100 trees, whose probabilities are multiples of .01, gets .005; a model whose probabilities come close
    to 0 keeps them. A fixed tiny clip would make 0 of 100 votes a certainty of 27 nats.
    """
    inside = probability[(probability > 0) & (probability < 1)]
    if not len(inside):
        return 0.25
    return max(0.5 * float(np.minimum(inside, 1 - inside).min()), SMALLEST_CLIP)


def log_odds(probability: Floats, clip: float) -> Floats:
    """log p / (1 - p), with p kept ``clip`` away from 0 and 1."""
    inside = np.clip(probability, clip, 1 - clip)
    return np.asarray(np.log(inside) - np.log1p(-inside))


def class_clip(probability: Floats) -> float:
    """Where to clip the probabilities of a model before :func:`class_logits` takes logarithms.

    Two classes: see :func:`smallest_distance`. More: half the smallest positive probability, but not below 1e-20.
    Models that multiply many numbers, such as naive Bayes, give probabilities down to e^-700. How small they are tells
    much, so that 1e-12 would cost a tenth of the log loss, but the smallest of them would rule the fit.
    """
    if probability.ndim == 1:
        return smallest_distance(probability)
    inside = probability[(probability > 0) & (probability < 1)]
    return max(0.5 * float(inside.min(initial=0.5)), SMALLEST_PROBABILITY)


def class_logits(scores: Floats, clip: float | None) -> Floats:
    """Logits of all classes, shape (n, n_classes), from checked scores.

    Two classes get 0 and the log-odds of the second. ``clip`` is that of probabilities, None for logits.
    """
    if scores.ndim == 1:
        second = scores if clip is None else log_odds(scores, clip)
        return np.column_stack([np.zeros_like(second), second])
    return scores if clip is None else np.asarray(np.log(np.maximum(scores, clip)))
