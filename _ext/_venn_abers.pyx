"""The sweep of Venn-ABERS, O(k) for k blocks; `skboost/_ext/venn_abers_numpy.py` explains and proves it."""
from libc.math cimport INFINITY
from libc.stdint cimport int64_t

ctypedef fused number:
    int64_t
    double


cdef inline bint below(number ax, number ay, number bx, number by, number cx, number cy) noexcept nogil:
    """Whether b lies below the line from a to c; exact for integers while the products fit."""
    return (bx - ax) * (cy - by) > (by - ay) * (cx - bx)


cdef inline Py_ssize_t put(number *cx, number *cy, Py_ssize_t top, number x, number y) noexcept nogil:
    """Add a point left of the corners 0, ..., top, take away those that are none any more; the new top."""
    # the comparison of x decides only where rounding has moved a point across another
    while top > 0 and not (x < cx[top] and below(x, y, cx[top], cy[top], cx[top - 1], cy[top - 1])):
        top -= 1
    top += 1
    cx[top] = x
    cy[top] = y
    return top


def sweep(const number[::1] x, const number[::1] y, number step_x, number step_y, number[:, ::1] work,
          double[::1] value):
    """Fill `value` with the isotonic regression at one additional object, for each of its places among the blocks.

    `x` and `y` are running sums of k blocks and begin with a point of their own, so they are k + 1 long, as is `value`;
    `work` is at least (2, k + 2). The label step_y / step_x of the object must not be below the mean of any block.
    """
    cdef Py_ssize_t k = x.shape[0] - 1, i, top = -1
    cdef number *cx
    cdef number *cy
    cdef number moved_x, moved_y
    cdef double last = -INFINITY, label, found
    if k < 0 or y.shape[0] != k + 1 or value.shape[0] != k + 1 or work.shape[0] < 2 or work.shape[1] < k + 2:
        raise ValueError("x, y and value must be equally long, and work one longer in two rows.")
    cx, cy = &work[0, 0], &work[1, 0]
    with nogil:
        # the minorant's corners, from right to left
        for i in range(k, -1, -1):
            top = put(cx, cy, top, x[i], y[i])
        top = put(cx, cy, top, x[0] - step_x, y[0] - step_y)
        label = <double> step_y / <double> step_x
        for i in range(1, k + 1):
            # one division, so that equal rationals are equal floats
            found = <double> (cy[top - 1] - cy[top]) / <double> (cx[top - 1] - cx[top])
            # rounding of doubles may put values out of order by a little
            last = min(max(found, last), label)
            value[i - 1] = last
            moved_x, moved_y = x[i] - step_x, y[i] - step_y
            if cx[top - 1] <= moved_x or below(cx[top], cy[top], moved_x, moved_y, cx[top - 1], cy[top - 1]):
                top = put(cx, cy, top - 1, moved_x, moved_y)
        value[k] = label
