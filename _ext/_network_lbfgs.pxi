# L-BFGS with a weak Wolfe search, on all rows.

cdef struct Objective:
    const Data *data
    double alpha
    double total_weight
    void *narrowed  # parameters in the precision of the rows
    void *work
    double *partial


def minimise_lbfgs(const real[:, :, ::1] blocks, const int32_t[::1] columns, const real[:, :, ::1] target,
                   const real[:, :, ::1] weight, double[::1] parameters, int n_units, int activation, double alpha,
                   double total_weight, int64_t max_iter, double ftol=1e-6, int n_threads=1):
    """L-BFGS on all rows; replaces ``parameters``, returns the objective after each iteration.

    The objective is (data loss + 1/2 alpha ||w, v||^2) / total_weight. The method is algorithm 7.4 of Nocedal and
    Wright (2006) with a weak Wolfe search by bisection. It stops when an iteration lowers the objective by less than
    ``ftol`` of its value, or when no step lowers it; every accepted step lowers it.
    """
    cdef Shape shape = Shape(blocks.shape[1], columns, n_units, target.shape[1], weight.shape[1], activation)
    cdef int64_t n_blocks = blocks.shape[0], n = shape.n_parameters, n_wide = round_up(n, 8), n_losses = 0
    cdef double[::1] losses = np.empty(max_iter + 1)
    cdef Data data
    cdef Objective objective
    cdef Buffer work, space
    _check_problem(shape, n_blocks, target.shape[0], weight.shape[0], parameters.shape[0])
    data = describe(shape, first_of(blocks), &target[0, 0, 0], &weight[0, 0, 0], n_blocks, n_threads)
    work = reserve((data.n_threads * data.work_size + n) * sizeof(real))
    space = reserve(((2 * HISTORY + 7) * n_wide + partial_size(&data)) * sizeof(double))
    if work.base != NULL and space.base != NULL:
        with nogil:
            objective.data = &data
            objective.alpha = alpha
            objective.total_weight = total_weight
            objective.work = work.start
            objective.narrowed = <real *> work.start + data.n_threads * data.work_size
            objective.partial = <double *> space.start + (2 * HISTORY + 7) * n_wide
            n_losses = lbfgs(&objective, <real *> work.start, &parameters[0], n, n_wide, max_iter, ftol,
                             <double *> space.start, &losses[0])
    free(work.base)
    free(space.base)
    if n_losses == 0:
        raise MemoryError()
    return np.asarray(losses[:n_losses])


cdef double value_and_gradient(const Objective *objective, real *work, const double *theta,
                               double *gradient) noexcept nogil:
    cdef const Data *data = objective.data
    cdef int64_t n = data.n_parameters, n_units = data.net.n_units, n_hidden = n_units * data.net.n_in
    cdef int64_t n_output = n_units * data.net.n_out, i
    cdef double alpha = objective.alpha, scale = 1.0 / objective.total_weight, loss
    narrow(n, theta, <real *> objective.narrowed)
    loss = evaluate_all(data, <real *> objective.narrowed, gradient, work, objective.partial)
    if alpha > 0:
        loss += 0.5 * alpha * (DOUBLE.dot(n_hidden, theta, theta)
                               + DOUBLE.dot(n_output, theta + n_hidden + n_units, theta + n_hidden + n_units))
        DOUBLE.add(n_hidden, alpha, theta, gradient)
        DOUBLE.add(n_output, alpha, theta + n_hidden + n_units, gradient + n_hidden + n_units)
    for i in range(n):
        gradient[i] *= scale
    return loss * scale


cdef int64_t lbfgs(const Objective *objective, real *work, double *x, int64_t n, int64_t n_wide, int64_t max_iter,
                   double ftol, double *space, double *losses) noexcept nogil:
    """Minimise; returns the number of losses written. Pair p lies in column p % HISTORY of s and y."""
    cdef double *s = space
    cdef double *y = s + HISTORY * n_wide
    cdef double *g = y + HISTORY * n_wide
    cdef double *direction = g + n_wide
    cdef double *x_new = direction + n_wide
    cdef double *g_new = x_new + n_wide
    cdef double *x_best = g_new + n_wide
    cdef double *g_best = x_best + n_wide
    cdef double rho[16]
    cdef double share[16]
    cdef int64_t n_pairs = 0, first_pair = 0, iteration, trial, p, slot, i
    cdef double f, f_new, f_best, slope, step, low, high, sy, yy
    cdef bint found
    f = value_and_gradient(objective, work, x, g)
    losses[0] = f
    if not isfinite(f):
        return 1
    for iteration in range(max_iter):
        for i in range(n):
            direction[i] = -g[i]
        for p in range(n_pairs - 1, first_pair - 1, -1):
            slot = p % HISTORY
            share[slot] = rho[slot] * DOUBLE.dot(n, s + slot * n_wide, direction)
            DOUBLE.add(n, -share[slot], y + slot * n_wide, direction)
        if n_pairs > 0:
            slot = (n_pairs - 1) % HISTORY
            yy = DOUBLE.dot(n, y + slot * n_wide, y + slot * n_wide)
            for i in range(n):
                direction[i] /= rho[slot] * yy
        for p in range(first_pair, n_pairs):
            slot = p % HISTORY
            DOUBLE.add(n, share[slot] - rho[slot] * DOUBLE.dot(n, y + slot * n_wide, direction), s + slot * n_wide,
                       direction)
        slope = DOUBLE.dot(n, g, direction)
        if not slope < 0.0:
            return iteration + 1
        step = 1.0 if n_pairs > 0 else min(1.0, 1.0 / sqrt(-slope))
        low = 0.0
        high = INFINITY
        f_best = f
        found = False
        for trial in range(20):
            memcpy(x_new, x, n * sizeof(double))
            DOUBLE.add(n, step, direction, x_new)
            f_new = value_and_gradient(objective, work, x_new, g_new)
            if not f_new <= f + 1e-4 * step * slope:
                high = step
            else:
                found = True
                f_best = f_new
                memcpy(x_best, x_new, n * sizeof(double))
                memcpy(g_best, g_new, n * sizeof(double))
                if DOUBLE.dot(n, g_new, direction) >= 0.9 * slope:
                    break
                low = step
            step = 0.5 * (low + high) if high < INFINITY else 2.0 * low
        if not found:
            return iteration + 1
        slot = n_pairs % HISTORY
        for i in range(n):
            s[slot * n_wide + i] = x_best[i] - x[i]
            y[slot * n_wide + i] = g_best[i] - g[i]
        sy = DOUBLE.dot(n, s + slot * n_wide, y + slot * n_wide)
        if sy > 1e-10 * DOUBLE.dot(n, y + slot * n_wide, y + slot * n_wide):
            rho[slot] = 1.0 / sy
            n_pairs += 1
            first_pair = max(first_pair, n_pairs - HISTORY)
        memcpy(x, x_best, n * sizeof(double))
        memcpy(g, g_best, n * sizeof(double))
        losses[iteration + 1] = f_best
        if f - f_best <= ftol * fabs(f):
            return iteration + 2
        f = f_best
    return max_iter + 1
