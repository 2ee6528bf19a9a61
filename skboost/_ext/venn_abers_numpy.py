"""The kernel of ``venn_abers`` in plain Python: the definition that the compiled one is held against.

Written to be read, not to be fast. Same name and arguments as :func:`skboost._ext._venn_abers.sweep`, without room to
work in. Python's integers have no largest one, so whole numbers give exact answers of any size here.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Point = tuple[float, float]


def sweep(
    x: Sequence[float], y: Sequence[float], step_x: float, step_y: float
) -> npt.NDArray[np.float64]:
    """Isotonic regression at one additional object, for every place that it can have among the blocks.

    Points (x_j, y_j), j = 0, ..., k are the running sums of weights and of weighted labels of k blocks in the order
    of their scores. The additional object has weight ``step_x`` and label ``step_y / step_x``, which is at least the
    mean label of every block. Isotonic regression is the slope of the greatest convex minorant of running sums [1]_;
    with the object left of block i these go through

        P_0 - S, ..., P_{i-1} - S, P_{i-1}, P_i, ..., P_k        with S = (step_x, step_y)

    and the answer is the slope over the object's own step, from P_{i-1} - S to P_{i-1}. As the object passes a block,
    P_{i-1} makes way for P_i - S. It was no corner, because no step to its right is steeper than the object's; so the
    minorant changes only if P_i - S lies below it, and then P_i - S is a corner and those to its left can be
    forgotten [2]_.

    Parameters
    ----------
    x, y : sequence of k + 1 numbers
        x grows strictly.
    step_x, step_y : number
        ``step_x`` is positive.

    Returns
    -------
    value : ndarray of shape (k + 1,)
        Entry i belongs to the object right of i blocks; the last is its own label.

    References
    ----------
    .. [1] R. E. Barlow, D. J. Bartholomew, J. M. Bremner and H. D. Brunk, "Statistical inference under order
       restrictions", Wiley, 1972, theorem 1.1.
    .. [2] V. Vovk, I. Petej and V. Fedorova, "Large-scale probabilistic predictors with and without guarantees of
       validity", NIPS 2015, algorithms 1 and 2.
    """
    points = list(zip(x, y, strict=True))
    corners: list[Point] = []  # from right to left
    for point in reversed(points):
        put(corners, point)
    put(corners, (x[0] - step_x, y[0] - step_y))
    values = []
    # the comparisons of x decide only where rounding has moved a point across another
    for right in points[1:]:
        values.append(slope(corners[-1], corners[-2]))
        moved = (right[0] - step_x, right[1] - step_y)
        if corners[-2][0] <= moved[0] or below(corners[-1], moved, corners[-2]):
            corners.pop()
            put(corners, moved)
    values.append(step_y / step_x)
    # rounding may have put values out of order by a little
    return np.minimum(np.maximum.accumulate(values), values[-1])


def put(corners: list[Point], point: Point) -> None:
    """Add a point left of all corners, and take away those that are none any more."""
    while len(corners) > 1 and not (
        point[0] < corners[-1][0] and below(point, corners[-1], corners[-2])
    ):
        corners.pop()
    corners.append(point)


def below(left: Point, middle: Point, right: Point) -> bool:
    """Whether ``middle`` lies below the line from ``left`` to ``right``."""
    (ax, ay), (bx, by), (cx, cy) = left, middle, right
    return (bx - ax) * (cy - by) > (by - ay) * (cx - bx)


def slope(left: Point, right: Point) -> float:
    """One division: two segments of equal rational slope give the same float."""
    return (right[1] - left[1]) / (right[0] - left[0])
