"""Scores of a model that is too certain, and what calibrated ones must be."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numpy.testing import assert_allclose
from scipy.special import softmax

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int64]

BOLD = 3.0  # scores are so many times as certain as they should be


def bold_scores(n_rows: int, n_classes: int, input: str, seed: int) -> tuple[Floats, Codes]:
    """Scores that are too certain, and codes drawn from softmax(logits / BOLD); neither can be written to."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.standard_normal((n_rows, n_classes))
    codes = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    scores = BOLD * logits if input == "logit" else softmax(BOLD * logits, axis=1)
    scores.flags.writeable = codes.flags.writeable = False
    return scores, codes


def one_column(scores: Floats, input: str) -> Floats:
    """Two columns of scores as one."""
    return scores[:, 1] if input == "probability" else scores[:, 1] - scores[:, 0]


def assert_probabilities(probability: Floats, shape: tuple[int, ...]) -> None:
    """Probabilities of the shape, whose rows sum to 1."""
    assert probability.shape == shape
    assert probability.dtype == np.float64
    assert probability.min() >= 0
    assert probability.max() <= 1
    if len(shape) == 2 and shape[1] > 1:
        assert_allclose(probability.sum(axis=1), 1.0, rtol=1e-12)


def log_loss(probability: Floats, codes: Codes) -> float:
    """Mean negative logarithm of the probability of the label."""
    return float(-np.log(probability[np.arange(len(codes)), codes]).mean())
