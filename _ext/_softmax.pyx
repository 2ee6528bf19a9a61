"""Softmax, cross-entropy and logistic kernels over fixed chunks of rows; `skboost/_ext/softmax.py` is their front."""
from cython.parallel cimport prange
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

ctypedef fused real:
    float
    double

cdef extern from "skb_softmax.h":
    const Py_ssize_t SKB_SHORT
    Py_ssize_t skb_chunk_rows(Py_ssize_t k) noexcept nogil
    Py_ssize_t skb_bad_label(const int64_t *labels, Py_ssize_t n, Py_ssize_t k) noexcept nogil
    void skb_softmax_short_f(const float *x, float *out, Py_ssize_t n, Py_ssize_t k) noexcept nogil
    void skb_softmax_short_d(const double *x, double *out, Py_ssize_t n, Py_ssize_t k) noexcept nogil
    void skb_softmax_three_pass_f(const float *x, float *out, Py_ssize_t n, Py_ssize_t k) noexcept nogil
    void skb_softmax_three_pass_d(const double *x, double *out, Py_ssize_t n, Py_ssize_t k) noexcept nogil
    void skb_softmax_two_pass_f(const float *x, float *out, Py_ssize_t n, Py_ssize_t k) noexcept nogil
    void skb_softmax_two_pass_d(const double *x, double *out, Py_ssize_t n, Py_ssize_t k) noexcept nogil
    double skb_crossentropy_f(const int64_t *y, const float *x, const double *weight, double *loss, float *gradient,
                              float *hessian, int want_loss, Py_ssize_t n, Py_ssize_t k) noexcept nogil
    double skb_crossentropy_d(const int64_t *y, const double *x, const double *weight, double *loss, double *gradient,
                              double *hessian, int want_loss, Py_ssize_t n, Py_ssize_t k) noexcept nogil
    void skb_direction_f(const int64_t *y, const float *x, const float *d, double *slope, double *curvature,
                         Py_ssize_t n, Py_ssize_t k) noexcept nogil
    void skb_direction_d(const int64_t *y, const double *x, const double *d, double *slope, double *curvature,
                         Py_ssize_t n, Py_ssize_t k) noexcept nogil
    double skb_logistic_f(const int64_t *y, const float *f, const double *weight, double *loss, float *gradient,
                          float *hessian, int want_loss, Py_ssize_t n) noexcept nogil
    double skb_logistic_d(const int64_t *y, const double *f, const double *weight, double *loss, double *gradient,
                          double *hessian, int want_loss, Py_ssize_t n) noexcept nogil
    void skb_expit_f(const float *f, float *out, Py_ssize_t n) noexcept nogil
    void skb_expit_d(const double *f, double *out, Py_ssize_t n) noexcept nogil

SHORT = SKB_SHORT


cdef inline Py_ssize_t n_chunks(Py_ssize_t n, Py_ssize_t rows) noexcept nogil:
    return (n + rows - 1) // rows


cdef double* partial_sums(Py_ssize_t n) except NULL:
    cdef double *sums = <double *> malloc(max(n, 1) * sizeof(double))
    if sums == NULL:
        raise MemoryError()
    return sums


cdef double ordered_sum(const double *sums, Py_ssize_t n) noexcept nogil:
    """Add the chunks' sums in their order, whichever thread made them."""
    cdef Py_ssize_t i
    cdef double total = 0
    for i in range(n):
        total += sums[i]
    return total


def bad_label(const int64_t[::1] labels, Py_ssize_t k):
    """Position of the first label outside [0, k), or -1."""
    if labels.shape[0] == 0:
        return -1
    with nogil:
        n = skb_bad_label(&labels[0], labels.shape[0], k)
    return n


def softmax(const real[:, ::1] raw, real[:, ::1] out, int method, int n_threads):
    """Fill `out` row by row; method 0 is transposed (at most SHORT columns), 1 three-pass, 2 two-pass."""
    cdef Py_ssize_t n = raw.shape[0], k = raw.shape[1], i, start, rows, step
    if n == 0:
        return
    step = skb_chunk_rows(k)
    for i in prange(n_chunks(n, step), nogil=True, schedule="static", num_threads=n_threads):
        start = i * step
        rows = min(step, n - start)
        if real is float:
            if method == 0:
                skb_softmax_short_f(&raw[start, 0], &out[start, 0], rows, k)
            elif method == 1:
                skb_softmax_three_pass_f(&raw[start, 0], &out[start, 0], rows, k)
            else:
                skb_softmax_two_pass_f(&raw[start, 0], &out[start, 0], rows, k)
        else:
            if method == 0:
                skb_softmax_short_d(&raw[start, 0], &out[start, 0], rows, k)
            elif method == 1:
                skb_softmax_three_pass_d(&raw[start, 0], &out[start, 0], rows, k)
            else:
                skb_softmax_two_pass_d(&raw[start, 0], &out[start, 0], rows, k)


def cross_entropy(const int64_t[::1] labels, const real[:, ::1] raw, const double[::1] weight, double[::1] loss,
                  real[:, ::1] gradient, real[:, ::1] hessian, bint want_loss, int n_threads):
    """Fill those outputs that are not None and return the sum of the weighted losses (if wanted)."""
    cdef Py_ssize_t n = raw.shape[0], k = raw.shape[1], i, start, rows, step, chunks
    cdef const double *w = NULL
    cdef double *row_loss = NULL
    cdef real *g = NULL
    cdef real *h = NULL
    cdef double total
    if n == 0:
        return 0.0
    if weight is not None:
        w = &weight[0]
    if loss is not None:
        row_loss = &loss[0]
    if gradient is not None:
        g = &gradient[0, 0]
    if hessian is not None:
        h = &hessian[0, 0]
    step = skb_chunk_rows(k)
    chunks = n_chunks(n, step)
    cdef double *sums = partial_sums(chunks)
    for i in prange(chunks, nogil=True, schedule="static", num_threads=n_threads):
        start = i * step
        rows = min(step, n - start)
        if real is float:
            sums[i] = skb_crossentropy_f(
                &labels[start], &raw[start, 0], w + start if w else NULL, row_loss + start if row_loss else NULL,
                g + start * k if g else NULL, h + start * k if h else NULL, want_loss, rows, k)
        else:
            sums[i] = skb_crossentropy_d(
                &labels[start], &raw[start, 0], w + start if w else NULL, row_loss + start if row_loss else NULL,
                g + start * k if g else NULL, h + start * k if h else NULL, want_loss, rows, k)
    total = ordered_sum(sums, chunks)
    free(sums)
    return total


def direction(const int64_t[::1] labels, const real[:, ::1] raw, const real[:, ::1] along, double[::1] slope,
              double[::1] curvature, int n_threads):
    """Fill slope and curvature of the cross-entropy along a direction of raw scores."""
    cdef Py_ssize_t n = raw.shape[0], k = raw.shape[1], i, start, rows, step
    if n == 0:
        return
    step = skb_chunk_rows(k)
    for i in prange(n_chunks(n, step), nogil=True, schedule="static", num_threads=n_threads):
        start = i * step
        rows = min(step, n - start)
        if real is float:
            skb_direction_f(&labels[start], &raw[start, 0], &along[start, 0], &slope[start], &curvature[start], rows, k)
        else:
            skb_direction_d(&labels[start], &raw[start, 0], &along[start, 0], &slope[start], &curvature[start], rows, k)


def logistic(const int64_t[::1] labels, const real[::1] raw, const double[::1] weight, double[::1] loss,
             real[::1] gradient, real[::1] hessian, bint want_loss, int n_threads):
    """Fill those outputs that are not None and return the sum of the weighted losses (if wanted)."""
    cdef Py_ssize_t n = raw.shape[0], i, start, rows, step, chunks
    cdef const double *w = NULL
    cdef double *row_loss = NULL
    cdef real *g = NULL
    cdef real *h = NULL
    cdef double total
    if n == 0:
        return 0.0
    if weight is not None:
        w = &weight[0]
    if loss is not None:
        row_loss = &loss[0]
    if gradient is not None:
        g = &gradient[0]
    if hessian is not None:
        h = &hessian[0]
    step = skb_chunk_rows(1)
    chunks = n_chunks(n, step)
    cdef double *sums = partial_sums(chunks)
    for i in prange(chunks, nogil=True, schedule="static", num_threads=n_threads):
        start = i * step
        rows = min(step, n - start)
        if real is float:
            sums[i] = skb_logistic_f(
                &labels[start], &raw[start], w + start if w else NULL, row_loss + start if row_loss else NULL,
                g + start if g else NULL, h + start if h else NULL, want_loss, rows)
        else:
            sums[i] = skb_logistic_d(
                &labels[start], &raw[start], w + start if w else NULL, row_loss + start if row_loss else NULL,
                g + start if g else NULL, h + start if h else NULL, want_loss, rows)
    total = ordered_sum(sums, chunks)
    free(sums)
    return total


def expit(const real[::1] raw, real[::1] out, int n_threads):
    """Fill `out` with 1 / (1 + exp(-raw))."""
    cdef Py_ssize_t n = raw.shape[0], i, start, rows, step
    if n == 0:
        return
    step = skb_chunk_rows(1)
    for i in prange(n_chunks(n, step), nogil=True, schedule="static", num_threads=n_threads):
        start = i * step
        rows = min(step, n - start)
        if real is float:
            skb_expit_f(&raw[start], &out[start], rows)
        else:
            skb_expit_d(&raw[start], &out[start], rows)
