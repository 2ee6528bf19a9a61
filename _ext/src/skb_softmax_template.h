/* Three ways to a softmax. Included by skb_softmax.h once per REAL; see softmax.py for when each is chosen. */

/* Short rows, transposed: 32 rows at once, one per lane. x and out may be the same place. */
SKB_INLINE void FN(skb_softmax_lanes)(const REAL *x, REAL *out, ptrdiff_t k) {
    REAL t[SKB_SHORT * SKB_LANES], top[SKB_LANES], sum[SKB_LANES];
    FN(skb_gather)(x, t, k);
    FN(skb_lane_max)(t, top, k);
    for (int r = 0; r < SKB_LANES; r++) sum[r] = 0;
    for (ptrdiff_t c = 0; c < k; c++)
        for (int r = 0; r < SKB_LANES; r++) {
            const REAL e = FN(skb_exp)(t[c * SKB_LANES + r] - top[r]);
            t[c * SKB_LANES + r] = e;
            sum[r] += e;
        }
    for (int r = 0; r < SKB_LANES; r++) sum[r] = 1 / sum[r];
    for (ptrdiff_t c = 0; c < k; c++)
        for (int r = 0; r < SKB_LANES; r++) t[c * SKB_LANES + r] *= sum[r];
    FN(skb_scatter)(t, out, k);
}

SKB_INLINE void FN(skb_softmax_short_rows)(const REAL *x, REAL *out, ptrdiff_t n, ptrdiff_t k) {
    ptrdiff_t row = 0;
    for (; row + SKB_LANES <= n; row += SKB_LANES) FN(skb_softmax_lanes)(x + row * k, out + row * k, k);
    if (row < n) { /* the last rows travel in a full block, so that all rows see the same arithmetic */
        REAL tail[SKB_SHORT * SKB_LANES] = {0};
        memcpy(tail, x + row * k, (size_t)((n - row) * k) * sizeof(REAL));
        FN(skb_softmax_lanes)(tail, tail, k);
        memcpy(out + row * k, tail, (size_t)((n - row) * k) * sizeof(REAL));
    }
}

static SKB_CLONES void FN(skb_softmax_short)(const REAL *x, REAL *out, ptrdiff_t n, ptrdiff_t k) {
    switch (k) { /* a constant k lets the compiler keep the rows in registers */
    case 2: FN(skb_softmax_short_rows)(x, out, n, 2); break;
    case 3: FN(skb_softmax_short_rows)(x, out, n, 3); break;
    case 4: FN(skb_softmax_short_rows)(x, out, n, 4); break;
    default: FN(skb_softmax_short_rows)(x, out, n, k);
    }
}

/* Long rows: maximum, exponentials with their sum, scaling. x and out may be the same place. */
SKB_INLINE void FN(skb_softmax_row)(const REAL *x, REAL *out, ptrdiff_t k) {
    const REAL top = FN(skb_row_max)(x, k);
    double sum = 0, lost = 0;
    for (ptrdiff_t c = 0; c < k; c += SKB_BLOCK) {
        const ptrdiff_t len = k - c < SKB_BLOCK ? k - c : SKB_BLOCK;
        FN(skb_exp_block)(x + c, top, out + c, len);
        skb_add(&sum, &lost, FN(skb_block_sum)(out + c, len));
    }
    const REAL scale = (REAL)(1 / (sum + lost));
    for (ptrdiff_t c = 0; c < k; c++) out[c] *= scale;
}

static SKB_CLONES void FN(skb_softmax_three_pass)(const REAL *x, REAL *out, ptrdiff_t n, ptrdiff_t k) {
    for (ptrdiff_t r = 0; r < n; r++) FN(skb_softmax_row)(x + r * k, out + r * k, k);
}

/* Rows longer than the cache: read twice and written once, as Dukhan and Ablavatski (2020) do. Each exponential is taken as a
 * fraction times a power of two, and only powers are compared and shifted; x minus the maximum, which rounds, is never
 * formed. Beyond `reach` the split of x is no longer exact; such a row takes three passes. */
static SKB_CLONES void FN(skb_softmax_two_pass)(const REAL *x, REAL *out, ptrdiff_t n, ptrdiff_t k) {
    const REAL reach = sizeof(REAL) == 8 ? (REAL)1e6 : (REAL)2000;
    for (ptrdiff_t r = 0; r < n; r++, x += k, out += k) {
        REAL block[SKB_BLOCK], power = FN(skb_power)(x[0]), far = 0;
        double sum = 0, lost = 0;
        for (ptrdiff_t c = 0; c < k && far <= reach; c += SKB_BLOCK) {
            const ptrdiff_t len = k - c < SKB_BLOCK ? k - c : SKB_BLOCK;
            REAL top = x[c];
#pragma omp simd reduction(max : top, far)
            for (ptrdiff_t i = 0; i < len; i++) {
                const REAL size = x[c + i] < 0 ? -x[c + i] : x[c + i];
                top = x[c + i] > top ? x[c + i] : top;
                far = size > far ? size : far;
            }
            if (FN(skb_power)(top) > power) { /* what was summed so far shrinks */
                const double shrink = exp2((double)(power - FN(skb_power)(top)));
                sum *= shrink;
                lost *= shrink;
                power = FN(skb_power)(top);
            }
            for (ptrdiff_t i = 0; i < len; i++) block[i] = FN(skb_exp_scaled)(x[c + i], power);
            skb_add(&sum, &lost, FN(skb_block_sum)(block, len));
        }
        if (!(far <= reach)) {
            FN(skb_softmax_row)(x, out, k);
            continue;
        }
        const REAL scale = (REAL)(1 / (sum + lost));
#pragma omp simd
        for (ptrdiff_t c = 0; c < k; c++) out[c] = FN(skb_exp_scaled)(x[c], power) * scale;
    }
}
