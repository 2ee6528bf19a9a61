"""From probabilities of pairs of classes to probabilities of all classes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def normalised(probability: Floats) -> Floats:
    """Rows divided by their sums; a row of zeros becomes uniform."""
    total = probability.sum(axis=1, keepdims=True)
    result = np.full_like(probability, 1.0 / probability.shape[1])
    np.divide(probability, total, out=result, where=total > 0)
    return result


def price_couple(ratio: Floats) -> Floats:
    """Pairwise coupling of Price, Knerr, Personnaz and Dreyfus.

        p_i  is proportional to  1 / (sum_{j != i} 1 / r_ij - (K - 2))

    which is exact if r_ij = p_i / (p_i + p_j).

    Parameters
    ----------
    ratio : ndarray of shape (n, n_classes, n_classes)
        r_ij = P(class i | class i or j); the diagonal is not looked at.

    Returns
    -------
    probability : ndarray of shape (n, n_classes)

    References
    ----------
    .. [1] D. Price, S. Knerr, L. Personnaz and G. Dreyfus, "Pairwise neural network classifiers with probabilistic
       outputs", NIPS 1994.
    """
    n_classes = ratio.shape[1]
    tiny = np.finfo(np.float64).tiny
    with np.errstate(over="ignore"):
        inverse = 1.0 / np.maximum(ratio, tiny)
        # r_ij <= 1, so the sum is at least K - 1 and the denominator at least 1
        denominator = inverse.sum(axis=2) - np.einsum("nii->ni", inverse) - (n_classes - 2)
        probability = 1.0 / denominator
    return normalised(probability)


def wu_couple(ratio: Floats) -> Floats:
    """Pairwise coupling of Wu, Lin and Weng, their second method.

        minimise over the simplex   sum_{i != j} (r_ji p_i - r_ij p_j)^2

    a convex problem, solved through its optimality conditions; exact if r_ij = p_i / (p_i + p_j).

    Parameters
    ----------
    ratio : ndarray of shape (n, n_classes, n_classes)
        r_ij = P(class i | class i or j); the diagonal is not looked at.

    Returns
    -------
    probability : ndarray of shape (n, n_classes)

    References
    ----------
    .. [1] T.-F. Wu, C.-J. Lin and R. C. Weng, "Probability estimates for multi-class classification by pairwise
       coupling", JMLR 5, 2004, eq. (18) to (21).
    """
    n_classes = ratio.shape[1]
    off = ratio * (1.0 - np.eye(n_classes))
    transposed = off.transpose(0, 2, 1)
    # p' Q p is half of the sum of squares: Q_ii = sum_j r_ji^2, Q_ij = -r_ji r_ij
    system = np.zeros((len(ratio), n_classes + 1, n_classes + 1))
    system[:, :n_classes, :n_classes] = -transposed * off
    places = np.arange(n_classes)
    system[:, places, places] = (off**2).sum(
        axis=1
    ) + 1e-12  # the ridge decides between equally good answers
    system[:, :n_classes, n_classes] = system[:, n_classes, :n_classes] = 1.0
    right = np.zeros((n_classes + 1, 1))
    right[n_classes] = 1.0
    solution = np.linalg.solve(system, np.broadcast_to(right, (len(ratio), *right.shape)))
    probability = np.maximum(solution[:, :n_classes, 0], 0.0)  # negative by rounding only
    return np.asarray(probability / probability.sum(axis=1, keepdims=True))
