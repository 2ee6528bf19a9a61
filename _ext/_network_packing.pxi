# Targets and weights in the layout of the rows.

def summarise(const double[:, ::1] target, const double[:, ::1] weight, int n_threads=1):
    """Total weight, ``sum w (t / max|t|)^2``, max|t|, least weight, rows of positive weight.

    ``weight`` has one column or as many as ``target``. The largest value is taken where the weight is positive; it is
    nan if any target is nan.
    """
    cdef int64_t n_rows = target.shape[0], n_out = target.shape[1], n_weights = weight.shape[1]
    cdef int64_t chunk = SKB_BLOCK * chunk_of((n_rows + SKB_BLOCK - 1) // SKB_BLOCK, MOST_CHUNKS)
    cdef int64_t n_chunks = (n_rows + chunk - 1) // chunk, i
    cdef double[:, ::1] parts = np.zeros((n_chunks, 5))
    cdef double total = 0, square = 0, largest = 0, smallest = INFINITY
    cdef int64_t n_positive = 0
    cdef int used = threads_for(2e-9 * n_rows * n_out, n_threads)
    if weight.shape[0] != n_rows or n_weights not in (1, n_out):
        raise ValueError("weight must hold one number per row, or one per row and output.")
    for i in prange(n_chunks, nogil=True, num_threads=used, schedule="static"):
        _summarise_chunk(&target[i * chunk, 0], &weight[i * chunk, 0], min(chunk, n_rows - i * chunk), n_out,
                         n_weights, 0.0, &parts[i, 0])
    for i in range(n_chunks):
        total += parts[i, 0]
        square += parts[i, 1]
        # not a number wins in both comparisons
        largest = largest if parts[i, 2] <= largest else parts[i, 2]
        smallest = smallest if parts[i, 3] >= smallest else parts[i, 3]
        n_positive += <int64_t> parts[i, 4]
        if largest != largest or smallest != smallest:
            break
    if 0.0 < largest < INFINITY:
        if 1e-290 < square < INFINITY and 1e-140 < largest < 1e140:
            square = square / largest / largest
        else:  # the squares overflow or vanish: take them relative to the largest value
            square = 0
            for i in range(n_chunks):
                _summarise_chunk(&target[i * chunk, 0], &weight[i * chunk, 0], min(chunk, n_rows - i * chunk), n_out,
                                 n_weights, largest, &parts[i, 0])
                square += parts[i, 1]
    else:
        square = 0
    return total, square, largest, smallest, n_positive


cdef void _summarise_chunk(const double *target, const double *weight, int64_t n_rows, int64_t n_out,
                           int64_t n_weights, double unit, double *part) noexcept nogil:
    cdef double total = 0, square = 0, largest = 0, smallest = INFINITY, w = 0, t
    cdef int64_t n_positive = 0, i, k
    cdef bint positive
    for i in range(n_rows):
        positive = False
        for k in range(n_out):
            if k < n_weights:
                w = weight[i * n_weights + k]
                total += w
                smallest = smallest if w >= smallest else w
                positive = positive or w > 0
            t = target[i * n_out + k]
            if w > 0 and fabs(t) > largest:
                largest = fabs(t)
            if unit > 0:
                t = t / unit
            square += w * t * t
        n_positive += positive
    part[0] = total
    part[1] = square
    part[2] = largest if square == square else square  # a comparison with nan would lose it
    part[3] = smallest
    part[4] = n_positive


def pack_outputs(const double[:, ::1] values, double scale, real[:, :, ::1] packed, int n_threads=1):
    """``packed[block, k, row] = values[row, k] / scale``; padding rows become zero."""
    cdef int64_t n_rows = values.shape[0], n_out = values.shape[1], n_blocks = packed.shape[0], b
    cdef int used = threads_for(1e-9 * n_rows * n_out, n_threads)
    if packed.shape[1] != n_out or n_blocks != (n_rows + SKB_BLOCK - 1) // SKB_BLOCK or packed.shape[2] != SKB_BLOCK:
        raise ValueError("packed must have the shape (ceil(n_rows / 64), n_outputs, 64).")
    for b in prange(n_blocks, nogil=True, num_threads=used, schedule="static"):
        _pack_block(&values[b * SKB_BLOCK, 0], min(<int64_t> SKB_BLOCK, n_rows - b * SKB_BLOCK), n_out, scale,
                    &packed[b, 0, 0])


cdef void _pack_block(const double *values, int64_t n_rows, int64_t n_out, double scale, real *packed) noexcept nogil:
    cdef int64_t k, row
    for k in range(n_out):
        for row in range(n_rows):
            packed[k * SKB_BLOCK + row] = <real> (values[row * n_out + k] / scale)
        for row in range(n_rows, SKB_BLOCK):
            packed[k * SKB_BLOCK + row] = 0
