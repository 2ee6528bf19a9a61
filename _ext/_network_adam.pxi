# Adam on minibatches of random blocks.

cdef int64_t BEYOND_CACHES = 1 << 23  # bytes of a table whose blocks have to come from memory


cdef uint64_t draw(uint64_t *state) noexcept nogil:
    """A random 64-bit number from a counter (splitmix64: Steele, Lea and Flood 2014)."""
    cdef uint64_t z
    state[0] += <uint64_t> 0x9E3779B97F4A7C15ULL
    z = state[0]
    z = (z ^ (z >> 30)) * <uint64_t> 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * <uint64_t> 0x94D049BB133111EBULL
    return z ^ (z >> 31)


cdef int64_t below(uint64_t *state, int64_t bound) noexcept nogil:
    """An integer in [0, bound) for bound < 2^32."""
    return <int64_t> (((draw(state) >> 32) * <uint64_t> bound) >> 32)


def minimise_adam(const real[:, :, ::1] blocks, const int32_t[::1] columns, const real[:, :, ::1] target,
                  const real[:, :, ::1] weight, double[::1] parameters, int n_units, int activation, double alpha,
                  double total_weight, int64_t max_steps, double learning_rate, uint64_t seed):
    """Adam (Kingma and Ba 2015, algorithm 1) on batches of four blocks; returns the number of steps taken.

    The blocks of an epoch are drawn without replacement. The rate falls from ``learning_rate`` to 0 along a half
    cosine. ``parameters`` is replaced by the last finite iterate.
    """
    cdef Shape shape = Shape(blocks.shape[1], columns, n_units, target.shape[1], weight.shape[1], activation)
    cdef int64_t n_blocks = blocks.shape[0], n = shape.n_parameters, n_wide = round_up(n, 16)
    cdef Data data
    cdef Buffer order, gradient, work
    cdef int64_t taken
    _check_problem(shape, n_blocks, target.shape[0], weight.shape[0], parameters.shape[0])
    data = describe(shape, first_of(blocks), &target[0, 0, 0], &weight[0, 0, 0], n_blocks, 1)
    order = reserve(n_blocks * sizeof(int64_t))
    gradient = reserve(n * sizeof(double))
    work = reserve((data.work_size + 5 * n_wide) * sizeof(real))
    if order.base == NULL or gradient.base == NULL or work.base == NULL:
        taken = -1
    else:
        with nogil:
            taken = adam(&data, &parameters[0], alpha, total_weight, max_steps, learning_rate, seed,
                         <int64_t *> order.start, <double *> gradient.start, n_wide, <real *> work.start)
    free(order.base)
    free(gradient.base)
    free(work.base)
    if taken < 0:
        raise MemoryError()
    return taken


cdef int64_t adam(const Data *data, double *parameters, double alpha, double total_weight, int64_t max_steps,
                  double learning_rate, uint64_t seed, int64_t *order, double *gradient, int64_t n_wide,
                  real *work) noexcept nogil:
    cdef int64_t n = data.n_parameters, n_blocks = data.n_blocks, n_batch = min(<int64_t> SKB_GROUP, n_blocks)
    cdef int64_t n_hidden = data.net.n_units * data.net.n_in, n_units = data.net.n_units
    cdef int64_t n_output = data.net.n_units * data.net.n_out
    cdef real *theta = work + data.work_size
    cdef real *good = theta + n_wide
    cdef real *decay = good + n_wide
    cdef real *first = decay + n_wide
    cdef real *second = first + n_wide
    cdef double factor = n_blocks / (n_batch * total_weight), rate, loss
    cdef int64_t ids[8]  # SKB_GROUP blocks and to spare
    cdef int64_t ahead[8]  # the batch of the next step, on its way from memory
    cdef int64_t position = n_blocks, block_bytes = data.net.block_step * sizeof(real), step, i
    cdef double first_left = 1.0, second_left = 1.0
    cdef bint finite = True
    for i in range(n_blocks):
        order[i] = i
    memset(decay, 0, 3 * n_wide * sizeof(real))
    for i in range(n):
        theta[i] = <real> parameters[i]
        if i < n_hidden or n_hidden + n_units <= i < n_hidden + n_units + n_output:
            decay[i] = <real> (alpha / total_weight)
    memcpy(good, theta, n * sizeof(real))
    draw_batch(data, block_bytes, order, n_batch, &position, &seed, ahead)
    for step in range(max_steps):
        memcpy(ids, ahead, n_batch * sizeof(int64_t))
        draw_batch(data, block_bytes, order, n_batch, &position, &seed, ahead)
        memset(gradient, 0, n * sizeof(double))
        loss = call_evaluate(data, theta, ids, 0, n_batch, work, gradient)
        if not isfinite(loss):
            finite = False
            break
        memcpy(good, theta, n * sizeof(real))
        first_left *= 0.9
        second_left *= 0.999
        rate = 0.5 * learning_rate * (1.0 + cos(M_PI * step / max_steps)) / (1.0 - first_left)
        call_adam(n, theta, gradient, decay, first, second, factor, rate, 1.0 / (1.0 - second_left))
    else:
        step = max_steps
    for i in range(n):
        finite = finite and isfinite(theta[i])
    for i in range(n):
        parameters[i] = theta[i] if finite else good[i]
    return step


cdef void draw_batch(const Data *data, int64_t block_bytes, int64_t *order, int64_t n_batch, int64_t *position,
                     uint64_t *seed, int64_t *ids) noexcept nogil:
    """Draw blocks without replacement until an epoch is over; ask for their rows where they are far away."""
    cdef int64_t n_blocks = data.n_blocks, other, i
    for i in range(n_batch):
        if position[0] == n_blocks:
            position[0] = 0
        other = position[0] + below(seed, n_blocks - position[0])
        ids[i] = order[other]
        order[other] = order[position[0]]
        order[position[0]] = ids[i]
        position[0] += 1
        if n_blocks * block_bytes > BEYOND_CACHES:
            skb_prefetch(<const char *> data.rows + ids[i] * block_bytes, block_bytes)


cdef void call_adam(int64_t n, real *theta, const double *gradient, const real *decay, real *first, real *second,
                    double factor, double rate, double correction) noexcept nogil:
    if real is double:
        DOUBLE.adam(n, theta, gradient, decay, first, second, factor, rate, correction)
    else:
        FLOAT.adam(n, theta, gradient, decay, first, second, factor, rate, correction)
