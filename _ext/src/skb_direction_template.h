/* Cross-entropy along a direction d of raw scores, for line searches. Included by skb_softmax.h once per REAL.
 *
 *     slope = sum_k p_k d_k - d_y,    curvature = sum_k p_k d_k^2 - (sum_k p_k d_k)^2.
 * Both use q = d - d_top, the direction measured from the class of the largest score: where one class holds nearly all
 * probability, the two terms of the curvature are then small each, instead of large and nearly equal. */

SKB_INLINE void FN(skb_direction_lanes)(const int64_t *y, const REAL *x, const REAL *direction, double *slope,
                                        double *curvature, ptrdiff_t k) {
    REAL t[SKB_SHORT * SKB_LANES], d[SKB_SHORT * SKB_LANES], top[SKB_LANES], origin[SKB_LANES];
    REAL sum[SKB_LANES], first[SKB_LANES], second[SKB_LANES];
    FN(skb_gather)(x, t, k);
    FN(skb_gather)(direction, d, k);
    for (int r = 0; r < SKB_LANES; r++) {
        top[r] = -INFINITY;
        origin[r] = sum[r] = first[r] = second[r] = 0;
    }
    for (ptrdiff_t c = 0; c < k; c++)
        for (int r = 0; r < SKB_LANES; r++) {
            const int above = t[c * SKB_LANES + r] > top[r];
            top[r] = above ? t[c * SKB_LANES + r] : top[r];
            origin[r] = above ? d[c * SKB_LANES + r] : origin[r];
        }
    for (ptrdiff_t c = 0; c < k; c++)
        for (int r = 0; r < SKB_LANES; r++) {
            const REAL e = FN(skb_exp)(t[c * SKB_LANES + r] - top[r]), q = d[c * SKB_LANES + r] - origin[r];
            sum[r] += e;
            first[r] += e * q;
            second[r] += e * q * q;
        }
    for (int r = 0; r < SKB_LANES; r++) {
        const double mean = (double)first[r] / sum[r], spread = (double)second[r] / sum[r] - mean * mean;
        slope[r] = mean + ((double)origin[r] - d[y[r] * SKB_LANES + r]);
        curvature[r] = spread < 0 ? 0 : spread; /* a rounding below zero is zero; NaN stays */
    }
}

SKB_INLINE void FN(skb_direction_row)(ptrdiff_t y, const REAL *x, const REAL *d, double *slope, double *curvature, ptrdiff_t k) {
    REAL e[SKB_BLOCK], eq[SKB_BLOCK], eqq[SKB_BLOCK];
    const REAL top = FN(skb_row_max)(x, k);
    ptrdiff_t at = 0;
    while (at < k - 1 && x[at] != top) at++;
    const REAL origin = d[at];
    double sum = 0, first = 0, second = 0, lost[3] = {0};
    for (ptrdiff_t c = 0; c < k; c += SKB_BLOCK) {
        const ptrdiff_t len = k - c < SKB_BLOCK ? k - c : SKB_BLOCK;
        for (ptrdiff_t i = 0; i < len; i++) {
            const REAL q = d[c + i] - origin;
            e[i] = FN(skb_exp)(x[c + i] - top);
            eq[i] = e[i] * q;
            eqq[i] = eq[i] * q;
        }
        skb_add(&sum, &lost[0], FN(skb_block_sum)(e, len));
        skb_add(&first, &lost[1], FN(skb_block_sum)(eq, len));
        skb_add(&second, &lost[2], FN(skb_block_sum)(eqq, len));
    }
    sum += lost[0];
    const double mean = (first + lost[1]) / sum, spread = (second + lost[2]) / sum - mean * mean;
    *slope = mean + ((double)origin - d[y]);
    *curvature = spread < 0 ? 0 : spread;
}

static SKB_CLONES void FN(skb_direction)(const int64_t *y, const REAL *x, const REAL *d, double *slope, double *curvature,
                                         ptrdiff_t n, ptrdiff_t k) {
    if (k > SKB_SHORT) {
        for (ptrdiff_t r = 0; r < n; r++) FN(skb_direction_row)(y[r], x + r * k, d + r * k, slope + r, curvature + r, k);
        return;
    }
    ptrdiff_t row = 0;
    for (; row + SKB_LANES <= n; row += SKB_LANES)
        FN(skb_direction_lanes)(y + row, x + row * k, d + row * k, slope + row, curvature + row, k);
    if (row < n) { /* the last rows travel in a full block */
        REAL raw[SKB_SHORT * SKB_LANES] = {0}, along[SKB_SHORT * SKB_LANES] = {0};
        int64_t label[SKB_LANES] = {0};
        double one[SKB_LANES], two[SKB_LANES];
        const size_t rows = (size_t)(n - row), bytes = rows * (size_t)k * sizeof(REAL);
        memcpy(raw, x + row * k, bytes);
        memcpy(along, d + row * k, bytes);
        memcpy(label, y + row, rows * sizeof(int64_t));
        FN(skb_direction_lanes)(label, raw, along, one, two, k);
        memcpy(slope + row, one, rows * sizeof(double));
        memcpy(curvature + row, two, rows * sizeof(double));
    }
}
