/* Sums over blocks of 64 rows for networks with one hidden layer. Included once per precision and instruction set.
 *
 * Expects what skb_vector.h expects, and TILE, the number of units whose sums fit into the registers together.
 * Two small products carry everything, both with their accumulators in registers:
 *   affine: z_u = bias_u + sum_c w_uc x_c      for 64 rows at once (hidden layer, output layer, back-propagation)
 *   cross:  g_uc += sum_rows a_u x_c           over a group of blocks (gradients, Gram matrices)
 * The sums of a group of at most 256 rows are taken in REAL, everything beyond in double. */

#include "skb_vector.h"
#include "skb_activation.h"

INLINE void NAME(affine_tile)(const int U, int64_t n_in, const REAL *w, int64_t unit_step, int64_t in_step,
                              const REAL *bias, const REAL *x, const int32_t *offset, REAL *z) {
    for (int row = 0; row < SKB_BLOCK; row += 4 * LANES) {
        VEC sum[4 * TILE];
        SKB_UNROLL
        for (int u = 0; u < U; u++) {
            VEC start = (VEC){0} + (bias ? bias[u] : 0);
            SKB_UNROLL
            for (int i = 0; i < 4; i++) sum[4 * u + i] = start;
        }
        for (int64_t c = 0; c < n_in; c++) {
            const REAL *column = x + offset[c] + row, *weight = w + c * in_step;
            VEC x0 = LOAD(column), x1 = LOAD(column + LANES);
            VEC x2 = LOAD(column + 2 * LANES), x3 = LOAD(column + 3 * LANES);
            SKB_UNROLL
            for (int u = 0; u < U; u++) {
                REAL factor = weight[u * unit_step];
                sum[4 * u] += factor * x0;
                sum[4 * u + 1] += factor * x1;
                sum[4 * u + 2] += factor * x2;
                sum[4 * u + 3] += factor * x3;
            }
        }
        SKB_UNROLL
        for (int u = 0; u < U; u++) {
            SKB_UNROLL
            for (int i = 0; i < 4; i++) STORE(z + u * SKB_BLOCK + row + i * LANES, sum[4 * u + i]);
        }
    }
}

/* z (n_out, 64) = bias + w x for x (n_in, 64) found through offset; bias may be NULL */
static void NAME(affine)(int64_t n_out, int64_t n_in, const REAL *w, int64_t unit_step, int64_t in_step,
                         const REAL *bias, const REAL *x, const int32_t *offset, REAL *z) {
    int64_t u = 0;
#define AFFINE(U)                                                                                                      \
    for (; u + U <= n_out; u += U)                                                                                     \
        NAME(affine_tile)(U, n_in, w + u * unit_step, unit_step, in_step, bias ? bias + u : NULL, x, offset,           \
                          z + u * SKB_BLOCK);
#if TILE == 4
    AFFINE(4)
#endif
    AFFINE(2)
    AFFINE(1)
#undef AFFINE
}

INLINE void NAME(cross_tile)(const int U, const int C, int n_blocks, const REAL *a, int64_t a_step,
                             const REAL *const *x, const int32_t *offset, double *g, int64_t g_step) {
    VEC sum[4 * TILE];
    REAL folded[4 * TILE > LANES ? 4 * TILE : LANES];
    SKB_UNROLL
    for (int i = 0; i < U * C; i++) sum[i] = (VEC){0};
    for (int b = 0; b < n_blocks; b++) {
        const REAL *left = a + b * a_step, *right = x[b];
        for (int row = 0; row < SKB_BLOCK; row += LANES) {
            VEC column[4];
            SKB_UNROLL
            for (int c = 0; c < C; c++) column[c] = LOAD(right + offset[c] + row);
            SKB_UNROLL
            for (int u = 0; u < U; u++) {
                VEC unit = LOAD(left + u * SKB_BLOCK + row);
                SKB_UNROLL
                for (int c = 0; c < C; c++) sum[u * C + c] += unit * column[c];
            }
        }
    }
    NAME(fold)(U * C, sum, folded);
    SKB_UNROLL
    for (int u = 0; u < U; u++) {
        SKB_UNROLL
        for (int c = 0; c < C; c++) g[u * g_step + c] += folded[u * C + c];
    }
}

/* g (n_left, n_right) += a x' over a group of blocks; with upper, tiles wholly below the diagonal are left out */
static void NAME(cross)(int64_t n_left, int64_t n_right, int n_blocks, const REAL *a, int64_t a_step,
                        const REAL *const *x, const int32_t *offset, double *g, int64_t g_step, int upper) {
    int64_t c = 0, u, last;
    /* columns outside: they may come from far away, while the units of the group stay in the first-level cache */
#define CROSS_UNITS(U, C)                                                                                              \
    for (; u + U <= last; u += U)                                                                                      \
        NAME(cross_tile)(U, C, n_blocks, a + u * SKB_BLOCK, a_step, x, offset + c, g + u * g_step + c, g_step);
#if TILE == 4
#define CROSS(C)                                                                                                       \
    for (; c + C <= n_right; c += C) {                                                                                 \
        u = 0;                                                                                                         \
        last = upper && c + C < n_left ? c + C : n_left;                                                               \
        CROSS_UNITS(4, C)                                                                                              \
        CROSS_UNITS(2, C)                                                                                              \
        CROSS_UNITS(1, C)                                                                                              \
    }
#else
#define CROSS(C)                                                                                                       \
    for (; c + C <= n_right; c += C) {                                                                                 \
        u = 0;                                                                                                         \
        last = upper && c + C < n_left ? c + C : n_left;                                                               \
        CROSS_UNITS(2, C)                                                                                              \
        CROSS_UNITS(1, C)                                                                                              \
    }
#endif
    CROSS(4)
    CROSS(2)
    CROSS(1)
#undef CROSS
#undef CROSS_UNITS
}

/* g_u += sum over the rows of a group of a_u */
static void NAME(total)(int64_t n, int n_blocks, const REAL *a, int64_t a_step, double *g) {
    for (int64_t u = 0; u < n; u++) {
        VEC sum[2] = {(VEC){0}, (VEC){0}};
        REAL folded[LANES > 2 ? LANES : 2];
        for (int b = 0; b < n_blocks; b++)
            for (int row = 0; row < SKB_BLOCK; row += 2 * LANES) {
                const REAL *unit = a + b * a_step + u * SKB_BLOCK + row;
                sum[0] += LOAD(unit);
                sum[1] += LOAD(unit + LANES);
            }
        sum[0] += sum[1];
        NAME(fold)(1, sum, folded);
        g[u] += folded[0];
    }
}

/* Loss 1/2 sum w (t - f)^2 over blocks; adds its derivative to gradient. ids names the blocks, NULL stands for
 * first, first + 1, ... */
static double NAME(evaluate)(const skb_network *net, const REAL *rows, const REAL *target, const REAL *weight,
                             const REAL *parameters, const int64_t *ids, int64_t first, int64_t n_blocks, REAL *work,
                             double *gradient) {
    const int64_t D = net->n_in, J = net->n_units, K = net->n_out, S = net->n_weights;
    const REAL *w = parameters, *c = w + J * D, *v = c + J, *bias = v + J * K;
    double *gw = gradient, *gc = gw + J * D, *gv = gc + J, *gb = gv + J * K;
    REAL *a = work, *delta = a + SKB_GROUP * J * SKB_BLOCK, *error = delta + SKB_GROUP * J * SKB_BLOCK;
    double loss = 0;
    for (int64_t start = 0; start < n_blocks; start += SKB_GROUP) {
        const int n = (int)(n_blocks - start < SKB_GROUP ? n_blocks - start : SKB_GROUP);
        const REAL *x[SKB_GROUP], *errors[SKB_GROUP];
        VEC squares = (VEC){0};
        REAL folded[LANES];
        for (int b = 0; b < n; b++) {
            const int64_t id = ids ? ids[start + b] : first + start + b;
            const REAL *t = target + id * K * SKB_BLOCK, *omega = weight + id * S * SKB_BLOCK;
            REAL *ab = a + b * J * SKB_BLOCK, *db = delta + b * J * SKB_BLOCK, *eb = error + b * K * SKB_BLOCK;
            x[b] = rows + id * net->block_step;
            errors[b] = eb;
            NAME(affine)(J, D, w, D, 1, c, x[b], net->offset, ab);
            NAME(activate)(net->activation, J * SKB_BLOCK, ab);
            NAME(affine)(K, J, v, 1, K, bias, ab, net->plain, eb);
            for (int64_t k = 0; k < K; k++) {
                const REAL *tk = t + k * SKB_BLOCK, *wk = omega + (S > 1 ? k * SKB_BLOCK : 0);
                REAL *ek = eb + k * SKB_BLOCK;
                for (int row = 0; row < SKB_BLOCK; row += LANES) {
                    VEC e = LOAD(ek + row) - LOAD(tk + row), we = LOAD(wk + row) * e;
                    squares += we * e;
                    STORE(ek + row, we);
                }
            }
            NAME(affine)(J, K, v, K, 1, NULL, eb, net->plain, db);
            NAME(chain)(net->activation, J * SKB_BLOCK, ab, db);
        }
        NAME(cross)(J, D, n, delta, J * SKB_BLOCK, x, net->offset, gw, D, 0);
        NAME(total)(J, n, delta, J * SKB_BLOCK, gc);
        NAME(cross)(J, K, n, a, J * SKB_BLOCK, errors, net->plain, gv, K, 0);
        NAME(total)(K, n, error, K * SKB_BLOCK, gb);
        NAME(fold)(1, &squares, folded);
        loss += folded[0];
    }
    return 0.5 * loss;
}

/* Outputs of blocks first, first + 1, ... into out (n_rows, K), or added to it. parameters holds hidden weights, hidden
 * biases and output weights; the output bias comes in double, and so are sums beyond SKB_SPAN units. */
static void NAME(forward)(const skb_network *net, const REAL *rows, const REAL *parameters, const double *bias,
                          int64_t first, int64_t n_blocks, int64_t n_rows, REAL *work, double *out, int accumulate) {
    const int64_t D = net->n_in, J = net->n_units, K = net->n_out;
    const REAL *w = parameters, *c = w + J * D, *v = c + J;
    REAL *a = work, *part = a + SKB_SPAN * SKB_BLOCK;
    double *sum = (double *)(part + K * SKB_BLOCK);
    for (int64_t start = 0; start < n_blocks; start += SKB_GROUP) {
        const int n = (int)(n_blocks - start < SKB_GROUP ? n_blocks - start : SKB_GROUP);
        for (int b = 0; b < n; b++)
            for (int64_t k = 0; k < K; k++)
                for (int row = 0; row < SKB_BLOCK; row++) sum[(b * K + k) * SKB_BLOCK + row] = bias[k];
        for (int64_t u = 0; u < J; u += SKB_SPAN) { /* the weights of a span serve the whole group of blocks */
            const int64_t span = J - u < SKB_SPAN ? J - u : SKB_SPAN;
            for (int b = 0; b < n; b++) {
                const REAL *x = rows + (first + start + b) * net->block_step;
                double *sum_b = sum + b * K * SKB_BLOCK;
                NAME(affine)(span, D, w + u * D, D, 1, c + u, x, net->offset, a);
                NAME(activate)(net->activation, span * SKB_BLOCK, a);
                NAME(affine)(K, span, v + u * K, 1, K, NULL, a, net->plain, part);
                for (int64_t i = 0; i < K * SKB_BLOCK; i++) sum_b[i] += part[i];
            }
        }
        for (int b = 0; b < n; b++) {
            const int64_t row0 = (first + start + b) * SKB_BLOCK;
            const int64_t n_filled = n_rows - row0 < SKB_BLOCK ? n_rows - row0 : SKB_BLOCK;
            const double *sum_b = sum + b * K * SKB_BLOCK;
            double *to = out + row0 * K;
            if (accumulate)
                for (int64_t row = 0; row < n_filled; row++)
                    for (int64_t k = 0; k < K; k++) to[row * K + k] += sum_b[k * SKB_BLOCK + row];
            else
                for (int64_t row = 0; row < n_filled; row++)
                    for (int64_t k = 0; k < K; k++) to[row * K + k] = sum_b[k * SKB_BLOCK + row];
        }
    }
}

/* Normal equations of a linear layer on the features z = (act(w x + c), 1), or (x - parameters, 1) without units:
 * gram (S, m, m) += z w_s z' on and above the diagonal, moment (m, K) += z w t'. All products in double. */
static void NAME(gram)(const skb_network *net, const REAL *rows, const REAL *target, const REAL *weight,
                       const REAL *parameters, const double *shift, int64_t first, int64_t n_blocks, int64_t group,
                       REAL *work, double *gram, double *moment) {
    const int64_t D = net->n_in, J = net->n_units, K = net->n_out, S = net->n_weights;
    const int64_t m = (J ? J : D) + 1, size = m * SKB_BLOCK;
    REAL *a = work;
    double *z = (double *)(a + J * SKB_BLOCK), *wz = z + group * size, *t = wz + group * size;
    for (int64_t start = 0; start < n_blocks; start += group) {
        const int n = (int)(n_blocks - start < group ? n_blocks - start : group);
        const double *features[SKB_GROUP], *targets[SKB_GROUP];
        for (int b = 0; b < n; b++) {
            const int64_t id = first + start + b;
            const REAL *x = rows + id * net->block_step, *tb = target + id * K * SKB_BLOCK;
            double *zb = z + b * size, *to = t + b * K * SKB_BLOCK;
            features[b] = zb;
            targets[b] = to;
            if (J) {
                NAME(affine)(J, D, parameters, D, 1, parameters + J * D, x, net->offset, a);
                NAME(activate)(net->activation, J * SKB_BLOCK, a);
                for (int64_t i = 0; i < J * SKB_BLOCK; i++) zb[i] = a[i];
            } else
                for (int64_t c = 0; c < D; c++)
                    for (int row = 0; row < SKB_BLOCK; row++)
                        zb[c * SKB_BLOCK + row] = (double)x[net->offset[c] + row] - shift[c];
            for (int row = 0; row < SKB_BLOCK; row++) zb[(m - 1) * SKB_BLOCK + row] = 1;
            for (int64_t i = 0; i < K * SKB_BLOCK; i++) to[i] = tb[i];
        }
        for (int64_t s = 0; s < S; s++) {
            const int64_t k = S > 1 ? s : 0, n_targets = S > 1 ? 1 : K;
            for (int b = 0; b < n; b++) {
                const REAL *omega = weight + ((first + start + b) * S + s) * SKB_BLOCK;
                for (int64_t j = 0; j < m; j++)
                    for (int row = 0; row < SKB_BLOCK; row++) {
                        const int64_t i = j * SKB_BLOCK + row;
                        wz[b * size + i] = omega[row] * z[b * size + i];
                    }
            }
            DOUBLE_NAME(cross)(m, m, n, wz, size, features, net->plain, gram + s * m * m, m, 1);
            DOUBLE_NAME(cross)(m, n_targets, n, wz, size, targets, net->plain + k, moment + k, K, 0);
        }
    }
}

/* One step of Adam. decay holds the penalty of every parameter, rate already contains the bias correction of the first
 * moment, correction that of the second. */
static void NAME(adam)(int64_t n, REAL *restrict theta, const double *restrict gradient, const REAL *restrict decay,
                       REAL *restrict first, REAL *restrict second, double factor, double rate, double correction) {
    const REAL step = (REAL)rate, scale = (REAL)correction;
    for (int64_t i = 0; i < n; i++) {
        const REAL g = (REAL)(factor * gradient[i] + (double)decay[i] * theta[i]);
        first[i] += (REAL)0.1 * (g - first[i]);
        second[i] += (REAL)0.001 * (g * g - second[i]);
        theta[i] -= step * first[i] / (SKB_SQRT(second[i] * scale) + (REAL)1e-8);
    }
}

#if REAL_IS_DOUBLE
/* Dense vectors of double, for the quasi-Newton updates. */
static REAL NAME(dot)(int64_t n, const REAL *x, const REAL *y) {
    VEC sum = (VEC){0};
    REAL folded[LANES], rest = 0;
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) sum += LOAD(x + i) * LOAD(y + i);
    for (; i < n; i++) rest += x[i] * y[i];
    NAME(fold)(1, &sum, folded);
    return rest + folded[0];
}

static void NAME(add)(int64_t n, REAL factor, const REAL *restrict x, REAL *restrict y) {
    for (int64_t i = 0; i < n; i++) y[i] += factor * x[i];
}

static const KERNELS NAME(kernels) = {NAME(evaluate), NAME(forward), NAME(gram), NAME(adam), NAME(dot), NAME(add)};
#else
static const KERNELS NAME(kernels) = {NAME(evaluate), NAME(forward), NAME(gram), NAME(adam)};
#endif

#undef INLINE
#undef VEC
#undef LOAD
#undef STORE
#undef SHUFFLE
#undef NAME
#undef REAL
#undef REAL_IS_DOUBLE
#undef INTEGER
#undef UNSIGNED
#undef KERNELS
#undef SKB_SQRT
#undef LANES
