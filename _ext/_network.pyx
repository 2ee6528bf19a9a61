"""Kernels of networks with one hidden layer: fused loss and gradient, prediction, normal equations, optimisers.

``skboost._ext.network_numpy`` is the readable twin of this module: same functions, same arguments, same meaning.
Sums run over fixed chunks of blocks and are added in the order of the chunks, so they do not depend on the number of
threads. The environment variable SKBOOST_SIMD (baseline, avx2 or avx512) lowers the instruction set in use; SIMD names
it. The baseline is what the compiler was told to assume, which is this very machine with SKBOOST_NATIVE=1.
"""
import os

import numpy as np

from cython.parallel cimport prange
from libc.math cimport INFINITY, M_PI, cos, fabs, isfinite, sqrt
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

cdef extern from "skb_omp.h":
    int omp_get_thread_num() nogil

cdef extern from "skb_network.h" nogil:
    const int SKB_BLOCK
    const int SKB_GROUP
    const int SKB_SPAN

    ctypedef struct skb_network:
        int64_t n_in, n_units, n_out, n_weights, block_step
        int activation
        const int32_t *offset
        const int32_t *plain

    ctypedef struct skb_double_kernels:
        double (*evaluate)(const skb_network *, const double *, const double *, const double *, const double *,
                           const int64_t *, int64_t, int64_t, double *, double *) noexcept nogil
        void (*forward)(const skb_network *, const double *, const double *, const double *, int64_t, int64_t,
                        int64_t, double *, double *, int) noexcept nogil
        void (*gram)(const skb_network *, const double *, const double *, const double *, const double *,
                     const double *, int64_t, int64_t, int64_t, double *, double *, double *) noexcept nogil
        void (*adam)(int64_t, double *, const double *, const double *, double *, double *, double, double,
                     double) noexcept nogil
        double (*dot)(int64_t, const double *, const double *) noexcept nogil
        void (*add)(int64_t, double, const double *, double *) noexcept nogil

    ctypedef struct skb_float_kernels:
        double (*evaluate)(const skb_network *, const float *, const float *, const float *, const float *,
                           const int64_t *, int64_t, int64_t, float *, double *) noexcept nogil
        void (*forward)(const skb_network *, const float *, const float *, const double *, int64_t, int64_t, int64_t,
                        float *, double *, int) noexcept nogil
        void (*gram)(const skb_network *, const float *, const float *, const float *, const float *,
                     const double *, int64_t, int64_t, int64_t, float *, double *, double *) noexcept nogil
        void (*adam)(int64_t, float *, const double *, const float *, float *, float *, double, double,
                     double) noexcept nogil

    void skb_prefetch(const void *start, int64_t n_bytes)
    int skb_simd_level(int most)
    const skb_double_kernels *skb_double_kernels_of(int level)
    const skb_float_kernels *skb_float_kernels_of(int level)

ctypedef fused real:
    float
    double

SIMD_LEVELS = ("baseline", "avx2", "avx512")


def _wished_level():
    wish = os.environ.get("SKBOOST_SIMD", "avx512")
    if wish not in SIMD_LEVELS:
        raise ImportError(f"SKBOOST_SIMD={wish!r} is unknown; choose from {list(SIMD_LEVELS)}.")
    return SIMD_LEVELS.index(wish)


cdef int LEVEL = skb_simd_level(_wished_level())
cdef const skb_double_kernels *DOUBLE = skb_double_kernels_of(LEVEL)
cdef const skb_float_kernels *FLOAT = skb_float_kernels_of(LEVEL)
SIMD = SIMD_LEVELS[LEVEL]

cdef int MOST_CHUNKS = 64
cdef int LEAST_CHUNK = 16  # blocks; below, the partial sums would cost more than they are worth
cdef int HISTORY = 10  # pairs of the quasi-Newton method
cdef double THREADS_PAY = 2e-4  # seconds of work on one thread


# ---------------------------------------------------------------------------------------------- memory and threads

cdef struct Buffer:
    void *base
    char *start


cdef Buffer reserve(int64_t n_bytes) noexcept nogil:
    """Uninitialised memory that starts at a cache line; ``base`` is NULL if there is none."""
    cdef Buffer buffer
    buffer.base = malloc(n_bytes + 64)
    buffer.start = <char *> ((<uint64_t> buffer.base + 63) & ~<uint64_t> 63)
    return buffer


cdef int64_t round_up(int64_t n, int64_t step) noexcept nogil:
    return (n + step - 1) // step * step


cdef int64_t chunk_of(int64_t n_blocks, int64_t most_chunks) noexcept nogil:
    """Blocks per chunk: whole groups, at most ``most_chunks`` chunks, whatever the number of threads."""
    cdef int64_t share = (n_blocks + most_chunks - 1) // most_chunks
    return round_up(max(share, LEAST_CHUNK), SKB_GROUP)


cdef int threads_for(double seconds, int n_threads) noexcept nogil:
    """One thread unless the work (a rough estimate) is worth waking others."""
    return n_threads if seconds > THREADS_PAY else 1


cdef class Shape:
    """Sizes of one network and where its columns are."""

    cdef skb_network net
    cdef int32_t[::1] offset
    cdef int32_t[::1] plain
    cdef int64_t n_parameters

    def __init__(self, n_columns, columns, n_units, n_outputs, n_weights, activation):
        cdef skb_network *net = &self.net
        net.n_in = n_columns if columns is None else len(columns)
        net.n_units = n_units
        net.n_out = n_outputs
        net.n_weights = n_weights
        net.block_step = n_columns * SKB_BLOCK
        net.activation = activation
        widest = max(net.n_in, net.n_units, net.n_out) + 1
        self.plain = np.arange(0, widest * SKB_BLOCK, SKB_BLOCK, dtype=np.int32)
        self.offset = self.plain if columns is None else np.multiply(columns, SKB_BLOCK, dtype=np.int32)
        net.offset = &self.offset[0] if net.n_in else NULL
        net.plain = &self.plain[0]
        self.n_parameters = n_units * (net.n_in + 1 + n_outputs) + n_outputs

    cdef double seconds(self, int64_t n_blocks):
        """Rough time of a forward pass over the blocks."""
        cdef skb_network *net = &self.net
        return 2e-11 * SKB_BLOCK * n_blocks * net.n_units * (2 * net.n_in + 20 + 2 * net.n_out)


cdef int _check_problem(Shape shape, int64_t n_blocks, int64_t n_targets, int64_t n_weights,
                        int64_t n_parameters) except -1:
    if n_targets != n_blocks or n_weights != n_blocks:
        raise ValueError("rows, target and weight must have the same number of blocks.")
    if shape.net.n_weights != 1 and shape.net.n_weights != shape.net.n_out:
        raise ValueError("weight must hold one number per row, or one per row and output.")
    if n_parameters != shape.n_parameters:
        raise ValueError(f"expected {shape.n_parameters} parameters, got {n_parameters}.")
    return 0


cdef void narrow(int64_t n, const double *wide, real *narrowed) noexcept nogil:
    cdef int64_t i
    for i in range(n):
        narrowed[i] = <real> wide[i]


cdef const real *first_of(const real[:, :, ::1] blocks) noexcept nogil:
    """Address of a table, which may have no columns."""
    return &blocks[0, 0, 0] if blocks.shape[1] else NULL


# ---------------------------------------------------------------------------------------------- loss and gradient

cdef struct Data:
    const skb_network *net
    const void *rows
    const void *target
    const void *weight
    int64_t n_blocks
    int64_t n_parameters
    int64_t chunk
    int64_t n_chunks
    int64_t work_size  # numbers per thread
    int n_threads


cdef int64_t evaluate_work(const skb_network *net) noexcept nogil:
    return SKB_GROUP * SKB_BLOCK * (2 * net.n_units + net.n_out)


cdef double call_evaluate(const Data *data, const real *parameters, const int64_t *ids, int64_t first,
                          int64_t n_blocks, real *work, double *gradient) noexcept nogil:
    if real is double:
        return DOUBLE.evaluate(data.net, <const double *> data.rows, <const double *> data.target,
                               <const double *> data.weight, parameters, ids, first, n_blocks, work, gradient)
    else:
        return FLOAT.evaluate(data.net, <const float *> data.rows, <const float *> data.target,
                              <const float *> data.weight, parameters, ids, first, n_blocks, work, gradient)


cdef double evaluate_all(const Data *data, const real *parameters, double *gradient, real *work,
                         double *partial) noexcept nogil:
    """Loss and gradient over all blocks. ``work`` serves all threads, ``partial`` all chunks (one if serial)."""
    cdef int64_t size = data.n_parameters + 1, c, i
    cdef double loss = 0
    cdef double *part
    cdef int64_t n_chunks = data.n_chunks
    memset(gradient, 0, data.n_parameters * sizeof(double))
    if data.n_threads > 1:
        for c in prange(n_chunks, num_threads=data.n_threads, schedule="static"):
            evaluate_chunk(data, parameters, c, work + omp_get_thread_num() * data.work_size, partial + c * size)
    for c in range(n_chunks):
        part = partial
        if data.n_threads > 1:
            part = partial + c * size
        else:
            evaluate_chunk(data, parameters, c, work, part)
        for i in range(data.n_parameters):
            gradient[i] += part[i]
        loss += part[data.n_parameters]
    return loss


cdef void evaluate_chunk(const Data *data, const real *parameters, int64_t c, real *work, double *part) noexcept nogil:
    cdef int64_t first = c * data.chunk
    memset(part, 0, data.n_parameters * sizeof(double))
    part[data.n_parameters] = call_evaluate(data, parameters, NULL, first, min(data.chunk, data.n_blocks - first), work,
                                            part)


cdef Data describe(Shape shape, const void *rows, const void *target, const void *weight, int64_t n_blocks,
                   int n_threads):
    cdef Data data
    data.net = &shape.net
    data.rows = rows
    data.target = target
    data.weight = weight
    data.n_blocks = n_blocks
    data.n_parameters = shape.n_parameters
    data.chunk = chunk_of(n_blocks, MOST_CHUNKS)
    data.n_chunks = (n_blocks + data.chunk - 1) // data.chunk
    data.work_size = evaluate_work(&shape.net)
    data.n_threads = <int> min(<int64_t> threads_for(2 * shape.seconds(n_blocks), n_threads), data.n_chunks)
    return data


cdef int64_t partial_size(const Data *data) noexcept nogil:
    """Numbers that the partial sums take."""
    return (data.n_chunks if data.n_threads > 1 else 1) * (data.n_parameters + 1)


def evaluate(const real[:, :, ::1] blocks, const int32_t[::1] columns, const real[:, :, ::1] target,
             const real[:, :, ::1] weight, const double[::1] parameters, int n_units, int activation,
             double[::1] gradient, int n_threads=1):
    """Loss ``1/2 sum_ik w_ik (t_ik - f_k(x_i))^2``; its derivative is written into ``gradient``."""
    cdef Shape shape = Shape(blocks.shape[1], columns, n_units, target.shape[1], weight.shape[1], activation)
    cdef int64_t n_blocks = blocks.shape[0]
    cdef Data data
    cdef Buffer work, partial
    cdef real *narrowed
    cdef double loss
    _check_problem(shape, n_blocks, target.shape[0], weight.shape[0], parameters.shape[0])
    if gradient.shape[0] != shape.n_parameters:
        raise ValueError(f"expected room for {shape.n_parameters} derivatives, got {gradient.shape[0]}.")
    data = describe(shape, first_of(blocks), &target[0, 0, 0], &weight[0, 0, 0], n_blocks, n_threads)
    work = reserve((data.n_threads * data.work_size + shape.n_parameters) * sizeof(real))
    partial = reserve(partial_size(&data) * sizeof(double))
    try:
        if work.base == NULL or partial.base == NULL:
            raise MemoryError()
        with nogil:
            narrowed = <real *> work.start + data.n_threads * data.work_size
            narrow(shape.n_parameters, &parameters[0], narrowed)
            loss = evaluate_all(&data, narrowed, &gradient[0], <real *> work.start, <double *> partial.start)
    finally:
        free(work.base)
        free(partial.base)
    return loss


# ---------------------------------------------------------------------------------------------------- predictions

def forward(const real[:, :, ::1] blocks, const int32_t[::1] columns, const double[::1] parameters, int n_units,
            int activation, double[:, ::1] out, bint accumulate=False, int n_threads=1):
    """Write (or add) the outputs of the network into ``out`` of shape (n_rows, K)."""
    cdef Shape shape = Shape(blocks.shape[1], columns, n_units, out.shape[1], 1, activation)
    cdef int64_t n_rows = out.shape[0], n_out = out.shape[1], n_blocks = blocks.shape[0], c
    cdef int64_t chunk = chunk_of(n_blocks, MOST_CHUNKS)
    cdef int64_t n_chunks = (n_blocks + chunk - 1) // chunk
    cdef int64_t size = (SKB_SPAN + n_out) * SKB_BLOCK * sizeof(real) + SKB_GROUP * n_out * SKB_BLOCK * sizeof(double)
    cdef int used = threads_for(shape.seconds(n_blocks), n_threads)
    cdef Buffer work
    cdef real *narrowed
    cdef const double *bias
    if n_blocks != (n_rows + SKB_BLOCK - 1) // SKB_BLOCK:
        raise ValueError(f"out has {n_rows} rows, but there are {n_blocks} blocks of 64 rows.")
    if parameters.shape[0] != shape.n_parameters:
        raise ValueError(f"expected {shape.n_parameters} parameters, got {parameters.shape[0]}.")
    if n_rows == 0 or n_out == 0:
        return
    work = reserve(used * size + shape.n_parameters * sizeof(real))
    if work.base == NULL:
        raise MemoryError()
    with nogil:
        narrowed = <real *> (work.start + used * size)
        narrow(shape.n_parameters, &parameters[0], narrowed)
        bias = &parameters[shape.n_parameters - n_out]
        if used > 1:
            for c in prange(n_chunks, num_threads=used, schedule="static"):
                forward_chunk(&shape.net, first_of(blocks), narrowed, bias, c * chunk, min(chunk, n_blocks - c * chunk),
                              n_rows, <real *> (work.start + omp_get_thread_num() * size), &out[0, 0], accumulate)
        else:
            forward_chunk(&shape.net, first_of(blocks), narrowed, bias, 0, n_blocks, n_rows, <real *> work.start,
                          &out[0, 0], accumulate)
    free(work.base)


cdef void forward_chunk(const skb_network *net, const real *rows, const real *parameters, const double *bias,
                        int64_t first, int64_t n_blocks, int64_t n_rows, real *work, double *out,
                        int accumulate) noexcept nogil:
    if real is double:
        DOUBLE.forward(net, rows, parameters, bias, first, n_blocks, n_rows, work, out, accumulate)
    else:
        FLOAT.forward(net, rows, parameters, bias, first, n_blocks, n_rows, work, out, accumulate)


include "_network_packing.pxi"
include "_network_gram.pxi"
include "_network_lbfgs.pxi"
include "_network_adam.pxi"
