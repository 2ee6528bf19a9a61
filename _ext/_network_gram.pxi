# Normal equations of a linear layer.

def gram(const real[:, :, ::1] blocks, const int32_t[::1] columns, const real[:, :, ::1] target,
         const real[:, :, ::1] weight, const double[::1] parameters, int n_units, int activation,
         double[:, :, ::1] gram_out, double[:, ::1] moment_out, int n_threads=1):
    """Normal equations of the output layer.

    With z_i = (act(...), 1) of length J + 1: ``gram_out[s] = sum_i w_is z_i z_i'`` for each of the 1 or K weights and
    ``moment_out[:, k] = sum_i w_ik t_ik z_i``. For ``n_units=0`` the features are the columns themselves minus
    ``parameters`` (their shift), then 1.
    """
    cdef Shape shape = Shape(blocks.shape[1], columns, n_units, target.shape[1], weight.shape[1], activation)
    cdef int64_t n_blocks = blocks.shape[0], n_out = target.shape[1], n_weights = weight.shape[1]
    cdef int64_t m = (n_units if n_units else shape.net.n_in) + 1
    cdef int64_t size = n_weights * m * m + m * n_out  # of the sums
    # wide tables get fewer chunks (64 MB of partial sums), and groups of blocks that stay in the second-level cache
    cdef int64_t chunk = chunk_of(n_blocks, max(<int64_t> 1, min(<int64_t> MOST_CHUNKS, (1 << 23) // size)))
    cdef int64_t n_chunks = (n_blocks + chunk - 1) // chunk
    cdef int64_t group = SKB_GROUP if m <= 128 else 1
    cdef int64_t work_size = n_units * SKB_BLOCK * sizeof(real) + group * (2 * m + n_out) * SKB_BLOCK * sizeof(double)
    cdef int64_t n_narrowed = n_units * (shape.net.n_in + 1), c, i, j, s
    cdef double seconds = shape.seconds(n_blocks) + 5e-11 * SKB_BLOCK * n_blocks * m * m * n_weights
    cdef int used = <int> min(<int64_t> threads_for(seconds, n_threads), n_chunks)
    cdef Buffer work, partial
    cdef real *narrowed
    cdef double *part
    if n_units:
        _check_problem(shape, n_blocks, target.shape[0], weight.shape[0], parameters.shape[0])
    elif parameters.shape[0] != shape.net.n_in:
        raise ValueError(f"expected {shape.net.n_in} shifts, got {parameters.shape[0]}.")
    if gram_out.shape[0] != n_weights or gram_out.shape[1] != m or gram_out.shape[2] != m:
        raise ValueError(f"gram_out must have the shape ({n_weights}, {m}, {m}).")
    if moment_out.shape[0] != m or moment_out.shape[1] != n_out:
        raise ValueError(f"moment_out must have the shape ({m}, {n_out}).")
    work = reserve(used * work_size + n_narrowed * sizeof(real))
    partial = reserve((n_chunks if used > 1 else 1) * size * sizeof(double))
    if work.base == NULL or partial.base == NULL:
        free(work.base)
        free(partial.base)
        raise MemoryError()
    with nogil:
        narrowed = <real *> (work.start + used * work_size)
        narrow(n_narrowed, &parameters[0], narrowed)
        memset(&gram_out[0, 0, 0], 0, n_weights * m * m * sizeof(double))
        memset(&moment_out[0, 0], 0, m * n_out * sizeof(double))
        if used > 1:
            for c in prange(n_chunks, num_threads=used, schedule="static"):
                gram_chunk(&shape.net, first_of(blocks), &target[0, 0, 0], &weight[0, 0, 0], narrowed, &parameters[0],
                           c * chunk, min(chunk, n_blocks - c * chunk), group,
                           <real *> (work.start + omp_get_thread_num() * work_size),
                           <double *> partial.start + c * size, size, n_weights * m * m)
        for c in range(n_chunks):
            part = <double *> partial.start
            if used > 1:
                part = part + c * size
            else:
                gram_chunk(&shape.net, first_of(blocks), &target[0, 0, 0], &weight[0, 0, 0], narrowed, &parameters[0],
                           c * chunk, min(chunk, n_blocks - c * chunk), group, <real *> work.start, part, size,
                           n_weights * m * m)
            DOUBLE.add(n_weights * m * m, 1.0, part, &gram_out[0, 0, 0])
            DOUBLE.add(m * n_out, 1.0, part + n_weights * m * m, &moment_out[0, 0])
        for s in range(n_weights):
            for i in range(m):
                for j in range(i):
                    gram_out[s, i, j] = gram_out[s, j, i]
    free(work.base)
    free(partial.base)


cdef void gram_chunk(const skb_network *net, const real *rows, const real *target, const real *weight,
                     const real *parameters, const double *shift, int64_t first, int64_t n_blocks, int64_t group,
                     real *work, double *part, int64_t size, int64_t n_gram) noexcept nogil:
    memset(part, 0, size * sizeof(double))
    if real is double:
        DOUBLE.gram(net, rows, target, weight, parameters, shift, first, n_blocks, group, work, part, part + n_gram)
    else:
        FLOAT.gram(net, rows, target, weight, parameters, shift, first, n_blocks, group, work, part, part + n_gram)
